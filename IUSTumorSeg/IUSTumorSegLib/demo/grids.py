"""Voxel grids that lie askew in the world, as a scanner's and a tracked ultrasound's do."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import set_ijk_to_ras, transform_points
from .deformation import offset_about, random_unit

if TYPE_CHECKING:
    import SimpleITK as sitk


def oblique_grid(
    rng: np.random.Generator, points: np.ndarray, spacing_mm: float, tilt_deg: float
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """ijk-to-RAS matrix and size (i, j, k) of a grid, tilted by up to `tilt_deg`, that holds `points` (n, 3)."""
    turn = offset_about(np.zeros(3), np.zeros(3), random_unit(rng), tilt_deg * rng.uniform(0.5, 1))[:3, :3]
    in_grid = points @ turn
    lower, upper = in_grid.min(axis=0) - spacing_mm, in_grid.max(axis=0) + spacing_mm
    size = np.ceil((upper - lower) / spacing_mm).astype(int) + 1
    matrix = np.eye(4)
    matrix[:3, :3] = turn * spacing_mm
    matrix[:3, 3] = turn @ lower
    return matrix, (int(size[0]), int(size[1]), int(size[2]))


def voxel_points(ijk_to_ras: np.ndarray, size: tuple[int, int, int], flat: np.ndarray) -> np.ndarray:
    """RAS positions (n, 3) of voxels given by flat indices, the first index running fastest."""
    k, j, i = np.unravel_index(flat, size[::-1])
    return transform_points(ijk_to_ras, np.stack([i, j, k], axis=1).astype(float))


def image_of(values: np.ndarray, ijk_to_ras: np.ndarray, size: tuple[int, int, int]) -> "sitk.Image":
    """The image of flat voxel `values`, the first index running fastest."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values.reshape(size[::-1]))
    set_ijk_to_ras(image, ijk_to_ras)
    return image
