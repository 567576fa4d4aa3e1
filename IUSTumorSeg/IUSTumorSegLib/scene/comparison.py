"""Ultrasound against MRI in slice views: blended, as a checkerboard, or with a curtain between them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import vtk

from .overlay_images import OverlayImage, ReslicedOverlay

MODES = ("blend", "checkerboard", "curtain")
SMALLEST_FIELD_PX = 8
LAYERS = ("BackgroundVolumeID", "ForegroundVolumeID")
CURTAIN_LINE_COLOR = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class ComparisonSettings:
    """How two images share a view.

    `blend`: opacity of the MRI, 0 to 1. `field_mm`: side of a checkerboard's field. `curtain`: where the curtain hangs,
    as a fraction of the view's width; left of it is the ultrasound.
    """

    mode: str = "blend"
    blend: float = 0.5
    field_mm: float = 12.0
    curtain: float = 0.5

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"unknown comparison mode '{self.mode}'; known: {', '.join(MODES)}")


@dataclass(frozen=True)
class SlicePane:
    """A slice view: its vtkMRMLSliceLogic, the renderer that draws it, and what asks for a new picture."""

    slice_logic: Any
    renderer: Any
    request_render: Callable[[], Any] = lambda: None


class Comparison:
    """Shows an ultrasound against an MRI in slice views, linked, from `attach` to `detach`.

    Blending is Slicer's own. For the other modes, and where images are laid over, each view gets an image of its own on
    top of Slicer's: made of the resliced layers, as wide as the view, below contours and annotations. `detach` leaves
    no trace.
    """

    def __init__(self, panes: list[SlicePane]) -> None:
        self.settings = ComparisonSettings()
        self._panes = list(panes)
        self._pictures: list[_ComposedPicture] = []
        self._former: list[tuple[Any, dict[str, Any], dict[str, Any]]] = []

    def attach(self, us: Any, mri: Any, settings: ComparisonSettings | None = None) -> None:
        """Show the volume nodes: ultrasound in the background, MRI in the foreground; `mri` may be None."""
        self.detach()
        for pane in self._panes:
            composite = pane.slice_logic.GetSliceCompositeNode()
            self._former.append((composite, _composite_state(composite), _layer_nodes(composite)))
            _set_composite(composite, _compared(us, mri))
            self._pictures.append(_ComposedPicture(pane))
        self.show(settings or self.settings)

    def show(self, settings: ComparisonSettings) -> None:
        """Change how the images share the views."""
        self.settings = settings
        for picture, (composite, *_) in zip(self._pictures, self._former, strict=True):
            composite.SetForegroundOpacity(settings.blend)
            picture.show(settings)

    def lay_over(self, overlays: list[OverlayImage]) -> None:
        """Lay these images over the comparison, the last on top, in place of those laid before."""
        for picture in self._pictures:
            picture.lay_over(overlays)

    def refresh(self) -> None:
        """Have the pictures follow overlays that were moved, shown or hidden."""
        for picture in self._pictures:
            picture.show(self.settings)

    def detach(self) -> None:
        """Take our images away and give the views back the layers that they showed before."""
        for picture in self._pictures:
            picture.remove()
        for composite, state, layers in self._former:
            _set_composite(composite, {**state, **_ids_of(layers)})
        self._pictures, self._former = [], []


class _ComposedPicture:
    """The checkerboard or curtain of one view: follows its slice logic until removed."""

    def __init__(self, pane: SlicePane) -> None:
        self._pane = pane
        self._settings = ComparisonSettings()
        self._checkerboard = vtk.vtkImageCheckerboard()
        self._wipe = vtk.vtkImageRectilinearWipe()
        self._wipe.SetWipeToHorizontal()
        self._opaque = vtk.vtkImageExtractComponents()
        self._opaque.SetComponents(0, 1, 2)
        self._overlays: list[ReslicedOverlay] = []
        self._covered = vtk.vtkImageBlend()
        self._image_actor = image_actor()
        self._line, self._line_actor = _vertical_line()
        for actor in (self._image_actor, self._line_actor):
            actor.SetVisibility(False)
            pane.renderer.AddViewProp(actor)
        self._tag = pane.slice_logic.AddObserver(vtk.vtkCommand.ModifiedEvent, self._follow)

    def show(self, settings: ComparisonSettings) -> None:
        self._settings = settings
        self._follow()
        self._pane.request_render()

    def lay_over(self, overlays: list[OverlayImage]) -> None:
        self._overlays = [ReslicedOverlay(overlay) for overlay in overlays]
        self._follow()
        self._pane.request_render()

    def remove(self) -> None:
        self._pane.slice_logic.RemoveObserver(self._tag)
        for actor in (self._image_actor, self._line_actor):
            self._pane.renderer.RemoveViewProp(actor)
        self._pane.request_render()

    def _follow(self, *_: Any) -> None:
        """Take the layers and the view's size as they are now."""
        mode = self._settings.mode
        base = self._base(mode) if self._pane.slice_logic.GetSliceNode() is not None else None
        overlays = [overlay for overlay in self._overlays if overlay.visible]
        composed = base is not None and (mode != "blend" or bool(overlays))
        self._image_actor.SetVisibility(composed)
        self._line_actor.SetVisibility(composed and mode == "curtain")
        if not composed:
            return
        self._opaque.SetInputConnection(base)
        self._fit_to_view()
        self._image_actor.GetMapper().SetInputConnection(self._with(overlays))

    def _base(self, mode: str) -> Any:
        """The output port of the images as the mode joins them, or None where one of them is missing."""
        if mode == "blend":
            return self._pane.slice_logic.GetImageDataConnection()
        layers = self._layers()
        if not all(layers):
            return None
        image_filter = self._checkerboard if mode == "checkerboard" else self._wipe
        for port, layer in enumerate(layers):
            image_filter.SetInputConnection(port, layer)
        return image_filter.GetOutputPort()

    def _with(self, overlays: list[ReslicedOverlay]) -> Any:
        if not overlays:
            return self._opaque.GetOutputPort()
        slice_node = self._pane.slice_logic.GetSliceNode()
        self._covered.RemoveAllInputConnections(0)
        for port in (self._opaque.GetOutputPort(), *(overlay.port(slice_node) for overlay in overlays)):
            self._covered.AddInputConnection(port)
        return self._covered.GetOutputPort()

    def _layers(self) -> list[Any]:
        logic = self._pane.slice_logic
        return [
            layer and layer.GetImageDataConnection()
            for layer in (logic.GetBackgroundLayer(), logic.GetForegroundLayer())
        ]

    def _fit_to_view(self) -> None:
        slice_node = self._pane.slice_logic.GetSliceNode()
        width_px, height_px = slice_node.GetDimensions()[:2]
        field_px = max(SMALLEST_FIELD_PX, self._settings.field_mm * width_px / slice_node.GetFieldOfView()[0])
        self._checkerboard.SetNumberOfDivisions(
            max(1, round(width_px / field_px)), max(1, round(height_px / field_px)), 1
        )
        x_px = round(self._settings.curtain * width_px)
        self._wipe.SetPosition(x_px, 0)
        self._line.SetPoint1(x_px, 0, 0)
        self._line.SetPoint2(x_px, height_px, 0)


