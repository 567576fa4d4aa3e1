"""Where, and in which direction, the tumour's surface may lie elsewhere: what a viewer draws as arrows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import transform_points
from .surface import label_surface

if TYPE_CHECKING:
    import SimpleITK as sitk

MOST_ARROWS = 400


@dataclass(frozen=True)
class Arrows:
    """Points of the registered surface, `points_ras` (n, 3) in the ultrasound's world, and `vectors_mm` (n, 3).

    A vector lies along the direction in which the pose samples scatter a point most, either way; its length is the
    point's expected displacement.
    """

    points_ras: np.ndarray
    vectors_mm: np.ndarray

    @property
    def lengths_mm(self) -> np.ndarray:
        """The expected displacements, (n,)."""
        return np.linalg.norm(self.vectors_mm, axis=1)


def displacement_arrows(
    label: "sitk.Image", mri_to_us_ras: np.ndarray, pose_samples: Sequence[np.ndarray], most: int = MOST_ARROWS
) -> Arrows:
    """Arrows on the surface of the MRI `label` for `pose_samples` (4x4, RAS mm) scattered about `mri_to_us_ras`."""
    if not len(pose_samples):
        raise ValueError("no pose samples, so nothing is known of the displacement")
    surface = label_surface(label, most)
    apart = np.stack([transform_points(s - mri_to_us_ras, surface.points_ras) for s in np.asarray(pose_samples)])
    scatter = np.einsum("snx,sny->nxy", apart, apart) / len(apart)
    direction = np.linalg.eigh(scatter)[1][:, :, -1]
    expected_mm = np.linalg.norm(apart, axis=2).mean(axis=0)
    return Arrows(transform_points(mri_to_us_ras, surface.points_ras), direction * expected_mm[:, None])
