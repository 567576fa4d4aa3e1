"""Proportions with their uncertainty, discrimination and calibration."""

import numpy as np

Z_95 = 1.959964
CALIBRATION_BINS = 10


def wilson_interval(hits: int, count: int, z: float = Z_95) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a proportion; `None` of nothing."""
    if count == 0:
        return None
    share, square = hits / count, z * z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = z / (1 + square / count) * np.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def area_under_curve(probability: np.ndarray, right: np.ndarray) -> float | None:
    """Chance that a right registration (n,) got a higher probability than a wrong one; `None` where one kind is absent."""
    if right.all() or not right.any():
        return None
    above = probability[right][:, None] - probability[~right]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def calibration_error(probability: np.ndarray, right: np.ndarray) -> float | None:
    """Expected calibration error over ten bins of equal width: mean gap of promised and met, weighted by the runs."""
    if not len(probability):
        return None
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [abs((probability - right)[bins == b].sum()) for b in np.unique(bins)]
    return float(sum(gaps) / len(probability))