def image_actor() -> Any:
    """An actor for a slice's picture: grey values as they are, drawn before contours and all else in the foreground."""
    mapper = vtk.vtkImageMapper()
    mapper.SetColorWindow(255)
    mapper.SetColorLevel(127.5)
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.GetProperty().SetDisplayLocationToBackground()
    return actor


def _vertical_line() -> tuple[Any, Any]:
    line = vtk.vtkLineSource()
    mapper = vtk.vtkPolyDataMapper2D()
    mapper.SetInputConnection(line.GetOutputPort())
    actor = vtk.vtkActor2D()
    actor.SetMapper(mapper)
    actor.GetProperty().SetColor(*CURTAIN_LINE_COLOR)
    actor.GetProperty().SetOpacity(0.6)
    return line, actor


def _compared(us: Any, mri: Any) -> dict[str, Any]:
    return {
        "BackgroundVolumeID": us.GetID(),
        "ForegroundVolumeID": mri.GetID() if mri is not None else None,
        "LinkedControl": True,
        "HotLinkedControl": True,
        "Compositing": 0,
    }


def _composite_state(composite: Any) -> dict[str, Any]:
    names = ("LinkedControl", "HotLinkedControl", "Compositing", "ForegroundOpacity")
    return {name: getattr(composite, f"Get{name}")() for name in names}


def _layer_nodes(composite: Any) -> dict[str, Any]:
    scene = composite.GetScene()
    return {name: scene.GetNodeByID(getattr(composite, f"Get{name}")() or "") for name in LAYERS}


def _ids_of(nodes: dict[str, Any]) -> dict[str, str | None]:
    """The nodes' ids; None for those that left the scene, as another node may have got their id."""
    return {
        name: node.GetID() if node is not None and node.GetScene() is not None else None for name, node in nodes.items()
    }


def _set_composite(composite: Any, state: dict[str, Any]) -> None:
    was_modified = composite.StartModify()
    for name, value in state.items():
        getattr(composite, f"Set{name}")(value)
    composite.EndModify(was_modified)
