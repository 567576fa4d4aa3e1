"""`diagnostics.png`: how sharp the optimum is, what rivals it has, and where in the ultrasound the MRI fits.

From top to bottom: the score along each of the pose's six parameters through the result; the candidate poses by their
distance from it; and the local agreement in the planes of `comparison.png`. A right registration has one peak in every
profile, no rival near its score, and agreement all over the sector rather than in one corner.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic_files import atomic_path
from .agreement import local_agreement_map
from .line_plots import Curve, Plot, draw_plot, nice_ticks
from .picture_parts import (
    CAPTION_PX,
    HEADER_PX,
    INK,
    MARGIN_PX,
    PANEL_PX,
    PAPER,
    PNG_LEVEL,
    QUIET,
    fitted_panel,
    font_of,
    label_on_planes,
    on_planes,
    picture_planes,
    sector_on_planes,
    windowed,
)
from .search import COARSE_MM, FINE_MM, Scene

if TYPE_CHECKING:
    import SimpleITK as sitk
    from PIL.Image import Image

DIAGNOSTICS_FILE = "diagnostics.png"
REACH = 10.0  # mm and degrees
COARSE_STEPS = tuple(np.arange(-REACH, REACH + 0.5, 1.0).tolist())
FINE_STEPS = (-10.0, -7.0, -5.0, -3.5, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.5, 5.0, 7.0, 10.0)
COARSE_COLOUR, FINE_COLOUR = (0, 114, 178), (213, 94, 0)  # told apart with any colour vision (Okabe & Ito)
PARAMETERS = (  # in the pose's order: rotations about the right, anterior and superior axes, then translations
    "Turn about the left-right axis, degrees", "Turn about the posterior-anterior axis, degrees",
    "Turn about the inferior-superior axis, degrees", "Shift left (-) to right (+), mm",
    "Shift posterior (-) to anterior (+), mm", "Shift inferior (-) to superior (+), mm",
)  # fmt: skip
PLOT_PX, CANDIDATES_PX = 190, 150
LEAST_SPAN = 0.05  # of the candidates' scores, so that small differences look small
NEAR_MM = 4.0  # candidates closer than this are the same optimum
AGREEMENT_SHOWN = 0.6  # the end of the colour scale
SCALE_PX = 54
AGREEMENT_CAPTION = "Local agreement at the result: the share of the ultrasound's variance that the MRI explains nearby"
# Viridis, by Smith and van der Walt (CC0): ordered by lightness, so it reads with any colour vision and in grey.
VIRIDIS = np.array(
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99),
        (170, 220, 50), (253, 231, 37),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Profiles:
    """Scores along the six parameters: `steps` (n,) from the result, in mm or degrees, and `scores` (6, n)."""

    steps: np.ndarray
    scores: np.ndarray


def write_diagnostics(
    scene: Scene,
    poses: np.ndarray,
    scores: np.ndarray,
    us: "sitk.Image",
    path: Path,
    tumor: "sitk.Image | None" = None,
) -> None:
    """Draw the diagnostics of the `poses` (n, 6) that the search found, best first, with their `scores` (n,), to a PNG.

    `us` is the ultrasound as it was read; the MRI label `tumor`, where given, centres and marks the planes.
    """
    coarse, fine = (
        score_profiles(scene, poses[0], mm, s) for mm, s in ((COARSE_MM, COARSE_STEPS), (FINE_MM, FINE_STEPS))
    )
    panels = _agreement_panels(scene, poses[0], us, tumor)
    caption = AGREEMENT_CAPTION if tumor is None else f"{AGREEMENT_CAPTION}. Outline: the tumour's label"
    sheet = _sheet(coarse, fine, _candidates(scene, poses, scores), panels, caption)
    with atomic_path(path) as partial:
        sheet.save(partial, format="PNG", compress_level=PNG_LEVEL)


def score_profiles(scene: Scene, pose: np.ndarray, spacing_mm: float, steps: tuple[float, ...]) -> Profiles:
    """LC2 at one level along each of the six parameters through `pose` (6,)."""
    import torch

    offsets = np.concatenate([np.outer(steps, axis) for axis in np.eye(6)])
    around = torch.as_tensor(np.asarray(pose) + offsets, dtype=torch.float32, device=scene.mri.values.device)
    with torch.inference_mode():
        scores = scene.lc2(spacing_mm, around, spread=True)
    return Profiles(np.array(steps), scores.cpu().numpy().reshape(6, len(steps)))


def _candidates(scene: Scene, poses: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance in mm from the best pose, and score, of each pose, both (n,)."""
    import torch

    every = torch.as_tensor(np.asarray(poses), dtype=torch.float64)
    return scene.space.distance_mm(every, every[:1]).numpy(), np.asarray(scores, dtype=float)


