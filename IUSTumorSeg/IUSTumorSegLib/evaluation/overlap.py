"""Overlap of a predicted mask with a reference mask."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Overlap:
    """Counts of pixels or voxels and the measures that follow from them, each from 0 to 1.

    Where nothing is marked in either mask they agree: Dice is 1. A measure that would divide by nothing is undefined,
    NaN: precision without a predicted voxel, recall and the false negative rate without a reference voxel. So a
    prediction where there is no tumour has Dice 0 and precision 0, and a missed tumour Dice 0 and recall 0.
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN); 1 where both masks are empty."""
        marked = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / marked if marked else 1.0

    @property
    def precision(self) -> float:
        """The share of the prediction that is in the reference; NaN where nothing was predicted."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """The share of the reference that was predicted; NaN where the reference is empty."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def false_negative_rate(self) -> float:
        """The share of the reference that was missed, 1 - recall; NaN where the reference is empty."""
        return _share(self.false_negatives, self.true_positives + self.false_negatives)


def overlap(truth: np.ndarray, prediction: np.ndarray) -> Overlap:
    """Compare two masks of one shape; every non-zero element counts as marked."""
    if truth.shape != prediction.shape:
        raise ValueError(f"masks of different shape: {truth.shape} and {prediction.shape}")
    reference, predicted = truth != 0, prediction != 0
    both = int(np.count_nonzero(reference & predicted))
    return Overlap(both, int(np.count_nonzero(predicted)) - both, int(np.count_nonzero(reference)) - both)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
