"""The uncertainty of a mean over slices: slices of one patient resemble each other, so patients are drawn anew."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
PORTION = 500


@dataclass(frozen=True)
class ClusteredMean:
    """A mean with its bootstrap interval; the ends are `None` where there are fewer than two patients."""

    mean: float
    low: float | None
    high: float | None
    values: int
    patients: int


def clustered_mean(
    values: Sequence[float], patients: Sequence[str], seed: int = 0, resamples: int = RESAMPLES, level: float = LEVEL
) -> ClusteredMean | None:
    """The mean of `values`, one a slice, and the percentile interval from drawing whole patients with replacement.

    Undefined values (NaN) are left out; `None` where nothing is defined.
    """
    pairs = [(value, patient) for value, patient in zip(values, patients, strict=True) if not math.isnan(value)]
    if not pairs:
        return None
    kept = np.array([value for value, _ in pairs])
    names, number = np.unique([patient for _, patient in pairs], return_inverse=True)
    if len(names) < 2:
        return ClusteredMean(float(kept.mean()), None, None, len(kept), len(names))
    means = _resampled_means(np.bincount(number, kept), np.bincount(number), seed, resamples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return ClusteredMean(float(kept.mean()), float(low), float(high), len(kept), len(names))


def _resampled_means(sums: np.ndarray, counts: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Means over all slices of as many patients as there are, drawn with replacement."""
    random = np.random.default_rng(seed)
    means = []
    for start in range(0, resamples, PORTION):
        drawn = random.integers(len(sums), size=(min(PORTION, resamples - start), len(sums)))
        means.append(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1))
    return np.concatenate(means)
