"""A registration corrected by hand in a review: sliders, handle, landmarks, undo, score, and what is kept on disk."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.errors import BadInput  # noqa: E402
from IUSTumorSegLib.images.geometry import transform_points  # noqa: E402
from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration, SourceFile  # noqa: E402
from IUSTumorSegLib.registration.registration_files import fingerprint, read_registration, write_registration  # noqa: E402
from IUSTumorSegLib.scene.adjustment import Adjustment  # noqa: E402
from IUSTumorSegLib.scene.layout import SLICE_VIEW_NAMES  # noqa: E402
from IUSTumorSegLib.scene.nodes import matrix_of, set_matrix  # noqa: E402
from IUSTumorSegLib.scene.offscreen import OffscreenSliceView  # noqa: E402
from IUSTumorSegLib.scene.review import ReviewScene  # noqa: E402
from IUSTumorSegLib.scene.review_settings import ReviewPanes  # noqa: E402
from IUSTumorSegLib.scene.study_cases import load_case, unload_case  # noqa: E402
from IUSTumorSegLib.study.case import Case, CaseFile, Licence, write_case  # noqa: E402
from IUSTumorSegLib.study.case_images import CaseImages, read_case_images, with_overlays  # noqa: E402
from IUSTumorSegLib.study.case_state import read_state  # noqa: E402
from IUSTumorSegLib.study.study_folder import case_folder, create_study, size_and_time  # noqa: E402


def smooth_noise(seed=1, size=44):
    noise = sitk.GetImageFromArray(np.random.default_rng(seed).random((size, size, size)).astype(np.float32))
    noise.SetOrigin([-(size - 1) / 2] * 3)
    return sitk.SmoothingRecursiveGaussian(noise, 2.0) * 1000


def registered_at(pose, others=()):
    source = SourceFile(__file__, "")
    candidates = tuple(Candidate(p, 0.3) for p in (pose, *others))
    return Registration(
        (source,), source, np.eye(4), pose, "lc2", {}, "1", 0.3, Judgement("accept", (), 0.9, 1.0), candidates, None,
        1.0, "cpu",
    )  # fmt: skip


def shifted(mm):
    matrix = np.eye(4)
    matrix[0, 3] = mm
    return matrix


@pytest.fixture(scope="module")
def images():
    """Registered 4 mm off: the ultrasound is made of the MRI where it lies in its file."""
    mri = smooth_noise()
    return with_overlays(
        CaseImages("Case", mri + 50.0, (("FLAIR", mri),), registration=registered_at(shifted(4), [shifted(9)]))
    )


@pytest.fixture
def views(application, scene):
    opened = [OffscreenSliceView(scene, 120, application.logic, f"Offscreen{name}") for name in SLICE_VIEW_NAMES]
    yield opened
    for view in opened:
        view.close()


@pytest.fixture
def case(scene, images, tmp_path):
    write_registration(images.registration, tmp_path)
    made = load_case(scene, replace(images, folder=tmp_path))
    yield made
    unload_case(made)


@pytest.fixture
def review(scene, views, case):
    shown = ReviewScene(scene, ReviewPanes([view.pane for view in views]))
    shown.open(case)
    yield shown
    shown.close()


@pytest.fixture
def adjustment(case, review):
    made = Adjustment(case, review, lambda: None, lambda: None)
    yield made
    made.remove()


def fetched(adjustment, seconds=10.0):
    deadline = time.monotonic() + seconds
    while adjustment.fetch_agreement():
        assert time.monotonic() < deadline


def test_the_sliders_move_the_mri_in_the_scene_and_the_pictures_follow(adjustment, case, review, views):
    before = views[0].grab().astype(int)
    adjustment.set_values((-4.0, 0, 0, 0, 0, 0))
    np.testing.assert_allclose(matrix_of(case.transform), np.eye(4), atol=1e-9)
    assert review.pose_name == "adjusted"
    assert np.abs(views[0].grab().astype(int) - before).max() > 20
    assert adjustment.moved_mm == pytest.approx(4.0)


def test_a_drag_of_the_handle_moves_the_sliders(case, review):
    moves = []
    adjustment = Adjustment(case, review, lambda: moves.append(adjustment.values), lambda: None)
    set_matrix(case.transform, shifted(4 - 2.5))
    np.testing.assert_allclose(moves[-1], [-2.5, 0, 0, 0, 0, 0], atol=1e-6)
    assert len(moves) == 1
    np.testing.assert_allclose(review.pose, shifted(1.5))
    adjustment.remove()


def test_before_and_candidates_are_only_looked_at_and_the_next_move_goes_on_from_the_adjusted_pose(adjustment, review):
    adjustment.set_values((-1.0, 0, 0, 0, 0, 0))
    review.toggle_before()
    review.show_candidate(2)
    np.testing.assert_allclose(adjustment.pose, shifted(3))
    adjustment.set_values((-1.0, 2.0, 0, 0, 0, 0))
    np.testing.assert_allclose(review.pose[:3, 3], [3, 2, 0], atol=1e-9)


def test_undo_and_redo_go_through_what_hand_and_landmarks_did(adjustment, review):
    adjustment.set_values((-1.0, 0, 0, 0, 0, 0))
    adjustment.settle()
    adjustment.set_values((-2.0, 0, 0, 0, 0, 0))
    for point in ((0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10)):
        adjustment.pairs.add("us", point)
        adjustment.pairs.add("mri", transform_points(adjustment.pose, np.array(point, dtype=float)))
    adjustment.fit_to_pairs()
    np.testing.assert_allclose(review.pose, np.eye(4), atol=1e-9)
    seen = []
    for _ in range(4):
        adjustment.undo()
        seen.append(round(float(review.pose[0, 3]), 6))
    assert seen == [2, 3, 4, 4]
    for _ in range(4):
        adjustment.redo()
    np.testing.assert_allclose(review.pose, np.eye(4), atol=1e-9)


def test_two_pairs_are_refused_with_a_sentence_and_nothing_moves(adjustment):
    for point in ((0, 0, 0), (10, 0, 0)):
        adjustment.pairs.add("us", point)
        adjustment.pairs.add("mri", point)
    with pytest.raises(BadInput, match="at least 3 pairs"):
        adjustment.fit_to_pairs()
    assert not adjustment.is_changed
    assert [round(error.now_mm, 6) for error in adjustment.pair_errors()] == [0, 0]


def test_the_score_and_the_heat_map_follow_within_a_second_and_are_best_where_the_images_belong(adjustment, review):
    adjustment.ask_agreement()
    fetched(adjustment)
    started = time.monotonic()
    adjustment.set_values((-4.0, 0, 0, 0, 0, 0))
    assert not review.agreement_is_current
    adjustment.ask_agreement()
    fetched(adjustment)
    assert time.monotonic() - started < 1.0
    assert review.agreement_is_current
    assert adjustment.score > adjustment.start_score + 0.2


def test_a_pose_kept_is_a_manual_registration_with_a_verdict_of_its_own(adjustment, case):
    adjustment.set_values((-4.0, 0, 0, 0, 0, 0))
    adjustment.keep("Anna")
    kept = read_registration(case.folder / "registration.json")
    np.testing.assert_allclose(kept.mri_to_us_ras, np.eye(4), atol=1e-9)
    assert kept.method_name == "manual"
    assert kept.verdict == "review"
    assert kept.judgement.success_probability is None
    assert "Anna set the pose by hand" in kept.reasons[0]


def test_a_refined_pose_is_kept_as_manual_and_lc2_unless_a_hand_moved_it_since(adjustment, case, tmp_path):
    result = tmp_path / "refined"
    result.mkdir()
    write_registration(replace(registered_at(shifted(0.5)), score=0.42), result)
    adjustment.set_values((-3.0, 0, 0, 0, 0, 0))
    assert adjustment.take_refinement(result / "registration.json") == pytest.approx(0.5)
    adjustment.keep("Anna")
    kept = read_registration(case.folder / "registration.json")
    assert (kept.method_name, kept.score) == ("manual + LC2", 0.42)
    adjustment.set_values((-3.6, 0, 0, 0, 0, 0))
    adjustment.keep("Anna")
    assert read_registration(case.folder / "registration.json").method_name == "manual"
    adjustment.undo()
    adjustment.keep("Anna")
    assert read_registration(case.folder / "registration.json").method_name == "manual + LC2"


def test_ending_it_shows_the_registration_again_and_leaves_no_node_observer_or_thread(scene, case, review):
    threads, moves = threading.active_count(), []
    Adjustment(case, review, lambda: None, lambda: None).remove()
    before = scene.GetNumberOfNodes()
    for cycle in range(50):
        adjustment = Adjustment(case, review, lambda: moves.append(1), lambda: None)
        adjustment.set_values((0, 1.0, 0, 0, 0, 0))
        if cycle % 10 == 0:  # fifty maps at once would take their time
            adjustment.ask_agreement()
        adjustment.remove()
        adjustment.remove()
    assert review.pose_name == "result"
    assert scene.GetNumberOfNodes() == before
    moves.clear()
    set_matrix(case.transform, np.eye(4))
    assert not moves
    deadline = time.monotonic() + 20
    while threading.active_count() > threads:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def never_registered(folder):
    """A study's case on disk with an MRI, a tumour on it and an ultrasound."""
    mri = smooth_noise()
    files = {}
    for name, image in (("us", mri + 50.0), ("mri", mri), ("tumor", sitk.Cast(mri > 500, sitk.sitkUInt8))):
        path = folder / f"{name}.nrrd"
        sitk.WriteImage(image, str(path))
        source = fingerprint(path)
        files[name] = CaseFile(source.path, source.sha256, *size_and_time(path), what=name)
    made = Case("1", "1", "made", Licence("CC0", True), files["us"], (files["mri"],), mri_labels=(files["tumor"],))
    study = create_study(folder / "study", "Made")
    write_case(made, case_folder(study, "1"))
    return case_folder(study, "1")


def test_keeping_a_pose_carries_the_label_over_anew_and_a_case_never_registered_gets_its_first_one(
    scene, views, tmp_path
):
    folder = never_registered(tmp_path)
    made = load_case(scene, read_case_images(folder))
    review = ReviewScene(scene, ReviewPanes([view.pane for view in views]))
    review.open(made)
    adjustment = Adjustment(made, review, lambda: None, lambda: None)
    adjustment.set_values((2.0, 0, 0, 0, 0, 0))
    assert adjustment.keep("Anna") == "The MRI's tumour label was carried over anew."
    adjustment.remove()
    review.close()
    unload_case(made)
    state = read_state(folder)
    assert (state.method, state.label, state.stale_label) == ("manual", "propagated", False)
