"""The images as the metric sees them: ultrasound on an isotropic grid, MRI as intensity and gradient magnitude."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, set_ijk_to_ras, transform_points

if TYPE_CHECKING:
    import SimpleITK as sitk
    import torch

MRI_SPACING_MM = 1.0
LAPLACIAN_SIGMA_MM = 1.0
ECHO_SPACING_MM = 1.0
ECHO_RADIUS_MM = 2.0  # half the width of the broadest echo of a sulcus
SCALE_SAMPLES = 200_000  # voxels that an MRI's scale is taken from
CROP_MARGIN_MM = 32.0  # the search reaches 25 mm, and gradients and patches need a little more


@dataclass(frozen=True)
class UltrasoundLevel:
    """Ultrasound on an isotropic grid along its own axes, cropped to its field of view.

    `features` (q, nz, ny, nx): u of the LC2 papers, each with mean 0 and deviation 1 over the mask. The first is the
    square root of the echo's brightness; the second, where asked for, its thin echoes. `mask` (nz, ny, nx): 1 where the
    voxel is inside the field of view. `ijk_to_ras` (4, 4).
    """

    features: np.ndarray
    mask: np.ndarray
    ijk_to_ras: np.ndarray
    spacing_mm: float


@dataclass(frozen=True)
class MriChannels:
    """Channels that explain the ultrasound, each scaled to its 99th percentile: `values` (c, nz, ny, nx).

    The intensity m of each contrast, then one gradient magnitude |grad m| for all, then with thin structures one Laplacian
    for all.
    """

    values: "torch.Tensor"
    ras_to_ijk: np.ndarray

    def to(self, device: str) -> "MriChannels":
        """The same channels in the memory of `device`."""
        return MriChannels(self.values.to(device), self.ras_to_ijk)

    def first(self, count: int) -> "MriChannels":
        """The first `count` of the channels."""
        return MriChannels(self.values[:count], self.ras_to_ijk)


def ultrasound_level(
    us: "sitk.Image", mask: "sitk.Image", spacing_mm: float, thin_echoes: "sitk.Image | None" = None
) -> UltrasoundLevel:
    """Resample `us` to `spacing_mm`, weighting by `mask`, so that padding does not bleed into the sector.

    `thin_echoes` (of `thin_echoes_of`) adds a second feature.
    """
    import SimpleITK as sitk

    inside = sitk.Cast(mask, sitk.sitkFloat32)
    grid = isotropic_grid(mask, spacing_mm)
    share = sitk.GetArrayFromImage(_antialiased(inside, grid))
    echo = sitk.GetArrayFromImage(_antialiased(us * inside, grid)) / np.maximum(share, 1e-6)
    core = (share > 0.5).astype(np.float32)
    features = [_standardised(np.sqrt(np.maximum(echo - echo[core > 0].min(), 0.0)) * core, core)]
    if thin_echoes is not None:
        features.append(_standardised(sitk.GetArrayFromImage(_antialiased(thin_echoes, grid)) * core, core))
    return UltrasoundLevel(np.stack(features), core, ijk_to_ras(grid), spacing_mm)


def thin_echoes_of(us: "sitk.Image", mask: "sitk.Image") -> "sitk.Image":
    """Echoes thinner than 4 mm: the white top-hat, inside `mask`, of the square root of `us`, at 0.75 mm.

    Broad brightness, which gain, attenuation and tissue give alike, draws LC2 away from where the echoes of sulci lie;
    the top-hat leaves the echoes. Erosion and dilation look inside the mask only, so its border is no echo.
    """
    import SimpleITK as sitk

    grid = isotropic_grid(mask, ECHO_SPACING_MM)
    inside = _antialiased(sitk.Cast(mask, sitk.sitkFloat32), grid) > 0.5
    root = sitk.Sqrt(sitk.Clamp(_antialiased(us, grid), lowerBound=0.0))
    radius = [round(ECHO_RADIUS_MM / ECHO_SPACING_MM)] * 3
    lowest = sitk.GrayscaleErode(sitk.Mask(root, inside, outsideValue=1e6), radius, sitk.sitkBall)
    opened = sitk.GrayscaleDilate(sitk.Mask(lowest, inside, outsideValue=-1e6), radius, sitk.sitkBall)
    return sitk.Mask(root - opened, inside)


def mri_channels(
    mris: "list[sitk.Image]", smoothing_mm: float, around: np.ndarray | None = None, thin_structures: bool = False
) -> MriChannels:
    """Channels of one or several MRI contrasts in one frame of reference, on the grid of the first at about 1 mm.

    `smoothing_mm` is the Gaussian's sigma for intensity and gradient. `around` (n, 3), RAS mm in the MRI's world, limits
    the volume to these points' surroundings. `thin_structures` adds the Laplacian: it is strongest in the
    middle of a sulcus, where the echo is, while the gradient is strongest on both its sides. An echo says that there is
    a border and not in which contrast, so the contrasts share one gradient, the root of their squares' sum, and one
    Laplacian. One each would cost twice the time.
    """
    import SimpleITK as sitk
    import torch

    grid = _mri_grid(mris[0], around)
    images = [_antialiased(mri, grid) for mri in mris]
    smooth = [sitk.SmoothingRecursiveGaussian(i, smoothing_mm) if smoothing_mm > 0 else i for i in images]
    gradients = [sitk.GradientMagnitudeRecursiveGaussian(i, max(smoothing_mm, 0.7)) for i in images]
    channels = [*map(_scaled_image, smooth), _joint(gradients)] + (
        [_joint_laplacian(images)] if thin_structures else []
    )
    return MriChannels(torch.from_numpy(np.stack(channels)), np.linalg.inv(ijk_to_ras(grid)))


def field_of_view_points(mask: "sitk.Image", step_mm: float = 4.0) -> np.ndarray:
    """RAS positions (n, 3) in mm spread evenly over `mask`."""
    import SimpleITK as sitk

    steps = [max(1, round(step_mm / s)) for s in mask.GetSpacing()]
    kji = np.argwhere(sitk.GetArrayViewFromImage(mask)[:: steps[2], :: steps[1], :: steps[0]])
    return transform_points(ijk_to_ras(mask), kji[:, ::-1] * np.array(steps, dtype=float))


def isotropic_grid(mask: "sitk.Image", spacing_mm: float) -> "sitk.Image":
    """An empty image of `spacing_mm` over the box that holds `mask`."""
    import SimpleITK as sitk

    inside = sitk.GetArrayViewFromImage(mask)
    planes = np.any(inside, axis=0), np.any(inside, axis=2)  # (j, i) and (k, j)
    along = np.any(planes[0], axis=0), np.any(planes[0], axis=1), np.any(planes[1], axis=1)
    ends = np.array([np.flatnonzero(some)[[0, -1]] for some in along])
    return _empty_grid(mask, ends[:, 0], ends[:, 1] - ends[:, 0] + 1, spacing_mm)


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
    """The MRI's grid at about 1 mm, or the part of it around these points: its places do not depend on the points."""
    whole = _empty_grid(mri, np.zeros(3), np.array(mri.GetSize()), MRI_SPACING_MM)
    if around is None:
        return whole
    size, margin = np.array(whole.GetSize()), CROP_MARGIN_MM / MRI_SPACING_MM
    ijk = transform_points(np.linalg.inv(ijk_to_ras(whole)), around)
    low = np.clip(np.floor(ijk.min(axis=0) - margin), 0, np.maximum(size - 2, 0)).astype(int)
    high = np.clip(np.ceil(ijk.max(axis=0) + margin) + 1, np.minimum(low + 2, size), size).astype(int)
    return whole[tuple(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))]


