"""Lines drawn in slice views where they lie near the slice: displacement arrows, landmarks and their errors."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

from ..images.geometry import transform_points
from .nodes import array_of

LINE_PX = 1.6
HEAD_PX, HEAD_WIDTH_PX = 5.0, 3.5
CROSS_PX, CIRCLE_PX, CIRCLE_CORNERS = 5.0, 5.5, 14


@dataclass(frozen=True)
class Strokes:
    """Lines in the world: `starts_ras` and `ends_ras` (n, 3), RAS mm, `colors` (n, 3) from 0 to 1.

    A stroke is drawn where its middle lies within `near_mm` of the slice. Of `start_mark` and `end_mark`, "cross",
    "circle" and "head" mark the ends, "" leaves them plain.
    """

    starts_ras: np.ndarray
    ends_ras: np.ndarray
    colors: np.ndarray
    near_mm: float
    start_mark: str = ""
    end_mark: str = ""


class PlaneLines:
    """The strokes of one slice view: follow its slice node until removed."""

    def __init__(self, slice_node: Any, renderer: Any) -> None:
        self._slice_node, self._renderer = slice_node, renderer
        self._strokes: list[Strokes] = []
        self._lines = vtk.vtkPolyData()
        mapper = vtk.vtkPolyDataMapper2D()
        mapper.SetInputData(self._lines)
        self._actor = vtk.vtkActor2D()
        self._actor.SetMapper(mapper)
        self._actor.GetProperty().SetLineWidth(LINE_PX)
        renderer.AddViewProp(self._actor)
        self._tag = slice_node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)

    def show(self, strokes: list[Strokes]) -> None:
        """Draw these and no others."""
        self._strokes = strokes
        self._follow()

    def remove(self) -> None:
        """Take the lines off the view."""
        self._slice_node.RemoveObserver(self._tag)
        self._renderer.RemoveViewProp(self._actor)

    def _follow(self, *_: Any) -> None:
        self._actor.SetVisibility(bool(self._strokes))
        if not self._strokes:
            return
        ras_to_xy = np.linalg.inv(array_of(self._slice_node.GetXYToRAS()))
        parts = [_drawn(strokes, ras_to_xy, self._distance_mm(strokes)) for strokes in self._strokes]
        _set_lines(self._lines, *(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _distance_mm(self, strokes: Strokes) -> np.ndarray:
        slice_to_ras = array_of(self._slice_node.GetSliceToRAS())
        middles = (strokes.starts_ras + strokes.ends_ras) / 2
        return np.abs((middles - slice_to_ras[:3, 3]) @ slice_to_ras[:3, 2])


def _drawn(strokes: Strokes, ras_to_xy: np.ndarray, distance_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Segments (m, 2, 2) in pixels and their colours (m, 3)."""
    near = distance_mm <= strokes.near_mm
    ends = [transform_points(ras_to_xy, points[near])[:, :2] for points in (strokes.starts_ras, strokes.ends_ras)]
    colors = strokes.colors[near]
    segments = [np.stack(ends, axis=1)]
    for here, there, mark in ((*ends, strokes.start_mark), (*ends[::-1], strokes.end_mark)):
        segments += _mark(mark, here, there)
    return np.concatenate(segments), np.concatenate([colors] * len(segments))


def _mark(mark: str, here: np.ndarray, there: np.ndarray) -> list[np.ndarray]:
    """Segments (n, 2, 2) that mark the points `here` (n, 2) of strokes that come from `there`."""
    if mark == "cross":
        arms = np.array([[CROSS_PX, 0], [0, CROSS_PX]])
        return [np.stack([here - arm, here + arm], axis=1) for arm in arms]
    if mark == "circle":
        turns = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS + 1)
        corners = CIRCLE_PX * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        return [np.stack([here + a, here + b], axis=1) for a, b in pairwise(corners)]
    if mark == "head":
        along = there - here
        length = np.linalg.norm(along, axis=1, keepdims=True)
        back = HEAD_PX * along / np.maximum(length, 1e-6)
        side = back[:, ::-1] * [1, -1] * HEAD_WIDTH_PX / HEAD_PX
        shown = length > HEAD_PX  # shorter ones would be all head
        return [np.stack([here, here + np.where(shown, back + sign * side, 0)], axis=1) for sign in (1, -1)]
    return []


def _set_lines(lines: Any, segments: np.ndarray, colors: np.ndarray) -> None:
    count = len(segments)
    points = np.zeros((2 * count, 3))
    points[:, :2] = segments.reshape(-1, 2)
    vtk_points = vtk.vtkPoints()
    vtk_points.SetData(numpy_to_vtk(points, deep=True))
    cells = vtk.vtkCellArray()
    cells.SetData(2, numpy_to_vtkIdTypeArray(np.arange(2 * count, dtype=np.int64), deep=True))
    lines.SetPoints(vtk_points)
    lines.SetLines(cells)
    lines.GetCellData().SetScalars(numpy_to_vtk((255 * colors).astype(np.uint8), deep=True))
    lines.Modified()