def _agreement_panels(
    scene: Scene, pose: np.ndarray, us: "sitk.Image", tumor: "sitk.Image | None"
) -> "list[np.ndarray]":
    """Three planes (PANEL_PX, PANEL_PX, 3): the ultrasound, coloured by how well the MRI explains it."""
    matrix = scene.space.mri_to_us_ras(pose)
    planes = picture_planes(scene.mask, tumor, matrix)
    inside = sector_on_planes(planes, scene.mask)
    echo = windowed(on_planes(planes, us), inside, 1.0, 99.7)
    agreement = _up_to_the_rim(local_agreement_map(scene, pose), planes)
    labels = label_on_planes(planes, tumor, matrix)
    coloured = [_coloured(e, a * i) for e, a, i in zip(echo, agreement, inside, strict=True)]
    return list(map(fitted_panel, coloured, labels))


def _up_to_the_rim(agreement: "sitk.Image", planes: "list[sitk.Image]") -> list[np.ndarray]:
    """The map on the picture's planes; the zeros beyond its rim do not darken it."""
    import SimpleITK as sitk

    known = on_planes(planes, sitk.Cast(agreement > 0, sitk.sitkFloat32))
    values = on_planes(planes, agreement)
    return [np.where(k > 0.2, v / np.maximum(k, 1e-6), 0) for v, k in zip(values, known, strict=True)]


