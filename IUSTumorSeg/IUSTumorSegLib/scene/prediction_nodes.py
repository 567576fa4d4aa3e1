"""A model's prediction in the scene: a labelmap and a segmentation named after the model, and a threshold that follows.

Neither is ever taken for a reference: their role is "prediction", which no export of labels reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

from ..errors import BadInput
from .cases import ROLE_ATTRIBUTE, nodes_of_class
from .display import COLORS, TUMOR_TERMINOLOGY, show_as_contour
from .nodes import voxels_of
from .segmentations import BINARY_LABELMAP, oriented_mask

if TYPE_CHECKING:
    import SimpleITK as sitk

ROLE = "prediction"
MODEL_ATTRIBUTE = "IUSTumorSeg.Model"
US_REFERENCE = "IUSTumorSeg.Ultrasound"
LABELMAP_REFERENCE = "IUSTumorSeg.PredictedLabelmap"
PROBABILITY_REFERENCE = "IUSTumorSeg.Probability"
CLOSED_SURFACE = "Closed surface"
TUMOR_NAMES = ("tumor", "tumour")
# For the further classes of a model that knows several: the tumour has the prediction's own colour.
OTHER_COLORS = ((0.35, 0.70, 0.90), (0.95, 0.90, 0.25), (0.80, 0.40, 0.0), (0.0, 0.60, 0.50))
LOWEST_THRESHOLD = 0.01


@dataclass(frozen=True)
class PredictionNodes:
    """The nodes of one prediction; `probability` is None until it is asked for."""

    labelmap: Any
    segmentation: Any
    probability: Any = None


def put_prediction(scene: Any, label: "sitk.Image", us: Any, model: str, labels: Mapping[str, int]) -> PredictionNodes:
    """The label image that `model` predicted for the volume node `us` as labelmap and segmentation on its geometry.

    `labels` are the model's names and values, with a background of 0; regions that overlap (lists) become one segment.
    `label` has as many voxels as `us`, and lies where `us` lies now; both nodes share its parent transform. The
    prediction of the same model on the same volume before it is replaced. Raises `BadInput` where the volume's size has
    changed since.
    """
    classes = _voxels(label, us)
    remove_prediction(scene, us, model)
    name = f"{us.GetName()}, predicted by {model}"
    labelmap = _labelmap(scene, classes, us, f"{name} (labelmap)")
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation.CreateDefaultDisplayNodes()
    for node in (labelmap, segmentation):
        node.SetAttribute(ROLE_ATTRIBUTE, ROLE)
        node.SetAttribute(MODEL_ATTRIBUTE, model)
        node.SetNodeReferenceID(US_REFERENCE, us.GetID())
    segmentation.SetNodeReferenceID(LABELMAP_REFERENCE, labelmap.GetID())
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(us)
    segmentation.SetAndObserveTransformNodeID(us.GetTransformNodeID())
    segmentation.GetSegmentation().SetSourceRepresentationName(BINARY_LABELMAP)
    _add_segments(segmentation, classes, us, labels)
    show_as_contour(segmentation)
    return PredictionNodes(labelmap, segmentation)


def put_prediction_file(scene: Any, path: Path, us: Any, model: str, labels: Mapping[str, int]) -> PredictionNodes:
    """As `put_prediction`, of the label in a file."""
    import SimpleITK as sitk

    return put_prediction(scene, sitk.ReadImage(str(path)), us, model, labels)


def find_prediction(scene: Any, us: Any, model: str | None) -> PredictionNodes | None:
    """What `put_prediction` made of this volume node with this model (any where None), or None."""
    if us is None:
        return None
    for node in nodes_of_class(scene, "vtkMRMLSegmentationNode"):
        if (
            node.GetAttribute(ROLE_ATTRIBUTE) == ROLE
            and model in (None, node.GetAttribute(MODEL_ATTRIBUTE))
            and node.GetNodeReferenceID(US_REFERENCE) == us.GetID()
        ):
            return prediction_of(node)
    return None


def prediction_of(segmentation: Any) -> PredictionNodes:
    """The prediction whose segmentation node this is."""
    return PredictionNodes(
        segmentation.GetNodeReference(LABELMAP_REFERENCE),
        segmentation,
        segmentation.GetNodeReference(PROBABILITY_REFERENCE),
    )


def remove_prediction(scene: Any, us: Any, model: str) -> None:
    """Take a prediction out of the scene, if there is one."""
    found = find_prediction(scene, us, model)
    for node in (found.probability, found.labelmap, found.segmentation) if found else ():
        if node is not None:
            scene.RemoveNode(node)


def load_probability(segmentation: Any, path: Path) -> Any:
    """The file of tumour probabilities (0 to 1) as a hidden volume node on the prediction's geometry.

    The same node if called again. Raises `BadInput` where the prediction's volume is gone or has another size.
    """
    import SimpleITK as sitk

    prediction = prediction_of(segmentation)
    if prediction.probability is not None:
        return prediction.probability
    us = segmentation.GetNodeReference(US_REFERENCE)
    if us is None:
        raise BadInput("the predicted volume in the scene", "it is gone", "segment it again")
    voxels = _voxels(sitk.ReadImage(str(path), sitk.sitkFloat32), us)
    name = f"{segmentation.GetName()} (probability)"
    volume = _volume(segmentation.GetScene(), "vtkMRMLScalarVolumeNode", voxels, us, name)
    volume.SetHideFromEditors(True)
    volume.SetAttribute(ROLE_ATTRIBUTE, ROLE)
    segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, volume.GetID())
    return volume


def reasons_against_threshold(segmentation: Any) -> list[str]:
    """Why a prediction cannot be made anew by a threshold, as sentences; empty if it can."""
    if segmentation is None:
        return ["Segment an ultrasound volume first."]
    if segmentation.GetSegmentation().GetNumberOfSegments() != 1:
        return ["The model tells several classes apart: one threshold does not divide them."]
    return []


class ProbabilityThreshold:
    """Makes a prediction's one segment, and its labelmap, anew by a threshold on its probabilities.

    Only the box in which some probability reaches `LOWEST_THRESHOLD` is ever looked at, so that it follows a slider.
    """

    def __init__(self, segmentation: Any) -> None:
        self.segmentation = segmentation
        self._nodes = prediction_of(segmentation)
        self._us = segmentation.GetNodeReference(US_REFERENCE)
        probability = voxels_of(self._nodes.probability)
        self._box = _box_above(probability, LOWEST_THRESHOLD)
        self._inside = np.ascontiguousarray(probability[self._box])
        self._had_surface = False

    def apply(self, threshold: float, smallest: float = 0.0) -> None:
        """Label what is more probably tumour than `threshold` (`LOWEST_THRESHOLD` to 1).

        Connected parts below `smallest` are left out, in mm³, of a volume of one slice in mm².
        """
        label = (self._inside > threshold).view(np.uint8)
        if smallest > 0:
            label = self._without_small(label, smallest)
        # Slicer drops the surface once its labelmap has changed.
        self._had_surface |= self.segmentation.GetSegmentation().ContainsRepresentation(CLOSED_SURFACE)
        self._put_segment(label)
        self._put_labelmap(label)

    def update_surface(self) -> None:
        """Make the surface in the 3D views anew, where there was one: too slow to follow a slider."""
        if self._had_surface:
            self.segmentation.CreateClosedSurfaceRepresentation()
            self._had_surface = False

    def _without_small(self, label: np.ndarray, smallest: float) -> np.ndarray:
        from ..nnunet.components import without_small_components

        size_mm = [
            mm
            for mm, number in zip(self._us.GetSpacing(), self._us.GetImageData().GetDimensions(), strict=True)
            if number > 1
        ]
        return without_small_components(label, size_mm, smallest)

    def _put_segment(self, label: np.ndarray) -> None:
        segment = self.segmentation.GetSegmentation().GetNthSegment(0)
        image = segment.GetRepresentation(BINARY_LABELMAP)
        extent = [edge for part in reversed(self._box) for edge in (part.start, part.stop - 1)]
        scalars = numpy_to_vtk(label.ravel(), deep=True)
        image.SetExtent(*extent)
        image.GetPointData().SetScalars(scalars)
        image.Modified()

    def _put_labelmap(self, label: np.ndarray) -> None:
        labelmap = self._nodes.labelmap
        if labelmap is None:
            return
        voxels_of(labelmap)[self._box] = label
        labelmap.GetImageData().GetPointData().GetScalars().Modified()
        labelmap.GetImageData().Modified()


def _box_above(voxels: np.ndarray, lowest: float) -> tuple[slice, ...]:
    """The smallest box [k, j, i] that holds every voxel above `lowest`; one voxel where there is none."""
    above = voxels > lowest
    box = []
    for axis in range(3):
        filled = np.flatnonzero(above.any(axis=tuple(other for other in range(3) if other != axis)))
        box.append(slice(int(filled[0]), int(filled[-1]) + 1) if filled.size else slice(0, 1))
    return tuple(box)


def _voxels(image: "sitk.Image", us: Any) -> np.ndarray:
    """The image's voxels in the shape [k, j, i] of a volume node; a 2D image fits a volume of one slice."""
    import SimpleITK as sitk

    shape = tuple(reversed(us.GetImageData().GetDimensions()))
    voxels = sitk.GetArrayFromImage(image)
    if [n for n in voxels.shape if n > 1] != [n for n in shape if n > 1]:
        raise BadInput(
            f"'{us.GetName()}' as it was when the prediction began",
            "another number of voxels",
            "segment it again",
        )
    return voxels.reshape(shape)


