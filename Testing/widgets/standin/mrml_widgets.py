"""The MRML widgets that our .ui files use, on the real MRML scene."""

from typing import Any

from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal

from .plot_view import qMRMLPlotView


class qMRMLWidget(QtWidgets.QWidget):
    """The top of a module's panel; hands its scene to what the .ui file connects to it."""

    mrmlSceneChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._scene = None

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene and pass it on."""
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene


def _flag(name: str) -> Property:
    """A yes-or-no property of `qMRMLNodeComboBox`."""

    def read(self: "qMRMLNodeComboBox") -> bool:
        return self.flags.get(name, False)

    def write(self: "qMRMLNodeComboBox", value: bool) -> None:
        self.flags[name] = value
        self.refill()

    return Property(bool, read, write)


class qMRMLNodeComboBox(QtWidgets.QWidget):
    """The scene's nodes of some classes."""

    currentNodeChanged = Signal(object)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._combo = QtWidgets.QComboBox(self)
        self._scene, self._tags, self._nodes, self._current = None, [], [], None
        self._node_types: list[str] = []
        self.flags = {"noneEnabled": False, "showChildNodeTypes": True, "showHidden": False}
        self._none_display = "None"
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._combo)
        self._combo.activated.connect(self._picked)

    def setMRMLScene(self, scene: Any) -> None:
        """Show the nodes of this scene and follow it; `None` lets go of it."""
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            events = (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndBatchProcessEvent)
            self._tags = [scene.AddObserver(event, self._scene_changed) for event in events]
        self.refill()

    def mrmlScene(self) -> Any:
        """The scene."""
        return self._scene

    def currentNode(self) -> Any:
        """The chosen node or `None`."""
        return self._current

    def setCurrentNode(self, node: Any) -> None:
        """Choose a node; one that is not in the list means none, as in the real widget."""
        self._choose(node if node in self._nodes else None)

    def setCurrentNodeID(self, node_id: str) -> None:
        """Choose a node by its identifier."""
        self.setCurrentNode(self._scene.GetNodeByID(node_id) if self._scene and node_id else None)

    def nodeCount(self) -> int:
        """How many nodes there are to choose from."""
        return len(self._nodes)

    def _scene_changed(self, caller: Any, event: str) -> None:
        if not caller.IsBatchProcessing():
            self.refill()

    def refill(self) -> None:
        """Read the scene again."""
        self._nodes = [n for n in self._scene_nodes() if self._takes(n)]
        self._combo.clear()
        if self.flags["noneEnabled"]:
            self._combo.addItem(self._none_display)
        self._combo.addItems([node.GetName() for node in self._nodes])
        self._choose(self._current if self._current in self._nodes else self._default())

    def _scene_nodes(self) -> list[Any]:
        if self._scene is None:
            return []
        return [self._scene.GetNthNode(i) for i in range(self._scene.GetNumberOfNodes())]

    def _takes(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.flags["showHidden"]:
            return False
        if self.flags["showChildNodeTypes"]:
            return any(node.IsA(name) for name in self._node_types)
        return node.GetClassName() in self._node_types

    def _default(self) -> Any:
        return self._nodes[0] if self._nodes and not self.flags["noneEnabled"] else None

    def _picked(self, index: int) -> None:
        index -= int(self.flags["noneEnabled"])
        self._choose(self._nodes[index] if index >= 0 else None)

    def _choose(self, node: Any) -> None:
        changed = node is not self._current
        self._current = node
        offset = int(self.flags["noneEnabled"])
        self._combo.setCurrentIndex(self._nodes.index(node) + offset if node is not None else offset - 1)
        if changed:
            self.currentNodeChanged.emit(node)

    def _set_node_types(self, names: list[str]) -> None:
        self._node_types = list(names)
        self.refill()

    def _set_none_display(self, text: str) -> None:
        self._none_display = text
        self.refill()

    nodeTypes = Property("QStringList", lambda self: self._node_types, _set_node_types)
    noneDisplay = Property(str, lambda self: self._none_display, _set_none_display)
    currentNodeID = Property(str, lambda self: self._current.GetID() if self._current else "", setCurrentNodeID)
    noneEnabled = _flag("noneEnabled")
    showChildNodeTypes = _flag("showChildNodeTypes")
    showHidden = _flag("showHidden")
    addEnabled = _flag("addEnabled")
    removeEnabled = _flag("removeEnabled")
    renameEnabled = _flag("renameEnabled")
    editEnabled = _flag("editEnabled")
    selectNodeUponCreation = _flag("selectNodeUponCreation")


def _editor_flag(name: str) -> Property:
    """A yes-or-no property of `qMRMLSegmentEditorWidget`."""

    def read(self: "qMRMLSegmentEditorWidget") -> bool:
        return self._flags.get(name, True)

    def write(self: "qMRMLSegmentEditorWidget", value: bool) -> None:
        self._flags[name] = value

    return Property(bool, read, write)


class qMRMLSegmentEditorWidget(qMRMLWidget):
    """The Segment Editor without its effects: what it is given, and whether it holds the views and the keys.

    As in the real one, nodes are kept in the parameter node, and none can be set before that.
    """

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._node: Any = None
        self._flags: dict[str, bool] = {}
        self._undo_states = 0
        self.has_keys = self.observes_views = False

    def setMRMLSegmentEditorNode(self, node: Any) -> None:
        """Take the parameter node; `None` lets go of it."""
        self._node = node

    def mrmlSegmentEditorNode(self) -> Any:
        """The parameter node."""
        return self._node

    def setSegmentationNode(self, segmentation: Any) -> None:
        """Edit this segmentation; its first segment is selected."""
        self._needs_parameter_node(segmentation)
        self._node.SetAndObserveSegmentationNode(segmentation)

    def segmentationNode(self) -> Any:
        """The segmentation that is edited."""
        return self._node.GetSegmentationNode() if self._node is not None else None

    def setSourceVolumeNode(self, volume: Any) -> None:
        """Edit over this volume."""
        self._needs_parameter_node(volume)
        self._node.SetAndObserveSourceVolumeNode(volume)

    def sourceVolumeNode(self) -> Any:
        """The volume that is edited over."""
        return self._node.GetSourceVolumeNode() if self._node is not None else None

    def setActiveEffect(self, effect: Any) -> None:
        """There are no effects here: only `None` can be chosen."""
        if effect is not None:
            raise NotImplementedError("The stand-in has no effects")

    def installKeyboardShortcuts(self, parent: Any = None) -> None:
        """Take the editor's keys."""
        self.has_keys = True

    def uninstallKeyboardShortcuts(self) -> None:
        """Give them back."""
        self.has_keys = False

    def setupViewObservations(self) -> None:
        """Listen to the views."""
        self.observes_views = True

    def removeViewObservations(self) -> None:
        """Listen no more."""
        self.observes_views = False

    def _needs_parameter_node(self, node: Any) -> None:
        if self._node is None:
            raise RuntimeError(f"the Segment Editor has no parameter node to keep {node} in")

    def _set_undo_states(self, states: int) -> None:
        self._undo_states = states

    maximumNumberOfUndoStates = Property(int, lambda self: self._undo_states, _set_undo_states)
    setMaximumNumberOfUndoStates = _set_undo_states
    autoShowSourceVolumeNode = _editor_flag("autoShowSourceVolumeNode")
    segmentationNodeSelectorVisible = _editor_flag("segmentationNodeSelectorVisible")
    sourceVolumeNodeSelectorVisible = _editor_flag("sourceVolumeNodeSelectorVisible")
    switchToSegmentationsButtonVisible = _editor_flag("switchToSegmentationsButtonVisible")
    specifyGeometryButtonVisible = _editor_flag("specifyGeometryButtonVisible")
    addRemoveSegmentButtonsVisible = _editor_flag("addRemoveSegmentButtonsVisible")


MRML_WIDGETS = {cls.__name__: cls for cls in (qMRMLWidget, qMRMLNodeComboBox, qMRMLSegmentEditorWidget, qMRMLPlotView)}
