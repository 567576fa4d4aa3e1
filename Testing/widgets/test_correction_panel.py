"""A label corrected through its panel, on the stand-in for Slicer's desktop and the real scene."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk
from review_stand import Stand

SIZE = 24


def cube(first, last):
    voxels = np.zeros((SIZE, SIZE, SIZE), dtype=np.uint8)
    voxels[first:last, first:last, first:last] = 1
    return sitk.GetImageFromArray(voxels)


@pytest.fixture
def images(tmp_path):
    from IUSTumorSegLib.images.volumes import write_volume
    from IUSTumorSegLib.study.case_images import CaseImages

    write_volume(cube(8, 16), tmp_path / "us_tumor_from_mri.nii.gz")
    (tmp_path / "us_tumor_from_mri.json").write_text(json.dumps({"registration_sha256": "first"}))
    us = sitk.GetImageFromArray(np.random.default_rng(2).random((SIZE, SIZE, SIZE)).astype(np.float32) + 1)
    return CaseImages("Case", us, folder=tmp_path, propagated=cube(8, 16))


@pytest.fixture
def case(scene, images):
    from IUSTumorSegLib.scene.study_cases import load_case, unload_case

    made = load_case(scene, images)
    yield made
    unload_case(made)


@pytest.fixture
def stand(desktop, scene, case):
    from IUSTumorSegLib.scene.review import ReviewScene
    from IUSTumorSegLib.scene.review_settings import ReviewPanes

    review = ReviewScene(scene, ReviewPanes([]))
    made = Stand()
    made.review = SettingsOnly(review)
    yield made


class SettingsOnly:
    """A review without views: it only keeps how the case is to be shown."""

    def __init__(self, review):
        self.settings, self.show = review.settings, self._show

    def _show(self, settings):
        self.settings = settings


@pytest.fixture
def panel(stand, case):
    from IUSTumorSegLib.widgets.correction_panel import CorrectionPanel

    made = CorrectionPanel(stand.host(), stand.ask)
    made.show_case(case, stand.review)
    yield made
    made.close()


def draw(panel):
    """Make the label one layer thicker, as an effect of the Segment Editor would."""
    from IUSTumorSegLib.scene.segmentations import put_tumor

    correction = panel._correction
    reference = correction.node.GetAttribute("IUSTumorSeg.Role")
    correction.node.SetAttribute("IUSTumorSeg.Role", "us_tumor_corrected")
    put_tumor(correction.node, cube(7, 17), correction.us)
    correction.node.SetAttribute("IUSTumorSeg.Role", reference)


def corrected_file(case):
    return case.folder / "us_tumor_corrected.nii.gz"


def editor_of(panel):
    return panel._editor._editor


def test_the_button_opens_the_label_in_the_segment_editor_over_the_ultrasound(panel, case, stand):
    assert panel.ui.correctionControls.isHidden()
    panel.ui.correctButton.click()
    assert not panel.ui.correctionControls.isHidden()
    editor = editor_of(panel)
    assert editor.segmentationNode() is panel._correction.node
    assert editor.sourceVolumeNode() is case.nodes.us
    assert not editor.specifyGeometryButtonVisible
    assert not editor.addRemoveSegmentButtonsVisible
    assert stand.keys_suspended


def test_saving_writes_the_label_and_its_record_and_tells_the_review(panel, case, stand):
    panel.ui.correctButton.click()
    assert not panel.ui.saveLabelButton.enabled
    draw(panel)
    assert panel.ui.saveLabelButton.enabled
    panel.ui.saveLabelButton.click()
    record = json.loads((case.folder / "us_tumor_corrected.json").read_text())["correction"]
    assert (record["reviewer"], record["registration_sha256"]) == ("Anna", "first")
    assert record["volume_before_ml"] == pytest.approx(0.512)
    assert record["volume_after_ml"] == pytest.approx(1.0)
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(sitk.ReadImage(str(corrected_file(case)))), sitk.GetArrayFromImage(cube(7, 17))
    )
    assert stand.told == ["label"]
    assert "0.5 to 1.0 ml" in stand.said[-1]
    assert not panel.ui.saveLabelButton.enabled
    assert "Corrected by Anna" in panel.ui.correctionLabel.text
    assert "corrected" in case.labels


def test_the_second_correction_starts_from_the_corrected_label_and_the_record_keeps_both(panel, case):
    panel.ui.correctButton.click()
    draw(panel)
    panel.save()
    panel.ui.correctButton.click()  # ends it
    assert not panel.correcting
    panel.ui.correctButton.click()
    assert panel._correction.came_from == "corrected"
    from IUSTumorSegLib.scene.segmentations import put_tumor

    panel._correction.node.SetAttribute("IUSTumorSeg.Role", "us_tumor_corrected")
    put_tumor(panel._correction.node, cube(6, 16), panel._correction.us)
    panel.save()
    content = json.loads((case.folder / "us_tumor_corrected.json").read_text())
    assert content["correction"]["from_label"] == "us_tumor_corrected.nii.gz"
    assert len(content["earlier"]) == 1


def test_leaving_what_is_saved_or_untouched_asks_nothing(panel, stand):
    panel.ui.correctButton.click()
    assert panel.leave()
    panel.ui.correctButton.click()
    draw(panel)
    panel.save()
    assert panel.leave()
    assert not stand.questions
    assert not panel.correcting
    assert not stand.keys_suspended


@pytest.mark.parametrize(
    ("answer", "may_go", "saved"), [("save", True, True), ("discard", True, False), ("stay", False, False)]
)
def test_leaving_unsaved_asks_and_does_what_was_answered(panel, stand, case, answer, may_go, saved):
    panel.ui.correctButton.click()
    draw(panel)
    stand.answers = [answer]
    assert panel.leave() is may_go
    assert corrected_file(case).exists() is saved
    assert panel.correcting is not may_go
    assert stand.questions[0][1] is True


def test_the_button_that_ends_it_asks_too_and_stays_pressed_when_the_user_stays(panel, stand):
    panel.ui.correctButton.click()
    draw(panel)
    stand.answers = ["stay"]
    panel.ui.correctButton.click()
    assert panel.correcting
    assert panel.ui.correctButton.checked


def test_without_a_name_or_on_a_read_only_share_saving_says_why_and_stays(panel, stand, case):
    panel.ui.correctButton.click()
    draw(panel)
    for reviewer, reason, expected in (("", "", "Type your name first."), ("Anna", "Read-only.", "Read-only.")):
        stand.reviewer, stand.why_not_writable = reviewer, reason
        panel.update()
        assert not panel.ui.saveLabelButton.enabled
        assert expected in panel.ui.saveLabelButton.toolTip
        stand.answers = ["save"]
        assert not panel.leave()
        assert stand.said[-1] == expected
    assert panel.correcting
    assert not corrected_file(case).exists()


def test_when_it_cannot_be_saved_and_the_user_cannot_stay_the_label_stays_in_the_scene(panel, stand, scene):
    panel.ui.correctButton.click()
    draw(panel)
    stand.why_not_writable, stand.answers = "Read-only.", ["save"]
    panel.leave(may_stay=False)
    assert not panel.correcting
    left = scene.GetFirstNodeByName("Case label, corrected but not saved")
    assert left is not None
    assert left.GetName() in stand.said[-1]


def test_a_changed_geometry_is_refused_with_a_sentence(panel, stand, case, scene):
    panel.ui.correctButton.click()
    draw(panel)
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    import vtk

    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 2.0)
    transform.SetMatrixTransformToParent(matrix)
    panel._correction.node.SetAndObserveTransformNodeID(transform.GetID())
    panel.ui.saveLabelButton.click()
    assert "geometry" in stand.said[-1]
    assert not corrected_file(case).exists()


def test_compare_shows_the_propagated_label_beside_and_ending_gives_the_users_overlays_back(panel, stand):
    before = stand.review.settings.overlays
    panel.ui.correctButton.click()
    assert not stand.review.settings.overlays & {"propagated", "corrected"}
    panel.ui.compareLabelsBox.click()
    assert "propagated" in stand.review.settings.overlays
    panel.ui.compareLabelsBox.click()
    assert "propagated" not in stand.review.settings.overlays
    panel.ui.compareLabelsBox.click()
    panel.leave()
    assert stand.review.settings.overlays == before
    assert not panel.ui.compareLabelsBox.checked


def test_a_new_registration_makes_the_record_outdated_and_the_panel_says_so(panel, case, stand):
    panel.ui.correctButton.click()
    draw(panel)
    panel.save()
    panel.leave()
    (case.folder / "registration.json").write_text("{}")
    panel.update()
    assert "Registered again since" in panel.ui.correctionLabel.text


def test_without_a_label_the_button_says_what_to_do(panel, scene, images, stand):
    from IUSTumorSegLib.scene.study_cases import load_case, unload_case

    bare = load_case(scene, replace(images, propagated=None))
    panel.show_case(bare, stand.review)
    assert not panel.ui.correctButton.enabled
    assert "propagate" in panel.ui.correctButton.toolTip
    panel.show_nothing()
    assert "Open a case" in panel.ui.correctButton.toolTip
    unload_case(bare)


def test_fifty_times_opening_and_ending_leaves_nothing_behind(panel, scene, case, stand):
    def cycle():
        panel.ui.correctButton.click()
        draw(panel)
        stand.answers = ["discard"]
        panel.leave()

    cycle()
    before = scene.GetNumberOfNodes()
    for _ in range(50):
        cycle()
    assert scene.GetNumberOfNodes() == before
    editor = editor_of(panel)
    assert not editor.wrapped.has_keys
    assert not editor.wrapped.observes_views
    assert editor.mrmlSegmentEditorNode() is None


def test_closing_the_scene_in_mid_correction_leaves_no_nodes_and_no_question(panel, scene, stand):
    panel.ui.correctButton.click()
    draw(panel)
    scene.Clear(0)
    panel.show_nothing()
    assert not stand.questions
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentEditorNode") == 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_a_case_left_for_another_takes_the_node_of_its_saved_label_along(panel, scene, case):
    panel.ui.correctButton.click()
    draw(panel)
    panel.save()
    panel.leave()
    panel.show_nothing()
    from IUSTumorSegLib.scene.study_cases import unload_case

    unload_case(case)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0


def test_a_case_that_goes_without_a_question_leaves_what_was_drawn_in_the_scene(panel, scene, stand):
    panel.ui.correctButton.click()
    draw(panel)
    panel.show_nothing()
    left = scene.GetFirstNodeByName("Case label, corrected but not saved")
    assert left is not None
    assert "stays in the scene" in stand.said[-1]
    panel.close()
    assert left.GetScene() is scene
