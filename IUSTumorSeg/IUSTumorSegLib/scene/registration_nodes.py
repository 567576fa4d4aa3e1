"""A registration in the scene: a transform node over the MRI and its label, found again through its references."""

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .cases import (
    MRI_REFERENCE,
    REGISTRATION_ROLE,
    ROLE_ATTRIBUTE,
    US_REFERENCE,
    CaseNodes,
    find_registration,
    is_drawn_on,
    is_registration,
    nodes_of_class,
)
from .nodes import matrix_of, node_to_world, set_matrix, transform_node

if TYPE_CHECKING:
    from ..registration.registration import Registration

VERDICT_ATTRIBUTE = "IUSTumorSeg.Registration"
RECORD_ATTRIBUTE = "IUSTumorSeg.RegistrationRecord"
FORMER_REFERENCE = "IUSTumorSeg.FormerParent"
POSE_ROLE = "pose_before_registration"


@dataclass(frozen=True)
class Verdict:
    """What quality control says of a registration, as it is kept in the scene."""

    verdict: str
    reasons: tuple[str, ...]
    predicted_error_mm: float | None
    success_probability: float | None
    score: float | None
    method: str


def apply_registration(nodes: CaseNodes, mri_to_us_ras: np.ndarray) -> Any:
    """Move the MRI and its label by the 4x4 `mri_to_us_ras` (world to world, RAS mm); returns the transform node.

    The same pair has one transform node, updated when applied again. Where a node was under a transform of the user's,
    that pose stays in effect below the registration, as a copy; the user's transform and what else is under it stay.
    """
    scene = nodes.us.GetScene()
    registration = find_registration(nodes.us, nodes.mri)
    moved = [node for node in (nodes.mri, nodes.mri_tumor) if node is not None]
    poses = [pose_before_registration(node, nodes.mri) for node in moved]
    if registration is None:
        registration = _new_registration(scene, nodes)
    set_matrix(registration, mri_to_us_ras)
    for node, pose in zip(moved, poses, strict=True):
        _put_under(node, registration, pose)
    return registration


def remove_registration(nodes: CaseNodes) -> None:
    """Take the registration of this pair out of the scene; MRI and label lie as they did before it."""
    registration = find_registration(nodes.us, nodes.mri)
    if registration is None:
        return
    for node in _transformed_by(registration):
        if _is_pose(node):
            _dissolve_pose(node)
        else:
            node.SetAndObserveTransformNodeID(None)
    registration.GetScene().RemoveNode(registration)


def keep_verdict(transform: Any, registration: "Registration | None") -> None:
    """Keep what is known of a registration with its transform node, in saved scenes too; None forgets it."""
    if registration is None:
        transform.RemoveAttribute(VERDICT_ATTRIBUTE)
        transform.RemoveAttribute(RECORD_ATTRIBUTE)
        return
    from ..registration.registration_files import registration_as_dict

    verdict = Verdict(
        registration.verdict,
        tuple(registration.reasons),
        registration.predicted_error_mm,
        registration.judgement.success_probability,
        registration.score,
        registration.method_name,
    )
    transform.SetAttribute(VERDICT_ATTRIBUTE, json.dumps(asdict(verdict)))
    transform.SetAttribute(RECORD_ATTRIBUTE, json.dumps(registration_as_dict(registration)))


def verdict_on(transform: Any) -> Verdict | None:
    """The verdict kept with a transform node, None where there is none."""
    text = transform.GetAttribute(VERDICT_ATTRIBUTE) if transform is not None else None
    if not text:
        return None
    content = json.loads(text)
    return Verdict(**{**content, "reasons": tuple(content["reasons"])})


def record_of(transform: Any) -> "Registration | None":
    """The whole registration that was kept with a transform node, None where there is none."""
    from ..registration.registration_files import registration_from_dict

    text = transform.GetAttribute(RECORD_ATTRIBUTE)
    return registration_from_dict(json.loads(text)) if text else None


def moves_with(node: Any, mri: Any) -> bool:
    """Whether a node lies under the registration that moves the MRI."""
    registration = _registration_over(mri)
    return registration is not None and _registration_over(node) == registration


def pose_before_registration(node: Any, mri: Any) -> np.ndarray:
    """4x4 from a node's own coordinates to the MRI's world as it was before our registration.

    A label drawn on the registered MRI without being under its transform lies in the ultrasound's world: it is taken
    back. Any other label that is not under the registration lies in the MRI's world as it is.
    """
    registration = _registration_over(mri)
    if registration is not None and (_registration_over(node) == registration or is_drawn_on(node, mri)):
        return node_to_world(node, registration)
    return node_to_world(node)


def _new_registration(scene: Any, nodes: CaseNodes) -> Any:
    registration = transform_node(scene, np.eye(4), f"{nodes.mri.GetName()} to {nodes.us.GetName()}")
    registration.SetAttribute(ROLE_ATTRIBUTE, REGISTRATION_ROLE)
    registration.SetNodeReferenceID(MRI_REFERENCE, nodes.mri.GetID())
    registration.SetNodeReferenceID(US_REFERENCE, nodes.us.GetID())
    return registration


def _registration_over(node: Any) -> Any:
    parent = node.GetParentTransformNode()
    while parent is not None and not is_registration(parent):
        parent = parent.GetParentTransformNode()
    return parent


def _put_under(node: Any, registration: Any, pose: np.ndarray) -> None:
    former = node.GetParentTransformNode()
    if np.allclose(pose, np.eye(4), atol=1e-9):
        node.SetAndObserveTransformNodeID(registration.GetID())
    elif not (_is_pose(former) and former.GetParentTransformNode() == registration):
        node.SetAndObserveTransformNodeID(_pose_under(registration, pose, former).GetID())
    if _is_pose(former) and not _transformed_by(former):
        former.GetScene().RemoveNode(former)


def _pose_under(registration: Any, pose: np.ndarray, former: Any) -> Any:
    """A transform node under the registration that holds `pose`; one for all nodes that share it."""
    for node in _transformed_by(registration):
        if _is_pose(node) and np.allclose(matrix_of(node), pose, atol=1e-9):
            return node
    name = f"{former.GetName()} (before registration)" if former is not None else "Pose before registration"
    copy = transform_node(registration.GetScene(), pose, name)
    copy.SetAttribute(ROLE_ATTRIBUTE, POSE_ROLE)
    if former is not None and not is_registration(former):
        origin = former.GetNodeReference(FORMER_REFERENCE) if _is_pose(former) else former
        copy.SetNodeReferenceID(FORMER_REFERENCE, origin.GetID() if origin is not None else None)
    copy.SetAndObserveTransformNodeID(registration.GetID())
    return copy


def _dissolve_pose(pose: Any) -> None:
    """Give what is under a pose back to the user's transform; where that is gone, the pose stays as its copy."""
    former = pose.GetNodeReference(FORMER_REFERENCE)
    pose.SetAndObserveTransformNodeID(None)
    if former is None:
        return
    for node in _transformed_by(pose):
        node.SetAndObserveTransformNodeID(former.GetID())
    pose.GetScene().RemoveNode(pose)


def _is_pose(transform: Any) -> bool:
    return transform is not None and transform.GetAttribute(ROLE_ATTRIBUTE) == POSE_ROLE


def _transformed_by(transform: Any) -> list[Any]:
    nodes = nodes_of_class(transform.GetScene(), "vtkMRMLTransformableNode")
    return [node for node in nodes if node.GetTransformNodeID() == transform.GetID()]
