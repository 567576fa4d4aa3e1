"""A case under review in real MRML, measured on the pixels of Slicer's slice views."""

import gc
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.images.geometry import transform_points  # noqa: E402
from IUSTumorSegLib.labels.displacement_arrows import Arrows  # noqa: E402
from IUSTumorSegLib.labels.propagation import propagate_label  # noqa: E402
from IUSTumorSegLib.registration.landmarks import Landmarks  # noqa: E402
from IUSTumorSegLib.scene.display import COLORS  # noqa: E402
from IUSTumorSegLib.scene.layout import MRI_SLICE_VIEW_NAMES, SLICE_VIEW_NAMES  # noqa: E402
from IUSTumorSegLib.scene.nodes import array_of, ijk_to_world, matrix_of  # noqa: E402
from IUSTumorSegLib.scene.offscreen import OffscreenSliceView  # noqa: E402
from IUSTumorSegLib.scene.offscreen_3d import OffscreenThreeDView  # noqa: E402
from IUSTumorSegLib.scene.planes import plane_axes  # noqa: E402
from IUSTumorSegLib.scene.review import ReviewScene  # noqa: E402
from IUSTumorSegLib.scene.review_settings import (  # noqa: E402
    LEGEND,
    OVERLAYS,
    ReviewPanes,
    ReviewSettings,
    flicker_phase,
)
from IUSTumorSegLib.scene.study_cases import load_case, unload_case  # noqa: E402
from IUSTumorSegLib.study.case_images import CaseImages, with_overlays  # noqa: E402

SIZE = 200
BLOB_RAS = np.array([6.0, -5.0, 4.0])  # off every plane of symmetry
NOTHING = frozenset()
ONLY_US = ReviewSettings(mode="flicker", phase="us", overlays=NOTHING)
ONLY_MRI = replace(ONLY_US, phase="mri")


def image(size=(64, 64, 64), spacing_mm=1.0, value=100.0, blob=200.0, radius_mm=5.0, at=BLOB_RAS):
    """A grey cube about the world's origin with a brighter ball."""
    made = sitk.Image(list(size), sitk.sitkFloat32)
    made.SetSpacing([spacing_mm] * 3)
    made.SetOrigin([-(n - 1) / 2 * spacing_mm for n in size])
    points = sitk.GetArrayFromImage(
        sitk.PhysicalPointSource(sitk.sitkVectorFloat64, size, made.GetOrigin(), made.GetSpacing(), made.GetDirection())
    )
    inside = np.linalg.norm(points * [-1, -1, 1] - at, axis=-1) <= radius_mm
    filled = sitk.GetImageFromArray(np.where(inside, blob, value).astype(np.float32))
    filled.CopyInformation(made)
    return filled


def with_speckle(echo):
    speckle = np.random.default_rng(0).uniform(0.8, 1.2, echo.GetSize()[::-1])
    speckled = sitk.GetImageFromArray((sitk.GetArrayFromImage(echo) * speckle).astype(np.float32))
    speckled.CopyInformation(echo)
    return speckled


@pytest.fixture(scope="module")
def made_cases():
    return {}


@pytest.fixture
def case_images(made_cases, mri_to_us_ras):
    if not made_cases:
        made_cases["case"] = make_case(mri_to_us_ras)
    return made_cases["case"]


def make_case(pose, **changes):
    """The ultrasound is dark with an echo where the registered MRI's blob comes to lie; the pose is known."""
    mri = image(value=80.0, blob=240.0)
    tumor = sitk.Cast(mri > 160, sitk.sitkUInt8)
    us = with_speckle(image(value=40.0, blob=120.0, at=transform_points(pose, BLOB_RAS)))
    points = np.array([BLOB_RAS, BLOB_RAS + np.array([0, 9, -20])])
    fields = dict(
        name="Case 1", us=us, mris=(("FLAIR", mri),), mri_tumor=tumor, propagated=propagate_label(tumor, us, pose),
        registration=registration(pose), landmarks=Landmarks(points, transform_points(pose, points)),
    )  # fmt: skip
    return with_overlays(CaseImages(**fields | changes))


