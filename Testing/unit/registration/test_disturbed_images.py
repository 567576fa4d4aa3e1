"""Disturbances do what they say, where they say it, and alike for a seed."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.registration.disturbed_images import (
    Disturbance,
    disturbance_of,
    disturbed_mri,
    disturbed_ultrasound,
)

NONE = Disturbance(0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture(scope="module")
def sector():
    """An ultrasound of level 100 in the middle of zero padding, and its field of view."""
    mask = np.zeros((40, 44, 48), np.uint8)
    mask[5:35, 5:39, 5:43] = 1
    us = sitk.GetImageFromArray(100 * mask.astype(np.float32))
    return us, sitk.GetImageFromArray(mask)


def changed(sector, **parts):
    us, mask = sector
    image = disturbed_ultrasound(us, mask, replace(NONE, **parts), np.random.default_rng(1))
    values, inside = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(mask) > 0
    assert (values[~inside] == 0).all()
    return values, inside


def test_no_disturbance_changes_nothing(sector):
    values, inside = changed(sector)
    np.testing.assert_allclose(values[inside], 100, rtol=1e-6)
    mri = sitk.GetImageFromArray(np.random.default_rng(0).random((9, 10, 11)).astype(np.float32))
    unchanged = disturbed_mri(mri, NONE, np.random.default_rng(1))
    np.testing.assert_allclose(sitk.GetArrayFromImage(unchanged), sitk.GetArrayFromImage(mri), rtol=1e-6)


def test_shadows_take_the_echo_of_their_share_of_the_sector(sector):
    values, inside = changed(sector, shadow=0.3)
    assert np.mean(values[inside] < 50) == pytest.approx(0.3, abs=0.01)


def test_attenuation_follows_its_law_along_the_first_axis(sector):
    values, _ = changed(sector, attenuation=2.0)
    assert values[20, 20, 40] / values[20, 20, 10] == pytest.approx(np.exp(-2.0 * 30 / 100), rel=1e-5)


def test_speckle_and_clutter_keep_the_level(sector):
    for part in ("speckle", "clutter"):
        values, inside = changed(sector, **{part: 0.7})
        assert values[inside].mean() == pytest.approx(100, rel=0.02)
        assert values[inside].std() > 20


def test_a_seed_gives_one_disturbance_and_strength_nought_none():
    assert disturbance_of(0.0, np.random.default_rng(3)) == NONE
    assert disturbance_of(1.0, np.random.default_rng(3)) == disturbance_of(1.0, np.random.default_rng(3))
