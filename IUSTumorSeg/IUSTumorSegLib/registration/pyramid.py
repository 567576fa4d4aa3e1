"""The images as the metric sees them: ultrasound on an isotropic grid, MRI as intensity and gradient magnitude."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, set_ijk_to_ras, transform_points

if TYPE_CHECKING:
    import SimpleITK as sitk
    import torch

MRI_SPACING_MM = 1.0
CROP_MARGIN_MM = 32.0  # the search reaches 25 mm, and gradients and patches need a little more


@dataclass(frozen=True)
class UltrasoundLevel:
    """Ultrasound on an isotropic grid along its own axes, cropped to its field of view.

    `intensity` (nz, ny, nx): u of the LC2 papers, the square root of the echo's brightness, mean 0 and deviation 1 over
    the mask. `mask` (nz, ny, nx): share of each voxel inside the field of view's core, 0 or 1. `ijk_to_ras` (4, 4).
    """

    intensity: np.ndarray
    mask: np.ndarray
    ijk_to_ras: np.ndarray
    spacing_mm: float


@dataclass(frozen=True)
class MriChannels:
    """Per contrast intensity m and gradient magnitude |grad m|, each scaled to its 99th percentile: (2n, nz, ny, nx)."""

    values: "torch.Tensor"
    ras_to_ijk: np.ndarray

    def to(self, device: str) -> "MriChannels":
        """The same channels in the memory of `device`."""
        return MriChannels(self.values.to(device), self.ras_to_ijk)


def ultrasound_level(us: "sitk.Image", mask: "sitk.Image", spacing_mm: float) -> UltrasoundLevel:
    """Resample `us` to `spacing_mm`, weighting by `mask`, so that padding does not bleed into the sector."""
    import SimpleITK as sitk

    inside = sitk.Cast(mask, sitk.sitkFloat32)
    grid = _isotropic_grid(mask, spacing_mm)
    share = sitk.GetArrayFromImage(_antialiased(inside, grid))
    echo = sitk.GetArrayFromImage(_antialiased(us * inside, grid)) / np.maximum(share, 1e-6)
    core = (share > 0.5).astype(np.float32)
    root = np.sqrt(np.maximum(echo - echo[core > 0].min(), 0.0)) * core
    return UltrasoundLevel(_standardised(root, core), core, ijk_to_ras(grid), spacing_mm)


def mri_channels(mris: "list[sitk.Image]", smoothing_mm: float, around: np.ndarray | None = None) -> MriChannels:
    """Channels of one or several MRI contrasts in one frame of reference, on the grid of the first at about 1 mm.

    `smoothing_mm` is the Gaussian's sigma for intensity and gradient. `around` (n, 3), RAS mm in the MRI's world, limits
    the volume to these points' surroundings.
    """
    import SimpleITK as sitk
    import torch

    grid = _mri_grid(mris[0], around)
    channels = []
    for mri in mris:
        image = _antialiased(mri, grid)
        smooth = sitk.SmoothingRecursiveGaussian(image, smoothing_mm) if smoothing_mm > 0 else image
        gradient = sitk.GradientMagnitudeRecursiveGaussian(image, max(smoothing_mm, 0.7))
        channels += [_scaled(sitk.GetArrayFromImage(smooth)), _scaled(sitk.GetArrayFromImage(gradient))]
    return MriChannels(torch.from_numpy(np.stack(channels)), np.linalg.inv(ijk_to_ras(grid)))


def field_of_view_points(mask: "sitk.Image", step_mm: float = 4.0) -> np.ndarray:
    """RAS positions (n, 3) in mm spread evenly over `mask`."""
    import SimpleITK as sitk

    steps = [max(1, round(step_mm / s)) for s in mask.GetSpacing()]
    kji = np.argwhere(sitk.GetArrayViewFromImage(mask)[:: steps[2], :: steps[1], :: steps[0]])
    return transform_points(ijk_to_ras(mask), kji[:, ::-1] * np.array(steps, dtype=float))


def _isotropic_grid(mask: "sitk.Image", spacing_mm: float) -> "sitk.Image":
    """An empty image of `spacing_mm` over the box that holds `mask`."""
    import SimpleITK as sitk

    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(mask)
    box = np.array(statistics.GetBoundingBox(1))
    return _empty_grid(mask, box[:3], box[3:], spacing_mm)


def _empty_grid(image: "sitk.Image", start: np.ndarray, size: np.ndarray, spacing_mm: float) -> "sitk.Image":
    import SimpleITK as sitk

    spacing = np.array(image.GetSpacing())
    counts = np.maximum((size * spacing / spacing_mm).astype(int), 1)
    matrix = ijk_to_ras(image)
    first = start + (size - 1) / 2 - (counts - 1) / 2 * spacing_mm / spacing
    matrix[:3, 3] = transform_points(matrix, first)
    matrix[:3, :3] *= spacing_mm / spacing
    grid = sitk.Image(counts.tolist(), sitk.sitkUInt8)
    set_ijk_to_ras(grid, matrix)
    return grid


def _antialiased(image: "sitk.Image", grid: "sitk.Image") -> "sitk.Image":
    """Linear resampling onto a coarser `grid` after averaging and smoothing to its resolution."""
    import SimpleITK as sitk

    target = np.array(grid.GetSpacing())
    shrink = [max(1, int(t / s / 1.5)) for t, s in zip(target, image.GetSpacing(), strict=True)]
    shrink = [min(f, n) for f, n in zip(shrink, image.GetSize(), strict=True)]
    if max(shrink) > 1:
        image = sitk.BinShrink(image, shrink)
    missing = np.sqrt(np.maximum((0.5 * target) ** 2 - (0.5 * np.array(image.GetSpacing())) ** 2, 0.0))
    if missing.max() > 0.1 * target.max() and min(image.GetSize()) >= 4:
        image = sitk.SmoothingRecursiveGaussian(image, np.maximum(missing, 1e-3 * target).tolist())
    return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)


def _mri_grid(mri: "sitk.Image", around: np.ndarray | None) -> "sitk.Image":
    size = np.array(mri.GetSize())
    start = np.zeros(3, dtype=int)
    if around is not None:
        ijk = transform_points(np.linalg.inv(ijk_to_ras(mri)), around)
        margin = CROP_MARGIN_MM / np.array(mri.GetSpacing())
        low = np.clip(np.floor(ijk.min(axis=0) - margin), 0, size - 2).astype(int)
        high = np.clip(np.ceil(ijk.max(axis=0) + margin) + 1, low + 2, size).astype(int)
        start, size = low, high - low
    return _empty_grid(mri, start, size, MRI_SPACING_MM)


def _scaled(values: np.ndarray) -> np.ndarray:
    values = values - np.median(values)
    scale = np.percentile(np.abs(values), 99)
    return (values / max(scale, 1e-12)).astype(np.float32)


def _standardised(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    inside = values[mask > 0]
    return ((values - inside.mean()) / max(inside.std(), 1e-12) * mask).astype(np.float32)
