"""What is in a review's views for one case, and how it is taken out again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cases import nodes_of_class
from .comparison import Comparison, SlicePane
from .display import remove_warm_colors, show_as_ultrasound
from .linking import LinkedViews
from .nodes import array_of, node_to_world, set_matrix, vtk_matrix
from .overlay_images import OverlayImage, agreement_picture, edge_colors
from .overlay_lines import PlaneLines, Strokes
from .overlay_strokes import arrow_strokes, landmark_strokes
from .planes import PLANES, content_points, fitted_view, plane_axes, set_slice_view
from .review_settings import OVERLAYS, ReviewPanes, ReviewSettings
from .segmentations import middle_ras
from .study_cases import ReviewCase, pose_of
from .three_d import ThreeDParts

if TYPE_CHECKING:
    import SimpleITK as sitk


class ShownCase:
    """What is in the views for one case, from construction to `remove`."""

    def __init__(self, scene: Any, panes: ReviewPanes, case: ReviewCase) -> None:
        self.case = case
        self._scene, self._panes = scene, panes
        self._every_pane = [*panes.us, *panes.mri]
        self.result = pose_of(case)
        self.pose, self.pose_name = self.result, "result"
        self._views_before = [_view_of(pane) for pane in self._every_pane]
        self._labels_before = [(node, node.GetDisplayNode().GetVisibility()) for node in self._label_nodes().values()]
        self._crosshairs_before = [
            (node, node.GetCrosshairMode()) for node in nodes_of_class(scene, "vtkMRMLCrosshairNode")
        ]
        for crosshair, _ in self._crosshairs_before:
            crosshair.SetCrosshairMode(crosshair.ShowSmallBasic)
        self._content = content_points(case.nodes.us)
        self.comparison = Comparison(panes.us)
        self.comparison.attach(case.nodes.us, case.nodes.mri)
        self._mri_row = Comparison(panes.mri)
        self._lines = [PlaneLines(pane.slice_logic.GetSliceNode(), pane.renderer) for pane in self._every_pane]
        self._links = LinkedViews(_planes_of(panes))
        self._three_d = self._three_d_parts()
        self._edges = self._edge_overlay()
        self._agreement: OverlayImage | None = None
        self._agreement_pose: np.ndarray | None = None
        self._preset = ""
        self._wanted: frozenset[str] = frozenset()
        self._laid_over: list[OverlayImage] = []
        self._mri_shown: Any = case.nodes.mri
        if case.agreement is not None:
            self.set_agreement(case.agreement, self.result)

    def show(self, settings: ReviewSettings) -> None:
        """Bring the views in line with the settings."""
        self._show_images(settings)
        self._show_labels(settings)
        self.comparison.show(settings.comparison())
        self._show_overlays(settings)

    def remove(self) -> None:
        """Take all of it out again; the MRI goes back to the pose it had, the views to where they were."""
        if self.case.transform is not None and self.case.transform.GetScene() is not None:
            set_matrix(self.case.transform, self.result)
        self._links.release()
        for lines in self._lines:
            lines.remove()
        self.comparison.detach()
        self._mri_row.detach()
        if self._three_d is not None:
            self._three_d.remove()
        for node, visible in self._labels_before:
            if node.GetDisplayNode() is not None:
                node.GetDisplayNode().SetVisibility(visible)
        for view in self._views_before:
            _put_back(view)
        for crosshair, mode in self._crosshairs_before:
            crosshair.SetCrosshairMode(mode)
        us = self.case.nodes.us
        if us.GetScene() is not None and self._preset not in ("", "grey"):
            show_as_ultrasound(us)
        remove_warm_colors(self._scene)

    def available(self) -> tuple[str, ...]:
        """The overlays that the case has something for."""
        drawn = {
            "edges": self._edges is not None,
            "agreement": self.case.agreement is not None or self._agreement is not None,
            "displacement": self.case.arrows is not None,
            "landmarks": self.case.landmarks is not None,
        }
        labels = self._label_nodes()
        return tuple(name for name in OVERLAYS if name in labels or drawn.get(name, False))

    def move(self, pose: np.ndarray, name: str) -> None:
        """Show the MRI at a pose (4x4, RAS mm) of that name."""
        self.pose, self.pose_name = pose, name
        if self.case.transform is not None:
            set_matrix(self.case.transform, pose)
        self._draw_lines()
        self._lay_over()

    def lay_out(self, axes: str, center_ras: np.ndarray | None) -> None:
        """Lay the slices along the axes of "us" or "mri" through a point (default: the tumour, else the sector's middle)."""
        us, mri = self.case.nodes.us, self.case.nodes.mri
        if center_ras is None:
            center_ras = self._tumor_middle()
        with self._links.paused():
            for panes in (self._panes.us, self._panes.mri):
                for pane, plane in zip(panes, PLANES, strict=bool(panes)):
                    frame = plane_axes(plane, mri if axes == "mri" and mri is not None else us)
                    set_slice_view(pane.slice_logic.GetSliceNode(), fitted_view(frame, self._content, center_ras))
            _same_zoom(self._every_pane)
        if center_ras is not None:
            self._set_crosshair(center_ras)

    def go_to(self, ras: np.ndarray) -> None:
        """Move all slices along their normals, and the crosshair, to a point."""
        with self._links.paused():
            for pane in self._every_pane:
                pane.slice_logic.GetSliceNode().JumpSliceByOffsetting(*ras)
        self._set_crosshair(ras)

    def middle_of_views(self) -> np.ndarray:
        """The point in which the three slices cross."""
        axes, places = [], []
        for pane in self._panes.us:
            matrix = array_of(pane.slice_logic.GetSliceNode().GetSliceToRAS())
            axes.append(matrix[:3, 2])
            places.append(matrix[:3, 2] @ matrix[:3, 3])
        return np.linalg.solve(np.array(axes), np.array(places))

    def set_agreement(self, agreement: "sitk.Image", pose: np.ndarray) -> None:
        """Take a heat map that belongs to a pose."""
        self._agreement = OverlayImage(agreement_picture(agreement), step_px=3)
        self._agreement_pose = pose

    def take_overlays(self, case: ReviewCase) -> None:
        """Take the edges, agreement and arrows of the same case, made since it was opened."""
        self.case = case
        self._edges = self._edge_overlay()
        if case.agreement is not None:
            self.set_agreement(case.agreement, self.result)

    def agreement_is_current(self) -> bool:
        """Whether the heat map belongs to the pose that is shown."""
        return self._agreement_pose is not None and np.allclose(self._agreement_pose, self.pose, atol=1e-6)

    def _show_images(self, settings: ReviewSettings) -> None:
        us, mri = self.case.nodes.us, self.case.mris.get(settings.contrast, self.case.nodes.mri)
        if self._preset != settings.preset:
            show_as_ultrasound(us, settings.preset)
            self._preset = settings.preset
        if mri is not self._mri_shown:
            self._mri_shown = mri
            for pane in self._panes.us:
                pane.slice_logic.GetSliceCompositeNode().SetForegroundVolumeID(mri.GetID())
        if settings.mode == "side by side" and self._panes.mri and mri is not None:
            self._mri_row.attach(mri, None)
        else:
            self._mri_row.detach()

    def _label_nodes(self) -> dict[str, Any]:
        tumor = self.case.nodes.mri_tumor
        is_segmentation = tumor is not None and tumor.IsA("vtkMRMLSegmentationNode")
        return ({"mri_tumor": tumor} if is_segmentation else {}) | self.case.labels

    def _show_labels(self, settings: ReviewSettings) -> None:
        for name, node in self._label_nodes().items():
            display = node.GetDisplayNode()
            wanted = name in settings.overlays
            if display is not None and bool(display.GetVisibility()) != wanted:
                display.SetVisibility(wanted)

    def _show_overlays(self, settings: ReviewSettings) -> None:
        self._wanted = settings.overlays
        self._draw_lines()
        self._lay_over()

    def _lay_over(self) -> None:
        """The agreement below the edges; the same images are not laid over anew, only shown, hidden and moved."""
        if self._agreement is not None:
            self._agreement.visible = "agreement" in self._wanted and self.agreement_is_current()
        if self._edges is not None:
            self._edges.visible = "edges" in self._wanted
        overlays = [overlay for overlay in (self._agreement, self._edges) if overlay is not None]
        if overlays != self._laid_over:
            self._laid_over = overlays
            self.comparison.lay_over(overlays)
        else:
            self.comparison.refresh()

    def _draw_lines(self) -> None:
        strokes = list(self._strokes())
        for lines in self._lines:
            lines.show(strokes)
        if self._three_d is not None:
            self._three_d.show_strokes(strokes)
        for pane in self._every_pane:
            pane.request_render()

    def _strokes(self) -> Iterator[Strokes]:
        if "displacement" in self._wanted and self.case.arrows is not None and self.pose_name == "result":
            yield arrow_strokes(self.case.arrows)
        if "landmarks" in self._wanted and self.case.landmarks is not None:
            yield landmark_strokes(self.case.landmarks, self.pose)

    def _edge_overlay(self) -> OverlayImage | None:
        mri = self.case.nodes.mri
        if self.case.edges is None or mri is None:
            return None
        inputs = self.case.agreement_inputs
        sector = None if inputs is None else OverlayImage(inputs.sector())
        return OverlayImage(self.case.edges, lambda: node_to_world(mri), edge_colors(), sector)

    def _three_d_parts(self) -> ThreeDParts | None:
        if self._panes.three_d_view is None:
            return None
        surfaces = list(self._label_nodes().values())
        return ThreeDParts(self.case.nodes.us, self._panes.us, self._panes.three_d_view, surfaces)

    def _tumor_middle(self) -> np.ndarray | None:
        for label in (self.case.nodes.us_tumor, self.case.nodes.mri_tumor):
            if label is not None and (middle := middle_ras(label)) is not None:
                return middle
        return None

    def _set_crosshair(self, ras: np.ndarray) -> None:
        for crosshair in nodes_of_class(self._scene, "vtkMRMLCrosshairNode"):
            crosshair.SetCrosshairRAS(*ras)


def _planes_of(panes: ReviewPanes) -> list[list[Any]]:
    rows = [[pane.slice_logic.GetSliceNode() for pane in row] for row in (panes.us, panes.mri) if row]
    return [list(plane) for plane in zip(*rows, strict=True)]


@dataclass(frozen=True)
class _View:
    """Where a slice view was: SliceToRAS (4, 4), field of view and origin, both in mm."""

    slice_node: Any
    slice_to_ras: np.ndarray
    field_of_view: tuple[float, float, float]
    origin: tuple[float, float, float]


def _view_of(pane: SlicePane) -> _View:
    node = pane.slice_logic.GetSliceNode()
    return _View(node, array_of(node.GetSliceToRAS()), node.GetFieldOfView(), node.GetXYZOrigin())


def _put_back(view: _View) -> None:
    node = view.slice_node
    was_modified = node.StartModify()
    node.GetSliceToRAS().DeepCopy(vtk_matrix(view.slice_to_ras))
    node.SetFieldOfView(*view.field_of_view)
    node.SetXYZOrigin(*view.origin)
    node.UpdateMatrices()
    node.EndModify(was_modified)


def _same_zoom(panes: list[SlicePane]) -> None:
    """Give all views the scale of the one that shows the most, so that nothing is cut off."""
    nodes = [pane.slice_logic.GetSliceNode() for pane in panes]
    mm_per_px = max(node.GetFieldOfView()[0] / max(node.GetDimensions()[0], 1) for node in nodes)
    for node in nodes:
        width_px, height_px = node.GetDimensions()[:2]
        node.SetFieldOfView(mm_per_px * width_px, mm_per_px * height_px, node.GetFieldOfView()[2])
