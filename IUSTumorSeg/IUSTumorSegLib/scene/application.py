"""The parts of Slicer's application that a scene and its views need, for where there is none (slicer-core)."""

import os
import sys
from types import TracebackType

# The oldest Slicer that scenes written here are for; slicer-core's own mark has Slicer warn of a foreign application.
SCENE_VERSION = "Slicer 5.12.0 0"
SLICE_VIEW_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLVolumeGlyphSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLRulerDisplayableManager",
)


def use_offscreen_window() -> None:
    """Have VTK draw without an X server on Linux; call before the first render window is made."""
    if sys.platform.startswith("linux"):
        os.environ["VTK_DEFAULT_OPENGL_WINDOW"] = "vtkEGLRenderWindow"


def start_application() -> "Application":
    """Start the one application of a process outside Slicer; a context manager that clears its scene at the end."""
    use_offscreen_window()
    return Application()


class Application:
    """A scene with Slicer's colours, orientations and subject hierarchy, and the logics behind it."""

    def __init__(self) -> None:
        import slicer

        self.scene = slicer.vtkMRMLScene()
        self.scene.SetVersion(SCENE_VERSION)
        self.logic = slicer.vtkSlicerApplicationLogic()
        self.logic.SetMRMLScene(self.scene)
        self.logic.GetColorLogic().SetMRMLScene(self.scene)
        self.logic.GetColorLogic().AddDefaultColorNodes()
        self._segmentations = slicer.vtkSlicerSegmentationsModuleLogic()
        self._segmentations.SetMRMLApplicationLogic(self.logic)
        self._segmentations.SetMRMLScene(self.scene)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self.scene, True)

    def close(self) -> None:
        """Empty the scene."""
        self.scene.Clear(False)

    def __enter__(self) -> "Application":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
