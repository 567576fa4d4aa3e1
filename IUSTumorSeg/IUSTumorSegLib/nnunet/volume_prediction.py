"""Segment a 3D ultrasound slice by slice, in one direction or in three fused by the mean of their probabilities.

nnU-Net given the whole volume would normalise it as one; the network learned from slices normalised one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..slices.cut import DIRECTIONS, grey_values, in_plane_spacing, plane, plane_count, put_plane
from .lean_predictor import LeanPredictor, foreground_probability, label_of, predict_slice

if TYPE_CHECKING:
    import SimpleITK as sitk

# The axes of LPS that slices of these names are perpendicular to.
ANATOMICAL = {"sagittal": 0, "coronal": 1, "axial": 2}


@dataclass(frozen=True)
class Prediction:
    """A label (uint8, the model's label values) and the probability of tumour (float32, 0 to 1) on the image's grid."""

    label: "sitk.Image"
    probability: "sitk.Image"


def predict_volume(
    us: "sitk.Image",
    predictor: LeanPredictor,
    *,
    directions: Sequence[str] = DIRECTIONS,
    threshold: float | None = None,
    progress: Progress = silent,
) -> Prediction:
    """Segment a 3D ultrasound in `directions` (grid axes i, j, k, or axial, coronal, sagittal).

    Each slice's result is that of nnU-Net for the exported slice; slices without any signal are background. The label
    holds the most probable class, or with a `threshold` what is more probably tumour than that.
    """
    import SimpleITK as sitk

    axes = grid_directions(us, directions)
    grey = grey_values(sitk.GetArrayViewFromImage(us))
    probabilities = _class_probabilities(us, grey, predictor, axes, progress)
    label = label_of(predictor, probabilities, threshold)
    return as_prediction(label, foreground_probability(predictor, probabilities), us)


def as_prediction(label: np.ndarray, probability: np.ndarray, reference: "sitk.Image") -> Prediction:
    """Both arrays as images with the geometry of `reference`."""
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(array) for array in (label.astype(np.uint8), probability.astype(np.float32))]
    for image in images:
        image.CopyInformation(reference)
    return Prediction(*images)


def grid_directions(us: "sitk.Image", directions: Sequence[str]) -> tuple[str, ...]:
    """The grid axes i, j, k of `directions`, once each, in the order given.

    An anatomical name means the grid axis that is closest to it; on an oblique grid each axis has one name only.
    """
    check_direction_names(directions)
    named = _anatomical_axes(us)
    return tuple(dict.fromkeys(named.get(direction, direction) for direction in directions))


def check_direction_names(directions: Sequence[str]) -> None:
    """Raise `BadInput` for an unknown direction or none at all."""
    known = (*DIRECTIONS, *ANATOMICAL)
    unknown = [direction for direction in directions if direction not in known]
    if unknown or not directions:
        found = f"'{', '.join(unknown)}'" if unknown else "none"
        raise BadInput(f"slice directions among {', '.join(known)}", found, "name one or several of them")


def _anatomical_axes(us: "sitk.Image") -> dict[str, str]:
    from scipy.optimize import linear_sum_assignment

    closeness = np.abs(np.reshape(us.GetDirection(), (3, 3)))
    world, grid = linear_sum_assignment(closeness, maximize=True)
    axes = dict(zip(world.tolist(), grid.tolist(), strict=True))
    return {name: DIRECTIONS[axes[axis]] for name, axis in ANATOMICAL.items()}


def _class_probabilities(
    us: "sitk.Image", grey: np.ndarray, predictor: LeanPredictor, directions: Sequence[str], progress: Progress
) -> np.ndarray:
    """Mean class probabilities, shape (classes, slices, rows, columns)."""
    total = sum(plane_count(grey, direction) for direction in directions)
    summed = np.zeros((predictor.classes, *grey.shape), dtype=np.float32)
    done = 0
    for direction in directions:
        spacing = in_plane_spacing(us, direction)
        for index in range(plane_count(grey, direction)):
            progress("predict", done, total, f"slices across {direction}")
            found = predict_slice(predictor, plane(grey, direction, index), spacing).probabilities
            for whole, part in zip(summed, found, strict=True):
                put_plane(whole, direction, index, plane(whole, direction, index) + part)
            done += 1
    progress("predict", total, total, f"{total} slices")
    return summed / np.float32(len(directions))
