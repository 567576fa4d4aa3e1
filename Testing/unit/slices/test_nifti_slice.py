"""Slice files against SimpleITK, byte for byte."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.slices.nifti_slice import read_slice_file, write_slice_file

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def by_simpleitk(pixels: np.ndarray, spacing: tuple[float, float]) -> sitk.Image:
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing(spacing)
    return image


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.21, 0.37), (1 / 3, 2e-3), (12.5, 0.1)])
def test_an_uncompressed_slice_has_every_byte_of_simpleitks_own(tmp_path, spacing):
    sitk.WriteImage(by_simpleitk(PIXELS, spacing), str(tmp_path / "theirs.nii"))
    write_slice_file(PIXELS, spacing, tmp_path / "ours.nii")
    assert (tmp_path / "ours.nii").read_bytes() == (tmp_path / "theirs.nii").read_bytes()


def test_simpleitk_and_nibabel_read_a_compressed_slice_as_it_was(tmp_path):
    path = tmp_path / "slice.nii.gz"
    write_slice_file(PIXELS, (0.21, 0.37), path)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), PIXELS)
    assert image.GetSpacing() == pytest.approx((0.21, 0.37), rel=1e-7)
    assert (image.GetDimension(), image.GetOrigin(), image.GetDirection()) == (2, (0, 0), (1, 0, 0, 1))
    np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj), PIXELS.T)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_slice_that_simpleitk_wrote_is_read_with_the_spacing_that_simpleitk_reads(tmp_path, ending):
    path = tmp_path / f"slice{ending}"
    sitk.WriteImage(by_simpleitk(PIXELS, (0.21, 0.37)), str(path))
    pixels, spacing = read_slice_file(path)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert spacing == sitk.ReadImage(str(path)).GetSpacing()


def test_a_file_of_another_type_size_or_place_is_left_to_an_image_library(tmp_path):
    turned, moved = (by_simpleitk(PIXELS, (1, 1)) for _ in range(2))
    turned.SetDirection((-1, 0, 0, 1))
    moved.SetOrigin((3, 4))
    others = [turned, moved, by_simpleitk(PIXELS.astype(np.int16), (1, 1)), sitk.GetImageFromArray(PIXELS[None])]
    for number, image in enumerate(others):
        path = tmp_path / f"{number}.nii.gz"
        sitk.WriteImage(image, str(path))
        assert read_slice_file(path) is None
    short = tmp_path / "short.nii"
    short.write_bytes(b"no image")
    assert read_slice_file(short) is None
