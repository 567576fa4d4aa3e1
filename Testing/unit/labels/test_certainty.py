import numpy as np
import pytest
import SimpleITK as sitk
from made_labels import ball, grid, shifted, turned, value_at
from scipy.stats import norm

from IUSTumorSegLib.images.geometry import points_ras_from_indices, same_grid
from IUSTumorSegLib.labels.certainty import certainty_label, inclusion_probability
from IUSTumorSegLib.labels.propagation import propagate_label

POSE = shifted(5, -7, 3) @ turned((0, 0, 1), 20)
MIDDLE = np.array([10.0, 20.0, 30.0])
THERE = POSE[:3, :3] @ MIDDLE + POSE[:3, 3]


def lump(radius_mm=12.0):
    return ball(grid([34, 34, 34], (1, 1, 1), MIDDLE, 15.0), radius_mm, MIDDLE)


def ultrasound(spacing=(0.6, 0.7, 0.8)):
    return grid([int(44 / s) for s in spacing], spacing, np.add(THERE, [2, 1, -1]), 30.0)


def small_turns_and_shifts(count, seed=1):
    rng = np.random.default_rng(seed)
    return [shifted(*rng.normal(0, 1.2, 3)) @ turned(rng.normal(size=3), 3.0, THERE) @ POSE for _ in range(count)]


def test_the_probability_is_the_mean_of_the_labels_propagated_under_each_sample():
    us, samples = ultrasound(), small_turns_and_shifts(12)
    probability = sitk.GetArrayFromImage(inclusion_probability(lump(), us, POSE, samples))
    each = [sitk.GetArrayFromImage(propagate_label(lump(), us, sample)) for sample in samples]
    # Where a sample's border passes within a part of a voxel, distance and resampled indicator may decide differently.
    assert np.abs(probability - np.mean(each, axis=0)).mean() < 2e-3
    assert np.mean(np.abs(probability - np.mean(each, axis=0)) > 1.5 / 12) < 2e-3


def test_normal_errors_give_the_normal_distribution_s_probability_across_the_border():
    rng = np.random.default_rng(2)
    samples = [shifted(*v) @ POSE for v in rng.normal(0, 1.5, (400, 3))]
    us = ultrasound()
    probability = sitk.GetArrayFromImage(inclusion_probability(lump(), us, POSE, samples)).ravel()
    kji = np.indices(us.GetSize()[::-1]).reshape(3, -1).T
    depth = 12.0 - np.linalg.norm(points_ras_from_indices(us, kji[:, ::-1]) - THERE, axis=1)
    # The surface is curved: of radius r, it lies on average sigma^2 / r nearer to its middle.
    expected = norm.cdf((depth - 1.5**2 / 12.0) / 1.5)
    near = np.abs(depth) < 4
    assert np.abs(probability - expected)[near].mean() < 0.04


def test_without_spread_the_soft_label_is_the_propagated_label():
    us = ultrasound()
    probability = inclusion_probability(lump(), us, POSE, [POSE] * 3)
    carried = sitk.GetArrayFromImage(propagate_label(lump(), us, POSE)).astype(bool)
    soft = sitk.GetArrayFromImage(probability)
    assert set(np.unique(soft)) == {0.0, 1.0}
    overlap = 2 * (carried & (soft > 0)).sum() / (carried.sum() + (soft > 0).sum())
    assert overlap > 0.99


def test_the_core_is_inside_the_label_and_the_label_inside_the_rim():
    us = ultrasound()
    probability = inclusion_probability(lump(), us, POSE, small_turns_and_shifts(40))
    levels = sitk.GetArrayFromImage(certainty_label(probability))
    carried = sitk.GetArrayFromImage(propagate_label(lump(), us, POSE)).astype(bool)
    assert set(np.unique(levels)) == {0, 1, 2}
    assert (levels == 2)[~carried].mean() < 1e-3
    assert (levels == 0)[carried].mean() < 1e-3
    assert value_at(certainty_label(probability), THERE) == 2


def test_the_thresholds_are_95_and_5_percent():
    shares = sitk.GetImageFromArray(np.array([[[0.0, 0.04, 0.05, 0.5, 0.94, 0.95, 1.0]]], np.float32))
    assert sitk.GetArrayFromImage(certainty_label(shares)).ravel().tolist() == [0, 0, 1, 1, 1, 2, 2]


def test_the_rim_lies_along_the_direction_that_the_images_leave_open():
    rng = np.random.default_rng(3)
    samples = [shifted(0, 0, v) @ POSE for v in rng.normal(0, 2.0, 60)]
    levels = certainty_label(inclusion_probability(lump(), ultrasound(), POSE, samples))
    assert value_at(levels, np.add(THERE, [0, 0, 11.0])) == 1
    assert value_at(levels, np.add(THERE, [11.0, 0, 0])) == 2
    assert value_at(levels, np.add(THERE, [0, 0, 13.0])) == 1
    assert value_at(levels, np.add(THERE, [13.0, 0, 0])) == 0


def test_both_labels_lie_on_the_ultrasound_s_grid_with_their_types():
    us = ultrasound()
    probability = inclusion_probability(lump(), us, POSE, small_turns_and_shifts(3))
    levels = certainty_label(probability)
    assert same_grid(probability, us)
    assert same_grid(levels, us)
    assert (probability.GetPixelID(), levels.GetPixelID()) == (sitk.sitkFloat32, sitk.sitkUInt8)


def test_a_label_far_from_the_ultrasound_is_nowhere_in_it():
    far = shifted(500, 0, 0) @ POSE
    probability = inclusion_probability(lump(), ultrasound(), far, [far, far])
    assert not sitk.GetArrayViewFromImage(probability).any()


def test_a_tumour_half_outside_the_ultrasound_is_cut_at_its_border():
    us = ultrasound()
    half = sitk.RegionOfInterest(us, [us.GetWidth() // 2, us.GetHeight(), us.GetDepth()], [0, 0, 0])
    samples = small_turns_and_shifts(5)
    whole = sitk.GetArrayFromImage(inclusion_probability(lump(), us, POSE, samples))
    assert np.allclose(
        sitk.GetArrayFromImage(inclusion_probability(lump(), half, POSE, samples)), whole[:, :, : half.GetWidth()]
    )


def test_without_samples_nothing_is_said():
    with pytest.raises(ValueError, match="no pose samples"):
        inclusion_probability(lump(), ultrasound(), POSE, [])
