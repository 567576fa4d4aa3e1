import numpy as np
import pytest
import SimpleITK as sitk
from real_data import real_file

from IUSTumorSegLib.images.field_of_view import field_of_view_mask, without_interpolation
from IUSTumorSegLib.images.volumes import read_volume

SHAPE = (60, 70, 80)


def cone():
    z, y, x = np.indices(SHAPE)
    return np.hypot(y - 35, x - 40) < 8 + 0.4 * z


def box():
    inside = np.zeros(SHAPE, bool)
    inside[5:55, 10:60, 12:70] = True
    return inside


def ultrasound(inside, padding=0.0, dtype=np.float32):
    rng = np.random.default_rng(0)
    values = np.clip(rng.rayleigh(60, SHAPE), 0, 255)
    values[20:30, 30:36, 36:44] = 0  # a cyst, as dark as padding
    values[~inside] = padding
    return values.astype(dtype)


def dice(mask, inside):
    found = sitk.GetArrayFromImage(mask) > 0
    return 2 * (found & inside).sum() / (found.sum() + inside.sum())


@pytest.mark.parametrize("shape", [cone, box])
@pytest.mark.parametrize("padding", [0, 255, 17])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_the_mask_is_the_sector_whatever_the_padding_and_type(shape, padding, dtype):
    mask = field_of_view_mask(sitk.GetImageFromArray(ultrasound(shape(), padding, dtype)))
    assert dice(mask, shape()) > 0.98


def test_burnt_in_text_and_markers_are_not_field_of_view():
    values = ultrasound(cone())
    values[2:4, 3:60:5, 2:14] = 255
    values[50:58, 66:68, 4:30:3] = 255
    assert dice(field_of_view_mask(sitk.GetImageFromArray(values)), cone()) > 0.98


def test_a_volume_without_padding_is_all_field_of_view():
    values = np.random.default_rng(1).rayleigh(60, SHAPE).astype(np.float32)
    assert sitk.GetArrayFromImage(field_of_view_mask(sitk.GetImageFromArray(values))).all()


@pytest.mark.real_data
@pytest.mark.parametrize("case", [1, 5, 24])
def test_a_real_sector_is_found_whole_and_nothing_else(case):
    us = read_volume(real_file("resect", f"Case{case}-US-before_0.5mm.nii.gz"), "ultrasound")
    values, inside = sitk.GetArrayViewFromImage(us), sitk.GetArrayFromImage(field_of_view_mask(us)) > 0
    assert (inside & (values == 0)).sum() < 0.02 * inside.sum()
    assert (~inside & (values != 0)).sum() < 0.06 * inside.sum()


def test_an_interpolated_volume_is_averaged_to_half_a_millimetre_where_it_stands():
    values = np.zeros((40, 60, 50), np.float32)
    values[5:35, 8:52, 6:44] = 100 + np.arange(30)[:, None, None]
    us = sitk.GetImageFromArray(values)
    us.SetSpacing([0.2, 0.25, 0.6])
    us.SetOrigin([10, -20, 30])
    small, mask = without_interpolation(us)
    assert small.GetSpacing() == pytest.approx([0.4, 0.5, 0.6]) and small.GetSize() == mask.GetSize() == (25, 30, 40)
    middles = [
        image.TransformContinuousIndexToPhysicalPoint((np.array(image.GetSize()) - 1) / 2) for image in (us, small)
    ]
    assert middles[0] == pytest.approx(middles[1])
    assert sitk.GetArrayFromImage(small)[20, 15, 12] == pytest.approx(values[20, 30, 24])
    inside = sitk.GetArrayViewFromImage(mask)
    assert inside[20, 15, 12] == 1 and inside[1, 15, 12] == 0


def test_a_volume_of_half_a_millimetre_is_left_as_it_is():
    us = sitk.GetImageFromArray(np.random.default_rng(0).random((12, 14, 16)).astype(np.float32))
    us.SetSpacing([0.5] * 3)
    small, _ = without_interpolation(us)
    assert np.array_equal(sitk.GetArrayFromImage(small), sitk.GetArrayFromImage(us))
