"""A case of a study as the nodes that a review shows."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.geometry import transform_points
from .cases import STUDY_CASE_ATTRIBUTE, CaseNodes
from .display import show_as_mri, show_as_ultrasound
from .nodes import ijk_to_world, matrix_of, volume_from_image
from .planes import content_points
from .registration_nodes import apply_registration, keep_verdict
from .segmentations import segmentation_from_labelmap

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..labels.displacement_arrows import Arrows
    from ..registration.landmarks import Landmarks
    from ..registration.local_agreement import AgreementInputs
    from ..registration.registration import Registration
    from ..study.case_images import CaseImages

US_LABEL_NAMES = {"us_label": "truth", "propagated": "us_tumor_from_mri", "corrected": "us_tumor_corrected"}


@dataclass(frozen=True)
class ReviewCase:
    """What a review shows of a case: nodes, and what is drawn over them; None where there is no such thing.

    `mris` are volume nodes by contrast, the registered one (that of `nodes`) first. `transform` moves them all.
    `labels` are segmentation nodes on the ultrasound: "us_label", "propagated", "corrected".
    """

    name: str
    nodes: CaseNodes
    mris: dict[str, Any]
    labels: dict[str, Any]
    transform: Any = None
    folder: Path | None = None
    registration: "Registration | None" = None
    landmarks: "Landmarks | None" = None
    edges: "sitk.Image | None" = None
    agreement: "sitk.Image | None" = None
    agreement_inputs: "AgreementInputs | None" = None
    arrows: "Arrows | None" = None
    made: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def initial_mri_to_us_ras(self) -> np.ndarray:
        """4x4, RAS mm: the pose before registration."""
        return np.eye(4) if self.registration is None else self.registration.initial_mri_to_us_ras


def load_case(scene: Any, images: "CaseImages") -> ReviewCase:
    """Make the nodes of a case that was read; the registration is applied to every contrast and to the MRI's label.

    Voxels are copied once, so the nodes do not depend on `images`, which may be dropped.
    """
    us = volume_from_image(scene, images.us, f"{images.name} ultrasound")
    show_as_ultrasound(us)
    mris = {}
    for contrast, image in images.mris:
        mris[contrast] = volume_from_image(scene, image, f"{images.name} MRI {contrast}".strip())
    mri = next(iter(mris.values()), None)
    tumor = None
    if images.mri_tumor is not None and mri is not None:
        name = f"{images.name} tumour on MRI"
        tumor = segmentation_from_labelmap(scene, images.mri_tumor, mri, name, "mri_tumor")
    labels = {
        key: segmentation_from_labelmap(scene, label, us, f"{images.name} {key.replace('_', ' ')}", role)
        for key, role in US_LABEL_NAMES.items()
        if (label := getattr(images, key)) is not None
    }
    best = labels.get("corrected") or labels.get("propagated") or labels.get("us_label")
    nodes = CaseNodes(us, mri, tumor, best, images.name)
    transform = _registered(nodes, mris, images)
    _window_near(us, mris)
    made = [node for node in (us, *mris.values(), tumor, *labels.values(), transform) if node is not None]
    return ReviewCase(
        images.name, nodes, mris, labels, transform, images.folder, images.registration, images.landmarks,
        images.edges, images.agreement, images.agreement_inputs, images.arrows, tuple(made),
    )  # fmt: skip


def with_overlays_of(case: ReviewCase, images: "CaseImages") -> ReviewCase:
    """The same case with the edges, agreement and arrows that were made of its images since it was loaded."""
    return replace(
        case,
        edges=images.edges,
        agreement=images.agreement,
        agreement_inputs=images.agreement_inputs,
        arrows=images.arrows,
    )


def unload_case(case: ReviewCase) -> None:
    """Take every node that `load_case` made out of the scene, with its display nodes."""
    for node in case.made:
        scene = node.GetScene()
        if scene is None:
            continue
        displays = [node.GetNthDisplayNode(n) for n in range(_displays(node))]
        scene.RemoveNode(node)
        for display in displays:
            if display is not None and display.GetScene() is not None:
                scene.RemoveNode(display)


def pose_of(case: ReviewCase) -> np.ndarray:
    """4x4, RAS mm: where the MRI is now."""
    return np.eye(4) if case.transform is None else matrix_of(case.transform)


def _registered(nodes: CaseNodes, mris: dict[str, Any], images: "CaseImages") -> Any:
    """The transform over the MRIs: the registration, or where nothing is registered the pose of the files."""
    if nodes.mri is None:
        return None
    registration = images.registration
    transform = apply_registration(nodes, np.eye(4) if registration is None else registration.mri_to_us_ras)
    keep_verdict(transform, registration)
    transform.SetAttribute(STUDY_CASE_ATTRIBUTE, images.name)
    for mri in mris.values():
        mri.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def _window_near(us: Any, mris: dict[str, Any]) -> None:
    """Window the MRIs by what of them lies in the ultrasound's sector."""
    sector_ras = content_points(us)
    for mri in mris.values():
        show_as_mri(mri, transform_points(np.linalg.inv(ijk_to_world(mri)), sector_ras))


def _displays(node: Any) -> int:
    return node.GetNumberOfDisplayNodes() if node.IsA("vtkMRMLDisplayableNode") else 0
