"""`comparison.png`: ultrasound and MRI in alternating fields, before and after, in the ultrasound's three planes."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic_files import atomic_path
from ..images.field_of_view import field_of_view_mask
from ..images.geometry import resample_onto
from ..labels.propagation import propagate_label
from .registration import Registration

if TYPE_CHECKING:
    import SimpleITK as sitk

COMPARISON_FILE = "comparison.png"
PANEL_PX = 420
SPACING_MM = 0.4
FIELD_MM = 8.0
MARGIN_PX = 8
CAPTION_PX = 26
HEADER_PX = 64
PAPER, INK, QUIET = (250, 250, 248), (25, 32, 40), (110, 118, 126)
MRI_TINT = np.array([1.0, 0.86, 0.66])  # the MRI's fields are warm, the ultrasound's grey
CONTOUR = (0, 200, 220)


def write_comparison(
    us: "sitk.Image", mri: "sitk.Image", tumor: "sitk.Image | None", registration: Registration, path: Path
) -> None:
    """Draw two rows (start, registered) of three planes through the tumour, or the field of view's middle, and write a PNG."""
    grid, mask = _picture_grid(us)
    echo = _windowed(_array(resample_onto(us, grid)), mask > 0, 1.0, 99.7)
    place = _place(grid, mask, tumor, registration)
    rows = []
    for matrix in (registration.initial_mri_to_us_ras, registration.mri_to_us_ras):
        moved = _windowed(_array(resample_onto(mri, grid, matrix)), mask > 0, 1.0, 99.5)
        label = _array(propagate_label(tumor, grid, matrix)) if tumor is not None else None
        rows.append(
            [
                _panel(
                    _plane(echo, a, place), _plane(moved, a, place), None if label is None else _plane(label, a, place)
                )
                for a in range(3)
            ]
        )
    picture = _sheet(rows, registration)
    with atomic_path(path) as partial:
        picture.save(partial, format="PNG")


def _picture_grid(us: "sitk.Image") -> "tuple[sitk.Image, np.ndarray]":
    """An isotropic grid over the sector along the ultrasound's axes, and the sector on it."""
    from .pyramid import isotropic_grid

    mask = field_of_view_mask(us)
    grid = isotropic_grid(mask, SPACING_MM)
    return grid, _array(resample_onto(mask, grid, interpolator=1))


def _array(image: "sitk.Image") -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(image)


def _windowed(values: np.ndarray, inside: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values between two percentiles of the sector as 0 to 1; black outside the sector."""
    bottom, top = np.percentile(values[inside], [low, high])
    return np.clip((values - bottom) / max(top - bottom, 1e-9), 0, 1) * inside


def _place(
    grid: "sitk.Image", mask: np.ndarray, tumor: "sitk.Image | None", registration: Registration
) -> tuple[int, ...]:
    """Index (k, j, i) of the planes: the tumour's middle where it is inside the sector, else the sector's."""
    if tumor is not None:
        label = _array(propagate_label(tumor, grid, registration.mri_to_us_ras)) * mask
        if label.any():
            return tuple(round(v) for v in np.argwhere(label).mean(axis=0))
    return tuple(round(v) for v in np.argwhere(mask).mean(axis=0))


def _plane(volume: np.ndarray, axis: int, place: tuple[int, ...]) -> np.ndarray:
    return np.take(volume, place[axis], axis=axis)


def _panel(us: np.ndarray, mri: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """One checkerboard, (PANEL_PX, PANEL_PX, 3) uint8; top left is ultrasound."""
    field = round(FIELD_MM / SPACING_MM)
    y, x = np.indices(us.shape)
    shows_mri = ((y // field) + (x // field)) % 2 == 1
    colour = np.where(shows_mri[..., None], mri[..., None] * MRI_TINT, us[..., None] * np.ones(3))
    return _fitted((colour * 255).astype(np.uint8), label)


def _fitted(colour: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    from PIL import Image

    scale = PANEL_PX / max(colour.shape[:2])
    size = (round(colour.shape[1] * scale), round(colour.shape[0] * scale))
    panel = np.zeros((PANEL_PX, PANEL_PX, 3), np.uint8)
    top, left = (PANEL_PX - size[1]) // 2, (PANEL_PX - size[0]) // 2
    panel[top : top + size[1], left : left + size[0]] = np.asarray(
        Image.fromarray(colour).resize(size, Image.Resampling.BILINEAR)
    )
    if label is not None and label.any():
        soft = Image.fromarray((label > 0).astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
        _draw_outline(panel[top : top + size[1], left : left + size[0]], np.asarray(soft) > 127)
    return panel


def _draw_outline(pixels: np.ndarray, inside: np.ndarray) -> None:
    from scipy.ndimage import binary_erosion

    pixels[inside & ~binary_erosion(inside, iterations=2, border_value=1)] = CONTOUR


def _sheet(rows: list, registration: Registration):
    from PIL import Image, ImageDraw

    width = 3 * PANEL_PX + 4 * MARGIN_PX
    height = HEADER_PX + 2 * (PANEL_PX + CAPTION_PX) + MARGIN_PX
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    title, detail = _words(registration)
    draw.text((MARGIN_PX, 8), title, fill=INK, font=_font(19))
    draw.text((MARGIN_PX, 36), detail, fill=QUIET, font=_font(14))
    for row, (panels, caption) in enumerate(zip(rows, ("At the start", "Registered"), strict=True)):
        top = HEADER_PX + row * (PANEL_PX + CAPTION_PX)
        draw.text(
            (MARGIN_PX, top + 3),
            f"{caption}: grey fields ultrasound, warm fields MRI, {FIELD_MM:g} mm wide",
            fill=INK,
            font=_font(14),
        )
        for column, panel in enumerate(panels):
            sheet.paste(Image.fromarray(panel), (MARGIN_PX + column * (PANEL_PX + MARGIN_PX), top + CAPTION_PX))
    return sheet


def _words(registration: Registration) -> tuple[str, str]:
    title = f"{registration.method_name.upper()} registration, verdict: {registration.verdict}"
    if registration.landmarks is not None:
        marks = registration.landmarks
        title += f", landmarks {marks.initial_mm:.1f} mm -> {marks.final_mm:.1f} mm (n = {marks.n})"
    detail = " ".join(registration.reasons)
    return title, detail if len(detail) < 170 else detail[:167] + "..."


def _font(size: int):
    from PIL import ImageFont

    return ImageFont.load_default(size)
