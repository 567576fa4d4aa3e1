"""What is registered, read and checked before any work: images, tumour label, landmarks, and where the MRI starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..images.geometry import ijk_to_ras, transform_points
from ..images.volumes import read_label, read_volume
from .landmarks import Landmarks, read_tag
from .transform_files import read_transform

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class Inputs:
    """`mris`, in one frame of reference, and `us`; `tumor` on the first MRI; `initial_mri_to_us_ras` (4, 4), RAS mm."""

    mris: "list[sitk.Image]"
    us: "sitk.Image"
    tumor: "sitk.Image | None"
    landmarks: Landmarks | None
    initial_mri_to_us_ras: np.ndarray


def read_inputs(
    mri: list[Path], us: Path, mri_tumor: Path | None, landmarks: Path | None, initial: Path | None
) -> Inputs:
    """Read everything. `BadInput` where the volumes do not overlap at the start, or the label lies outside the MRI."""
    if not mri:
        raise BadInput("at least one MRI", "none", "name it with --mri")
    pairs = read_tag(landmarks) if landmarks else None
    matrix = read_transform(initial) if initial else np.eye(4)
    inputs = Inputs(
        [read_volume(path, "MRI") for path in mri],
        read_volume(us, "ultrasound"),
        read_label(mri_tumor, "tumour label") if mri_tumor else None,
        pairs,
        matrix,
    )
    _check_overlap(inputs)
    if inputs.tumor is not None:
        _check_label_in_mri(inputs.tumor, inputs.mris[0])
    return inputs


def _check_overlap(inputs: Inputs) -> None:
    corners = _corners_ras(inputs.us)
    us_to_mri = np.linalg.inv(inputs.initial_mri_to_us_ras)
    axis = np.linspace(0, 1, 9)
    weights = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    spread = corners[0] + weights @ (corners[1:] - corners[0])
    if not any(_inside(mri, transform_points(us_to_mri, spread)).any() for mri in inputs.mris):
        apart = np.linalg.norm(
            spread.mean(axis=0)
            - transform_points(inputs.initial_mri_to_us_ras, _corners_ras(inputs.mris[0])).mean(axis=0)
        )
        raise BadInput(
            "an MRI and an ultrasound that overlap at the start", f"two volumes whose middles are {apart:.0f} mm apart",
            "check that both come from one navigation session, or give --initial",
        )  # fmt: skip


def _check_label_in_mri(label: "sitk.Image", mri: "sitk.Image") -> None:
    import SimpleITK as sitk

    kji = np.argwhere(sitk.GetArrayViewFromImage(label))
    outside = ~_inside(mri, transform_points(ijk_to_ras(label), kji[:, ::-1].astype(float)), margin_voxels=1.0)
    if outside.any():
        raise BadInput(
            "a tumour label inside the MRI", f"{100 * outside.mean():.0f} % of its voxels outside",
            "give the label that was drawn on this MRI",
        )  # fmt: skip


def _corners_ras(image: "sitk.Image") -> np.ndarray:
    """Origin and the three far ends of the axes, (4, 3)."""
    size = np.array(image.GetSize()) - 1.0
    return transform_points(ijk_to_ras(image), np.vstack([np.zeros(3), np.diag(size)]))


def _inside(image: "sitk.Image", points_ras: np.ndarray, margin_voxels: float = 0.5) -> np.ndarray:
    ijk = transform_points(np.linalg.inv(ijk_to_ras(image)), points_ras)
    high = np.array(image.GetSize()) - 1 + margin_voxels
    return np.asarray(((ijk >= -margin_voxels) & (ijk <= high)).all(axis=1))
