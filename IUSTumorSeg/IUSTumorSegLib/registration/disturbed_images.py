"""Ultrasound and MRI made worse, from hardly to beyond use, so that the verdict learns where registrations begin to fail.

Undisturbed simulated pairs are nearly always registered rightly, and teach only what a wrong patient looks like. Here
echoes that the MRI does not explain, shadows, speckle, attenuation and blur are put into the ultrasound, and noise, a
bias field and thick slices into the MRI, simulated or real.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk

CLUTTER_MM, SHADOW_MM, BIAS_MM = 1.5, 9.0, 30.0  # deviations of the Gaussians that shape the random fields
SHADOWED_ECHO = 0.15


@dataclass(frozen=True)
class Disturbance:
    """How much of what: `clutter`, `speckle` and `shadow` are shares of 1, `attenuation` per 100 mm along the first axis.

    `clutter` is the share of the echo that random structures as wide as sulci take; `shadow` the share of the sector that
    loses its echo. `mri_noise` and `mri_bias` are relative to the MRI's deviation and level.
    """

    clutter: float
    speckle: float
    shadow: float
    attenuation: float
    blur_mm: float
    mri_noise: float
    mri_bias: float
    slice_mm: float


def disturbance_of(strength: float, rng: np.random.Generator) -> Disturbance:
    """A random disturbance; at `strength` 0 none, at 1 as bad as one would still try to register, beyond it worse."""
    clutter, speckle, shadow, attenuation, blur, noise, bias, slices = (strength * rng.uniform(0, 1, 8)).tolist()
    return Disturbance(
        clutter=min(0.85 * clutter, 0.95),
        speckle=speckle,
        shadow=min(0.6 * shadow, 0.9),
        attenuation=3.0 * attenuation,
        blur_mm=1.5 * blur,
        mri_noise=0.5 * noise,
        mri_bias=0.6 * bias,
        slice_mm=5.0 * slices,
    )


def disturbed_ultrasound(
    us: "sitk.Image", mask: "sitk.Image", disturbance: Disturbance, rng: np.random.Generator
) -> "sitk.Image":
    """`us` with the disturbance; `mask` is its field of view, and padding (the value of its first voxel) stays."""
    import SimpleITK as sitk

    echo = _blurred(us, disturbance.blur_mm)
    values = sitk.GetArrayFromImage(echo).astype(np.float32)
    inside = sitk.GetArrayViewFromImage(mask) > 0
    level = values[inside].mean()
    spacing = us.GetSpacing()[::-1]
    clutter = np.exp(_random_field(values.shape, spacing, CLUTTER_MM, rng))
    values = (1 - disturbance.clutter) * values + disturbance.clutter * level * clutter / clutter[inside].mean()
    values *= 1 + disturbance.speckle * (rng.rayleigh(np.sqrt(2 / np.pi), values.shape).astype(np.float32) - 1)
    shadow = _random_field(values.shape, spacing, SHADOW_MM, rng)
    values[shadow < np.quantile(shadow[inside], disturbance.shadow)] *= SHADOWED_ECHO
    depth_mm = np.arange(values.shape[2], dtype=np.float32) * spacing[2]
    values *= np.exp(-disturbance.attenuation * depth_mm / 100)
    original = sitk.GetArrayViewFromImage(us)
    return _like(us, np.where(original == original.flat[0], original, np.maximum(values, 0)))


def disturbed_mri(mri: "sitk.Image", disturbance: Disturbance, rng: np.random.Generator) -> "sitk.Image":
    """`mri` with noise, a bias field and slices as thick as the disturbance says, on its own grid."""
    import SimpleITK as sitk

    thick = _thick_slices(mri, disturbance.slice_mm)
    values = sitk.GetArrayFromImage(thick).astype(np.float32)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    bias = np.exp(disturbance.mri_bias * _random_field(values.shape, mri.GetSpacing()[::-1], BIAS_MM, rng))
    return _like(mri, values * bias + disturbance.mri_noise * values.std() * noise)


def _random_field(
    shape: tuple[int, ...], spacing: tuple[float, ...], sigma_mm: float, rng: np.random.Generator
) -> np.ndarray:
    """A Gaussian random field with mean 0 and deviation 1, smooth over `sigma_mm`; made on a coarse grid."""
    from scipy.ndimage import gaussian_filter, zoom

    coarse = [max(4, round(n * s / sigma_mm * 2)) for n, s in zip(shape, spacing, strict=True)]
    field = gaussian_filter(rng.standard_normal(coarse).astype(np.float32), 2.0, mode="wrap")
    field = zoom(field, [n / c for n, c in zip(shape, coarse, strict=True)], order=1, grid_mode=True, mode="nearest")
    return np.asarray((field - field.mean()) / max(field.std(), 1e-9), dtype=np.float32)


def _blurred(image: "sitk.Image", sigma_mm: float) -> "sitk.Image":
    import SimpleITK as sitk

    return sitk.SmoothingRecursiveGaussian(image, sigma_mm) if sigma_mm > 0.05 else image


def _thick_slices(mri: "sitk.Image", slice_mm: float) -> "sitk.Image":
    """`mri` as slices of `slice_mm` along its third axis would show it."""
    import SimpleITK as sitk

    if slice_mm <= mri.GetSpacing()[2]:
        return mri
    factor = min(round(slice_mm / mri.GetSpacing()[2]), mri.GetSize()[2])
    if factor < 2:
        return mri
    averaged = sitk.BinShrink(mri, [1, 1, factor])
    return sitk.Resample(averaged, mri, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)


def _like(image: "sitk.Image", values: np.ndarray) -> "sitk.Image":
    import SimpleITK as sitk

    made = sitk.GetImageFromArray(values.astype(np.float32))
    made.CopyInformation(image)
    return made
