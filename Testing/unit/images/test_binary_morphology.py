"""Opening, closing and filling of masks, beside SimpleITK's filters."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from IUSTumorSegLib.images.binary_morphology import closed, dilated, filled, opened

RADII = [(1, 1, 1), (3, 3, 3), (4, 3, 5), (1, 6, 2)]
CLEAR = 8


@pytest.fixture(scope="module")
def blobs() -> np.ndarray:
    """Parts with gaps, tunnels and holes, clear of the border."""
    noise = gaussian_filter(np.random.default_rng(5).normal(size=(36, 40, 44)), 1.2)
    inside = np.zeros(noise.shape, bool)
    inside[CLEAR:-CLEAR, CLEAR:-CLEAR, CLEAR:-CLEAR] = True
    return (noise > -0.1) & inside


def by_itk(filtered, mask: np.ndarray, *radius) -> np.ndarray:
    # SimpleITK counts axes from the other end.
    return sitk.GetArrayFromImage(filtered(sitk.GetImageFromArray(mask.astype(np.uint8)), *radius)) != 0


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize(
    ("ours", "itks"),
    [
        (dilated, sitk.BinaryDilate),
        (closed, sitk.BinaryMorphologicalClosing),
        (opened, sitk.BinaryMorphologicalOpening),
    ],
)
def test_every_voxel_is_simpleitks(blobs, radius, ours, itks):
    found = ours(blobs, radius)
    assert (found != blobs).any()
    np.testing.assert_array_equal(found, by_itk(itks, blobs, radius[::-1]))


def test_holes_are_filled_and_tunnels_are_not(blobs):
    shell = np.zeros((9, 9, 9), bool)
    shell[1:8, 1:8, 1:8] = True
    shell[3:6, 3:6, 3:6] = False
    assert filled(shell)[4, 4, 4]
    shell[0:4, 4, 4] = False
    assert not filled(shell)[4, 4, 4]
    np.testing.assert_array_equal(filled(blobs), by_itk(sitk.BinaryFillhole, blobs))