def _joint(gradients: "list[sitk.Image]") -> np.ndarray:
    scaled = [_scaled_image(gradient) for gradient in gradients]
    if len(scaled) == 1:
        return scaled[0]
    return _scaled(np.sqrt(sum((values - values.min()) ** 2 for values in scaled)))


def _joint_laplacian(images: "list[sitk.Image]") -> np.ndarray:
    """The contrasts' Laplacians, each with the sign by which it agrees with the first: a sulcus is dark in T1, not in T2."""
    import SimpleITK as sitk

    first, *others = (_scaled_image(sitk.LaplacianRecursiveGaussian(i, LAPLACIAN_SIGMA_MM)) for i in images)
    if not others:
        return first
    return _scaled(first + sum(np.sign(np.vdot(first, other)) * other for other in others))


def _scaled_image(image: "sitk.Image") -> np.ndarray:
    import SimpleITK as sitk

    return _scaled(sitk.GetArrayViewFromImage(image))


def _scaled(values: np.ndarray) -> np.ndarray:
    some = values.ravel()[:: max(1, values.size // SCALE_SAMPLES)]
    middle = np.median(some)
    scale = np.percentile(np.abs(some - middle), 99)
    return ((values - middle) / max(scale, 1e-12)).astype(np.float32)


def _standardised(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    inside = values[mask > 0]
    return ((values - inside.mean()) / max(inside.std(), 1e-12) * mask).astype(np.float32)
