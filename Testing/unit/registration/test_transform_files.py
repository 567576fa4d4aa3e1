import numpy as np
import pytest
import SimpleITK as sitk
from made_images import pose

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import center_of_mass_ras, resample_onto, transform_points
from IUSTumorSegLib.registration.transform_files import read_transform, write_transform

MRI_TO_US_RAS = pose((4.0, -7.0, 11.0), (1, 2, -0.5), 23.0)


def test_a_written_transform_reads_back_as_the_same_matrix(tmp_path):
    write_transform(MRI_TO_US_RAS, tmp_path / "mri_to_us.tfm")
    assert np.allclose(read_transform(tmp_path / "mri_to_us.tfm"), MRI_TO_US_RAS, atol=1e-9)


def test_the_file_is_what_simpleitk_needs_to_resample_the_mri_onto_the_ultrasound(tmp_path):
    write_transform(MRI_TO_US_RAS, tmp_path / "mri_to_us.tfm")
    blob = sitk.Image(40, 40, 40, sitk.sitkFloat32)
    blob.SetOrigin((-20, -20, -20))
    blob[25, 14, 18] = 1.0
    blob = sitk.SmoothingRecursiveGaussian(blob, 2.0)
    us = sitk.Image(80, 80, 80, sitk.sitkUInt8)
    us.SetOrigin((-40, -40, -40))
    moved = sitk.Resample(blob, us, sitk.ReadTransform(str(tmp_path / "mri_to_us.tfm")), sitk.sitkLinear, 0.0)
    brightest = np.unravel_index(sitk.GetArrayFromImage(moved).argmax(), (80, 80, 80))[::-1]
    found_ras = np.array(us.TransformIndexToPhysicalPoint([int(i) for i in brightest])) * [-1, -1, 1]
    expected = transform_points(MRI_TO_US_RAS, np.array([-5.0, 6.0, -2.0]))
    assert np.abs(found_ras - expected).max() <= 0.75


def test_resampling_in_the_library_moves_a_label_by_the_same_matrix():
    label = sitk.Image(40, 40, 40, sitk.sitkUInt8)
    label[10:16, 20:26, 30:36] = 1
    us = sitk.Image(120, 120, 120, sitk.sitkUInt8)
    us.SetOrigin((-60, -60, -60))
    moved = resample_onto(label, us, MRI_TO_US_RAS, sitk.sitkNearestNeighbor)
    assert np.allclose(center_of_mass_ras(moved), transform_points(MRI_TO_US_RAS, center_of_mass_ras(label)), atol=0.3)


def test_a_deformation_is_refused(tmp_path):
    field = sitk.DisplacementFieldTransform(sitk.Image(4, 4, 4, sitk.sitkVectorFloat64))
    sitk.WriteTransform(field, str(tmp_path / "warp.h5"))
    with pytest.raises(BadInput, match="deformation"):
        read_transform(tmp_path / "warp.h5")
