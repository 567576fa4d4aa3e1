"""The frame in which a person moves an MRI over its ultrasound, and Slicer's own handle for it in the views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer

from ..images.geometry import transform_points
from .nodes import matrix_of
from .planes import PRESETS, content_points, plane_axes


@dataclass(frozen=True)
class AdjustmentFrame:
    """Along which axes, and about which point, a person moves the MRI.

    `axes` (3, 3): the ultrasound's own, those that point right, anterior and superior best, as columns in its world.
    `center_ras` (3,): the middle of its sector, in mm. `points_ras` (n, 3): all over the sector.
    """

    axes: np.ndarray
    center_ras: np.ndarray
    points_ras: np.ndarray


def adjustment_frame(us: Any) -> AdjustmentFrame:
    """The frame of an ultrasound volume node."""
    points = content_points(us)
    return AdjustmentFrame(plane_axes("axial", us) @ PRESETS["axial"].T, points.mean(axis=0), points)


class PoseHandle:
    """Slicer's interaction handle on a registration, in the slice views and in 3D, from construction to `remove`.

    `moved` is called with each new 4x4 `mri_to_us_ras` (RAS mm) of the transform node, whoever moved it: by handle, by
    slider or by another module.
    """

    def __init__(self, transform: Any, center_ras: np.ndarray, moved: Callable[[np.ndarray], None]) -> None:
        self._transform, self._moved = transform, moved
        self._center_before = transform.GetCenterOfTransformation()
        self._display, self._made_display = transform.GetDisplayNode(), transform.GetDisplayNode() is None
        if self._made_display:
            transform.CreateDefaultDisplayNodes()
            self._display = transform.GetDisplayNode()
        self._put_at(center_ras)
        self._show(True)
        self._tag: int | None = transform.AddObserver(
            slicer.vtkMRMLTransformableNode.TransformModifiedEvent, self._on_moved
        )

    def remove(self) -> None:
        """Take the handle out of the views; the transform stays as it is. Harmless when done twice."""
        if self._tag is None:
            return
        self._transform.RemoveObserver(self._tag)
        self._tag = None
        self._show(False)
        self._transform.SetCenterOfTransformation(self._center_before)
        if self._made_display and self._display.GetScene() is not None:
            self._display.GetScene().RemoveNode(self._display)

    def _put_at(self, center_ras: np.ndarray) -> None:
        """The node knows its centre in its own coordinates: there the point goes along with the MRI."""
        center = transform_points(np.linalg.inv(matrix_of(self._transform)), np.asarray(center_ras, dtype=float))
        self._transform.SetCenterOfTransformation(*center)

    def _show(self, on: bool) -> None:
        # A registration is rigid: there is nothing to stretch it by.
        self._display.SetEditorScalingEnabled(False)
        self._display.SetEditorScalingSliceEnabled(False)
        self._display.SetEditorVisibility3D(on)
        self._display.SetEditorSliceIntersectionVisibility(on)
        self._display.SetEditorVisibility(on)

    def _on_moved(self, caller: Any, event: str) -> None:
        self._moved(matrix_of(self._transform))
