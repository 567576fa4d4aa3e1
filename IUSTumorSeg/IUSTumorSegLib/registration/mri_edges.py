"""Edges of an MRI, sulci and the tumour's rim, as thin lines to lay over the ultrasound.

An edge is where the gradient magnitude of the smoothed MRI has its maximum along the gradient (Haralick 1984; Canny
1986): there its derivative along the gradient falls through zero. The distance to that place, to first order, is the
derivative over its own slope; it is known to fractions of a voxel, so the lines can be drawn thin at any zoom.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import grid_near, ijk_to_ras, transform_points

if TYPE_CHECKING:
    import SimpleITK as sitk

SPACING_MM = 0.6
SIGMA_MM = 1.0
MARGIN_MM = 12.0  # poses a little off still have edges all over the ultrasound
# An edge is steeper than its surroundings, within some 6 mm, by this factor: vessels and the scalp do not hide sulci.
SURROUNDINGS_MM, STEEPER = 6.0, 1.25
STRONGEST, WEAKEST = 0.99, 0.15  # and a fair part of the strongest near the ultrasound, so that noise is none
FADES_OVER_MM = 1.6
SMALLEST_PART_VOXELS = 300  # about 40 mm² of an edge; smaller pieces are noise


def mri_edges(mri: "sitk.Image", near_ras: np.ndarray) -> "sitk.Image":
    """Closeness to an edge, uint8: 255 on it, falling to 0 at 1.6 mm from it; on a grid of 0.6 mm along the MRI's axes.

    The grid covers the box round `near_ras` (n, 3), RAS mm in the MRI's world, and 12 mm more. How weak an edge may be is
    decided by the gradients at these points, of which there should be many, spread over the ultrasound's sector.
    """
    import SimpleITK as sitk

    grid = grid_near(mri, near_ras, SPACING_MM, MARGIN_MM)
    smooth = sitk.SmoothingRecursiveGaussian(
        sitk.Resample(sitk.Cast(mri, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear, 0.0), SIGMA_MM
    )
    ijk = np.round(transform_points(np.linalg.inv(ijk_to_ras(grid)), near_ras)).astype(int)
    inside = ijk[((ijk >= 0) & (ijk < grid.GetSize())).all(axis=1)]
    away_mm = _distance_to_edge_mm(sitk.GetArrayFromImage(smooth), inside[:, ::-1])
    closeness = np.clip(1 - away_mm / FADES_OVER_MM, 0, 1)
    edges = sitk.GetImageFromArray(np.round(255 * closeness).astype(np.uint8))
    edges.CopyInformation(grid)
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(edges > 0, True), minimumObjectSize=SMALLEST_PART_VOXELS)
    return sitk.Mask(edges, parts > 0)


def _distance_to_edge_mm(values: np.ndarray, typical_kji: np.ndarray) -> np.ndarray:
    """Distance of each voxel to the nearest edge across the gradient; infinite where there is no edge."""
    gradient = np.gradient(values, SPACING_MM)
    magnitude = np.sqrt(sum(g * g for g in gradient))
    unit = [g / np.maximum(magnitude, 1e-9) for g in gradient]
    along = _derivative_along(unit, magnitude)
    slope = _derivative_along(unit, along)
    typical = magnitude[tuple(typical_kji.T)] if len(typical_kji) else magnitude
    weakest = WEAKEST * np.quantile(typical, STRONGEST)
    strong = magnitude >= np.maximum(STEEPER * _around(magnitude), weakest)
    is_maximum = strong & (slope < 0) & (magnitude > 0)
    return np.where(is_maximum, np.abs(along) / np.maximum(-slope, 1e-9), np.inf)


def _around(values: np.ndarray) -> np.ndarray:
    """The mean over the surroundings of each voxel."""
    import SimpleITK as sitk

    smooth = sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(values), SURROUNDINGS_MM / SPACING_MM)
    return sitk.GetArrayFromImage(smooth)


def _derivative_along(unit: list[np.ndarray], values: np.ndarray) -> np.ndarray:
    return sum((u * g for u, g in zip(unit, np.gradient(values, SPACING_MM), strict=True)), np.zeros_like(values))
