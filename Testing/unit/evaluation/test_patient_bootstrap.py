"""Means over slices with intervals from drawing patients anew."""

import numpy as np
import pytest

from IUSTumorSegLib.evaluation.patient_bootstrap import clustered_mean


def test_the_interval_is_scipys_over_patients_where_all_have_as_many_slices():
    from scipy.stats import bootstrap

    random = np.random.default_rng(1)
    of_patient = random.uniform(0.3, 0.9, 12)
    values = np.repeat(of_patient, 7) + np.tile(random.normal(0, 0.02, 7), 12)
    patients = [f"patient{number // 7}" for number in range(84)]
    found = clustered_mean(values, patients)
    means = values.reshape(12, 7).mean(axis=1)
    expected = bootstrap((means,), np.mean, n_resamples=20_000, method="percentile", rng=random).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.005)


def test_slices_that_are_all_alike_within_a_patient_add_no_certainty():
    few = clustered_mean([0.2, 0.5, 0.8, 0.9], ["a", "b", "c", "d"])
    many = clustered_mean(np.repeat([0.2, 0.5, 0.8, 0.9], 50), np.repeat(["a", "b", "c", "d"], 50))
    assert (many.low, many.high) == pytest.approx((few.low, few.high))
    alone = clustered_mean(np.repeat([0.2, 0.5, 0.8, 0.9], 50), [str(n) for n in range(200)])
    assert alone.high - alone.low < 0.3 * (many.high - many.low)


def test_a_patient_with_more_slices_weighs_more():
    found = clustered_mean([1.0] * 9 + [0.0], ["a"] * 9 + ["b"])
    assert (found.mean, found.low, found.high, found.values, found.patients) == (0.9, 0.0, 1.0, 10, 2)


def test_undefined_values_are_left_out():
    assert clustered_mean([0.5, float("nan"), 0.7], ["a", "b", "c"]) == clustered_mean([0.5, 0.7], ["a", "c"])
    assert clustered_mean([float("nan")], ["a"]) is None


def test_one_patient_has_no_interval():
    found = clustered_mean([0.5, 0.7], ["a", "a"])
    assert (found.mean, found.low, found.high) == (0.6, None, None)


def test_one_seed_gives_one_interval():
    values, patients = np.linspace(0, 1, 30), [str(n % 9) for n in range(30)]
    assert clustered_mean(values, patients, seed=4) == clustered_mean(values, patients, seed=4)
    assert clustered_mean(values, patients, seed=4) != clustered_mean(values, patients, seed=5)
