"""Strokes in a 3D view: displacement arrows, landmarks and their errors as lines of one model."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

from .overlay_lines import Strokes

LINE_PX = 2.0
HEAD_MM, HEAD_WIDTH_MM = 1.5, 0.9
CROSS_MM, CIRCLE_MM, CIRCLE_CORNERS = 1.5, 1.6, 16
COLORS_NAME = "Color"


def prepare_for_strokes(model: Any) -> None:
    """Have a model node draw lines in the colours that `strokes_surface` gives them, without shading."""
    display = model.GetDisplayNode()
    display.SetLineWidth(LINE_PX)
    display.SetLighting(False)
    display.SetActiveScalar(COLORS_NAME, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetScalarRangeFlag(slicer.vtkMRMLDisplayNode.UseDirectMapping)
    display.SetScalarVisibility(True)


def strokes_surface(strokes: Sequence[Strokes]) -> Any:
    """Every stroke with its marks as lines (vtkPolyData, RAS mm); marks have the same size in mm from all sides."""
    segments, colors = [np.zeros((0, 2, 3))], [np.zeros((0, 3))]
    for group in strokes:
        for part in _parts(group):
            segments.append(part)
            colors.append(group.colors)
    return _lines(np.concatenate(segments), np.concatenate(colors))


def _parts(strokes: Strokes) -> Iterator[np.ndarray]:
    """Segments (n, 2, 3), the first of each stroke itself, the others of its marks."""
    starts, ends = strokes.starts_ras, strokes.ends_ras
    yield np.stack([starts, ends], axis=1)
    yield from _mark(strokes.start_mark, starts, ends)
    yield from _mark(strokes.end_mark, ends, starts)


def _mark(mark: str, here: np.ndarray, there: np.ndarray) -> Iterator[np.ndarray]:
    """Segments (n, 2, 3) that mark the points `here` (n, 3) of strokes that come from `there`."""
    if mark == "cross":
        for arm in CROSS_MM * np.eye(3):
            yield np.stack([here - arm, here + arm], axis=1)
    elif mark == "circle":
        for corner, following in _circles():
            yield np.stack([here + corner, here + following], axis=1)
    elif mark == "head":
        yield from _head(here, there)


def _circles() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The sides of three circles at right angles, which look round from everywhere."""
    turns = np.linspace(0, 2 * np.pi, CIRCLE_CORNERS + 1)
    for first, second in ((0, 1), (1, 2), (2, 0)):
        corners = CIRCLE_MM * (np.outer(np.cos(turns), np.eye(3)[first]) + np.outer(np.sin(turns), np.eye(3)[second]))
        yield from pairwise(corners)


def _head(here: np.ndarray, there: np.ndarray) -> Iterator[np.ndarray]:
    """Four barbs; a stroke shorter than two heads gets smaller ones."""
    along = there - here
    length_mm = np.linalg.norm(along, axis=1, keepdims=True)
    back = along / np.maximum(length_mm, 1e-9)
    head_mm = np.minimum(HEAD_MM, length_mm / 4)
    # Any direction across will do; the axis that the stroke follows least is never along it.
    side = np.cross(back, np.eye(3)[np.abs(back).argmin(axis=1)])
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    for across in (side, -side, np.cross(back, side), -np.cross(back, side)):
        yield np.stack([here, here + head_mm * (back + across * HEAD_WIDTH_MM / HEAD_MM)], axis=1)


def _lines(segments: np.ndarray, colors: np.ndarray) -> Any:
    """Segments (n, 2, 3) of colours (n, 3) from 0 to 1 as vtkPolyData."""
    points = vtk.vtkPoints()
    points.SetData(numpy_to_vtk(segments.reshape(-1, 3), deep=True))
    cells = vtk.vtkCellArray()
    cells.SetData(2, numpy_to_vtkIdTypeArray(np.arange(2 * len(segments), dtype=np.int64), deep=True))
    scalars = numpy_to_vtk(np.repeat((255 * colors).astype(np.uint8), 2, axis=0), deep=True)
    scalars.SetName(COLORS_NAME)
    lines = vtk.vtkPolyData()
    lines.SetPoints(points)
    lines.SetLines(cells)
    lines.GetPointData().SetScalars(scalars)
    return lines
