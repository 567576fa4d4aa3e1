"""Does the ultrasound agree with the propagated label at the tumour's border, and if not, where and by how much?

A rigid pose cannot follow brain shift, so the label may be right on one side and wrong on another. At each of some 300
points of the border a block of ultrasound, 10 mm across and centred on the border, is compared with the MRI around that
border moved by s mm along the surface's normal, -6 <= s <= 6: with the linear combination of LC2, the share of the block's
variance that the MRI explains is

    S_i(s) = 1 - Var(u - f_s) / Var(u),    f_s(x) = alpha m(x - s n) + beta |grad m|(x - s n) + ... + gamma.

One block says little. Each point pools the blocks around it,

    P_i(s) = sum_j w_ij S_j(s) / sum_j w_ij - 0.002 s^2,    w_ij = A_j exp(-d_ij^2 / 2 (4 mm)^2) max(0, n_i . n_j),

which is an M-estimate with a bounded influence of every block, as S lies between 0 and 1. The offset is where P_i is
largest, less its mean over the border; the confidence is the share of exp(30 P_i) within 1.5 mm of it.

The mean goes because tissue is incompressible: brain shift moves a closed surface's parts out and in, by nothing on
average. What is left on average, up to 1.8 mm in simulated pairs without any shift, is that MRI and ultrasound show the
border differently. It is told apart, as `common_mm`.

How far to trust it: 24 simulated pairs with a known border (6 patients not used to choose the constants; FLAIR and T1ce;
without brain shift and with up to 6 mm). Mean error 0.5 mm without and 0.9 mm with shift; offsets of a confidence of 0.75,
0.85 and 0.95 are right to 1.5 mm in 78, 88 and 95 %. Without shift no pair gets a sentence. With shift, 6 in 10 of the
places called displaced are so by more than 1 mm, and 2 in 10 of those that are 2 mm off are called so: a sentence is a
reason to look, silence is no proof.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.geometry import ijk_to_ras, transform_points
from ..labels.surface import Surface, label_surface
from .lc2 import RIDGE, sample
from .pyramid import UltrasoundLevel, thin_echoes_of, ultrasound_level
from .search import FINE_MM, Scene

if TYPE_CHECKING:
    import SimpleITK as sitk

SCHEMA = "iustumorseg.border/1"
POINTS = 300
REACH_MM, STEP_MM = 6.0, 0.5
BLOCK_MM = 5.0  # half the block's length along the normal, and its radius across it
BLOCK_STEP_MM = 1.0
POOLED_MM = 4.0
PENALTY_PER_MM2 = 0.002
SHARPNESS = 30.0  # makes the confidence the share of offsets that are right to 1.5 mm
RIGHT_WITHIN_MM = 1.5
LEAST_INSIDE = 0.6  # of a block that must lie in the field of view
CLEAR_MM, CLEAR_CONFIDENCE = 2.0, 0.6  # from which an offset is a disagreement
CLEAR_COMMON_MM = 1.5
LEAST_AREA = 0.03  # share of the checked border below which a disagreement is not told


@dataclass(frozen=True)
class BorderCheck:
    """Where the ultrasound's edge lies against the propagated label, at `n` points of its border.

    `points_ras` (n, 3) in the ultrasound's world, mm; outward unit `normals` (n, 3); `areas_mm2` (n,) that the points
    stand for. `offset_mm` (n,): positive where the ultrasound's edge lies outside the label, NaN where the border is not
    in the field of view; `confidence` (n,), 0 to 1. `common_mm` is the mean over the border, which the offsets are
    without. `sentences` say it in words.
    """

    points_ras: np.ndarray
    normals: np.ndarray
    areas_mm2: np.ndarray
    offset_mm: np.ndarray
    confidence: np.ndarray
    common_mm: float
    sentences: tuple[str, ...]

    @property
    def checked_share(self) -> float:
        """Share of the border's area that lies in the field of view."""
        return float(self.areas_mm2[np.isfinite(self.offset_mm)].sum() / self.areas_mm2.sum())

    def summary(self) -> dict[str, Any]:
        """What `border.json` holds: the sentences first, then the points in the order of the arrays, NaN as null."""
        offsets = [None if np.isnan(mm) else round(float(mm), 2) for mm in self.offset_mm]
        return {
            "schema": SCHEMA,
            "sentences": list(self.sentences),
            "checked_share": round(self.checked_share, 3),
            "common_mm": round(self.common_mm, 2),
            "points_ras": np.round(self.points_ras, 2).tolist(),
            "offset_mm": offsets,
            "confidence": np.round(self.confidence, 3).tolist(),
        }


