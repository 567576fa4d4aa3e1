"""A case's tumour label on the ultrasound, opened for a person to correct: a copy, until it is saved."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk

from ..errors import BadInput
from ..labels.corrected_label import Correction, note_on_correction, read_corrections, save_corrected_label
from ..study.case_state import CORRECTED_FILE, PROPAGATED_FILE, propagated_from
from ..study.reviews import registration_sha256
from .cases import ROLE_ATTRIBUTE
from .nodes import array_of, node_to_world
from .segmentations import SEGMENT_ID, labelmap_from_segmentation, put_tumor, segmentation_from_labelmap
from .study_cases import ReviewCase

if TYPE_CHECKING:
    import SimpleITK as sitk

CORRECTED_ROLE = "us_tumor_corrected"
IN_WORK_ROLE = "us_tumor_in_correction"  # no role that an export of the scene's cases would take
FILES = {"corrected": CORRECTED_FILE, "propagated": PROPAGATED_FILE}
SOURCES = tuple(FILES)


def reason_not_to_correct(case: ReviewCase) -> str:
    """Why the case has no label to correct, or nothing."""
    if any(key in case.labels for key in SOURCES):
        return ""
    return "There is no label to correct: propagate the MRI's tumour first."


class LabelCorrection:
    """The label being corrected, from construction to `close`: a segmentation node with the one segment "Tumor".

    `came_from` is "corrected" where the case has such a label already, else "propagated"; that node stays as it is.
    `changed` is called whenever something was drawn.
    """

    def __init__(self, case: ReviewCase, changed: Callable[[], None]) -> None:
        self.case, self._changed = case, changed
        self.came_from = next(key for key in SOURCES if key in case.labels)
        self.us = case.nodes.us
        self._before = labelmap_from_segmentation(case.labels[self.came_from], self.us)
        self.node = segmentation_from_labelmap(
            self.us.GetScene(), self._before, self.us, f"{case.name} label in correction", CORRECTED_ROLE
        )
        self.node.SetAttribute(ROLE_ATTRIBUTE, IN_WORK_ROLE)
        self._geometry = _geometry_of(self.node)
        self._is_left = False
        segmentation = self.node.GetSegmentation()
        events = (slicer.vtkSegmentation.SourceRepresentationModified, slicer.vtkSegmentation.SegmentRemoved)
        self._tags = [(segmentation, segmentation.AddObserver(event, self._on_event)) for event in events]

    @property
    def is_there(self) -> bool:
        """Whether its node is still in the scene: another module, or closing the scene, may have removed it."""
        return self.node.GetScene() is not None

    def is_changed(self) -> bool:
        """Whether the label differs from what it came from, or from what was saved last."""
        if not self.is_there:
            return False
        label = self.label()  # a name of its own: the view of its voxels does not keep it alive
        return not np.array_equal(_voxels(label), _voxels(self._before))

    def is_on_its_grid(self) -> bool:
        """Whether the segmentation still has the geometry, and the place in the world, that it was opened with."""
        return self.is_there and all(
            np.allclose(now, then, atol=1e-6) for now, then in zip(_geometry_of(self.node), self._geometry, strict=True)
        )

    def label(self) -> "sitk.Image":
        """All that is drawn, uint8 on the ultrasound's grid."""
        self.node.GetDisplayNode().SetAllSegmentsVisibility(True)
        return labelmap_from_segmentation(self.node, self.us)

    def save(self, reviewer: str, seconds: float) -> tuple[Correction, Any]:
        """Write the label and its record into the case's folder, and show it as the case's corrected label.

        Returns the record, and the node of the corrected label where there had been none. Raises `BadInput` and `Failed`
        as `save_corrected_label` does, and `BadInput` where the segmentation has another geometry by now.
        """
        folder = self.case.folder
        assert folder is not None
        if not self.is_on_its_grid():
            raise BadInput(
                "the geometry with which the label was opened", "another one",
                "discard, and correct without changing the segmentation's geometry or transform",
            )  # fmt: skip
        label = self.label()
        source, sha256 = FILES[self.came_from], registration_of_label(folder, self.came_from)
        record = save_corrected_label(label, folder, source, sha256, reviewer, seconds)
        return record, self.saved(label)

    def saved(self, label: "sitk.Image") -> Any:
        """Show `label` as the case's corrected label; returns its node where there had been none."""
        self._before, self.came_from = label, "corrected"
        if "corrected" in self.case.labels:
            put_tumor(self.case.labels["corrected"], label, self.us)
            return None
        name = f"{self.case.name} corrected"
        made = segmentation_from_labelmap(self.us.GetScene(), label, self.us, name, CORRECTED_ROLE)
        self.case.labels["corrected"] = made
        return made

    def leave_in_scene(self) -> str:
        """Stop watching, and leave the copy to the user as a segmentation of the scene; returns its name."""
        self._release()
        self.node.SetName(f"{self.case.name} label, corrected but not saved")
        self._is_left = True
        return self.node.GetName()

    def close(self) -> None:
        """Take the copy out of the scene, unless it was left there. Harmless when done twice."""
        self._release()
        if not self._is_left:
            remove_segmentation(self.node)

    def _release(self) -> None:
        for segmentation, tag in self._tags:
            segmentation.RemoveObserver(tag)
        self._tags = []

    def _on_event(self, caller: Any, event: str) -> None:
        self._changed()


def registration_of_label(folder: Path, came_from: str) -> str:
    """The hash of the registration that brought a label of the case's folder to the ultrasound; empty if not known."""
    if came_from == "propagated":
        return propagated_from(folder)
    corrections = read_corrections(folder)
    return corrections[-1].registration_sha256 if corrections else ""


def note_on_case(case: ReviewCase) -> str:
    """What is to be said of the case's corrected label; empty where there is none, or no folder."""
    return "" if case.folder is None else note_on_correction(case.folder, registration_sha256(case.folder))


def remove_segmentation(node: Any) -> None:
    """Take a segmentation node, and its display node, out of its scene; nothing where it is in none."""
    scene, display = node.GetScene(), node.GetDisplayNode()
    for one in (node, display):
        if scene is not None and one is not None and one.GetScene() is not None:
            scene.RemoveNode(one)


def segment_editor_node(scene: Any) -> Any:
    """A parameter node for the Segment Editor of our own, which is not saved with the scene."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode", "IUSTumorSeg label correction")
    node.SetSaveWithScene(False)
    node.SetSelectedSegmentID(SEGMENT_ID)
    return node


def _geometry_of(node: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image to world (4, 4) and extent (6,) of the reference geometry, and the 4x4 of the node to the world."""
    converter, data = slicer.vtkSegmentationConverter, slicer.vtkOrientedImageData()
    name = converter.GetReferenceImageGeometryParameterName()
    converter.DeserializeImageGeometry(node.GetSegmentation().GetConversionParameter(name), data)
    matrix = vtk.vtkMatrix4x4()
    data.GetImageToWorldMatrix(matrix)
    return array_of(matrix), np.array(data.GetExtent()), node_to_world(node)


def _voxels(image: "sitk.Image") -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayViewFromImage(image)
