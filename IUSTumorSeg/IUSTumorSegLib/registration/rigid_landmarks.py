"""A pose from pairs of points that a person placed on the MRI and on the ultrasound, and how well the pairs agree."""

from dataclasses import dataclass

import numpy as np

from ..errors import BadInput
from .landmarks import Landmarks, fit_rigid, landmark_errors_mm

FEWEST_PAIRS = 3
LEAST_SPREAD_MM = 2.0  # root mean square off one line: on a line, the turn about it would be left to chance


@dataclass(frozen=True)
class LandmarkFit:
    """The rigid `mri_to_us_ras` (4x4, RAS mm) that fits the pairs best, and the distance left at each, (n,) in mm.

    `left_out_mm`: the distance at each pair of the fit to the others, None where three pairs or less are all there are.
    A fit follows its own pairs, so this one tells more of a pair that was misplaced.
    """

    mri_to_us_ras: np.ndarray
    residuals_mm: np.ndarray
    left_out_mm: np.ndarray | None


def fit_landmark_pairs(landmarks: Landmarks) -> LandmarkFit:
    """Fit a rigid pose to the pairs by least squares; `BadInput` for fewer than three, or for points near one line."""
    _check(landmarks)
    pose = fit_rigid(landmarks.mri_ras, landmarks.us_ras)
    return LandmarkFit(pose, landmark_errors_mm(landmarks, pose), _left_out_mm(landmarks))


@dataclass(frozen=True)
class PairErrors:
    """Distances at one pair, in mm: at a pose, after the fit to all pairs, and of the fit to the others; None unknown."""

    now_mm: float
    fitted_mm: float | None = None
    left_out_mm: float | None = None


def pair_errors(landmarks: Landmarks, mri_to_us_ras: np.ndarray) -> list[PairErrors]:
    """What is known of each pair at a pose (4x4, RAS mm); too few pairs for a fit leave its columns unknown."""
    now = landmark_errors_mm(landmarks, mri_to_us_ras)
    try:
        fit = fit_landmark_pairs(landmarks)
    except BadInput:
        return [PairErrors(float(mm)) for mm in now]
    left_out = [None] * len(now) if fit.left_out_mm is None else [float(mm) for mm in fit.left_out_mm]
    return [PairErrors(float(a), float(b), c) for a, b, c in zip(now, fit.residuals_mm, left_out, strict=True)]


def _left_out_mm(landmarks: Landmarks) -> np.ndarray | None:
    count = len(landmarks.us_ras)
    if count <= FEWEST_PAIRS:
        return None
    errors = []
    for pair in range(count):
        others = np.arange(count) != pair
        pose = fit_rigid(landmarks.mri_ras[others], landmarks.us_ras[others])
        errors.append(landmark_errors_mm(landmarks, pose)[pair])
    return np.array(errors)


def _check(landmarks: Landmarks) -> None:
    count = len(landmarks.us_ras)
    if count < FEWEST_PAIRS:
        raise BadInput(f"at least {FEWEST_PAIRS} pairs of landmarks", f"{count}", "place more points in both images")
    for points, image in ((landmarks.mri_ras, "MRI"), (landmarks.us_ras, "ultrasound")):
        spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(count)
        if spread[1] < LEAST_SPREAD_MM:
            raise BadInput(
                f"landmarks spread over the {image}", "points that lie near one line or one spot",
                "place one to the side of the others",
            )  # fmt: skip