def check_border(scene: Scene, label: "sitk.Image", mri_to_us_ras: np.ndarray) -> BorderCheck:
    """Compare the border of the MRI `label`, carried over by the rigid `mri_to_us_ras` (4x4, RAS mm), with the ultrasound."""
    surface = _spread_points(label_surface(label).moved(mri_to_us_ras), POINTS)
    us, inside = _ultrasound_blocks(_level_around(scene, surface), surface)
    checked = inside.mean(axis=1) >= LEAST_INSIDE
    offset, confidence = np.full(len(checked), np.nan), np.zeros(len(checked))
    common = 0.0
    if checked.any():
        seen = Surface(surface.points_ras[checked], surface.normals[checked], surface.areas_mm2[checked])
        scores = _shift_scores(us[checked], inside[checked], _mri_lines(scene, seen, mri_to_us_ras))
        offset[checked], confidence[checked] = _offsets(_pooled(scores, seen))
        common = float(np.average(offset[checked], weights=seen.areas_mm2))
    sentences = describe_disagreement(surface, offset - common, confidence, common)
    return BorderCheck(
        surface.points_ras, surface.normals, surface.areas_mm2, offset - common, confidence, common, sentences
    )


def describe_disagreement(
    surface: Surface, offset_mm: np.ndarray, confidence: np.ndarray, common_mm: float = 0.0
) -> tuple[str, ...]:
    """Sentences on where the ultrasound clearly disagrees, largest area first; one that says so where it does not."""
    checked = np.isfinite(offset_mm)
    if not checked.any():
        return ("None of the label's border lies well inside the ultrasound, so it was not checked.",)
    share = surface.areas_mm2 / surface.areas_mm2[checked].sum()
    clear = checked & (np.abs(np.nan_to_num(offset_mm)) >= CLEAR_MM) & (confidence >= CLEAR_CONFIDENCE)
    places = [p for sign in (1, -1) for p in _connected(surface, clear & (np.nan_to_num(offset_mm) * sign > 0))]
    places = sorted((p for p in places if share[p].sum() >= LEAST_AREA), key=lambda p: -share[p].sum())
    sentences = [_disagreement(surface, offset_mm, p, share[p].sum()) for p in places]
    if not sentences:
        sentences.append(f"Nowhere does the ultrasound's edge clearly lie {CLEAR_MM:g} mm or more from the label.")
    if abs(common_mm) >= CLEAR_COMMON_MM:
        where = "outside" if common_mm > 0 else "inside"
        sentences.append(
            f"On average over the border the ultrasound's edge appears {abs(common_mm):.1f} mm {where} the label: "
            "the two images show it differently. Brain shift, which keeps the volume, would not do this."
        )
    seen = surface.areas_mm2[checked].sum() / surface.areas_mm2.sum()
    if seen < 0.9:
        sentences.append(
            f"Only {100 * seen:.0f} % of the label's border lies well inside the ultrasound and was checked."
        )
    return tuple(sentences)


