"""Points on a label's surface, with normals and the area that each stands for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import transform_points
from .signed_distance import LabelBox, label_box, signed_distance

if TYPE_CHECKING:
    import SimpleITK as sitk

MOST_POINTS = 5000
NORMAL_SIGMA_MM = 1.5  # voxel steps shorter than this do not turn the normals


@dataclass(frozen=True)
class Surface:
    """`points_ras` (n, 3) in mm, outward unit `normals` (n, 3) in RAS, and `areas_mm2` (n,), which sum to the surface."""

    points_ras: np.ndarray
    normals: np.ndarray
    areas_mm2: np.ndarray

    def moved(self, matrix: np.ndarray) -> "Surface":
        """The surface after a rigid 4x4 `matrix`."""
        return Surface(transform_points(matrix, self.points_ras), self.normals @ matrix[:3, :3].T, self.areas_mm2)


def label_surface(label: "sitk.Image", most: int = MOST_POINTS, seed: int = 0) -> Surface:
    """The faces between voxels inside and outside `label`, at most `most` of them, chosen by `seed`.

    A face of area a whose axis is e counts a |n . e|, with n the smooth normal: the staircase of faces sums to more than
    the surface it stands for, its projection along n does not. `ValueError` for an empty label.
    """
    box = label_box(label)
    gradient = _gradient(box)
    parts = [_faces(box, gradient, axis) for axis in range(3)]
    ijk, normals, areas = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    kept = np.arange(len(ijk))
    if len(ijk) > most:
        kept = np.sort(np.random.default_rng(seed).choice(len(ijk), most, replace=False))
    areas = areas[kept] * (areas.sum() / areas[kept].sum())
    turn = box.ijk_to_ras[:3, :3] / box.spacing_mm
    return Surface(transform_points(box.ijk_to_ras, ijk[kept]), normals[kept] @ turn.T, areas)


def _gradient(box: LabelBox) -> np.ndarray:
    """Gradient of the smoothed signed distance along i, j, k: (3, nz, ny, nx)."""
    from scipy.ndimage import gaussian_filter

    sigma = NORMAL_SIGMA_MM / box.spacing_mm[::-1]
    smooth = gaussian_filter(signed_distance(box), np.maximum(sigma, 0.7), mode="nearest")
    return np.stack(np.gradient(smooth, *box.spacing_mm[::-1])[::-1])


def _faces(box: LabelBox, gradient: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces across one array axis: places (n, 3) as i, j, k, unit normals (n, 3) along i, j, k, and areas (n,)."""
    before = np.argwhere(np.diff(box.inside, axis=axis))
    after = before + np.eye(3, dtype=int)[axis]
    normals = (gradient[:, *before.T] + gradient[:, *after.T]).T
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    across = 2 - axis
    area = np.prod(np.delete(box.spacing_mm, across))
    return (before + after)[:, ::-1] / 2, normals, area * np.abs(normals[:, across])
