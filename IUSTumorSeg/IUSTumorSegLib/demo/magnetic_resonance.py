"""A simulated MRI of a patient: FLAIR, contrast-enhanced T1, T2 or T1, whole head, with bias field and noise."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Tissues
from .fields import random_field, step


@dataclass(frozen=True)
class Contrast:
    """Intensities of the tissues, white matter being about 100 in T1."""

    csf: float
    grey: float
    white: float
    tumor_low: float
    tumor_high: float
    rim: float
    necrosis: float
    oedema: float
    vessel: float
    falx: float
    skull: float
    marrow: float
    scalp: float


CONTRASTS = {
    "T1": Contrast(22, 68, 100, 62, 66, 70, 40, 78, 40, 60, 12, 75, 130),
    "T1ce": Contrast(22, 70, 100, 62, 84, 165, 38, 76, 175, 115, 12, 78, 130),
    "T2": Contrast(190, 105, 72, 150, 128, 125, 175, 138, 25, 45, 10, 60, 85),
    "FLAIR": Contrast(18, 92, 70, 150, 138, 132, 90, 136, 30, 55, 10, 55, 80),
}

SCALE = 4.0  # stored 16-bit values per unit of the table
RIM_MM = 1.6


def render(
    rng: np.random.Generator, tissues: Tissues, points: np.ndarray, contrast: Contrast, noise: float
) -> np.ndarray:
    """16-bit intensities (n,) of `tissues` at `points` (n, 3), with a smooth bias field of 6 % and Rician noise.

    `noise` is its standard deviation, white matter in T1 being 1.
    """
    bias = random_field(rng, points.min(axis=0), points.max(axis=0), 90.0).at(points)[:, 0]
    signal = _clean(tissues, contrast) * np.exp(0.06 * bias)
    real = signal + 100 * noise * rng.standard_normal(len(points), dtype=np.float32)
    imaginary = 100 * noise * rng.standard_normal(len(points), dtype=np.float32)
    return np.rint(SCALE * np.hypot(real, imaginary)).astype(np.uint16)


def _clean(tissues: Tissues, c: Contrast) -> np.ndarray:
    value = tissues.grey * c.grey + tissues.white * (c.white + 0.02 * c.white * tissues.texture[:, 2])
    value += tissues.ventricle * c.csf
    sulcus = _sheet(tissues, tissues.sulcus, _sulcus_half_width_mm(tissues))
    value = _mix(value, c.csf, sulcus * (1 - tissues.ventricle))
    value = _mix(value, c.falx, _sheet(tissues, tissues.fissure, 0.7))
    value = _mix(value, c.vessel, _sheet(tissues, tissues.vessel, 0.8))
    value = _mix(value, c.oedema, 0.85 * tissues.oedema)
    value = _mix(value, _tumor(tissues, c), tissues.tumor)
    return _mix(_around_the_brain(tissues.hull_mm, c), value, step(tissues.hull_mm, 0.3))


def _tumor(tissues: Tissues, c: Contrast) -> np.ndarray:
    high_grade = tissues.high_grade
    solid = (c.tumor_high if high_grade else c.tumor_low) * (1 + 0.06 * tissues.texture[:, 0])
    if not high_grade:
        return solid
    rim = step(np.abs(tissues.tumor_mm + 1.2 * RIM_MM) - RIM_MM * (1 + 0.3 * tissues.texture[:, 1]), 0.3)
    return _mix(_mix(solid, c.necrosis, tissues.necrosis), c.rim, rim)


def _sulcus_half_width_mm(tissues: Tissues) -> np.ndarray:
    # Sulci gape towards the surface, and differ.
    return 0.55 + 0.45 * np.exp(tissues.hull_mm / 7) + 0.12 * tissues.texture[:, 1].clip(-1.5, 1.5)


def _sheet(tissues: Tissues, strength: np.ndarray, half_width: np.ndarray | float) -> np.ndarray:
    return np.clip(strength, 0, 1) * np.exp(-0.5 * (tissues.sheet_mm / half_width) ** 2)


def _around_the_brain(hull_mm: np.ndarray, c: Contrast) -> np.ndarray:
    """CSF, inner table, marrow, outer table, scalp and air, by distance from the brain's surface."""
    value = np.full(hull_mm.shape, c.csf, np.float32)
    for starts_at, intensity in ((1.8, c.skull), (3.6, c.marrow), (6.0, c.skull), (7.8, c.scalp), (13.0, 0.0)):
        value = _mix(value, intensity, step(starts_at - hull_mm, 0.35))
    return value


def _mix(first: np.ndarray, second: np.ndarray | float, share: np.ndarray) -> np.ndarray:
    return first + (second - first) * share