def _spread_points(surface: Surface, count: int) -> Surface:
    """`count` points, each as far as can be from those already taken, with the area of the points nearest to each."""
    from scipy.spatial import cKDTree

    points = surface.points_ras
    taken = [int(np.argmax(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    apart = np.linalg.norm(points - points[taken[0]], axis=1)
    while len(taken) < min(count, len(points)):
        taken.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(points - points[taken[-1]], axis=1))
    nearest = cKDTree(points[taken]).query(points)[1]
    areas = np.bincount(nearest, surface.areas_mm2, len(taken))
    return Surface(points[taken], surface.normals[taken], areas)


def _level_around(scene: Scene, surface: Surface) -> UltrasoundLevel | None:
    """The ultrasound at 1 mm around `surface`, `None` where the surface is outside the field of view."""
    import SimpleITK as sitk

    size = np.array(scene.us.GetSize())
    ijk = transform_points(np.linalg.inv(ijk_to_ras(scene.us)), surface.points_ras)
    margin = 2 * BLOCK_MM / np.array(scene.us.GetSpacing())
    first = np.clip(np.floor(ijk.min(axis=0) - margin), 0, size).astype(int)
    last = np.clip(np.ceil(ijk.max(axis=0) + margin), first, size).astype(int)
    if not (last - first >= 2).all():
        return None
    box = ((last - first).tolist(), first.tolist())
    us, mask = (sitk.RegionOfInterest(image, *box) for image in (scene.us, scene.mask))
    if not sitk.GetArrayViewFromImage(mask).any():
        return None
    return ultrasound_level(us, mask, BLOCK_STEP_MM, thin_echoes_of(us, mask))


def _block_positions(surface: Surface, along_mm: np.ndarray) -> np.ndarray:
    """Positions (n, along, across, 3), RAS mm: lines along each normal over a disc across it."""
    first, second = _across(surface.normals)
    steps = np.arange(-BLOCK_MM, BLOCK_MM + 0.01, BLOCK_STEP_MM)
    a, b = (v.ravel() for v in np.meshgrid(steps, steps))
    in_disc = np.hypot(a, b) <= BLOCK_MM + 0.3
    disc = a[in_disc, None] * first[:, None] + b[in_disc, None] * second[:, None]
    lines = along_mm[:, None] * surface.normals[:, None]
    return surface.points_ras[:, None, None] + lines[:, :, None] + disc[:, None]


def _across(normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (n, 3) at right angles to each of `normals` and to one another."""
    helper = np.where(np.abs(normals[:, :1]) < 0.8, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(normals, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return first, np.cross(normals, first)


def _ultrasound_blocks(level: UltrasoundLevel | None, surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """The ultrasound's features (n, q, v) in each block of v places, and whether each is in the field of view (n, v)."""
    from scipy.ndimage import map_coordinates

    if level is None:
        return np.zeros((len(surface.areas_mm2), 1, 1)), np.zeros((len(surface.areas_mm2), 1))
    positions = _block_positions(surface, np.arange(-BLOCK_MM, BLOCK_MM + 0.01, BLOCK_STEP_MM))
    ijk = transform_points(np.linalg.inv(level.ijk_to_ras), positions).reshape(-1, 3)
    count = len(surface.points_ras)
    weight = map_coordinates(level.mask, ijk.T[::-1], order=1).reshape(count, -1)
    values = [map_coordinates(f * level.mask, ijk.T[::-1], order=1).reshape(count, -1) for f in level.features]
    return np.stack(values, axis=1) / np.maximum(weight, 1e-3)[:, None], (weight > 0.5).astype(np.float32)


def _mri_lines(scene: Scene, surface: Surface, mri_to_us_ras: np.ndarray) -> np.ndarray:
    """The MRI's channels (n, c, along, across) along each normal, as far as any shift of the block reaches."""
    import torch

    reach = BLOCK_MM + REACH_MM
    positions = _block_positions(surface, np.arange(-reach, reach + 0.01, STEP_MM))
    mri = scene.channels(FINE_MM)
    device = mri.values.device
    points = torch.as_tensor(positions.reshape(-1, 3), dtype=torch.float32, device=device)
    us_to_mri = torch.as_tensor(np.linalg.inv(mri_to_us_ras), dtype=torch.float32, device=device)[None]
    with torch.inference_mode():
        channels, _ = sample(mri, points, us_to_mri)
    return channels[0].cpu().numpy().reshape(-1, *positions.shape[:3]).swapaxes(0, 1)


def _shift_scores(us: np.ndarray, inside: np.ndarray, mri: np.ndarray) -> np.ndarray:
    """S of every block and shift, (n, shifts), mean over the ultrasound's features."""
    every = round(BLOCK_STEP_MM / STEP_MM)
    length = round(2 * BLOCK_MM / STEP_MM) + 1
    count = np.maximum(inside.sum(axis=1), 1)[:, None, None]
    u = _centred(us, inside)
    variance = np.maximum(np.square(u).sum(axis=2) / count[:, 0], 1e-6)
    scores = []
    for start in range(mri.shape[2] - length, -1, -1):  # moved outwards by s, the border meets what lay s further in
        m = _centred(mri[:, :, start : start + length : every].reshape(*mri.shape[:2], -1), inside)
        covariance = m @ m.swapaxes(1, 2) / count + RIDGE * np.eye(m.shape[1], dtype=m.dtype)
        with_u = m @ u.swapaxes(1, 2) / count
        explained = (np.linalg.solve(covariance, with_u) * with_u).sum(axis=1)
        scores.append(np.clip(explained / variance, 0, 1).mean(axis=1))
    return np.stack(scores, axis=1)


def _centred(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """`values` (n, c, v) less their mean inside; 0 outside."""
    weights = inside[:, None]
    mean = (values * weights).sum(axis=2, keepdims=True) / np.maximum(weights.sum(axis=2, keepdims=True), 1)
    return (values - mean) * weights


def _shifts_mm() -> np.ndarray:
    return np.arange(-REACH_MM, REACH_MM + 0.01, STEP_MM)


def _pooled(scores: np.ndarray, surface: Surface) -> np.ndarray:
    """P of every point and shift, (n, shifts)."""
    apart = np.linalg.norm(surface.points_ras[:, None] - surface.points_ras, axis=2)
    facing = np.maximum(surface.normals @ surface.normals.T, 0)
    weights = np.exp(-0.5 * (apart / POOLED_MM) ** 2) * facing * surface.areas_mm2
    return weights @ scores / weights.sum(axis=1, keepdims=True) - PENALTY_PER_MM2 * _shifts_mm() ** 2


def _offsets(pooled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each curve (n, shifts) is highest, in mm, from a parabola through its top; and the confidence."""
    shifts, row = _shifts_mm(), np.arange(len(pooled))
    top = np.clip(pooled.argmax(axis=1), 1, len(shifts) - 2)
    before, at, after = (pooled[row, top + k] for k in (-1, 0, 1))
    bend = np.minimum(before - 2 * at + after, -1e-9)
    offset = shifts[top] + np.clip(0.5 * (before - after) / bend, -1, 1) * STEP_MM
    likely = np.exp(SHARPNESS * (pooled - pooled.max(axis=1, keepdims=True)))
    near = np.abs(shifts - offset[:, None]) <= RIGHT_WITHIN_MM
    return offset, (likely * near).sum(axis=1) / likely.sum(axis=1)


def _connected(surface: Surface, chosen: np.ndarray) -> list[np.ndarray]:
    """Places of the `chosen` points, one array for each connected part of the border."""
    from scipy.sparse.csgraph import connected_components

    places = np.flatnonzero(chosen)
    if not len(places):
        return []
    points = surface.points_ras[places]
    near = np.linalg.norm(points[:, None] - points, axis=2) <= 2.5 * np.sqrt(surface.areas_mm2.mean())
    _, part = connected_components(near, directed=False)
    return [places[part == number] for number in range(part.max() + 1)]


def _disagreement(surface: Surface, offset_mm: np.ndarray, places: np.ndarray, share: float) -> str:
    offset = float(np.average(offset_mm[places], weights=surface.areas_mm2[places]))
    where = "outside" if offset > 0 else "inside"
    return (
        f"Over {100 * share:.0f} % of the border, {_side(surface, places)}, "
        f"the ultrasound's edge lies {abs(offset):.0f} mm {where} the label."
    )


def _side(surface: Surface, places: np.ndarray) -> str:
    """The patient's side on which `places` lie, in words."""
    middle = np.average(surface.points_ras, axis=0, weights=surface.areas_mm2)
    outward = surface.points_ras[places] - middle
    outward = (outward / np.linalg.norm(outward, axis=1, keepdims=True)).mean(axis=0)
    if np.linalg.norm(outward) < 0.4:
        return "on several sides"
    axis = int(np.abs(outward).argmax())
    names = (("left", "right"), ("posterior", "anterior"), ("inferior", "superior"))
    return f"on its {names[axis][int(outward[axis] > 0)]} side"
