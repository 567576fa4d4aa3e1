"""A label with a certain core and a possible rim, from the poses that the images allow.

The probability that a voxel of the ultrasound belongs to the propagated label is the share of pose samples under which it
lies inside. The label is turned into a signed distance once; each sample then only says where in it a voxel lies. Voxels
deeper inside or farther outside than any sample moves the label need no sampling.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, transform_points
from .signed_distance import LabelBox, label_box, signed_distance

if TYPE_CHECKING:
    import SimpleITK as sitk

CERTAIN, POSSIBLE = 0.95, 0.05  # share of the pose samples under which a voxel is inside
RIM, CORE = 1, 2
PORTION = 1_000_000  # voxels sampled at once


def inclusion_probability(
    label: "sitk.Image", us: "sitk.Image", mri_to_us_ras: np.ndarray, pose_samples: Sequence[np.ndarray]
) -> "sitk.Image":
    """Share of `pose_samples` under which each voxel of `us` lies inside the MRI `label`: float32, 0 to 1.

    `mri_to_us_ras` and the samples: 4x4, RAS mm. Voxels outside the sector count like any other.
    """
    if not len(pose_samples):
        raise ValueError("no pose samples, so nothing is known of the label's certainty")
    samples = np.asarray(pose_samples)
    box = label_box(label)
    distance = signed_distance(box)
    reach = _reach_mm(box, mri_to_us_ras, samples)
    first, size = _part_of_grid(us, transform_points(mri_to_us_ras, box.corners_ras), reach)
    probability = np.zeros(us.GetSize()[::-1], np.float32)
    if size.all():
        k, j, i = (slice(f, f + n) for f, n in zip(first[::-1], size[::-1], strict=True))
        probability[k, j, i] = _in_part(us, first, size, box, distance, mri_to_us_ras, samples, reach)
    return _on_grid_of(us, probability)


def certainty_label(probability: "sitk.Image") -> "sitk.Image":
    """0 outside, 1 in the possible rim (probability of 0.05 and more), 2 in the certain core (0.95 and more); uint8."""
    import SimpleITK as sitk

    return sitk.Cast(probability >= POSSIBLE, sitk.sitkUInt8) + sitk.Cast(probability >= CERTAIN, sitk.sitkUInt8)


def _reach_mm(box: LabelBox, mri_to_us_ras: np.ndarray, samples: np.ndarray) -> float:
    """How far any sample moves any point of the box: the farthest of its corners, as displacement is convex."""
    return float(max(np.linalg.norm(transform_points(s - mri_to_us_ras, box.corners_ras), axis=1).max() for s in samples))


def _part_of_grid(us: "sitk.Image", corners_ras: np.ndarray, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """First index and size, both (3,) in the order i, j, k, of the part of the grid around `corners_ras`."""
    ijk = transform_points(np.linalg.inv(ijk_to_ras(us)), corners_ras)
    margin = reach_mm / np.array(us.GetSpacing()) + 1
    size = np.array(us.GetSize())
    first = np.clip(np.floor(ijk.min(axis=0) - margin), 0, size).astype(int)
    last = np.clip(np.ceil(ijk.max(axis=0) + margin) + 1, first, size).astype(int)
    return first, last - first


def _in_part(
    us: "sitk.Image",
    first: np.ndarray,
    size: np.ndarray,
    box: LabelBox,
    distance: np.ndarray,
    mri_to_us_ras: np.ndarray,
    samples: np.ndarray,
    reach_mm: float,
) -> np.ndarray:
    """Probabilities of a part of the grid of `us`, (nz, ny, nx)."""
    part_to_ras = ijk_to_ras(us)
    part_to_ras[:3, 3] = transform_points(part_to_ras, first.astype(float))
    to_box = np.linalg.inv(box.ijk_to_ras)
    nominal = _resampled(distance, to_box @ np.linalg.inv(mri_to_us_ras) @ part_to_ras, size)
    probability = (nominal < 0).astype(np.float32)
    open_to_change = np.abs(nominal) <= reach_mm + np.linalg.norm(box.spacing_mm)
    ijk = np.argwhere(open_to_change)[:, ::-1]
    inside = np.zeros(len(ijk), np.float32)
    for start in range(0, len(ijk), PORTION):
        for sample in samples:
            places = transform_points(to_box @ np.linalg.inv(sample) @ part_to_ras, ijk[start : start + PORTION])
            inside[start : start + PORTION] += _at(distance, places) < 0
    probability[open_to_change] = inside / len(samples)
    return probability


def _resampled(distance: np.ndarray, part_to_box: np.ndarray, size: np.ndarray) -> np.ndarray:
    from scipy.ndimage import affine_transform

    array_order = part_to_box[:3, :3][::-1, ::-1]
    return affine_transform(
        distance, array_order, part_to_box[:3, 3][::-1], tuple(size[::-1]), order=1, cval=np.inf, prefilter=False
    )


def _at(distance: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(distance, ijk.T[::-1], order=1, cval=np.inf, prefilter=False)


def _on_grid_of(us: "sitk.Image", values: np.ndarray) -> "sitk.Image":
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    image.CopyInformation(us)
    return image
