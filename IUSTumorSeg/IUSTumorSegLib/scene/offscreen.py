"""Pictures drawn by Slicer's own slice views, without a window on the screen."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ..atomic_files import atomic_path
from .application import SLICE_VIEW_MANAGERS
from .cases import nodes_of_class
from .comparison import Comparison, ComparisonSettings, SlicePane, image_actor
from .nodes import array_of
from .planes import PLANES, SliceView, content_points, edge_letters, fitted_view, plane_axes, set_slice_view

VIEW_NAME = "IUSOffscreen"
LETTER_MARGIN = 0.015
ABOVE_RULER = 0.055


def render_slice_view(
    scene: Any,
    background: Any,
    foreground: Any = None,
    *,
    size_px: int = 500,
    application_logic: Any = None,
    **options: Any,
) -> np.ndarray:
    """One picture, (size_px, size_px, 3) uint8 RGB, of volume nodes; options as for `OffscreenSliceView.render`."""
    with OffscreenSliceView(scene, size_px, application_logic) as view:
        return view.render(background, foreground, **options)


def render_planes(
    scene: Any,
    background: Any,
    foreground: Any = None,
    *,
    size_px: int = 500,
    application_logic: Any = None,
    **options: Any,
) -> dict[str, np.ndarray]:
    """The pictures of the planes "axial", "sagittal" and "coronal"; options as for `OffscreenSliceView.render`."""
    with OffscreenSliceView(scene, size_px, application_logic) as view:
        return {plane: view.render(background, foreground, plane=plane, **options) for plane in PLANES}


class OffscreenSliceView:
    """A slice view with its window off the screen; `close` (or leaving the `with`) takes its nodes out of the scene.

    `name` is one that no other view in the scene has, of a layout or off-screen; else `ValueError`. `pane` is the view
    for a comparison or a review of the caller's; `grab` then draws what it shows.
    `application_logic`: Slicer's, where there is one; what the views in an application share hangs on it.
    """

    def __init__(self, scene: Any, size_px: int = 500, application_logic: Any = None, name: str = VIEW_NAME) -> None:
        require_unused_name(scene, "vtkMRMLSliceNode", name)
        self._scene = scene
        self._window, self._renderer = offscreen_window(size_px)
        self._logic = slicer.vtkMRMLSliceLogic()
        if application_logic is not None:
            self._logic.SetMRMLApplicationLogic(application_logic)
        self._logic.SetMRMLScene(scene)
        self.slice_node = self._logic.AddSliceNode(name)
        self._logic.ResizeSliceNode(size_px, size_px)
        self._managers = displayable_managers(
            slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance(),
            SLICE_VIEW_MANAGERS,
            self._renderer,
            self.slice_node,
            application_logic,
        )
        self._slice_actor = image_actor()
        self._renderer.AddViewProp(self._slice_actor)
        self._letters = _letter_actors(self._renderer)
        self.pane = SlicePane(self._logic, self._renderer)
        self._comparison = Comparison([self.pane])

    def render(
        self,
        background: Any,
        foreground: Any = None,
        *,
        plane: str = "axial",
        axes_of: Any = "background",
        center_ras: np.ndarray | None = None,
        fov_mm: float | None = None,
        comparison: ComparisonSettings | None = None,
        segmentations: tuple[Any, ...] = (),
        letters: bool = True,
        ruler: bool = True,
    ) -> np.ndarray:
        """Draw the volume nodes and return the picture, (size_px, size_px, 3) uint8 RGB, first row on top.

        `plane`: "axial", "sagittal" or "coronal" of the axes of the volume node `axes_of` ("background": the first
        volume's own; None: RAS). `center_ras`: the point in the middle (default: the middle of the background's
        content). `fov_mm`: the width shown (default: the content round the centre). Of the scene's segmentation nodes
        only `segmentations` are drawn. `letters`: anatomical directions at the edges; `ruler`: a scale in mm.
        """
        axes = plane_axes(plane, background if axes_of == "background" else axes_of)
        view = fitted_view(axes, content_points(background), center_ras)
        set_slice_view(self.slice_node, view if fov_mm is None else SliceView(axes, view.center_ras, fov_mm))
        self.annotate(letters, ruler)
        with _OnlyShown(self._scene, segmentations):
            self._comparison.attach(background, foreground, comparison or ComparisonSettings())
            return self.grab()

    def annotate(self, letters: bool = True, ruler: bool = True) -> None:
        """Show or hide the anatomical directions at the edges and the scale, for the slice as it lies now."""
        self.slice_node.SetRulerType(self.slice_node.RulerTypeThin if ruler else self.slice_node.RulerTypeNone)
        axes = array_of(self.slice_node.GetSliceToRAS())[:3, :3]
        _show_letters(self._letters, edge_letters(axes) if letters else {})

    def grab(self) -> np.ndarray:
        """Draw what the slice node and the layers are now, and return the picture."""
        self._slice_actor.GetMapper().SetInputConnection(self._logic.GetImageDataConnection())
        self._window.Render()
        return picture_of(self._window)

    def close(self) -> None:
        """Remove the view's nodes and end its window."""
        self._comparison.detach()
        composite = self._logic.GetSliceCompositeNode()
        self._managers.SetMRMLDisplayableNode(None)
        self._logic.SetSliceNode(None)
        for node in (self.slice_node, composite):
            if node is not None and node.GetScene() is not None:
                self._scene.RemoveNode(node)
        # Last, because the logic makes its slice model anew when a node goes.
        self._logic.DeleteSliceModel()
        self._logic.SetMRMLScene(None)
        self._window.Finalize()

    def __enter__(self) -> "OffscreenSliceView":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def side_by_side(pictures: list[np.ndarray], gap_px: int = 6) -> np.ndarray:
    """Pictures of one height in a row on white, (h, total width, 3) uint8."""
    gap = np.full((pictures[0].shape[0], gap_px, 3), 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (gap, picture)][1:]
    return np.concatenate(parts, axis=1)


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write an (h, w, 3) uint8 RGB picture as PNG, whole or not at all."""
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(picture.shape[1], picture.shape[0], 1)
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(picture[::-1]).reshape(-1, 3), deep=True))
    writer = vtk.vtkPNGWriter()
    writer.SetInputData(image)
    with atomic_path(Path(path)) as partial:
        writer.SetFileName(str(partial))
        writer.Write()


class _OnlyShown:
    """Hides every segmentation of a scene but the given ones, and shows them as they were at the end."""

    def __init__(self, scene: Any, shown: tuple[Any, ...]) -> None:
        wanted = {node.GetID() for node in shown}
        nodes = [node for node in nodes_of_class(scene, "vtkMRMLSegmentationNode") if node.GetDisplayNode()]
        self._states = [(node.GetDisplayNode(), node.GetID() in wanted) for node in nodes]
        self._former = [display.GetVisibility() for display, _ in self._states]

    def __enter__(self) -> None:
        for display, wanted in self._states:
            display.SetVisibility(wanted)

    def __exit__(self, *_: object) -> None:
        for (display, _), former in zip(self._states, self._former, strict=True):
            display.SetVisibility(former)


def require_unused_name(scene: Any, node_class: str, name: str) -> None:
    """Raise `ValueError` where a view of that layout name is in the scene.

    Its node stands for every view of the name. A second one's would never enter the scene, and Slicer ends the process
    when a node that is not in the scene is removed from it.
    """
    if any(node.GetLayoutName() == name for node in nodes_of_class(scene, node_class)):
        raise ValueError(f"a view named '{name}' is in the scene already; choose another name, or close that one first")


def offscreen_window(size_px: int) -> tuple[Any, Any]:
    """A square render window off the screen, and its renderer."""
    window = vtk.vtkRenderWindow()
    window.SetOffScreenRendering(True)
    window.SetMultiSamples(0)
    window.SetSize(size_px, size_px)
    renderer = vtk.vtkRenderer()
    renderer.GetActiveCamera().ParallelProjectionOn()
    window.AddRenderer(renderer)
    # The displayable managers take the interactor for granted.
    interactor = vtk.vtkRenderWindowInteractor()
    interactor.SetInteractorStyle(vtk.vtkInteractorStyleUser())
    interactor.SetRenderWindow(window)
    return window, renderer


def displayable_managers(factory: Any, names: Iterable[str], renderer: Any, node: Any, application_logic: Any) -> Any:
    """The displayable managers `names` of a view node, made by the `factory` for its kind of view, drawing to `renderer`."""
    if application_logic is not None:
        factory.SetMRMLApplicationLogic(application_logic)
    for name in names:
        if not factory.IsDisplayableManagerRegistered(name):
            factory.RegisterDisplayableManager(name)
    managers = slicer.vtkMRMLDisplayableManagerGroup()
    managers.SetRenderer(renderer)
    managers.Initialize(factory, renderer)
    managers.SetMRMLDisplayableNode(node)
    return managers


def _letter_actors(renderer: Any) -> dict[str, Any]:
    places = {
        "left": (LETTER_MARGIN, 0.5, "Left", "Centered"),
        "right": (1 - LETTER_MARGIN, 0.5, "Right", "Centered"),
        "top": (0.5, 1 - LETTER_MARGIN, "Centered", "Top"),
        "bottom": (0.5, ABOVE_RULER, "Centered", "Bottom"),
    }
    actors = {}
    for edge, (x, y, horizontal, vertical) in places.items():
        actor = vtk.vtkTextActor()
        actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
        actor.SetPosition(x, y)
        style = actor.GetTextProperty()
        style.SetFontSize(15)
        style.SetColor(0.95, 0.95, 0.95)
        style.ShadowOn()
        getattr(style, f"SetJustificationTo{horizontal}")()
        getattr(style, f"SetVerticalJustificationTo{vertical}")()
        renderer.AddViewProp(actor)
        actors[edge] = actor
    return actors


def _show_letters(actors: dict[str, Any], letters: dict[str, str]) -> None:
    for edge, actor in actors.items():
        actor.SetVisibility(edge in letters)
        actor.SetInput(letters.get(edge, ""))


def picture_of(window: Any) -> np.ndarray:
    """What a render window drew last, (h, w, 3) uint8 RGB, first row on top."""
    grabber = vtk.vtkWindowToImageFilter()
    grabber.SetInput(window)
    grabber.ReadFrontBufferOff()
    grabber.ShouldRerenderOff()
    grabber.SetInputBufferTypeToRGB()
    grabber.Update()
    width, height, _ = grabber.GetOutput().GetDimensions()
    rows = vtk_to_numpy(grabber.GetOutput().GetPointData().GetScalars()).reshape(height, width, 3)
    return rows[::-1].copy()