def registration(pose, others=()):
    from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration, SourceFile

    source = SourceFile(Path("nowhere"), "")
    poses = [pose, *others]
    return Registration(
        (source,), source, np.eye(4), pose, "lc2", {}, "1", 0.3, Judgement("accept", ()),
        tuple(Candidate(p, 0.3) for p in poses), None, 1.0, "cpu", {}, (pose, shifted(pose, 1.0)),
    )  # fmt: skip


def shifted(pose, mm):
    moved = pose.copy()
    moved[0, 3] += mm
    return moved


class Desk:
    """Six slice views and a 3D view, off-screen."""

    def __init__(self, application, stack, with_3d=False):
        def view(name):
            return stack.enter_context(
                OffscreenSliceView(application.scene, SIZE, application.logic, f"Offscreen{name}")
            )

        self.scene = application.scene
        self.us, self.mri = [view(name) for name in SLICE_VIEW_NAMES], [view(name) for name in MRI_SLICE_VIEW_NAMES]
        self.three_d = stack.enter_context(OffscreenThreeDView(application.scene, SIZE)) if with_3d else None
        self.panes = ReviewPanes(
            [v.pane for v in self.us], [v.pane for v in self.mri], self.three_d and self.three_d.view_node
        )
        self.review = ReviewScene(application.scene, self.panes)
        stack.callback(self.review.close)

    def picture(self, settings, plane=0, row="us"):
        self.review.show(settings)
        view = getattr(self, row)[plane]
        view.annotate(letters=False, ruler=False)
        return view.grab().astype(int)

    def pixel_of(self, ras, plane=0):
        """Column and row (from the top) of a point in a view."""
        xy = transform_points(np.linalg.inv(array_of(self.us[plane].slice_node.GetXYToRAS())), ras)
        return np.array([xy[0], SIZE - 1 - xy[1]])


@pytest.fixture
def desk(application, scene):
    with ExitStack() as stack:
        yield Desk(application, stack)


@pytest.fixture
def opened(desk, case_images):
    case = load_case(desk.scene, case_images)
    desk.review.open(case, ONLY_US)
    return desk


def centre_of(chosen):
    """Column and row of the mean chosen pixel."""
    rows, columns = np.nonzero(chosen)
    assert len(rows) > 20
    return np.array([columns.mean(), rows.mean()])


def coloured(picture, color, tolerance=40):
    return np.abs(picture - 255 * np.array(color)).max(axis=2) < tolerance


def test_flickering_shows_the_ultrasound_and_the_mri_in_turn(opened):
    us = opened.picture(ONLY_US)
    opened.review.show_phase("mri")
    assert opened.review.settings.phase == "mri"
    mri = opened.us[0].grab().astype(int)
    speckled, plain = (np.diff(picture[20:60, 20:60, 0], axis=1).std() for picture in (us, mri))
    assert speckled > 1 and plain == 0
    np.testing.assert_array_equal(mri, opened.picture(ONLY_MRI))
    assert np.abs(mri - us).max() > 30
    opened.review.show_phase("us")
    np.testing.assert_array_equal(opened.us[0].grab().astype(int), us)


def test_flickering_takes_turns_at_its_frequency():
    shown = [flicker_phase(t, 2.0) for t in (0.0, 0.2, 0.26, 0.49, 0.51)]
    assert shown == ["us", "us", "mri", "mri", "us"]
    changes = [flicker_phase(t, 60.0) for t in np.arange(0, 1, 1e-3)]
    assert sum(a != b for a, b in pairwise(changes)) == 11  # six times a second at most


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_the_tumour_s_outline_lies_round_the_registered_tumour(opened, mri_to_us_ras, plane):
    for overlay, role in (("mri_tumor", "mri_tumor"), ("propagated", "us_tumor_from_mri")):
        picture = opened.picture(replace(ONLY_US, overlays=frozenset({overlay})), plane)
        outline = coloured(picture, COLORS[role])
        expected = opened.pixel_of(transform_points(mri_to_us_ras, BLOB_RAS), plane)
        np.testing.assert_allclose(centre_of(outline), expected, atol=2.0)
        mm_per_px = opened.us[plane].slice_node.GetFieldOfView()[0] / SIZE
        radius_px = np.ptp(np.nonzero(outline)[0]) / 2
        assert radius_px * mm_per_px == pytest.approx(5.0, abs=0.8)


