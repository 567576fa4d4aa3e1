"""Carry a label from the MRI to the ultrasound's grid."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import resample_onto

if TYPE_CHECKING:
    import SimpleITK as sitk


def propagate_label(label: "sitk.Image", us: "sitk.Image", mri_to_us_ras: np.ndarray) -> "sitk.Image":
    """The label (1 where non-zero) on the grid of `us`, uint8.

    The label's indicator is resampled linearly and cut at 0.5, which keeps borders smooth where the ultrasound's grid is
    finer. `mri_to_us_ras`: 4x4, RAS mm. The label may lie on any grid in the MRI's world. Outside the sector it stays.
    """
    import SimpleITK as sitk

    indicator = sitk.Cast(label != 0, sitk.sitkFloat32)
    return sitk.Cast(resample_onto(indicator, us, mri_to_us_ras) >= 0.5, sitk.sitkUInt8)
