"""Slice planes along a volume's own axes, and the part of a volume that has content."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from ..images.geometry import transform_points
from .nodes import ijk_to_world, voxels_of, vtk_matrix

# Slicer's orientation presets: a slice's x (right on screen), y (up) and z (out of the slice) in RAS.
PRESETS = {
    "axial": np.array([[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]]).T,
    "sagittal": np.array([[0, -1.0, 0], [0, 0, 1], [-1, 0, 0]]).T,
    "coronal": np.array([[-1.0, 0, 0], [0, 0, 1], [0, 1, 0]]).T,
}
PLANES = tuple(PRESETS)
MOST_POINTS = 100_000
MARGIN = 1.04


@dataclass(frozen=True)
class SliceView:
    """A slice: its axes (3x3, columns x, y, z in RAS), the RAS point in its middle, and the width it shows, in mm."""

    axes: np.ndarray
    center_ras: np.ndarray
    fov_mm: float

    def slice_to_ras(self) -> np.ndarray:
        """4x4 from the slice's millimetres to RAS."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes
        matrix[:3, 3] = self.center_ras
        return matrix


def plane_axes(plane: str, volume: Any = None) -> np.ndarray:
    """The axes (3x3) of the "axial", "sagittal" or "coronal" plane of RAS, or of a volume's own grid.

    Of the grid's axes, the nearest to right, anterior and superior stand for these.
    """
    if volume is None:
        return PRESETS[plane]
    return _anatomical_frame(ijk_to_world(volume)[:3, :3]) @ PRESETS[plane]


def content_points(volume: Any) -> np.ndarray:
    """RAS positions, (n, 3) in mm, of an even sample of a volume node's non-zero voxels (all, if none is)."""
    voxels = voxels_of(volume)
    step = max(1, round((voxels.size / MOST_POINTS) ** (1 / 3)))
    kji = np.argwhere(voxels[::step, ::step, ::step] != 0)
    if not len(kji):
        kji = np.argwhere(np.ones_like(voxels[::step, ::step, ::step]))
    return transform_points(ijk_to_world(volume), kji[:, ::-1] * float(step))


def fitted_view(axes: np.ndarray, content_ras: np.ndarray, center_ras: np.ndarray | None = None) -> SliceView:
    """A square view on the slice through `center_ras` (default: the content's middle), cropped to the content round it.

    A centre near the content's edge is kept in the middle: the far side is cut before the near side is left empty.
    """
    in_slice = content_ras @ axes
    if center_ras is None:
        center_ras = axes @ ((in_slice.min(axis=0) + in_slice.max(axis=0)) / 2)
    across = in_slice[:, :2] - (np.asarray(center_ras) @ axes)[:2]
    reach = np.sort(np.concatenate([-across.min(axis=0), across.max(axis=0)]))
    half = max(float(np.mean(reach[1:3])), reach[-1] / 2)
    return SliceView(axes, np.asarray(center_ras, dtype=float), 2 * half * MARGIN)


def align_slice_nodes(slice_nodes: list[Any], us: Any, center_ras: np.ndarray | None = None) -> None:
    """Lay three slice nodes along a volume's own axes: axial, sagittal and coronal, in this order; None is passed over.

    The planes go through `center_ras` (default: the middle of the volume's content), fitted to that content.
    """
    content = content_points(us)
    for slice_node, plane in zip(slice_nodes, PLANES, strict=True):
        if slice_node is not None:
            set_slice_view(slice_node, fitted_view(plane_axes(plane, us), content, center_ras))


def set_slice_view(slice_node: Any, view: SliceView) -> None:
    """Turn, move and zoom a slice node to `view`; its size in pixels stays."""
    was_modified = slice_node.StartModify()
    width_px, height_px = slice_node.GetDimensions()[:2]
    slice_node.GetSliceToRAS().DeepCopy(vtk_matrix(view.slice_to_ras()))
    slice_node.SetXYZOrigin(0.0, 0.0, 0.0)
    slice_node.SetFieldOfView(view.fov_mm, view.fov_mm * height_px / max(width_px, 1), slice_node.GetFieldOfView()[2])
    slice_node.UpdateMatrices()
    slice_node.EndModify(was_modified)


def edge_letters(axes: np.ndarray) -> dict[str, str]:
    """The anatomical direction at each edge of a slice: {"right": "L", "left": "R", "top": "A", "bottom": "P"}."""
    return {
        "right": _letters(axes[:, 0]),
        "left": _letters(-axes[:, 0]),
        "top": _letters(axes[:, 1]),
        "bottom": _letters(-axes[:, 1]),
    }


def _letters(direction: np.ndarray) -> str:
    """The one or two anatomical letters nearest to a direction, the strongest first."""
    names = [("L", "R"), ("P", "A"), ("I", "S")]
    order = np.argsort(-np.abs(direction))
    # An axis counts from 30 degrees off its perpendicular plane on.
    return "".join(names[axis][int(direction[axis] > 0)] for axis in order[:2] if abs(direction[axis]) > 0.5)


def _anatomical_frame(ijk_axes: np.ndarray) -> np.ndarray:
    """Columns: the grid's axes that point right, anterior and superior best, each used once."""
    axes = ijk_axes / np.linalg.norm(ijk_axes, axis=0)
    order = max(permutations(range(3)), key=lambda chosen: sum(abs(axes[ras, ijk]) for ras, ijk in enumerate(chosen)))
    frame = axes[:, order]
    return frame * np.sign(np.diag(frame))
