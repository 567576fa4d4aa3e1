"""A case: the nodes of one patient that belong together, and what is missing before a step can be done."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

STEPS = ("register", "compare", "propagate", "export")
ROLE_ATTRIBUTE = "IUSTumorSeg.Role"
REGISTRATION_ROLE = "mri_to_us"
US_LABEL_ROLES = ("us_tumor_corrected", "us_tumor_from_mri")
MRI_REFERENCE = "IUSTumorSeg.MRI"
US_REFERENCE = "IUSTumorSeg.Ultrasound"
STUDY_CASE_ATTRIBUTE = "IUSTumorSeg.StudyCase"


@dataclass(frozen=True)
class CaseNodes:
    """Nodes of one case, None where there is none: volumes, the tumour on the MRI, and the tumour on the ultrasound.

    Labels are segmentation nodes; `mri_tumor` may be a labelmap volume too.
    """

    us: Any = None
    mri: Any = None
    mri_tumor: Any = None
    us_tumor: Any = None
    name: str = ""


def reasons_not_ready(step: str, nodes: CaseNodes) -> list[str]:
    """Why a step cannot be done with these nodes, as sentences that say what to do; empty if it can."""
    if step not in STEPS:
        raise ValueError(f"unknown step '{step}'; known: {', '.join(STEPS)}")
    if step == "export":
        return _missing_ultrasound(nodes) + _missing_us_label(nodes)
    reasons = _missing_ultrasound(nodes) + _missing_mri(nodes)
    if step == "propagate":
        reasons += _missing_mri_label(nodes) + ([] if reasons else _missing_registration(nodes))
    if step == "register" and nodes.mri_tumor is not None:
        reasons += _unusable_label(nodes.mri_tumor)
    return reasons


def is_one_slice(volume: Any) -> bool:
    """Whether a volume node holds a 2D image."""
    return 1 in volume.GetImageData().GetDimensions()


def reasons_not_to_segment(us: Any) -> list[str]:
    """Why a volume node cannot be segmented, as sentences that say what to do; empty if it can."""
    if us is None:
        return ["Choose an ultrasound volume or image first."]
    data = us.GetImageData()
    if data is None or sum(number > 1 for number in data.GetDimensions()) < 2:
        return [f"Choose another volume: '{us.GetName()}' holds no image."]
    if data.GetNumberOfScalarComponents() != 1:
        return [f"Convert '{us.GetName()}' to grey first (Vector to Scalar Volume module): it is coloured."]
    return _deformed(us)


def find_registration(us: Any, mri: Any) -> Any:
    """The transform node that registers the volume node `mri` to `us`, or None."""
    scene = us.GetScene()
    for transform in nodes_of_class(scene, "vtkMRMLLinearTransformNode") if scene else ():
        if (
            is_registration(transform)
            and _refers_to(transform, US_REFERENCE, us)
            and _refers_to(transform, MRI_REFERENCE, mri)
        ):
            return transform
    return None


def is_registration(transform: Any) -> bool:
    """Whether a transform node is a registration that we applied."""
    return transform is not None and transform.GetAttribute(ROLE_ATTRIBUTE) == REGISTRATION_ROLE


def find_us_label(us: Any, role: str) -> Any:
    """The segmentation node of that role whose geometry is the ultrasound's, or None."""
    for segmentation in nodes_of_class(us.GetScene(), "vtkMRMLSegmentationNode"):
        if segmentation.GetAttribute(ROLE_ATTRIBUTE) == role and is_drawn_on(segmentation, us):
            return segmentation
    return None


def is_drawn_on(labels: Any, volume: Any) -> bool:
    """Whether a segmentation node takes its geometry from `volume`."""
    return labels.IsA("vtkMRMLSegmentationNode") and _refers_to(
        labels, labels.GetReferenceImageGeometryReferenceRole(), volume
    )


def cases_in(scene: Any) -> list[CaseNodes]:
    """The scene's cases: each ultrasound with a label on it, a corrected one before a propagated one."""
    cases = []
    for us in nodes_of_class(scene, "vtkMRMLScalarVolumeNode"):
        labels = [label for label in (find_us_label(us, role) for role in US_LABEL_ROLES) if label is not None]
        if labels:
            cases.append(CaseNodes(us=us, mri=_registered_mri(us), us_tumor=labels[0], name=us.GetName()))
    return cases


def nodes_of_class(scene: Any, node_class: str) -> Iterator[Any]:
    """The scene's nodes of a class and of the classes derived from it."""
    for number in range(scene.GetNumberOfNodesByClass(node_class)):
        yield scene.GetNthNodeByClass(number, node_class)


def _registered_mri(us: Any) -> Any:
    for transform in nodes_of_class(us.GetScene(), "vtkMRMLLinearTransformNode"):
        if is_registration(transform) and _refers_to(transform, US_REFERENCE, us):
            return transform.GetNodeReference(MRI_REFERENCE)
    return None


def _refers_to(node: Any, reference: str, target: Any) -> bool:
    return target is not None and node.GetNodeReferenceID(reference) == target.GetID()


def _missing_ultrasound(nodes: CaseNodes) -> list[str]:
    return _unusable_volume(nodes.us, "an ultrasound volume")


def _missing_mri(nodes: CaseNodes) -> list[str]:
    if nodes.mri is not None and nodes.mri == nodes.us:
        return ["Choose two different volumes: the MRI and the ultrasound are the same one."]
    return _unusable_volume(nodes.mri, "an MRI volume")


def _unusable_volume(volume: Any, what: str) -> list[str]:
    if volume is None:
        return [f"Choose {what} first."]
    if volume.GetImageData() is None or min(volume.GetImageData().GetDimensions()) < 2:
        return [f"Choose another volume: '{volume.GetName()}' is not a 3D image."]
    return _deformed(volume)


def _missing_mri_label(nodes: CaseNodes) -> list[str]:
    if nodes.mri_tumor is None:
        return ["Choose the tumour label of the MRI first."]
    return _unusable_label(nodes.mri_tumor)


def _unusable_label(labels: Any) -> list[str]:
    if labels.IsA("vtkMRMLSegmentationNode"):
        empty = labels.GetSegmentation().GetNumberOfSegments() == 0
    else:
        empty = labels.GetImageData() is None
    return [f"Choose another tumour label: '{labels.GetName()}' is empty."] if empty else _deformed(labels)


def _missing_registration(nodes: CaseNodes) -> list[str]:
    if find_registration(nodes.us, nodes.mri) is not None:
        return []
    return [f"Register first: '{nodes.mri.GetName()}' is not registered to '{nodes.us.GetName()}'."]


def _missing_us_label(nodes: CaseNodes) -> list[str]:
    if nodes.us_tumor is None:
        return ["Propagate the MRI's label, or choose a tumour label on the ultrasound, first."]
    return _unusable_label(nodes.us_tumor)


def _deformed(node: Any) -> list[str]:
    parent = node.GetParentTransformNode()
    if parent is None or parent.IsTransformToWorldLinear():
        return []
    return [f"Harden the deformation '{parent.GetName()}' on '{node.GetName()}' first (Transforms module)."]
