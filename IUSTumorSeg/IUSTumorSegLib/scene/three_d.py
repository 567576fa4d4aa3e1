"""The 3D view of a review: sector, tumour surface, the MRI on the cut planes, displacement arrows and landmarks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from .comparison import SlicePane
from .nodes import array_of, ijk_to_world, voxels_of, vtk_matrix
from .overlay_lines import Strokes
from .three_d_lines import prepare_for_strokes, strokes_surface

SECTOR_COLOR, SECTOR_OPACITY = (0.75, 0.85, 1.0), 0.28
SECTOR_STEP_MM = 3.0
TUMOR_OPACITY = 0.8
CLOSED_SURFACE = "Closed surface"


class ThreeDParts:
    """Models of ours in one 3D view, from construction to `remove`: nodes that are hidden from lists and not saved."""

    def __init__(self, us: Any, panes: list[SlicePane], view_node: Any, surfaces: list[Any]) -> None:
        self._view_node = view_node
        self._scene = us.GetScene()
        self.sector = self._model("IUSTumorSeg sector", sector_surface(us))
        self.sector.GetDisplayNode().SetColor(*SECTOR_COLOR)
        self.sector.GetDisplayNode().SetOpacity(SECTOR_OPACITY)
        self._planes = [_CutPlane(pane, self._model("IUSTumorSeg plane", vtk.vtkPolyData())) for pane in panes]
        self.lines = self._model("IUSTumorSeg arrows and landmarks", vtk.vtkPolyData())
        prepare_for_strokes(self.lines)
        self.show_strokes([])
        for segmentation in surfaces:
            _show_in_3d(segmentation)

    @property
    def nodes(self) -> list[Any]:
        """The model nodes in the scene."""
        return [self.sector, self.lines, *(plane.model for plane in self._planes)]

    def show_strokes(self, strokes: Sequence[Strokes]) -> None:
        """Draw these arrows and landmarks and no others; harmless after the scene was closed."""
        display = self.lines.GetDisplayNode()
        if display is None:
            return
        if strokes:
            self.lines.SetAndObservePolyData(strokes_surface(strokes))
        display.SetVisibility(bool(strokes))

    def remove(self) -> None:
        """Take our models out of the scene and stop following the slices."""
        for plane in self._planes:
            plane.release()
        for model in self.nodes:
            if model.GetScene() is not None:
                display = model.GetDisplayNode()
                self._scene.RemoveNode(model)
                if display is not None and display.GetScene() is not None:
                    self._scene.RemoveNode(display)
        self._planes = []

    def _model(self, name: str, surface: Any) -> Any:
        model = slicer.vtkMRMLModelNode()
        model.SetName(name)
        model.SetHideFromEditors(True)
        model.SetSaveWithScene(False)
        self._scene.AddNode(model)
        model.SetAndObservePolyData(surface)
        model.CreateDefaultDisplayNodes()
        display = model.GetDisplayNode()
        display.SetSaveWithScene(False)
        display.SetScalarVisibility(False)
        display.SetVisibility2D(False)
        display.SetViewNodeIDs([self._view_node.GetID()])
        return model


class _CutPlane:
    """A quad where a slice is, with the MRI as its picture; follows its slice logic until released."""

    def __init__(self, pane: SlicePane, model: Any) -> None:
        self.model = model
        self._logic = pane.slice_logic
        self._quad = vtk.vtkPlaneSource()
        display = model.GetDisplayNode()
        display.SetBackfaceCulling(False)
        display.SetAmbient(1.0)
        display.SetDiffuse(0.0)
        display.SetInterpolateTexture(True)
        self._tag = self._logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)
        self._follow()

    def release(self) -> None:
        self._logic.RemoveObserver(self._tag)
        if self.model.GetDisplayNode() is not None:
            self.model.GetDisplayNode().SetTextureImageDataConnection(None)

    def _follow(self, *_: Any) -> None:
        slice_node, layer = self._logic.GetSliceNode(), self._logic.GetForegroundLayer()
        port = layer.GetImageDataConnection() if layer is not None else None
        display = self.model.GetDisplayNode()
        if slice_node is None or display is None:
            return
        display.SetTextureImageDataConnection(port)
        display.SetVisibility(port is not None)
        width_px, height_px = slice_node.GetDimensions()[:2]
        corners = np.array([(0, 0, 0), (width_px, 0, 0), (0, height_px, 0)], dtype=float)
        xy_to_ras = array_of(slice_node.GetXYToRAS())
        origin, right, top = corners @ xy_to_ras[:3, :3].T + xy_to_ras[:3, 3]
        self._quad.SetOrigin(origin)
        self._quad.SetPoint1(right)
        self._quad.SetPoint2(top)
        self._quad.Update()
        self.model.GetPolyData().ShallowCopy(self._quad.GetOutput())


def sector_surface(us: Any) -> Any:
    """The surface (vtkPolyData, RAS mm) of an ultrasound node's content, smooth, with voxels of about 3 mm."""
    voxels = voxels_of(us)
    spacing_mm = np.linalg.norm(ijk_to_world(us)[:3, :3], axis=0)[::-1]
    steps = [max(1, round(SECTOR_STEP_MM / s)) for s in spacing_mm]
    content = np.pad((voxels[:: steps[0], :: steps[1], :: steps[2]] != 0).astype(np.uint8), 1)
    image = vtk.vtkImageData()
    image.SetDimensions(*content.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(content.ravel(), deep=True))
    surface = vtk.vtkFlyingEdges3D()
    surface.SetInputData(image)
    surface.SetValue(0, 0.5)
    surface.ComputeScalarsOff()
    largest = vtk.vtkPolyDataConnectivityFilter()
    largest.SetInputConnection(surface.GetOutputPort())
    largest.SetExtractionModeToLargestRegion()
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(largest.GetOutputPort())
    smooth.SetPassBand(0.05)
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(smooth.GetOutputPort())
    transform = vtk.vtkTransform()
    padded_to_voxels = np.diag([*map(float, steps[::-1]), 1.0])
    padded_to_voxels[:3, 3] = [-step for step in steps[::-1]]
    transform.SetMatrix(vtk_matrix(ijk_to_world(us) @ padded_to_voxels))
    placed.SetTransform(transform)
    placed.Update()
    return placed.GetOutput()


def _show_in_3d(segmentation: Any) -> None:
    """Give a segmentation a surface for 3D views."""
    segmentation.CreateClosedSurfaceRepresentation()
    display = segmentation.GetDisplayNode()
    display.SetPreferredDisplayRepresentationName3D(CLOSED_SURFACE)
    display.SetVisibility3D(True)
    display.SetOpacity3D(TUMOR_OPACITY)
