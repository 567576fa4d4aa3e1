"""Slicer's own Segment Editor inside a panel, for one segmentation with one segment."""

from typing import Any

import slicer

MOST_UNDO_STEPS = 10


class EmbeddedEditor:
    """`open` and `release`, as often as wanted, until `close`. The widget is made when it is first needed."""

    def __init__(self, place: Any) -> None:
        self._place = place
        self._editor: Any = None
        self._node: Any = None

    def open(self, segmentation: Any, us: Any) -> None:
        """Edit a segmentation node over the volume node `us`; neither can be exchanged by the user."""
        from ..scene.correction import segment_editor_node

        self.release()
        editor = self._editor = self._editor or self._made()
        self._node = segment_editor_node(slicer.mrmlScene)
        editor.setMRMLSegmentEditorNode(self._node)
        editor.setMRMLScene(slicer.mrmlScene)
        editor.setSegmentationNode(segmentation)
        editor.setSourceVolumeNode(us)
        editor.setupViewObservations()
        editor.installKeyboardShortcuts()

    def release(self) -> None:
        """Let go of the nodes, the views and the keys. Harmless when nothing is open."""
        if self._editor is None or self._node is None:
            return
        self._editor.setActiveEffect(None)
        self._editor.uninstallKeyboardShortcuts()
        self._editor.removeViewObservations()
        self._editor.setSegmentationNode(None)
        self._editor.setMRMLSegmentEditorNode(None)
        node, self._node = self._node, None
        if node.GetScene() is not None:
            node.GetScene().RemoveNode(node)

    def close(self) -> None:
        """End the widget."""
        self.release()
        if self._editor is not None:
            self._editor.setMRMLScene(None)
            self._editor.setParent(None)
            self._editor.deleteLater()
            self._editor = None

    def _made(self) -> Any:
        editor = slicer.qMRMLSegmentEditorWidget()
        # The ultrasound is in the views already, and the geometry is not to be changed.
        editor.autoShowSourceVolumeNode = False
        editor.segmentationNodeSelectorVisible = False
        editor.sourceVolumeNodeSelectorVisible = False
        editor.switchToSegmentationsButtonVisible = False
        editor.specifyGeometryButtonVisible = False
        editor.addRemoveSegmentButtonsVisible = False
        editor.setMaximumNumberOfUndoStates(MOST_UNDO_STEPS)
        self._place.layout().addWidget(editor)
        return editor
