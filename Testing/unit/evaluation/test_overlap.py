"""Overlap against SimpleITK's measures, and where nothing is marked."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.evaluation.overlap import overlap


def two_masks(seed: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random(shape) < rng.uniform(0.05, 0.6)
    noise = rng.random(shape) < rng.uniform(0.05, 0.4)
    return truth.astype(np.uint8), (truth ^ noise).astype(np.uint8)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shape", [(9, 14), (5, 6, 7)])
def test_measures_agree_with_simpleitk(seed, shape):
    truth, prediction = two_masks(seed, shape)
    measured = overlap(truth, prediction)
    reference = sitk.LabelOverlapMeasuresImageFilter()
    reference.Execute(sitk.GetImageFromArray(prediction), sitk.GetImageFromArray(truth))
    assert measured.dice == pytest.approx(reference.GetDiceCoefficient(1), abs=1e-12)
    assert measured.false_negative_rate == pytest.approx(reference.GetFalseNegativeError(1), abs=1e-12)
    assert 1 - measured.precision == pytest.approx(reference.GetFalseDiscoveryRate(1), abs=1e-12)
    assert measured.recall == pytest.approx(1 - reference.GetFalseNegativeError(1), abs=1e-12)


def test_the_counts_are_those_of_a_plain_loop():
    truth, prediction = two_masks(3, (8, 8))
    pairs = list(zip(truth.ravel(), prediction.ravel(), strict=True))
    measured = overlap(truth, prediction)
    assert measured.true_positives == pairs.count((1, 1))
    assert measured.false_positives == pairs.count((0, 1))
    assert measured.false_negatives == pairs.count((1, 0))


def test_any_label_value_counts_as_marked():
    assert overlap(np.array([[0, 3]]), np.array([[0, 1]])).dice == 1


def test_two_empty_masks_agree_and_what_has_no_denominator_is_undefined():
    measured = overlap(np.zeros((3, 3)), np.zeros((3, 3)))
    assert measured.dice == 1
    assert all(math.isnan(value) for value in (measured.precision, measured.recall, measured.false_negative_rate))


def test_a_prediction_without_a_tumour_to_find_has_no_recall():
    measured = overlap(np.zeros((3, 3)), np.eye(3))
    assert (measured.dice, measured.precision) == (0, 0)
    assert math.isnan(measured.recall)
    assert math.isnan(measured.false_negative_rate)


def test_a_missed_tumour_has_no_precision():
    measured = overlap(np.eye(3), np.zeros((3, 3)))
    assert (measured.dice, measured.recall, measured.false_negative_rate) == (0, 0, 1)
    assert math.isnan(measured.precision)


def test_masks_of_different_shape_are_an_error():
    with pytest.raises(ValueError, match="different shape"):
        overlap(np.zeros((3, 3)), np.zeros((3, 4)))
