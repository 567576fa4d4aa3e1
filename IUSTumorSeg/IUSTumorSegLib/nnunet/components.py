"""Remove what is too small to be a tumour from a label."""

from collections.abc import Sequence

import numpy as np

# Sizes are products of decimal spacings; this much of a pixel is rounding.
ROUNDING = 1e-6


def without_small_components(label: np.ndarray, spacing_mm: Sequence[float], smallest: float) -> np.ndarray:
    """The label without connected parts below `smallest`, in mm² of a 2D and mm³ of a 3D label.

    Parts of one label value touch by a face, an edge or a corner. `spacing_mm` is the size of a pixel, in any order.
    """
    from scipy import ndimage

    least_pixels = smallest / float(np.prod(spacing_mm)) - ROUNDING
    kept = label.copy()
    for value in np.unique(label[label > 0]):
        parts, _ = ndimage.label(label == value, structure=np.ones((3,) * label.ndim))
        small = np.bincount(parts.ravel()) < least_pixels
        small[0] = False
        kept[small[parts]] = 0
    return kept
