"""Resampling of slices against the libraries that nnU-Net hands them to."""

import numpy as np
import pytest
from batchgenerators.augmentations.utils import resize_segmentation
from scipy import ndimage
from skimage.transform import resize

from IUSTumorSegLib.nnunet import slice_resampling
from IUSTumorSegLib.nnunet.slice_resampling import resize_image, resize_label

SHAPES = [((60, 50), (66, 53)), ((50, 61), (45, 41)), ((40, 40), (20, 20)), ((40, 40), (80, 80)), ((9, 5), (31, 4)),
          ((2, 3), (4, 3)), ((1, 30), (1, 40)), ((57, 300), (57, 301))]  # fmt: skip


def speckle(shape: tuple[int, int], seed: int) -> np.ndarray:
    values = ndimage.gaussian_filter(np.random.default_rng(seed).rayleigh(40, shape), 0.7)
    values[: shape[0] // 4] = 0
    return ((values - values.mean()) / values.std()).astype(np.float32)


@pytest.mark.parametrize(("old", "new"), SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_an_image_is_resized_as_scikit_image_does_to_the_last_bit(old, new, seed):
    image = speckle(old, seed)
    expected = resize(image.astype(float), new, 3, mode="edge", anti_aliasing=False).astype(np.float32)
    np.testing.assert_array_equal(resize_image(image, new), expected)


def test_rounding_in_the_products_does_not_reach_the_result(monkeypatch):
    # Far more of it than a processor makes: about one in 100,000 pixels would change.
    matrix = slice_resampling._matrix
    monkeypatch.setattr(slice_resampling, "_matrix", lambda *given: matrix(*given) * (1 + 4e-13))
    image = speckle((600, 600), 0)
    expected = resize(image.astype(float), (900, 900), 3, mode="edge", anti_aliasing=False).astype(np.float32)
    np.testing.assert_array_equal(resize_image(image, (900, 900)), expected)


@pytest.mark.parametrize(("old", "new"), SHAPES)
@pytest.mark.parametrize("seed", range(4))
def test_a_label_is_resized_as_batchgenerators_does_ties_included(old, new, seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=old), 1.5)
    label = (np.digitize(noise, np.quantile(noise, [0.3, 0.8])) - 1).astype(np.int8)
    expected = resize_segmentation(label.astype(float), new, 1)
    resized = resize_label(label, new)
    assert resized.dtype == label.dtype
    np.testing.assert_array_equal(resized, expected)