def _labelmap(scene: Any, classes: np.ndarray, us: Any, name: str) -> Any:
    labelmap = _volume(scene, "vtkMRMLLabelMapVolumeNode", classes.astype(np.uint8), us, name)
    labelmap.CreateDefaultDisplayNodes()
    return labelmap


def _volume(scene: Any, node_class: str, voxels: np.ndarray, us: Any, name: str) -> Any:
    """A volume node of that class with these voxels [k, j, i] and the geometry of `us`, parent transform included."""
    data = vtk.vtkImageData()
    data.SetDimensions(*reversed(voxels.shape))
    data.GetPointData().SetScalars(numpy_to_vtk(voxels.ravel(), deep=True))
    matrix = vtk.vtkMatrix4x4()
    us.GetIJKToRASMatrix(matrix)
    volume = scene.AddNewNodeByClass(node_class, name)
    volume.SetIJKToRASMatrix(matrix)
    volume.SetAndObserveImageData(data)
    volume.SetAndObserveTransformNodeID(us.GetTransformNodeID())
    return volume


def _add_segments(segmentation: Any, classes: np.ndarray, us: Any, labels: Mapping[str, int]) -> None:
    """A segment for each class but the background, empty where nothing is of it; of regions one for all together."""
    others = iter(OTHER_COLORS * len(labels))
    values = {name: value for name, value in labels.items() if value != 0}
    by_class = bool(values) and all(isinstance(value, int) for value in values.values())
    masks = {name: classes == value for name, value in values.items()} if by_class else {"tumor": classes > 0}
    for name, mask in masks.items():
        is_tumor = name.lower() in TUMOR_NAMES or len(masks) == 1
        segment = slicer.vtkSegment()
        segment.SetName(f"{name.capitalize()} (predicted)")
        segment.SetColor(*(COLORS[ROLE] if is_tumor else next(others)))
        if is_tumor:
            segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TUMOR_TERMINOLOGY)
        segment.AddRepresentation(BINARY_LABELMAP, oriented_mask(mask, us))
        segmentation.GetSegmentation().AddSegment(segment, name)
