"""A pose adjusted through its panel, on the stand-in for Slicer's desktop and the real scene."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk
from panel_steps import is_alive
from review_stand import Stand

SIZE = 40


def shifted(mm):
    matrix = np.eye(4)
    matrix[0, 3] = mm
    return matrix


def registration_at(pose):
    from pathlib import Path

    from IUSTumorSegLib.registration.registration import Judgement, Registration, SourceFile

    source = SourceFile(Path("nowhere"), "")
    return Registration(
        (source,), source, np.eye(4), pose, "lc2", {}, "1", 0.3, Judgement("accept", (), 0.9, 1.0), (), None, 1.0, "cpu"
    )


@pytest.fixture(scope="module")
def images():
    """Registered 3 mm off: the ultrasound is made of the MRI where it lies in its file."""
    from IUSTumorSegLib.study.case_images import CaseImages, with_overlays

    noise = sitk.GetImageFromArray(np.random.default_rng(1).random((SIZE, SIZE, SIZE)).astype(np.float32))
    mri = sitk.SmoothingRecursiveGaussian(noise, 2.0) * 1000
    return with_overlays(CaseImages("Case", mri + 50.0, (("FLAIR", mri),), registration=registration_at(shifted(3))))


@pytest.fixture
def case(scene, images, tmp_path):
    from IUSTumorSegLib.registration.registration_files import write_registration
    from IUSTumorSegLib.scene.study_cases import load_case, unload_case

    folder = tmp_path / "case"
    folder.mkdir()
    write_registration(images.registration, folder)
    made = load_case(scene, replace(images, folder=folder))
    yield made
    unload_case(made)


@pytest.fixture
def stand(desktop, application, scene, case):
    from IUSTumorSegLib.scene.layout import SLICE_VIEW_NAMES
    from IUSTumorSegLib.scene.offscreen import OffscreenSliceView
    from IUSTumorSegLib.scene.review import ReviewScene
    from IUSTumorSegLib.scene.review_settings import ReviewPanes

    views = [OffscreenSliceView(scene, 60, application.logic, f"Offscreen{name}") for name in SLICE_VIEW_NAMES]
    review = ReviewScene(scene, ReviewPanes([view.pane for view in views]))
    review.open(case)
    made = Stand()
    made.review = review
    yield made
    review.close()
    for view in views:
        view.close()


@pytest.fixture
def job_panel(desktop):
    from IUSTumorSegLib.widgets.job_panel import JobPanel

    made = JobPanel(lambda: None)
    yield made
    made.close()


@pytest.fixture
def panel(stand, case, job_panel, with_torch):
    from IUSTumorSegLib.widgets.adjustment_panel import AdjustmentPanel

    stand.job_panel = job_panel
    made = AdjustmentPanel(stand.host(), stand.ask)
    made.show_case(case, stand.review)
    yield made
    made.close()


def timers_of(panel):
    return panel._rest, panel._score._follow, panel._score._fetch, panel._pairs._later


def kept(case):
    from IUSTumorSegLib.registration.registration_files import read_registration

    return read_registration(case.folder / "registration.json")


def at(stand):
    return tuple(round(float(mm), 3) for mm in stand.review.pose[:3, 3])


def test_the_button_begins_and_the_controls_come(panel):
    assert panel.ui.adjustmentControls.isHidden()
    panel.ui.adjustButton.click()
    assert not panel.ui.adjustmentControls.isHidden()
    assert panel.adjusting
    assert not panel.ui.keepPoseButton.enabled
    assert not panel.ui.undoPoseButton.enabled


def test_a_slider_moves_the_mri_and_leaves_what_the_other_sliders_cannot_show(panel, stand, case):
    from IUSTumorSegLib.scene.nodes import set_matrix

    panel.ui.adjustButton.click()
    set_matrix(case.transform, shifted(3.0) @ np.array([[1, 0, 0, 0], [0, 1, 0, 0.123], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    assert panel.ui.anteriorSlider.value == 0.1  # the handle was dragged; a tenth is what the slider shows
    panel.ui.rightSlider.value = -2.0
    assert at(stand) == (1.0, 0.123, 0.0)


def test_sliders_step_by_a_tenth_of_a_millimetre_and_of_a_degree(panel):
    for name in ("rightSlider", "anteriorSlider", "superiorSlider", "aboutRightSlider", "aboutSuperiorSlider"):
        slider = getattr(panel.ui, name)
        assert (slider.singleStep, slider.decimals) == (0.1, 1)


def test_keys_move_by_a_tenth_and_with_shift_by_one_in_six_directions(panel, stand):
    panel.ui.adjustButton.click()
    keys = {shortcut.key.toString(): shortcut for shortcut in panel._keys.shortcuts}
    keys["Alt+Left"].activated()
    assert at(stand) == (3.1, 0.0, 0.0)
    keys["Alt+Shift+Down"].activated()
    assert at(stand) == (3.1, -1.0, 0.0)
    keys["Alt+PgUp"].activated()
    assert at(stand) == (3.1, -1.0, 0.1)
    keys["Ctrl+Shift+Right"].activated()
    assert panel.ui.aboutSuperiorSlider.value == 1.0
    import qt

    assert {shortcut.context for shortcut in panel._keys.shortcuts} == {qt.Qt.WidgetWithChildrenShortcut}


def test_undo_and_redo_by_button_follow_each_rest_of_the_hand(panel, stand, wait_until):
    panel.ui.adjustButton.click()
    for mm in (-1.0, -2.0):
        panel.ui.rightSlider.value = mm
        wait_until(lambda: not panel._rest.active)
    panel.ui.undoPoseButton.click()
    assert (at(stand)[0], panel.ui.rightSlider.value) == (2.0, -1.0)
    panel.ui.undoPoseButton.click()
    assert at(stand)[0] == 3.0
    assert not panel.ui.undoPoseButton.enabled
    panel.ui.redoPoseButton.click()
    assert at(stand)[0] == 2.0


def test_score_and_heat_map_follow_within_a_second(panel, stand, wait_until):
    panel.ui.adjustButton.click()
    wait_until(lambda: "explains" in panel.ui.adjustmentLabel.text)
    started = time.monotonic()
    panel.ui.rightSlider.value = -3.0
    assert "explains" not in panel.ui.adjustmentLabel.text  # that was of another pose
    assert not stand.review.agreement_is_current
    wait_until(lambda: stand.review.agreement_is_current)
    assert time.monotonic() - started < 1.0
    wait_until(lambda: "at the start" in panel.ui.adjustmentLabel.text)
    assert panel._adjustment.score > panel._adjustment.start_score


def test_keep_writes_a_manual_registration_and_has_the_review_read_the_case_again(panel, stand, case):
    panel.ui.adjustButton.click()
    panel.ui.rightSlider.value = -3.0
    panel._settle()
    assert panel.ui.keepPoseButton.enabled
    panel.ui.keepPoseButton.click()
    assert kept(case).method_name == "manual"
    np.testing.assert_allclose(kept(case).mri_to_us_ras, np.eye(4), atol=1e-9)
    assert stand.told == ["registration"]
    assert not panel.adjusting


def test_discard_shows_the_registration_again_and_writes_nothing(panel, stand, case):
    before = (case.folder / "registration.json").read_bytes()
    panel.ui.adjustButton.click()
    panel.ui.rightSlider.value = -3.0
    panel.ui.discardPoseButton.click()
    assert stand.review.pose_name == "result"
    assert at(stand)[0] == 3.0
    assert (case.folder / "registration.json").read_bytes() == before
    assert not panel.adjusting
    assert not stand.questions


@pytest.mark.parametrize(
    ("answer", "may_go", "method"), [("save", True, "manual"), ("discard", True, "lc2"), ("stay", False, "lc2")]
)
def test_leaving_a_pose_that_is_not_kept_asks(panel, stand, case, answer, may_go, method):
    panel.ui.adjustButton.click()
    panel.ui.rightSlider.value = -1.0
    stand.answers = [answer]
    assert panel.leave() is may_go
    assert kept(case).method_name == method
    assert panel.adjusting is not may_go


def test_leaving_an_untouched_pose_asks_nothing(panel, stand):
    panel.ui.adjustButton.click()
    assert panel.leave()
    assert not stand.questions
    assert not panel.adjusting


def test_without_a_name_or_where_nothing_can_be_written_keeping_says_why_and_the_pose_stays(panel, stand, case):
    panel.ui.adjustButton.click()
    panel.ui.rightSlider.value = -1.0
    for reviewer, reason, expected in (("", "", "Type your name first."), ("Anna", "Read-only.", "Read-only.")):
        stand.reviewer, stand.why_not_writable = reviewer, reason
        panel.update()
        assert not panel.ui.keepPoseButton.enabled
        assert expected in panel.ui.keepPoseButton.toolTip
        stand.answers = ["save"]
        assert not panel.leave()
        assert stand.said[-1] == expected
    assert panel.adjusting
    assert kept(case).method_name == "lc2"


def test_landmark_pairs_are_placed_in_turn_and_bring_the_mri_where_it_belongs(panel, stand, wait_until):
    panel.ui.adjustButton.click()
    panel.ui.placePairsButton.click()
    assert stand.keys_suspended
    assert "on the ultrasound" in panel.ui.pairsLabel.text
    pairs = panel._adjustment.pairs
    for number, point in enumerate(np.array([[0.0, 0, 0], [10, 0, 0], [0, 10, 0], [0, 0, 10]]), start=1):
        pairs.add("us", point)
        wait_until(lambda: "same place on the MRI" in panel.ui.pairsLabel.text)
        assert panel.ui.fitPairsButton.enabled is (number > 3)
        pairs.add("mri", np.add(point, (3, 0, 0)))  # as it is seen 3 mm off
        wait_until(lambda: "a place on the ultrasound" in panel.ui.pairsLabel.text)
        assert pairs.placing
    table = panel.ui.pairsTable
    assert table.rowCount == 4
    assert [table.item(0, column).text() for column in range(4)] == ["1", "3.0", "0.0", "0.0"]
    panel.ui.fitPairsButton.click()
    assert at(stand) == (0.0, 0.0, 0.0)
    assert table.item(0, 1).text() == "0.0"
    assert not stand.keys_suspended
    panel.ui.undoPoseButton.click()
    assert at(stand)[0] == 3.0


def test_escaping_from_placing_lets_go_of_the_button(panel, scene, stand, wait_until):
    panel.ui.adjustButton.click()
    panel.ui.placePairsButton.click()
    scene.GetFirstNodeByClass("vtkMRMLInteractionNode").SetCurrentInteractionMode(2)  # what Slicer does on Escape
    wait_until(lambda: not panel.ui.placePairsButton.checked)
    assert not stand.keys_suspended


def test_refine_from_here_takes_the_result_over_without_writing_it(panel, stand, case, fake_task, wait_until):
    fake_task("register")  # its result moves the MRI 5 mm to the right
    panel.ui.adjustButton.click()
    panel.ui.rightSlider.value = 1.0
    panel.ui.refineButton.click()
    assert stand.job_panel.busy
    assert not panel.ui.refineButton.enabled
    wait_until(lambda: not stand.job_panel.busy)
    assert at(stand) == (5.0, 0.0, 0.0)
    assert "1.0 mm" in stand.job_panel.ui.jobLabel.text
    assert panel.ui.refineButton.enabled
    assert kept(case).method_name == "lc2"
    panel.ui.keepPoseButton.click()
    assert kept(case).method_name == "manual + LC2"
    assert kept(case).score == 0.2


def test_a_refinement_that_ends_after_the_adjustment_changes_nothing(panel, stand, fake_task, wait_until, monkeypatch):
    fake_task("register")
    monkeypatch.setattr(stand.job_panel, "cancel", lambda: None)  # as if it had just ended
    panel.ui.adjustButton.click()
    panel.ui.refineButton.click()
    panel.discard()
    panel.begin()
    wait_until(lambda: not stand.job_panel.busy)
    assert at(stand)[0] == 3.0
    assert "Nothing was changed" in stand.job_panel.ui.jobLabel.text


def test_ending_the_adjustment_ends_its_refinement_with_all_its_processes(panel, stand, fake_task, wait_until):
    import json
    from pathlib import Path

    fake_task("hang")
    panel.ui.adjustButton.click()
    panel.ui.refineButton.click()
    numbers = Path(stand.job_panel._folder) / "processes.json"
    wait_until(numbers.exists)
    processes = json.loads(numbers.read_text())
    panel.discard()
    wait_until(lambda: not stand.job_panel.busy)
    assert not any(is_alive(process) for process in processes)


def test_without_torch_refine_says_what_to_install(panel, without_torch):
    panel.ui.adjustButton.click()
    assert not panel.ui.refineButton.enabled
    assert "PyTorch" in panel.ui.refineButton.toolTip


def test_without_a_case_or_an_mri_the_button_says_why(panel, stand, case):
    panel.show_case(replace(case, transform=None), stand.review)
    assert "no MRI" in panel.ui.adjustButton.toolTip
    panel.show_nothing()
    assert not panel.ui.adjustButton.enabled
    assert "Open a case" in panel.ui.adjustButton.toolTip


def test_fifty_times_beginning_and_ending_leaves_no_node_observer_timer_or_thread(
    panel, scene, case, stand, wait_until
):
    from IUSTumorSegLib.scene.nodes import set_matrix

    threads = threading.active_count()

    def cycle():
        panel.ui.adjustButton.click()
        panel.ui.placePairsButton.click()
        panel.ui.rightSlider.value = -1.0
        stand.answers = ["discard"]
        panel.leave()

    cycle()
    before = scene.GetNumberOfNodes()
    for _ in range(50):
        cycle()
    assert scene.GetNumberOfNodes() == before
    assert not any(timer.active for timer in timers_of(panel))
    set_matrix(case.transform, shifted(7))
    assert stand.review.pose_name == "result"  # nobody took the pose over
    wait_until(lambda: threading.active_count() <= threads)


def test_closing_the_scene_in_mid_adjustment_leaves_nothing(panel, scene, stand):
    panel.ui.adjustButton.click()
    panel.ui.placePairsButton.click()
    panel.ui.rightSlider.value = -1.0
    scene.Clear(0)
    panel.show_nothing()
    assert not any(timer.active for timer in timers_of(panel))
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformDisplayNode") == 0
    assert not stand.keys_suspended
