"""A model's prediction in the scene: a labelmap and a segmentation named after the model, and a threshold that follows.

Neither is ever taken for a reference: their role is "prediction", which no export of labels reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from vtk.util.numpy_support import numpy_to_vtk

from ..errors import BadInput
from .cases import ROLE_ATTRIBUTE, nodes_of_class
from .display import COLORS, TUMOR_TERMINOLOGY, show_as_contour
from .nodes import array_of, image_from_volume, load_volume, voxels_of
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

    `labels` are the model's names and values, with a background of 0. `label` has as many voxels as `us`, and lies where
    `us` lies now; both nodes share its parent transform. The prediction of the same model on the same volume before it
    is replaced. Raises `BadInput` where the volume's size has changed since.
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


def find_prediction(scene: Any, us: Any, model: str) -> PredictionNodes | None:
    """What `put_prediction` made of this volume node with this model, or None."""
    if us is None:
        return None
    for node in nodes_of_class(scene, "vtkMRMLSegmentationNode"):
        if (
            node.GetAttribute(ROLE_ATTRIBUTE) == ROLE
            and node.GetAttribute(MODEL_ATTRIBUTE) == model
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
    """The file of tumour probabilities (0 to 1) as a volume node under the prediction, hidden; the same if called again."""
    prediction = prediction_of(segmentation)
    if prediction.probability is not None:
        return prediction.probability
    scene, us = segmentation.GetScene(), segmentation.GetNodeReference(US_REFERENCE)
    volume = load_volume(scene, path, f"{segmentation.GetName()} (probability)")
    if us is not None:
        _check_size(volume.GetImageData().GetDimensions(), us)
        matrix = slicer.vtkMRMLScalarVolumeNode.__name__ and _own_matrix(us)
        volume.SetIJKToRASMatrix(matrix)
        volume.SetAndObserveTransformNodeID(us.GetTransformNodeID())
    volume.SetHideFromEditors(True)
    volume.SetAttribute(ROLE_ATTRIBUTE, ROLE)
    segmentation.SetNodeReferenceID(PROBABILITY_REFERENCE, volume.GetID())
    return volume
