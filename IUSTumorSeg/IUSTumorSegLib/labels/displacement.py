"""How far the tumour's surface may be displaced: the registration's uncertainty where it matters.

Under a pose T_s that the images allow as well, a point x of the label's surface goes to T_s x instead of T x. Its expected
displacement is the mean of |T_s x - T x| over the pose samples. The samples hold what the images leave open about a rigid
pose, and nothing else: see `NOT_INCLUDED`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.geometry import transform_points
from .surface import label_surface

if TYPE_CHECKING:
    import SimpleITK as sitk

SCHEMA = "iustumorseg.displacement/1"
THRESHOLDS_MM = (1.0, 2.0)
NOT_INCLUDED = (
    "brain shift and tissue deformation, which no rigid pose follows",
    "a bias that the similarity has in all samples",
    "how precisely the label was drawn on the MRI",
    "a registration that is wrong as a whole: that is the verdict's question",
)


@dataclass(frozen=True)
class SurfaceDisplacement:
    """Displacements of a label's surface under pose samples.

    `points_ras` (n, 3) in the MRI's world, `areas_mm2` (n,), and `displacements_mm` (n, samples).
    """

    points_ras: np.ndarray
    areas_mm2: np.ndarray
    displacements_mm: np.ndarray

    @property
    def expected_mm(self) -> np.ndarray:
        """Mean over the samples, (n,)."""
        return self.displacements_mm.mean(axis=1)

    @property
    def p95_mm(self) -> np.ndarray:
        """What 95 % of the samples stay below, (n,)."""
        return np.percentile(self.displacements_mm, 95, axis=1)


def surface_displacement(
    label: "sitk.Image", mri_to_us_ras: np.ndarray, pose_samples: Sequence[np.ndarray]
) -> SurfaceDisplacement:
    """Displacement of the surface of the MRI `label` under each of `pose_samples` (4x4, RAS mm) against `mri_to_us_ras`."""
    if not len(pose_samples):
        raise ValueError("no pose samples, so nothing is known of the displacement")
    surface = label_surface(label)
    apart = [transform_points(sample - mri_to_us_ras, surface.points_ras) for sample in np.asarray(pose_samples)]
    return SurfaceDisplacement(surface.points_ras, surface.areas_mm2, np.linalg.norm(apart, axis=2).T)


def displacement_summary(displacement: SurfaceDisplacement) -> dict[str, Any]:
    """What `displacement.json` holds; all means and percentiles weigh points by their area.

    `mean_mm` and `p95_mm` are over surface and samples, `max_mm` is the largest expected displacement of a point, and
    `mean_interval_90_mm` is where the surface's mean displacement lies in 90 % of the samples.
    """
    areas, expected, each = displacement.areas_mm2, displacement.expected_mm, displacement.displacements_mm
    share = areas / areas.sum()
    low, high = np.percentile(share @ each, [5, 95])
    return {
        "schema": SCHEMA,
        "mean_mm": _rounded(share @ expected),
        "p95_mm": _rounded(_weighted_percentile(each.ravel(), np.repeat(share, each.shape[1]), 95)),
        "max_mm": _rounded(expected.max()),
        "mean_interval_90_mm": [_rounded(low), _rounded(high)],
        "surface_mm2": _rounded(areas.sum(), 1),
        "surface_above_mm2": {f"{mm:g} mm": _rounded(areas[expected > mm].sum(), 1) for mm in THRESHOLDS_MM},
        "samples": each.shape[1],
        "does_not_include": list(NOT_INCLUDED),
    }


def _weighted_percentile(values: np.ndarray, weights: np.ndarray, percent: float) -> float:
    order = np.argsort(values)
    cumulated = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(cumulated, percent / 100 * cumulated[-1])])


def _rounded(value: float, digits: int = 3) -> float:
    return round(float(value), digits)
