"""nnU-Net's resampling of a slice, to the last bit, in a third of its time.

nnU-Net resizes with scikit-image, which hands over to SciPy: cubic splines for the image, and for a label the linear
resize of each label's indicator and the largest of them. Three observations save time and change no bit:

- The image is stored in single precision. Two products with sparse matrices give it in double precision up to rounding;
  only where that rounding could change the single precision value is the sum formed again in SciPy's own order.
- A label can only change where the four pixels around a point differ; elsewhere it is that label.
- What is around a point and its weights are SciPy's, term by term (`_points`).

Preprocessing compares slices with nnU-Net's own result as it goes, so a SciPy that sums otherwise is found out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

# SciPy extends an image by as much before it turns it into spline coefficients.
PADDING = 12
# Relative to the largest coefficient: a thousand times the rounding of a sum of sixteen terms.
DOUBT = 1e-12


@dataclass(frozen=True)
class _Points:
    """Where the new pixels lie along one axis: `taps` and `weights` (order + 1, new), and the `nearest` (new,)."""

    taps: np.ndarray
    weights: np.ndarray
    nearest: np.ndarray


def resize_image(image: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`image` (rows, columns; float32) resized by cubic splines to `shape`, float32, kept within its range."""
    exact = image.astype(np.float64)
    coefficients = ndimage.spline_filter(np.pad(exact, PADDING, mode="edge"), 3, output=np.float64, mode="nearest")
    vertical, horizontal = (_points(old, new, 3) for old, new in zip(image.shape, shape, strict=True))
    resized = _matrix(horizontal, coefficients.shape[1]) @ (_matrix(vertical, coefficients.shape[0]) @ coefficients).T
    resized = np.ascontiguousarray(resized.T)
    doubt = DOUBT * float(np.abs(coefficients).max())
    low, high = exact.min(), exact.max()
    result = np.clip(resized - doubt, low, high).astype(np.float32)
    above = np.clip(resized + doubt, low, high).astype(np.float32)
    rows, columns = np.nonzero(result != above)
    result[rows, columns] = np.clip(_sum_at(coefficients, vertical, horizontal, rows, columns), low, high)
    return result


def resize_label(label: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """`label` (rows, columns; whole numbers) resized to `shape`: each pixel the label with the largest linear share.

    Equal shares go to the nearest pixel's label where it is among them, to the smallest of them otherwise.
    """
    vertical, horizontal = (_points(old, new, 1) for old, new in zip(label.shape, shape, strict=True))
    resized = label[vertical.taps[0]][:, horizontal.taps[0]]
    rows, columns = np.nonzero(_differing(label)[vertical.taps[0]][:, horizontal.taps[0]])
    if not len(rows):
        return resized
    values = np.unique(label)
    shares = np.stack(
        [_sum_at((label == value).astype(np.float64), vertical, horizontal, rows, columns) for value in values]
    )
    nearest = np.searchsorted(values, label[vertical.nearest[rows], horizontal.nearest[columns]])
    largest = shares.max(axis=0)
    is_largest = shares[nearest, np.arange(len(rows))] == largest
    resized[rows, columns] = values[np.where(is_largest, nearest, shares.argmax(axis=0))]
    return resized


def _points(old: int, new: int, order: int) -> _Points:
    """SciPy's `zoom` with `grid_mode`, for one axis: pixel centres at halves, the border repeated outwards."""
    padding = PADDING if order > 1 else 0
    last = old + 2 * padding - 1
    place = np.clip((np.arange(new) + 0.5) * np.divide(old, new) - 0.5 + padding, 0, last)
    start = np.floor(place)
    beyond = place - start
    first = start.astype(np.intp) - (order - 1) // 2
    taps = np.clip(first + np.arange(order + 1)[:, None], 0, last)
    nearest = np.floor(place + 0.5).astype(np.intp)
    return _Points(taps, _cubic(beyond) if order > 1 else np.stack([1 - beyond, beyond]), np.clip(nearest, 0, last))


def _cubic(beyond: np.ndarray) -> np.ndarray:
    before = 1 - beyond
    first = before * before * before / 6.0
    second = (beyond * beyond * (beyond - 2.0) * 3.0 + 4.0) / 6.0
    third = (before * before * (before - 2.0) * 3.0 + 4.0) / 6.0
    return np.stack([first, second, third, 1 - first - second - third])


def _matrix(points: _Points, length: int) -> sparse.csr_array:
    terms, new = points.taps.shape
    ends = np.arange(0, terms * new + 1, terms)
    return sparse.csr_array((points.weights.T.ravel(), points.taps.T.ravel(), ends), shape=(new, length))


def _sum_at(
    coefficients: np.ndarray, vertical: _Points, horizontal: _Points, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """The weighted sum at some new pixels, its terms and factors in SciPy's order."""
    total = np.zeros(len(rows))
    for taps, weights in zip(vertical.taps, vertical.weights, strict=True):
        for others, other_weights in zip(horizontal.taps, horizontal.weights, strict=True):
            total += coefficients[taps[rows], others[columns]] * weights[rows] * other_weights[columns]
    return total


def _differing(label: np.ndarray) -> np.ndarray:
    """Whether a pixel and its neighbours to the right, below and diagonally hold more than one label."""
    padded = np.pad(label, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    return (here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:])