def test_before_and_after_move_the_mri_by_the_registration(opened, mri_to_us_ras):
    def blob():
        picture = opened.picture(ONLY_MRI)[..., 0]
        return centre_of(picture > (picture.min() + picture.max()) / 2)

    opened.review.go_to(transform_points(mri_to_us_ras, BLOB_RAS))
    np.testing.assert_allclose(blob(), opened.pixel_of(transform_points(mri_to_us_ras, BLOB_RAS)), atol=1.0)
    assert opened.review.toggle_before() == "initial"
    opened.review.go_to(BLOB_RAS)
    np.testing.assert_allclose(blob(), opened.pixel_of(BLOB_RAS), atol=1.0)
    np.testing.assert_array_equal(opened.review.pose, np.eye(4))
    assert opened.review.toggle_before() == "result"
    np.testing.assert_array_equal(opened.review.pose, mri_to_us_ras)


def test_candidates_are_shown_by_their_number(desk, mri_to_us_ras):
    other = shifted(mri_to_us_ras, 7.0)
    case = load_case(desk.scene, make_case(mri_to_us_ras, registration=registration(mri_to_us_ras, [other])))
    desk.review.open(case, ONLY_US)
    assert desk.review.candidate_count == 2
    desk.review.show_candidate(2)
    np.testing.assert_array_equal(matrix_of(case.transform), other)
    assert desk.review.pose_name == "candidate 2"
    with pytest.raises(ValueError, match="no candidate 3; there are 2"):
        desk.review.show_candidate(3)
    desk.review.close()
    np.testing.assert_array_equal(matrix_of(case.transform), mri_to_us_ras)


def test_side_by_side_shows_the_ultrasound_above_and_the_mri_below(opened):
    settings = replace(ONLY_US, mode="side by side")
    upper, lower = opened.picture(settings), opened.picture(settings, row="mri")
    np.testing.assert_array_equal(upper, opened.picture(ONLY_US))
    alone = opened.picture(ONLY_MRI)
    inside = alone[..., 0] > 0
    assert np.abs(lower - alone)[inside].max() <= 1
    assert np.abs(lower - upper).max() > 30


def test_the_heat_map_colours_the_sector_and_goes_while_another_pose_is_shown(opened, mri_to_us_ras):
    plain, heat = opened.picture(ONLY_US), replace(ONLY_US, overlays=frozenset({"agreement"}))
    assert np.ptp(opened.picture(heat), axis=2).max() > 40
    opened.review.set_pose(shifted(mri_to_us_ras, 3.0))
    assert not opened.review.agreement_is_current and opened.review.pose_name == "adjusted"
    np.testing.assert_array_equal(opened.picture(heat), plain)
    half = sitk.Image([2, 1, 1], sitk.sitkFloat32)
    half.SetSpacing([200, 400, 400])
    half.SetOrigin([-100, 0, 0])
    half[0, 0, 0] = 0.6  # LPS x below 0 is the patient's right
    opened.review.set_agreement(half, opened.review.pose)
    assert opened.review.agreement_is_current


def test_the_edges_of_the_mri_lie_on_its_tumour_s_rim(opened, mri_to_us_ras):
    picture = opened.picture(replace(ONLY_US, overlays=frozenset({"edges"})))
    rows, columns = np.nonzero(picture[..., 2] - picture[..., 0] > 60)
    centre = opened.pixel_of(transform_points(mri_to_us_ras, BLOB_RAS))
    mm_per_px = opened.us[0].slice_node.GetFieldOfView()[0] / SIZE
    away_mm = np.hypot(columns - centre[0], rows - centre[1]) * mm_per_px
    rim = away_mm[away_mm < 9]
    assert len(rim) > 60 and np.median(rim) == pytest.approx(5.0, abs=0.5)


def test_landmarks_are_drawn_where_they_are_with_a_line_for_their_error(opened, mri_to_us_ras):
    settings = replace(ONLY_US, overlays=frozenset({"landmarks"}))
    color = LEGEND["landmarks"][0][0]
    registered = coloured(opened.picture(settings), color, 60)
    expected = opened.pixel_of(transform_points(mri_to_us_ras, BLOB_RAS))
    np.testing.assert_allclose(centre_of(registered), expected, atol=2.0)
    opened.review.set_pose(
        shifted(mri_to_us_ras, 10.0)
    )  # the MRI's landmark goes to the right, which is left on screen
    wrong = coloured(opened.picture(settings), color, 60)
    mm_per_px = opened.us[0].slice_node.GetFieldOfView()[0] / SIZE
    assert np.ptp(np.nonzero(wrong)[1]) * mm_per_px > 10.0 > np.ptp(np.nonzero(registered)[1]) * mm_per_px


