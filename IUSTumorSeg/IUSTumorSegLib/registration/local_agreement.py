"""Where an MRI explains the ultrasound at a pose, within a second and without PyTorch, for a window that shows it.

The same LC2 as `lc2.py` computes for many poses at once, here for one pose at every voxel of a coarse grid: sums over
patches are running means, and two channels' least squares have a closed form.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import grid_near, resampling_transform, set_ijk_to_ras, transform_points
from .lc2 import MINIMUM_INSIDE, PATCH_VOXELS, RIDGE, SCORE_OUTSIDE_MRI
from .pyramid import ultrasound_level

if TYPE_CHECKING:
    import SimpleITK as sitk

SPACING_MM = 1.5
MRI_SIGMA_MM, MRI_SPACING_MM, MRI_MARGIN_MM = 0.7, 1.0, 30.0
SMOOTHED_VOXELS = 1.0
LEAST_KNOWN = 0.01  # 0 says that nothing is known
FLATTEST = 0.02  # share of the mean deviation: flatter patches have nothing to be explained
CHANNEL_PERCENTILE = 99


@dataclass(frozen=True)
class AgreementInputs:
    """What does not depend on the pose: the ultrasound u (nz, ny, nx) with its mask, and the MRI's two channels."""

    u: np.ndarray
    mask: np.ndarray
    ijk_to_ras: np.ndarray
    intensity: "sitk.Image"
    gradient: "sitk.Image"

    def sector(self) -> "sitk.Image":
        """The field of view, uint8, 0 or 1, on the map's grid."""
        return _image(self.mask.astype(np.uint8), self.ijk_to_ras)

    def sector_ras(self) -> np.ndarray:
        """Positions (n, 3), RAS mm in the ultrasound's world, all over its field of view."""
        return transform_points(self.ijk_to_ras, np.argwhere(self.mask)[:, ::-1])


def prepare_agreement(us: "sitk.Image", mri: "sitk.Image", mri_to_us_ras: np.ndarray) -> AgreementInputs:
    """Sample the ultrasound at 1.5 mm and make the MRI's intensity and gradient magnitude; once a case.

    Poses up to 30 mm from the 4x4 `mri_to_us_ras` (RAS mm) find MRI all over the ultrasound.
    """
    import SimpleITK as sitk

    from ..images.field_of_view import field_of_view_mask

    coarse = _coarsened(us)
    level = ultrasound_level(sitk.Cast(coarse, sitk.sitkFloat32), field_of_view_mask(coarse), SPACING_MM)
    sector_ras = transform_points(np.linalg.inv(mri_to_us_ras) @ level.ijk_to_ras, np.argwhere(level.mask)[:, ::-1])
    intensity, gradient = _channels(mri, sector_ras)
    return AgreementInputs(level.features[0].astype(np.float32), level.mask, level.ijk_to_ras, intensity, gradient)


def local_agreement(inputs: AgreementInputs, mri_to_us_ras: np.ndarray) -> tuple["sitk.Image", float]:
    """The map at the 4x4 `mri_to_us_ras` (RAS mm), and its mean: the share of u's variance that the MRI explains.

    The map is float32 every 1.5 mm in the ultrasound's world, 0 outside the field of view and at least 0.01 inside.
    """
    explained, deviation = _explained_share(inputs, mri_to_us_ras)
    weights = np.where(deviation > FLATTEST * deviation[deviation > 0].mean(), deviation, 0)
    smooth = _smoothed(explained * weights) / np.maximum(_smoothed(weights), 1e-9)
    known = (inputs.mask > 0) & (_smoothed(weights) > 0)
    values = np.where(known, np.maximum(smooth, LEAST_KNOWN), 0).astype(np.float32)
    return _image(values, inputs.ijk_to_ras), float((explained * weights).sum() / max(weights.sum(), 1e-9))


def _coarsened(us: "sitk.Image") -> "sitk.Image":
    """The ultrasound averaged to voxels no larger than half of those of the map: the sector is found there at once."""
    import SimpleITK as sitk

    factors = [max(1, min(int(SPACING_MM / 2 / s), n)) for s, n in zip(us.GetSpacing(), us.GetSize(), strict=True)]
    return sitk.BinShrink(us, factors) if max(factors) > 1 else us


def _explained_share(inputs: AgreementInputs, mri_to_us_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S_p of the patch round each voxel and the deviation of u there; 0 where too little of it lies in the sector."""
    mask = inputs.mask
    m, g, inside = _channels_at(inputs, mri_to_us_ras)
    share = _patch_mean(mask)
    valid = share >= MINIMUM_INSIDE

    def mean(values: np.ndarray) -> np.ndarray:
        return _patch_mean(values * mask) / np.maximum(share, 1e-6)

    u, mean_u, mean_m, mean_g = inputs.u, mean(inputs.u), mean(m), mean(g)
    var_u = np.maximum(mean(u * u) - mean_u**2, 0)
    mm = np.maximum(mean(m * m) - mean_m**2, 0) + RIDGE
    gg = np.maximum(mean(g * g) - mean_g**2, 0) + RIDGE
    mg, um, ug = mean(m * g) - mean_m * mean_g, mean(u * m) - mean_u * mean_m, mean(u * g) - mean_u * mean_g
    rest = np.maximum(gg - mg**2 / mm, RIDGE)
    explained = np.clip((um**2 / mm + (ug - mg * um / mm) ** 2 / rest) / np.maximum(var_u, 1e-6), 0, 1)
    covered = mean(inside)
    explained = covered * explained + (1 - covered) * SCORE_OUTSIDE_MRI
    return np.where(valid, explained, 0).astype(np.float32), np.where(valid, np.sqrt(var_u), 0).astype(np.float32)


def _patch_mean(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import uniform_filter

    return uniform_filter(values, PATCH_VOXELS, mode="constant")


def _smoothed(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, SMOOTHED_VOXELS, mode="constant")


def _channels(mri: "sitk.Image", near_ras: np.ndarray) -> tuple["sitk.Image", "sitk.Image"]:
    """Intensity and gradient magnitude of the smoothed MRI, each scaled to its 99th percentile near the ultrasound."""
    import SimpleITK as sitk

    grid = grid_near(mri, near_ras, MRI_SPACING_MM, MRI_MARGIN_MM)
    values = sitk.Resample(sitk.Cast(mri, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    smooth = sitk.SmoothingRecursiveGaussian(values, MRI_SIGMA_MM)
    return _scaled(smooth), _scaled(sitk.GradientMagnitude(smooth))


def _scaled(channel: "sitk.Image") -> "sitk.Image":
    import SimpleITK as sitk

    return channel / max(float(np.percentile(sitk.GetArrayViewFromImage(channel), CHANNEL_PERCENTILE)), 1e-9)


def _channels_at(inputs: AgreementInputs, mri_to_us_ras: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intensity, gradient magnitude and whether there is MRI, on the ultrasound's grid at the pose."""
    import SimpleITK as sitk

    grid = inputs.sector()
    transform = resampling_transform(mri_to_us_ras)
    outside = -1e3
    m, g = (
        sitk.GetArrayFromImage(sitk.Resample(channel, grid, transform, sitk.sitkLinear, outside))
        for channel in (inputs.intensity, inputs.gradient)
    )
    inside = (m > outside / 2).astype(np.float32)
    return np.where(inside > 0, m, 0), np.where(inside > 0, g, 0), inside


def _image(values: np.ndarray, to_ras: np.ndarray) -> "sitk.Image":
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    set_ijk_to_ras(image, to_ras)
    return image