def _coloured(echo: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """The agreement's colour where there is a patch, darkened where the echo is weak; else grey. (h, w, 3) uint8."""
    grey = echo[..., None] * np.full(3, 255.0)
    colour = agreement_colours(agreement) * (0.5 + 0.5 * np.sqrt(echo[..., None]))
    return np.where((agreement > 0)[..., None], colour, 0.6 * grey).astype(np.uint8)


def agreement_colours(agreement: np.ndarray) -> np.ndarray:
    """Colours (..., 3), 0 to 255, of agreements (...): viridis from 0 to 0.6 and above."""
    place = np.clip(np.asarray(agreement) / AGREEMENT_SHOWN, 0, 1) * (len(VIRIDIS) - 1)
    return np.stack([np.interp(place, np.arange(len(VIRIDIS)), VIRIDIS[:, c]) for c in range(3)], axis=-1)


def _sheet(
    coarse: Profiles,
    fine: Profiles,
    candidates: tuple[np.ndarray, np.ndarray],
    panels: "list[np.ndarray]",
    caption: str,
) -> "Image":
    from PIL import Image, ImageDraw

    width = 3 * PANEL_PX + 4 * MARGIN_PX
    height = HEADER_PX + 2 * PLOT_PX + CANDIDATES_PX + CAPTION_PX + PANEL_PX + SCALE_PX + MARGIN_PX
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write_header(draw)
    for number, plot in enumerate(_profile_plots(coarse, fine)):
        row, column = divmod(number, 3)
        left = MARGIN_PX + column * (PANEL_PX + MARGIN_PX)
        sheet.paste(draw_plot(plot, PANEL_PX, PLOT_PX), (left, HEADER_PX + row * PLOT_PX))
    top = HEADER_PX + 2 * PLOT_PX
    sheet.paste(draw_plot(_candidate_plot(*candidates), width - 2 * MARGIN_PX, CANDIDATES_PX), (MARGIN_PX, top))
    top += CANDIDATES_PX
    draw.text((MARGIN_PX, top + 3), caption, fill=INK, font=font_of(14))
    for column, panel in enumerate(panels):
        sheet.paste(Image.fromarray(panel), (MARGIN_PX + column * (PANEL_PX + MARGIN_PX), top + CAPTION_PX))
    _draw_scale(sheet, draw, top + CAPTION_PX + PANEL_PX + 8)
    return sheet


def _write_header(draw) -> None:
    draw.text((MARGIN_PX, 8), "Score around the result, rival poses, and local agreement", fill=INK, font=font_of(19))
    x = float(MARGIN_PX)
    parts = (
        (f"LC2 at {COARSE_MM:g} mm", COARSE_COLOUR), (f"LC2 at {FINE_MM:g} mm", FINE_COLOUR),
        ("The grey line is the result. A trustworthy one is the only peak of every profile.", QUIET),
    )  # fmt: skip
    for text, colour in parts:
        if colour != QUIET:
            draw.line([x, 44, x + 22, 44], fill=colour, width=3)
            x += 28
        draw.text((x, 36), text, fill=INK if colour != QUIET else QUIET, font=font_of(14))
        x += draw.textlength(text, font=font_of(14)) + 22


def _profile_plots(coarse: Profiles, fine: Profiles) -> list[Plot]:
    """One plot a parameter, all to one scale: translations first, as they are what people picture."""
    values = np.concatenate([coarse.scores.ravel(), fine.scores.ravel()])
    low, high = float(values.min()), float(values.max())
    y_range = (low - 0.05 * (high - low + 1e-3), high + 0.08 * (high - low + 1e-3))
    return [
        Plot(
            PARAMETERS[p],
            (Curve(coarse.steps, coarse.scores[p], COARSE_COLOUR), Curve(fine.steps, fine.scores[p], FINE_COLOUR)),
            (-REACH, REACH), y_range, (-10, -5, 0, 5, 10), nice_ticks(*y_range), mark_x=0.0,
        )
        for p in (3, 4, 5, 0, 1, 2)
    ]  # fmt: skip


def _candidate_plot(distances: np.ndarray, scores: np.ndarray) -> Plot:
    low, high = float(scores.min()), float(scores.max())
    low = min(low, high - LEAST_SPAN)
    y_range = (low - 0.15 * (high - low), high + 0.2 * (high - low))
    x_range = (-1.0, max(15.0, 1.1 * float(distances.max())))
    return Plot(
        words_on_rivals(distances, scores),
        (Curve(distances[1:], scores[1:], COARSE_COLOUR, dot_px=4), Curve(distances[:1], scores[:1], FINE_COLOUR, dot_px=6)),
        x_range, y_range, [t for t in nice_ticks(0, x_range[1], 8) if t <= x_range[1]], nice_ticks(*y_range, most=4),
        notes=((float(distances[0]), float(scores[0]), "the result"),),
    )  # fmt: skip


def words_on_rivals(distances: np.ndarray, scores: np.ndarray) -> str:
    """The title of the candidates' plot: how near the best pose elsewhere comes. Distances (n,) in mm, scores (n,)."""
    far = np.flatnonzero(distances > NEAR_MM)
    title = "Candidate poses: score by distance from the result, mm. "
    if not len(far):
        return title + f"None lies farther than {NEAR_MM:g} mm."
    rival = far[np.argmax(scores[far])]
    return (
        title
        + f"The best one elsewhere, {distances[rival]:.0f} mm away, scores {max(scores[0] - scores[rival], 0):.3f} less."
    )


def _draw_scale(sheet, draw, top: int) -> None:
    from PIL import Image

    width, height = 2 * PANEL_PX // 3, 14
    ramp = agreement_colours(np.linspace(0, AGREEMENT_SHOWN, width))
    sheet.paste(Image.fromarray(np.tile(ramp.astype(np.uint8), (height, 1, 1))), (MARGIN_PX, top))
    for value in (0.0, 0.2, 0.4, AGREEMENT_SHOWN):
        x = MARGIN_PX + value / AGREEMENT_SHOWN * (width - 1)
        text = f"{value:g}" if value < AGREEMENT_SHOWN else f"{value:g} and more"
        draw.line([x, top + height, x, top + height + 4], fill=QUIET, width=1)
        draw.text((x, top + height + 6), text, fill=QUIET, font=font_of(13), anchor="mt" if value > 0 else "lt")
    words = "Unrelated images give 0.1 to 0.2. Lighter where the echo is strong; grey is not scored."
    draw.text((MARGIN_PX + width + 90, top - 1), words, fill=QUIET, font=font_of(13))
