"""Landmarks that a person places in the views: a list on the ultrasound and one on the MRI, paired by their order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import slicer

from ..registration.landmarks import Landmarks
from .cases import nodes_of_class

US_COLOR, MRI_COLOR = (1.0, 0.9, 0.0), (0.33, 0.67, 0.83)
POINT_SIZE = 2.0  # per cent of the view's width
US, MRI = "us", "mri"


class LandmarkPairs:
    """Two lists of points in the scene, from construction to `remove`.

    The MRI's list is under the registration's transform, so its points go along with the MRI. `changed` is called when
    a point was placed, moved or taken away, or placing began or ended; do not start placing from inside it, for Slicer
    ends placing after it has told of a point.
    """

    def __init__(self, scene: Any, transform: Any, changed: Callable[[], None]) -> None:
        self._scene, self._changed = scene, changed
        self._lists = {US: _point_list(scene, "Ultrasound landmarks", US_COLOR)}
        self._lists[MRI] = _point_list(scene, "MRI landmarks", MRI_COLOR)
        self._lists[MRI].SetAndObserveTransformNodeID(transform.GetID())
        markups = slicer.vtkMRMLMarkupsNode
        events = (markups.PointPositionDefinedEvent, markups.PointModifiedEvent, markups.PointRemovedEvent)
        watched = [(node, event) for node in self._lists.values() for event in events]
        watched.append((self._interaction(), slicer.vtkMRMLInteractionNode.InteractionModeChangedEvent))
        self._tags = [(node, node.AddObserver(event, self._on_event)) for node, event in watched]

    @property
    def counts(self) -> tuple[int, int]:
        """How many points are placed on the ultrasound, and on the MRI."""
        return len(_placed(self._lists[US])), len(_placed(self._lists[MRI]))

    @property
    def next_image(self) -> str:
        """Where the next point belongs: "us", or "mri" when the last one on the ultrasound has no partner yet."""
        us, mri = self.counts
        return US if us <= mri else MRI

    def landmarks(self) -> Landmarks:
        """The complete pairs, in RAS mm of the MRI's and of the ultrasound's world; the MRI's without its transform."""
        us, mri = (_placed(self._lists[image]) for image in (US, MRI))
        complete = min(len(us), len(mri))
        return Landmarks(mri[:complete], us[:complete])

    def add(self, image: str, ras: np.ndarray) -> None:
        """Place a point, at RAS mm of the world as it is seen, on the "us" or on the "mri"."""
        self._lists[image].AddControlPointWorld(*[float(v) for v in ras])

    @property
    def placing(self) -> bool:
        """Whether the next click places one of these points."""
        mode = self._interaction().GetCurrentInteractionMode()
        return mode == slicer.vtkMRMLInteractionNode.Place and self._is_active()

    def start_placing(self) -> str:
        """Have the next click in a view place the next point; returns where it belongs."""
        image = self.next_image
        selection, interaction = self._selection(), self._interaction()
        selection.SetReferenceActivePlaceNodeClassName("vtkMRMLMarkupsFiducialNode")
        selection.SetReferenceActivePlaceNodeID(self._lists[image].GetID())
        interaction.SetPlaceModePersistence(0)
        interaction.SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.Place)
        return image

    def stop_placing(self) -> None:
        """Have clicks do again what they did before."""
        if self._is_active():
            self._interaction().SetCurrentInteractionMode(slicer.vtkMRMLInteractionNode.ViewTransform)
            self._selection().SetReferenceActivePlaceNodeID(None)

    def remove_last(self) -> None:
        """Take away the point that was placed last: that of the pair which is not complete, else the last MRI point."""
        us, mri = self.counts
        image = US if us > mri else MRI
        if max(us, mri):
            self._lists[image].RemoveNthControlPoint(_defined(self._lists[image])[-1])

    def clear(self) -> None:
        """Take all points away."""
        for node in self._lists.values():
            node.RemoveAllControlPoints()

    def remove(self) -> None:
        """Take both lists, with their display nodes, out of the scene. Harmless when done twice."""
        if not self._tags:
            return
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags = []
        self.stop_placing()
        for node in self._lists.values():
            if node.GetScene() is not None:
                display = node.GetDisplayNode()
                node.GetScene().RemoveNode(node)
                if display is not None and display.GetScene() is not None:
                    display.GetScene().RemoveNode(display)

    def _on_event(self, caller: Any, event: str) -> None:
        self._changed()

    def _is_active(self) -> bool:
        return self._selection().GetActivePlaceNodeID() in [node.GetID() for node in self._lists.values()]

    def _selection(self) -> Any:
        return next(nodes_of_class(self._scene, "vtkMRMLSelectionNode"))

    def _interaction(self) -> Any:
        return next(nodes_of_class(self._scene, "vtkMRMLInteractionNode"))


def _point_list(scene: Any, name: str, color: tuple[float, float, float]) -> Any:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
    node.SetControlPointLabelFormat("%d")
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*color)
    display.SetSelectedColor(*color)
    display.SetGlyphScale(POINT_SIZE)
    node.SetSaveWithScene(False)
    return node


def _placed(node: Any) -> np.ndarray:
    """The positions (n, 3) of the placed points, in the node's own coordinates."""
    return np.array([node.GetNthControlPointPosition(n) for n in _defined(node)], dtype=float).reshape(-1, 3)


def _defined(node: Any) -> list[int]:
    """The numbers of the points that were placed: one that still hangs at the mouse is in the list too."""
    defined = slicer.vtkMRMLMarkupsNode.PositionDefined
    return [n for n in range(node.GetNumberOfControlPoints()) if node.GetNthControlPointPositionStatus(n) == defined]
