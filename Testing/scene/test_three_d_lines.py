"""Displacement arrows and landmarks in the 3D view of a review, on real MRML and on its pixels."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402
from vtk.util.numpy_support import vtk_to_numpy  # noqa: E402

from IUSTumorSegLib.labels.displacement_arrows import Arrows  # noqa: E402
from IUSTumorSegLib.registration.landmarks import Landmarks  # noqa: E402
from IUSTumorSegLib.scene.layout import SLICE_VIEW_NAMES  # noqa: E402
from IUSTumorSegLib.scene.offscreen import OffscreenSliceView  # noqa: E402
from IUSTumorSegLib.scene.offscreen_3d import OffscreenThreeDView  # noqa: E402
from IUSTumorSegLib.scene.overlay_lines import Strokes  # noqa: E402
from IUSTumorSegLib.scene.review import ReviewScene  # noqa: E402
from IUSTumorSegLib.scene.review_settings import LEGEND, ReviewPanes, ReviewSettings  # noqa: E402
from IUSTumorSegLib.scene.study_cases import load_case  # noqa: E402
from IUSTumorSegLib.scene.three_d_lines import strokes_surface  # noqa: E402
from IUSTumorSegLib.study.case_images import CaseImages  # noqa: E402

NAME = "IUSTumorSeg arrows and landmarks"
SIZE_PX = 200
ARROWS = Arrows(np.array([[10.0, 0, 0], [-10.0, 5, 5]]), np.array([[0, 0, 0.4], [0, 3.0, 0]]))
LANDMARKS = Landmarks(np.array([[0.0, 8, 0], [4.0, -8, 2]]), np.array([[1.0, 8, 0], [4.0, -8, 7]]))
BOTH = frozenset({"displacement", "landmarks"})


@dataclass
class Desk:
    """A case in three slice views and a 3D view."""

    scene: Any
    review: ReviewScene
    three_d: OffscreenThreeDView

    @property
    def model(self) -> Any:
        return self.scene.GetFirstNodeByName(NAME)

    def show(self, overlays: frozenset[str]) -> None:
        self.review.show(replace(self.review.settings, overlays=overlays))

    def segments(self) -> np.ndarray:
        """(n, 2, 3) of what the 3D view draws; none where it is hidden."""
        if not self.model.GetDisplayNode().GetVisibility():
            return np.zeros((0, 2, 3))
        return segments_of(self.model.GetPolyData())

    def picture(self) -> np.ndarray:
        return self.three_d.render((0, 1, 0), (0, 0, 1)).astype(int)


def segments_of(lines: Any) -> np.ndarray:
    points = vtk_to_numpy(lines.GetPoints().GetData())
    return points[vtk_to_numpy(lines.GetLines().GetConnectivityArray())].reshape(-1, 2, 3)


@pytest.fixture
def desk(application, scene):
    us = sitk.GetImageFromArray(np.full((30, 30, 30), 60, dtype=np.uint8))
    us.SetOrigin([-14.5] * 3)
    images = CaseImages(name="Case", us=us, mris=(("T1", us),), landmarks=LANDMARKS)
    with ExitStack() as stack:
        views = [
            stack.enter_context(OffscreenSliceView(scene, SIZE_PX, application.logic, f"Offscreen{name}"))
            for name in SLICE_VIEW_NAMES
        ]
        three_d = stack.enter_context(OffscreenThreeDView(scene, SIZE_PX))
        review = ReviewScene(scene, ReviewPanes([view.pane for view in views], three_d_view=three_d.view_node))
        stack.callback(review.close)
        review.open(replace(load_case(scene, images), arrows=ARROWS), ReviewSettings(overlays=frozenset()))
        yield Desk(scene, review, three_d)


def contains(segments, start, end):
    """Whether one of the segments goes from `start` to `end`."""
    return bool(np.isclose(segments, [start, end], atol=1e-5).all(axis=(1, 2)).any())


def test_the_arrows_stand_on_the_surface_five_times_as_long_both_ways(desk):
    desk.show(frozenset({"displacement"}))
    segments = desk.segments()
    assert contains(segments, (10, 0, -2), (10, 0, 2)) and contains(segments, (-10, -10, 5), (-10, 20, 5))
    heads = segments[2:]
    tips = np.array([(10, 0, -2), (10, 0, 2), (-10, -10, 5), (-10, 20, 5)])
    assert all(np.isclose(head[0], tips, atol=1e-5).all(axis=1).any() for head in heads)
    lengths_mm = np.linalg.norm(heads[:, 1] - heads[:, 0], axis=1)
    np.testing.assert_allclose(sorted(set(np.round(lengths_mm, 3))), [np.hypot(1, 0.6), np.hypot(1.5, 0.9)], atol=1e-3)


def test_arrows_have_the_colours_of_the_legend(desk):
    desk.show(frozenset({"displacement"}))
    lines = desk.model.GetPolyData()
    colors = vtk_to_numpy(lines.GetPointData().GetArray("Color"))
    points = vtk_to_numpy(lines.GetPoints().GetData())
    for x, entry in ((10, 0), (-10, 2)):  # 0.4 mm, 3 mm
        expected = (255 * np.array(LEGEND["displacement"][entry][0])).astype(int)
        assert (colors[np.abs(points[:, 0] - x) < 2] == expected).all()


def test_the_landmarks_errors_follow_the_pose(desk):
    desk.show(frozenset({"landmarks"}))
    assert contains(desk.segments(), (0, 8, 0), (1, 8, 0)) and contains(desk.segments(), (4, -8, 2), (4, -8, 7))
    pose = np.eye(4)
    pose[:3, 3] = (-3, 0, 0)
    desk.review.set_pose(pose)
    assert contains(desk.segments(), (-3, 8, 0), (1, 8, 0)) and not contains(desk.segments(), (0, 8, 0), (1, 8, 0))


def test_each_overlay_s_lines_come_and_go_with_its_toggle_and_arrows_with_another_pose(desk):
    counts = []
    for overlays in (frozenset(), {"displacement"}, {"landmarks"}, BOTH, frozenset()):
        desk.show(frozenset(overlays))
        counts.append(len(desk.segments()))
    assert counts[0] == counts[4] == 0 < counts[1] != counts[2] and counts[1] + counts[2] == counts[3]
    desk.show(BOTH)
    desk.review.show_pose("initial")
    assert len(desk.segments()) == counts[2]


def test_the_lines_are_drawn_in_3d_only_and_go_with_the_toggle(desk):
    desk.scene.GetFirstNodeByName("IUSTumorSeg sector").GetDisplayNode().SetVisibility(False)  # it tints what is in it
    desk.show(frozenset())
    plain = desk.picture()
    desk.show(BOTH)
    assert not desk.model.GetDisplayNode().GetVisibility2D()
    drawn = desk.picture()
    for color in (LEGEND["displacement"][2][0], LEGEND["landmarks"][0][0]):
        near = [np.abs(picture - 255 * np.array(color)).max(axis=2) < 50 for picture in (plain, drawn)]
        assert near[0].sum() == 0 and near[1].sum() > 20
    desk.show(frozenset())
    np.testing.assert_array_equal(desk.picture(), plain)


def test_nothing_of_the_lines_is_left_when_the_case_is_closed(desk):
    desk.show(BOTH)
    assert desk.model is not None
    displays = desk.scene.GetNumberOfNodesByClass("vtkMRMLModelDisplayNode")
    desk.review.close()
    assert desk.model is None
    assert desk.scene.GetNumberOfNodesByClass("vtkMRMLModelDisplayNode") == displays - 5  # sector, lines, three planes


def test_a_short_stroke_gets_a_small_head_and_a_point_none(desk):
    def heads_mm(length_mm):
        stroke = Strokes(np.zeros((1, 3)), np.array([[0, 0, length_mm]]), np.ones((1, 3)), 1.0, "", "head")
        segments = segments_of(strokes_surface([stroke]))[1:]
        return np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1)

    assert heads_mm(1.0) == pytest.approx(np.full(4, 0.25 * np.hypot(1, 0.6)))
    assert heads_mm(0.0) == pytest.approx(np.zeros(4))


def test_hundreds_of_arrows_cost_a_few_milliseconds():
    generator = np.random.default_rng(0)
    points, reach = generator.uniform(-20, 20, (400, 3)), generator.normal(0, 5, (400, 3))
    strokes = [Strokes(points - reach, points + reach, np.ones((400, 3)), 1.0, "head", "head")]
    strokes_surface(strokes)
    took_s = []
    for _ in range(5):
        began = time.process_time()
        strokes_surface(strokes)
        took_s.append(time.process_time() - began)
    assert min(took_s) < 0.01