def test_displacement_arrows_take_the_colour_of_their_length_and_go_with_another_pose(desk, mri_to_us_ras):
    point = transform_points(mri_to_us_ras, BLOB_RAS)
    arrows = Arrows(np.tile(point, (3, 1)), np.array([[1.5, 0, 0]] * 3))
    case = load_case(desk.scene, make_case(mri_to_us_ras))
    desk.review.open(replace(case, arrows=arrows), ONLY_US)
    settings = replace(ONLY_US, overlays=frozenset({"displacement"}))
    between = LEGEND["displacement"][1][0]
    drawn = coloured(desk.picture(settings), between, 60)
    mm_per_px = desk.us[0].slice_node.GetFieldOfView()[0] / SIZE
    assert np.ptp(np.nonzero(drawn)[1]) * mm_per_px == pytest.approx(2 * 5 * 1.5, abs=1.0)
    desk.review.show_pose("initial")
    assert not coloured(desk.picture(settings), between, 60).any()


def test_slices_follow_the_ultrasound_s_axes_or_the_mri_s(opened):
    case_nodes = opened.review._shown.case.nodes
    for axes, volume in (("us", case_nodes.us), ("mri", case_nodes.mri)):
        opened.review.show(replace(ONLY_US, axes=axes))
        for view, plane in zip(opened.us, ("axial", "sagittal", "coronal"), strict=True):
            found = array_of(view.slice_node.GetSliceToRAS())[:3, :3]
            np.testing.assert_allclose(found, plane_axes(plane, volume), atol=1e-6)
    assert not np.allclose(ijk_to_world(case_nodes.us)[:3, :3], ijk_to_world(case_nodes.mri)[:3, :3], atol=0.01)


def test_all_slices_go_to_a_point_without_turning_or_zooming(opened):
    before = [(view.slice_node.GetFieldOfView(), array_of(view.slice_node.GetSliceToRAS())) for view in opened.us]
    target = np.array([3.0, 8.0, -6.0])
    opened.review.go_to(target)
    for view, (fov, matrix) in zip(opened.us, before, strict=True):
        now = array_of(view.slice_node.GetSliceToRAS())
        np.testing.assert_allclose(now[:3, :3], matrix[:3, :3], atol=1e-9)
        assert view.slice_node.GetFieldOfView() == fov
        assert now[:3, 2] @ (target - now[:3, 3]) == pytest.approx(0, abs=1e-6)


def test_the_crosshair_follows_and_is_given_back(desk, case_images):
    crosshair = desk.scene.AddNewNodeByClass("vtkMRMLCrosshairNode")
    case = load_case(desk.scene, case_images)
    desk.review.open(case)
    desk.review.go_to(np.array([1.0, 2.0, 3.0]))
    assert crosshair.GetCrosshairMode() == crosshair.ShowSmallBasic and crosshair.GetCrosshairRAS() == (1.0, 2.0, 3.0)
    desk.review.close()
    assert crosshair.GetCrosshairMode() == crosshair.NoCrosshair


def test_the_presets_change_how_the_ultrasound_is_coloured_and_spread(opened):
    grey, warm, contrast = (opened.picture(replace(ONLY_US, preset=name)) for name in ("grey", "warm", "contrast"))
    assert np.ptp(grey, axis=2).max() == 0 == np.ptp(contrast, axis=2).max()
    middle = (grey[..., 0] > 60) & (grey[..., 0] < 200)
    assert not middle.any() or (warm[middle][:, 0] > warm[middle][:, 2]).all()
    display = opened.review._shown.case.nodes.us.GetDisplayNode()
    assert display.GetColorNodeID() == "vtkMRMLColorTableNodeGrey"


def test_only_overlays_that_the_case_has_are_offered_and_explained(desk, mri_to_us_ras):
    bare = CaseImages(name="Bare", us=image(), mris=(("T1", image()),))
    desk.review.open(load_case(desk.scene, bare), ReviewSettings(overlays=frozenset(OVERLAYS)))
    assert desk.review.available_overlays() == () and desk.review.legend() == []
    desk.review.open(load_case(desk.scene, make_case(mri_to_us_ras)))
    assert set(OVERLAYS) - set(desk.review.available_overlays()) == {"corrected", "us_label"}
    assert [words for _, words in desk.review.legend()] == ["Tumour drawn on the MRI"] or desk.review.legend()


