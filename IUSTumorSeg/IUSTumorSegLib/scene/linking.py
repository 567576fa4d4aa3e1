"""Slice views that move together: zoom and pan across all planes, and everything between the two views of a plane."""

from typing import Any

import numpy as np
import vtk

from .nodes import array_of, vtk_matrix

SMALLEST_CHANGE = 1e-6


class LinkedViews:
    """Links slice nodes from construction to `release`.

    `planes`: for each plane the nodes that show it, one or two. A node that is moved takes the other one of its plane
    along in everything; the other planes zoom with it, and are panned along the directions that they share.
    """

    def __init__(self, planes: list[list[Any]]) -> None:
        self._planes = planes
        self._nodes = [node for plane in planes for node in plane]
        self._states = {node: _state(node) for node in self._nodes}
        self._following = False
        self._tags = [(node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._moved)) for node in self._nodes]

    def release(self) -> None:
        """Let the views go their own ways."""
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags = []
        self._states = {}

    def accept(self) -> None:
        """Take the views as they are now for the state to follow from."""
        self._states = {node: _state(node) for node in self._nodes}

    def paused(self) -> "_Paused":
        """While in this context, views are laid anew without taking one another along."""
        return _Paused(self)

    def _moved(self, node: Any, _event: str) -> None:
        if self._following:
            return
        self._following = True
        former, now = self._states[node], _state(node)
        if not _same(former, now):
            self._take_along(node, former, now)
            self.accept()
        self._following = False

    def _take_along(self, node: Any, former: "_State", now: "_State") -> None:
        zoom = now.mm_per_px / former.mm_per_px
        shift = now.center - former.center
        pan = now.axes @ np.append((now.axes.T @ shift)[:2], 0.0)
        turned = not np.allclose(former.axes, now.axes, atol=SMALLEST_CHANGE)
        for plane in self._planes:
            for other in plane:
                if other is node:
                    continue
                if node in plane:
                    _copy(now, other)
                elif not turned:
                    _zoom_and_pan(other, zoom, pan)


class _Paused:
    def __init__(self, links: LinkedViews) -> None:
        self._links = links

    def __enter__(self) -> None:
        self._links._following = True

    def __exit__(self, *_: object) -> None:
        self._links._following = False
        if self._links._tags:
            self._links.accept()


class _State:
    """Where a slice node's view is: axes (3, 3), the RAS point in its middle, and mm in a pixel."""

    def __init__(self, node: Any) -> None:
        matrix = array_of(node.GetSliceToRAS())
        self.axes = matrix[:3, :3]
        self.center = matrix[:3, 3] + self.axes @ np.array(node.GetXYZOrigin())
        self.mm_per_px = node.GetFieldOfView()[0] / max(node.GetDimensions()[0], 1)


def _state(node: Any) -> _State:
    return _State(node)


def _same(one: _State, other: _State) -> bool:
    return (
        abs(one.mm_per_px - other.mm_per_px) < SMALLEST_CHANGE
        and np.abs(one.center - other.center).max() < SMALLEST_CHANGE
        and np.abs(one.axes - other.axes).max() < SMALLEST_CHANGE
    )


def _copy(state: _State, node: Any) -> None:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = state.axes, state.center
    _set_view(node, matrix, state.mm_per_px)


def _zoom_and_pan(node: Any, zoom: float, pan: np.ndarray) -> None:
    """Zoom a view about its middle, and move it along its own plane by what of `pan` (RAS mm) lies in there."""
    state = _state(node)
    matrix = np.eye(4)
    matrix[:3, :3] = state.axes
    matrix[:3, 3] = state.center + state.axes[:, :2] @ (state.axes[:, :2].T @ pan)
    _set_view(node, matrix, state.mm_per_px * zoom)


def _set_view(node: Any, slice_to_ras: np.ndarray, mm_per_px: float) -> None:
    was_modified = node.StartModify()
    width_px, height_px = node.GetDimensions()[:2]
    node.GetSliceToRAS().DeepCopy(vtk_matrix(slice_to_ras))
    node.SetXYZOrigin(0.0, 0.0, 0.0)
    node.SetFieldOfView(mm_per_px * width_px, mm_per_px * height_px, node.GetFieldOfView()[2])
    node.UpdateMatrices()
    node.EndModify(was_modified)
