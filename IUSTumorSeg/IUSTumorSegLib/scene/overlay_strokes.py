"""Displacement arrows and landmarks as strokes for `overlay_lines`."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import transform_points
from .overlay_lines import Strokes

if TYPE_CHECKING:
    from ..labels.displacement_arrows import Arrows
    from ..registration.landmarks import Landmarks

ARROWS_NEAR_MM, LANDMARKS_NEAR_MM = 1.0, 3.0
ARROWS_LONGER = 5.0  # a millimetre would be five pixels
# Expected displacement below 1 mm, from 1 to 2 mm, above: as the displacement's summary cuts it. Okabe and Ito.
DISPLACEMENT_COLORS = ((0.0, 0.62, 0.45), (0.94, 0.89, 0.26), (0.84, 0.37, 0.0))
DISPLACEMENT_LIMITS_MM = (1.0, 2.0)
LANDMARK_COLOR = (0.90, 0.62, 0.0)


def arrow_strokes(arrows: "Arrows") -> Strokes:
    """Arrows both ways from the surface, five times as long as the expected displacement, coloured by it."""
    colors = np.array(DISPLACEMENT_COLORS)[np.digitize(arrows.lengths_mm, DISPLACEMENT_LIMITS_MM)]
    reach = ARROWS_LONGER * arrows.vectors_mm
    return Strokes(arrows.points_ras - reach, arrows.points_ras + reach, colors, ARROWS_NEAR_MM, "head", "head")


def landmark_strokes(landmarks: "Landmarks", mri_to_us_ras: np.ndarray) -> Strokes:
    """A line from each MRI landmark at the pose (a cross) to where it should be (a circle)."""
    moved = transform_points(mri_to_us_ras, landmarks.mri_ras)
    colors = np.tile(LANDMARK_COLOR, (len(moved), 1))
    return Strokes(moved, landmarks.us_ras, colors, LANDMARKS_NEAR_MM, "cross", "circle")
