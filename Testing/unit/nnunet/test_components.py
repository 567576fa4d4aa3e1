"""Small parts of a label against sizes that were planted."""

import numpy as np
import pytest

from IUSTumorSegLib.nnunet.components import without_small_components


def planted():
    label = np.zeros((12, 14, 16), np.uint8)
    label[1:4, 1:4, 1:4] = 1  # 27 voxels
    label[6:8, 6:8, 6:8] = 1  # 8 voxels
    label[8, 8, 8] = 1  # touches the 8 by a corner
    label[10, 12, 14] = 2  # 1 voxel of another class
    label[4, 4, 4] = 2  # touches the 27, but of another class
    return label


@pytest.mark.parametrize(
    ("smallest_mm3", "kept"), [(0.5, 27 + 9 + 2), (0.51, 27 + 9), (4.5, 27 + 9), (4.51, 27), (13.5, 27), (13.6, 0)]
)
def test_parts_are_kept_from_their_exact_size_on(smallest_mm3, kept):
    found = without_small_components(planted(), (1.0, 0.5, 1.0), smallest_mm3)
    assert np.count_nonzero(found) == kept
    assert (found[found > 0] == planted()[found > 0]).all()


def test_sizes_that_are_no_binary_fractions_count_exactly():
    label = np.zeros((6, 6), np.uint8)
    label[0, :3] = 1
    assert without_small_components(label, (0.1, 0.1), 0.03).sum() == 3


def test_an_empty_label_stays_empty():
    assert not without_small_components(np.zeros((4, 5), np.uint8), (1, 1), 3).any()
