"""A label with a certain core and a possible rim, from the poses that the images allow.

The probability that a voxel of the ultrasound belongs to the propagated label is the share of pose samples under which it
lies inside. The label is turned into a signed distance once; each sample then only says where in it a voxel lies. Voxels
deeper inside or farther outside than any sample moves the label need no sampling, and where the ultrasound's voxels are
finer than 0.5 mm, which no MRI label is, every second or third is sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, transform_points
from .signed_distance import LabelBox, label_box, signed_distance

if TYPE_CHECKING:
    import SimpleITK as sitk

CERTAIN, POSSIBLE = 0.95, 0.05  # share of the pose samples under which a voxel is inside
RIM, CORE = 1, 2
WORKING_SPACING_MM = 0.5
PORTION = 200_000  # voxels sampled at once, which the processor's cache holds


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
    reach = _reach_mm(box, mri_to_us_ras, samples)
    part = _part_of_grid(us, transform_points(mri_to_us_ras, box.corners_ras), reach)
    probability = np.zeros(us.GetSize()[::-1], np.float32)
    if part.size.all():
        probability[part.slices] = part.to_voxels(_probability(part, box, mri_to_us_ras, samples, reach))
    return _on_grid_of(us, probability)


def certainty_label(probability: "sitk.Image") -> "sitk.Image":
    """0 outside, 1 in the possible rim (probability of 0.05 and more), 2 in the certain core (0.95 and more); uint8."""
    import SimpleITK as sitk

    return sitk.Cast(probability >= POSSIBLE, sitk.sitkUInt8) + sitk.Cast(probability >= CERTAIN, sitk.sitkUInt8)


def _reach_mm(box: LabelBox, mri_to_us_ras: np.ndarray, samples: np.ndarray) -> float:
    """How far any sample moves any point of the box: the farthest of its corners, as displacement is convex."""
    return float(
        max(np.linalg.norm(transform_points(s - mri_to_us_ras, box.corners_ras), axis=1).max() for s in samples)
    )


@dataclass(frozen=True)
class _GridPart:
    """A part of the ultrasound's grid, sampled every `steps` (i, j, k) voxels.

    `first` and `size` (3,) in voxels, i, j, k; `samples` (3,) how many samples along each; `ijk_to_ras` of the samples.
    """

    first: np.ndarray
    size: np.ndarray
    steps: np.ndarray
    ijk_to_ras: np.ndarray

    @property
    def samples(self) -> tuple[int, ...]:
        return tuple(-(-(self.size - 1) // self.steps) + 1)

    @property
    def slices(self) -> tuple[slice, ...]:
        return tuple(slice(f, f + n) for f, n in zip(self.first[::-1], self.size[::-1], strict=True))

    def to_voxels(self, values: np.ndarray) -> np.ndarray:
        """Values of the samples (nz, ny, nx), linearly interpolated to every voxel of the part."""
        return _resampled(values, np.diag([*(1 / self.steps), 1.0]), tuple(self.size))


def _part_of_grid(us: "sitk.Image", corners_ras: np.ndarray, reach_mm: float) -> _GridPart:
    """The part of the grid that holds `corners_ras` (n, 3) and `reach_mm` more on all sides."""
    matrix, spacing, size = ijk_to_ras(us), np.array(us.GetSpacing()), np.array(us.GetSize())
    ijk = transform_points(np.linalg.inv(matrix), corners_ras)
    margin = reach_mm / spacing + 1
    first = np.clip(np.floor(ijk.min(axis=0) - margin), 0, size).astype(int)
    last = np.clip(np.ceil(ijk.max(axis=0) + margin) + 1, first, size).astype(int)
    steps = np.maximum((WORKING_SPACING_MM / spacing + 1e-6).astype(int), 1)
    matrix[:3, 3] = transform_points(matrix, first.astype(float))
    matrix[:3, :3] *= steps
    return _GridPart(first, last - first, steps, matrix)


def _probability(
    part: _GridPart, box: LabelBox, mri_to_us_ras: np.ndarray, samples: np.ndarray, reach_mm: float
) -> np.ndarray:
    """Probabilities at the samples of `part`, (nz, ny, nx)."""
    distance = signed_distance(box)
    to_box = np.linalg.inv(box.ijk_to_ras)
    nominal = _resampled(distance, to_box @ np.linalg.inv(mri_to_us_ras) @ part.ijk_to_ras, part.samples, np.inf)
    probability = (nominal < 0).astype(np.float32)
    open_to_change = np.abs(nominal) <= reach_mm + np.linalg.norm(box.spacing_mm)
    ijk = np.argwhere(open_to_change)[:, ::-1]
    inside = np.zeros(len(ijk), np.float32)
    for start in range(0, len(ijk), PORTION):
        for pose in samples:
            places = transform_points(to_box @ np.linalg.inv(pose) @ part.ijk_to_ras, ijk[start : start + PORTION])
            inside[start : start + PORTION] += _at(distance, places) < 0
    probability[open_to_change] = inside / len(samples)
    return probability


def _resampled(values: np.ndarray, to_values: np.ndarray, size: tuple[int, ...], outside: float = 0.0) -> np.ndarray:
    """Linear resampling onto a grid of `size` (i, j, k) whose indices `to_values` (4, 4) takes to those of `values`."""
    from scipy.ndimage import affine_transform

    linear, offset = to_values[:3, :3][::-1, ::-1], to_values[:3, 3][::-1]
    return affine_transform(values, linear, offset, size[::-1], order=1, cval=outside, prefilter=False)


def _at(distance: np.ndarray, ijk: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(distance, ijk.T[::-1], order=1, cval=np.inf, prefilter=False)


def _on_grid_of(us: "sitk.Image", values: np.ndarray) -> "sitk.Image":
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    image.CopyInformation(us)
    return image
