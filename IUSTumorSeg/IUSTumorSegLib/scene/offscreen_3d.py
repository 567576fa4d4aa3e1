"""Pictures drawn by Slicer's own 3D view, without a window on the screen."""

from types import TracebackType
from typing import Any

import numpy as np
import slicer

from .offscreen import displayable_managers, offscreen_window, picture_of, require_unused_name

VIEW_NAME = "IUSOffscreen3D"
MANAGERS = ("vtkMRMLModelDisplayableManager", "vtkMRMLSegmentationsDisplayableManager3D")
BACKGROUND = (0.05, 0.06, 0.08)
ZOOM = 1.35


class OffscreenThreeDView:
    """A 3D view with its window off the screen; `close` (or leaving the `with`) takes its node out of the scene."""

    def __init__(self, scene: Any, size_px: int = 500, application_logic: Any = None) -> None:
        require_unused_name(scene, "vtkMRMLViewNode", VIEW_NAME)
        self._scene = scene
        self._window, self._renderer = offscreen_window(size_px)
        self._renderer.GetActiveCamera().ParallelProjectionOff()
        self._renderer.SetBackground(*BACKGROUND)
        self._window.SetAlphaBitPlanes(1)
        self._renderer.UseDepthPeelingOn()
        self.view_node = slicer.vtkMRMLViewNode()
        self.view_node.SetLayoutName(VIEW_NAME)
        self.view_node.SetName(VIEW_NAME)
        self.view_node.SetBoxVisible(False)
        self.view_node.SetAxisLabelsVisible(False)
        scene.AddNode(self.view_node)
        self._managers = displayable_managers(
            slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance(),
            MANAGERS,
            self._renderer,
            self.view_node,
            application_logic,
        )

    def render(
        self, toward: np.ndarray, up: np.ndarray, at_ras: np.ndarray | None = None, reach_mm: float = 20.0
    ) -> np.ndarray:
        """Look along `toward` with `up` on top (RAS); the picture (size_px, size_px, 3) uint8 RGB.

        All there is fits in, or what lies within `reach_mm` of the point `at_ras` where one is given.
        """
        camera = self._renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*(-np.asarray(toward, dtype=float)))
        camera.SetViewUp(*up)
        if at_ras is None:
            self._renderer.ResetCamera()
        else:
            low, high = np.asarray(at_ras) - reach_mm / np.sqrt(3), np.asarray(at_ras) + reach_mm / np.sqrt(3)
            self._renderer.ResetCamera(np.stack([low, high], axis=1).ravel().tolist())
        camera.Zoom(ZOOM)
        self._renderer.ResetCameraClippingRange()
        self._window.Render()
        return picture_of(self._window)

    def close(self) -> None:
        """Remove the view's node and end its window."""
        self._managers.SetMRMLDisplayableNode(None)
        self._scene.RemoveNode(self.view_node)
        self._window.Finalize()

    def __enter__(self) -> "OffscreenThreeDView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
