"""A label as a signed distance, which can be read between voxels and moved without resampling the label."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, transform_points

if TYPE_CHECKING:
    import SimpleITK as sitk

MARGIN_VOXELS = 4


@dataclass(frozen=True)
class LabelBox:
    """The box around a label's voxels: `inside` (nz, ny, nx) bool, at least 4 voxels of nothing on every side.

    `ijk_to_ras` (4, 4) belongs to the box; `spacing_mm` (3,) in the order i, j, k.
    """

    inside: np.ndarray
    ijk_to_ras: np.ndarray
    spacing_mm: np.ndarray

    @property
    def corners_ras(self) -> np.ndarray:
        """The box's eight corners, (8, 3), RAS mm."""
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.inside.shape[::-1]])).reshape(3, -1).T
        return transform_points(self.ijk_to_ras, ends.astype(float))


def label_box(label: "sitk.Image") -> LabelBox:
    """Cut `label` (inside where not zero) to its voxels and a margin; `ValueError` for an empty label."""
    import SimpleITK as sitk

    inside = sitk.GetArrayViewFromImage(label) != 0
    if not inside.any():
        raise ValueError("an empty label has no surface")
    places = [np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    first, last = (np.array([p[end] for p in places]) for end in (0, -1))
    cut = inside[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
    matrix = ijk_to_ras(label)
    matrix[:3, 3] = transform_points(matrix, first[::-1] - float(MARGIN_VOXELS))
    return LabelBox(np.pad(cut, MARGIN_VOXELS), matrix, np.array(label.GetSpacing()))


def signed_distance(box: LabelBox) -> np.ndarray:
    """Distance in mm from the surface, negative inside, (nz, ny, nx) float32; linear between voxels.

    The distance to the nearest voxel of the other kind, less what the surface, halfway to it, is nearer.
    """
    from scipy.ndimage import distance_transform_edt

    sampling = box.spacing_mm[::-1]
    outward = distance_transform_edt(~box.inside, sampling)
    inward = distance_transform_edt(box.inside, sampling)
    half = float(box.spacing_mm.min()) / 2
    return (np.maximum(outward - half, 0) - np.maximum(inward - half, 0)).astype(np.float32)