@pytest.mark.parametrize(
    "wrong", [{"mode": "swipe"}, {"axes": "ct"}, {"preset": "red"}, {"phase": "on"}, {"overlays": frozenset({"fog"})}]
)
def test_unknown_settings_are_refused_with_the_known_ones(wrong):
    with pytest.raises(ValueError, match="known: "):
        ReviewSettings(**wrong)


def test_the_3d_view_shows_the_tumour_the_cut_planes_and_the_sector(application, scene, case_images):
    with ExitStack() as stack:
        desk = Desk(application, stack, with_3d=True)
        desk.review.open(load_case(scene, case_images), replace(ONLY_US, overlays=frozenset({"mri_tumor"})))
        picture = desk.three_d.render((1.0, 1.0, -0.7), (0, 0, 1)).astype(int)
        grey = (np.ptp(picture, axis=2) < 12) & (picture.max(axis=2) > 30)
        blue = picture[..., 2] - picture[..., 0] > 40
        assert grey.mean() > 0.03 and blue.mean() > 0.002
        desk.review.close()
        empty = desk.three_d.render((1.0, 1.0, -0.7), (0, 0, 1)).astype(int)
        assert np.abs(empty - picture)[grey].mean() > 10


def counts(desk, case):
    watched = [
        *(view.slice_node for view in (*desk.us, *desk.mri)),
        *(view.pane.slice_logic for view in (*desk.us, *desk.mri)),
        *case.made,
        desk.scene,
    ]
    actors = [view.pane.renderer.GetViewProps().GetNumberOfItems() for view in (*desk.us, *desk.mri)]
    return desk.scene.GetNumberOfNodes(), [str(thing).count("Event: ") for thing in watched], actors


def test_fifty_rounds_of_open_and_close_leave_nothing_behind(application, scene, case_images):
    with ExitStack() as stack:
        desk = Desk(application, stack, with_3d=True)
        case = load_case(scene, case_images)
        views = [array_of(view.slice_node.GetSliceToRAS()) for view in desk.us]
        desk.review.open(case, replace(ONLY_US, overlays=frozenset(OVERLAYS)))
        desk.review.close()  # surfaces for 3D are made once, and stay with the case
        before = counts(desk, case)
        for number in range(50):
            mode = ("blend", "flicker", "checkerboard", "curtain", "side by side")[number % 5]
            settings = ReviewSettings(mode=mode, overlays=frozenset(OVERLAYS), preset=("grey", "warm")[number % 2])
            desk.review.open(case, settings)
            desk.review.toggle_before()
            desk.review.close()
        gc.collect()
        assert counts(desk, case) == before
        np.testing.assert_array_equal([array_of(view.slice_node.GetSliceToRAS()) for view in desk.us], views)


def test_loading_and_unloading_a_case_leaves_no_node(desk, case_images):
    before = desk.scene.GetNumberOfNodes()
    for _ in range(5):
        case = load_case(desk.scene, case_images)
        desk.review.open(case)
        desk.review.close()
        unload_case(case)
    assert desk.scene.GetNumberOfNodes() == before


def test_closing_after_the_scene_was_closed_does_no_harm(opened):
    opened.scene.Clear(0)
    opened.review.close()
    opened.review.close()


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory as Linux tells it")
def test_memory_grows_by_less_than_a_twentieth_of_a_case_from_case_to_case(desk, mri_to_us_ras):
    big = with_speckle(image((120, 120, 120), 0.5))
    images = make_case(mri_to_us_ras, us=big, mris=(("FLAIR", big),), mri_tumor=None, propagated=None)
    case_bytes = 2 * 120**3 * 4

    def once():
        case = load_case(desk.scene, images)
        desk.review.open(case, ReviewSettings(overlays=frozenset(OVERLAYS)))
        desk.us[0].grab()
        desk.review.close()
        unload_case(case)
        gc.collect()

    for _ in range(4):
        once()
    before = resident_bytes()
    for _ in range(20):
        once()
    assert resident_bytes() - before < 0.05 * case_bytes
