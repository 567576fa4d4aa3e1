"""`slicer.app` and its layout manager, on the real layout, slice and composite nodes."""

import tempfile
from types import SimpleNamespace
from typing import Any

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Signal

from . import real_api
from .pythonqt import wrap

# vtkMRMLLayoutNode.SlicerLayoutConventionalView, what a new user sees first.
FIRST_LAYOUT = 2


class ModuleManager(QtCore.QObject):
    """qSlicerModuleManager's one signal that module panels need."""

    SLICER_CLASS = "qSlicerModuleManager"
    moduleAboutToBeUnloaded = Signal(str)


class Application:
    """`slicer.app`: refuses names that the real application lacks, and those that it has but we have not made."""

    applicationName = "Slicer stand-in"

    def __init__(self, logic: Any, scene: Any) -> None:
        self._logic = logic
        self._module_manager = ModuleManager()
        self._layout_manager = LayoutManager(logic, scene)
        self.temporaryPath = tempfile.mkdtemp(prefix="slicer-standin-")
        self._settings = QtCore.QSettings(f"{self.temporaryPath}/settings.ini", QtCore.QSettings.IniFormat)

    def __getattr__(self, name: str) -> Any:
        real_api.refuse_unknown_member("slicer.app", name)
        raise NotImplementedError(f"The stand-in has no slicer.app.{name} yet")

    def close(self) -> None:
        """Let go of the scene: slicer-core crashes when a layout logic watches a scene that is emptied for good."""
        self._layout_manager.close()

    def applicationLogic(self) -> Any:
        return self._logic

    def layoutManager(self) -> "LayoutManager":
        return self._layout_manager

    def moduleManager(self) -> Any:
        return wrap(self._module_manager)

    def testingEnabled(self) -> bool:
        """No dialogs: slicer.util logs what it would have shown."""
        return True

    def processEvents(self) -> None:
        QtCore.QCoreApplication.processEvents()

    def focusWidget(self) -> Any:
        """The widget that gets what is typed."""
        return wrap(QtWidgets.QApplication.focusWidget())

    def installEventFilter(self, listener: Any) -> None:
        """Every event of the application goes through the filter first."""
        QtCore.QCoreApplication.instance().installEventFilter(listener)

    def removeEventFilter(self, listener: Any) -> None:
        """Undo `installEventFilter`."""
        QtCore.QCoreApplication.instance().removeEventFilter(listener)

    def userSettings(self) -> Any:
        """The user's settings, in a file of this process."""
        return wrap(self._settings)

    def setOverrideCursor(self, cursor: Any) -> None:
        self.cursor = cursor

    def restoreOverrideCursor(self) -> None:
        self.cursor = None


class LayoutManager:
    """qSlicerLayoutManager: the layout's number and the slice views that our layout names."""

    def __init__(self, logic: Any, scene: Any) -> None:
        import slicer
        import vtk

        self._application_logic, self._scene = logic, scene
        if logic.GetSliceLogics() is None:
            logic.SetSliceLogics(vtk.vtkCollection())
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLScene(scene)
        self._layout_logic.GetLayoutNode().SetViewArrangement(FIRST_LAYOUT)
        self._slice_widgets: dict[str, SimpleNamespace] = {}

    @property
    def layout(self) -> int:
        return self.layoutLogic().GetLayoutNode().GetViewArrangement()

    def setLayout(self, number: int) -> None:
        self.layoutLogic().GetLayoutNode().SetViewArrangement(number)

    layout = layout.setter(setLayout)

    def close(self) -> None:
        """Let go of the scene."""
        for widget in self._slice_widgets.values():
            widget.sliceLogic().SetMRMLScene(None)
        self._application_logic.GetSliceLogics().RemoveAllItems()
        self._layout_logic.SetMRMLScene(None)

    def layoutLogic(self) -> Any:
        if self._layout_logic.GetLayoutNode() is None:
            self._layout_logic.SetMRMLScene(None)
            self._layout_logic.SetMRMLScene(self._scene)
        return self._layout_logic

    def mrmlSliceLogics(self) -> Any:
        return self._application_logic.GetSliceLogics()

    def sliceViewNames(self) -> list[str]:
        """The slice views of the present layout."""
        return [node.GetLayoutName() for node in self._present_views()]

    @property
    def plotViewCount(self) -> int:
        """How many plot views there are; those with an owner of their own are none of the layout's."""
        nodes = self._scene.GetNodesByClass("vtkMRMLPlotViewNode")
        nodes.UnRegister(None)
        views = [nodes.GetItemAsObject(i) for i in range(nodes.GetNumberOfItems())]
        return sum(view.GetParentLayoutNode() is None for view in views)

    def sliceWidget(self, name: str) -> Any:
        """A slice view of the present layout; `None` for one that is not in it."""
        nodes = {node.GetLayoutName(): node for node in self._present_views()}
        if name not in nodes:
            return None
        if name not in self._slice_widgets or self._slice_widgets[name].mrmlSliceNode() is not nodes[name]:
            self._slice_widgets[name] = _slice_widget(nodes[name], self._scene, self._application_logic)
        return self._slice_widgets[name]

    def _present_views(self) -> list[Any]:
        views = self.layoutLogic().GetViewNodes()
        nodes = [views.GetItemAsObject(i) for i in range(views.GetNumberOfItems())]
        return [node for node in nodes if node.IsA("vtkMRMLSliceNode")]


def _slice_widget(slice_node: Any, scene: Any, application_logic: Any) -> SimpleNamespace:
    import slicer
    import vtk

    logic = slicer.vtkMRMLSliceLogic()
    logic.SetMRMLApplicationLogic(application_logic)
    logic.SetMRMLScene(scene)
    logic.SetSliceNode(slice_node)
    application_logic.GetSliceLogics().AddItem(logic)
    window, renderer = vtk.vtkRenderWindow(), vtk.vtkRenderer()
    window.AddRenderer(renderer)
    interactor = vtk.vtkGenericRenderWindowInteractor()
    interactor.SetRenderWindow(window)
    interactor.SetInteractorStyle(None)
    view = SimpleNamespace(renderWindow=lambda: window, interactor=lambda: interactor, scheduleRender=lambda: None)
    return SimpleNamespace(
        sliceLogic=lambda: logic, sliceView=lambda: view, mrmlSliceNode=logic.GetSliceNode,
        mrmlSliceCompositeNode=logic.GetSliceCompositeNode,
    )  # fmt: skip
