"""`comparison.png`: ultrasound and MRI in alternating fields, before and after, in the ultrasound's three planes."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic_files import atomic_path
from .picture_parts import (
    CAPTION_PX,
    HEADER_PX,
    INK,
    MARGIN_PX,
    PANEL_PX,
    PAPER,
    PNG_LEVEL,
    QUIET,
    SPACING_MM,
    fitted_panel,
    font_of,
    label_on_planes,
    on_planes,
    picture_planes,
    sector_on_planes,
    windowed,
)
from .registration import Registration

if TYPE_CHECKING:
    import SimpleITK as sitk

COMPARISON_FILE = "comparison.png"
FIELD_MM = 8.0
LETTERS_A_LINE, LINE_PX = 165, 18  # of the reasons under the title
MRI_TINT = np.array([1.0, 0.86, 0.66])  # the MRI's fields are warm, the ultrasound's grey


def write_comparison(
    us: "sitk.Image",
    sector: "sitk.Image",
    mri: "sitk.Image",
    tumor: "sitk.Image | None",
    registration: Registration,
    path: Path,
) -> None:
    """Draw two rows (start, registered) of three planes through the tumour, or the `sector`'s middle, and write a PNG."""
    planes = picture_planes(sector, tumor, registration.mri_to_us_ras)
    inside = sector_on_planes(planes, sector)
    echo = windowed(on_planes(planes, us), inside, 1.0, 99.7)
    rows = []
    for matrix in (registration.initial_mri_to_us_ras, registration.mri_to_us_ras):
        moved = windowed(on_planes(planes, mri, matrix), inside, 1.0, 99.5)
        rows.append(list(map(_panel, echo, moved, label_on_planes(planes, tumor, matrix))))
    picture = _sheet(rows, registration)
    with atomic_path(path) as partial:
        picture.save(partial, format="PNG", compress_level=PNG_LEVEL)


def _panel(us: np.ndarray, mri: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """One checkerboard, (PANEL_PX, PANEL_PX, 3) uint8; top left is ultrasound."""
    field = round(FIELD_MM / SPACING_MM)
    y, x = np.indices(us.shape)
    shows_mri = ((y // field) + (x // field)) % 2 == 1
    colour = np.where(shows_mri[..., None], mri[..., None] * MRI_TINT, us[..., None] * np.ones(3))
    return fitted_panel((colour * 255).astype(np.uint8), label)


def _sheet(rows: list, registration: Registration):
    from PIL import Image, ImageDraw

    reasons = textwrap.wrap(" ".join(registration.reasons), LETTERS_A_LINE)
    header = HEADER_PX + LINE_PX * max(len(reasons) - 1, 0)
    width = 3 * PANEL_PX + 4 * MARGIN_PX
    height = header + 2 * (PANEL_PX + CAPTION_PX) + MARGIN_PX
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, 8), _title(registration), fill=INK, font=font_of(19))
    for number, line in enumerate(reasons):
        draw.text((MARGIN_PX, 36 + number * LINE_PX), line, fill=QUIET, font=font_of(14))
    for row, (panels, caption) in enumerate(zip(rows, ("At the start", "Registered"), strict=True)):
        top = header + row * (PANEL_PX + CAPTION_PX)
        draw.text(
            (MARGIN_PX, top + 3),
            f"{caption}: grey fields ultrasound, warm fields MRI, {FIELD_MM:g} mm wide",
            fill=INK,
            font=font_of(14),
        )
        for column, panel in enumerate(panels):
            sheet.paste(Image.fromarray(panel), (MARGIN_PX + column * (PANEL_PX + MARGIN_PX), top + CAPTION_PX))
    return sheet


def _title(registration: Registration) -> str:
    title = f"{registration.method_name.upper()} registration, verdict: {registration.verdict}"
    if registration.landmarks is not None:
        marks = registration.landmarks
        title += f", landmarks {marks.initial_mm:.1f} mm -> {marks.final_mm:.1f} mm (n = {marks.n})"
    return title
