"""Mattes' mutual information by SimpleITK: the method that LC2 is compared with.

Set up as its makers advise: rigid about the ultrasound's centre, three resolutions, samples inside the field of view
only, scales from physical shift, and regular-step gradient descent, whose first step of 1 mm cannot leap out of the MRI.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import LPS_FROM_RAS, change_world_frame, resampling_transform, transform_points

if TYPE_CHECKING:
    import SimpleITK as sitk

SAMPLING_SHARE = 0.2
HISTOGRAM_BINS = 32


def register_mattes(
    us: "sitk.Image", mri: "sitk.Image", mask: "sitk.Image", initial_mri_to_us_ras: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Register by mutual information; returns `mri_to_us_ras` (4, 4) and the mutual information (higher is better)."""
    import SimpleITK as sitk

    fixed = _shrunk(sitk.Cast(us, sitk.sitkFloat32))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(HISTOGRAM_BINS)
    method.SetMetricFixedMask(sitk.Resample(mask, fixed, sitk.Transform(), sitk.sitkNearestNeighbor))
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLING_SHARE, seed + 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=1.0, minStep=1e-3, numberOfIterations=150, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([4.0, 2.0, 1.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    start = sitk.Euler3DTransform(_center_lps(mask).tolist())
    method.SetInitialTransform(start, inPlace=True)
    method.SetMovingInitialTransform(resampling_transform(initial_mri_to_us_ras))
    method.Execute(fixed, sitk.Cast(mri, sitk.sitkFloat32))
    displacement = change_world_frame(_matrix(start))
    return np.linalg.inv(displacement) @ initial_mri_to_us_ras, -float(method.GetMetricValue())


def _shrunk(us: "sitk.Image") -> "sitk.Image":
    import SimpleITK as sitk

    factors = [max(1, round(1.0 / s)) for s in us.GetSpacing()]
    return sitk.BinShrink(us, factors)


def _center_lps(mask: "sitk.Image") -> np.ndarray:
    from .pyramid import field_of_view_points

    return transform_points(LPS_FROM_RAS, field_of_view_points(mask)).mean(axis=0)


def _matrix(transform: "sitk.Euler3DTransform") -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix
