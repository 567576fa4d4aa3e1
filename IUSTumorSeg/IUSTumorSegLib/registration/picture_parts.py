"""What the pictures of a registration share: the grid they are drawn on, its three planes, and their look."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.field_of_view import field_of_view_mask
from ..images.geometry import resample_onto
from ..labels.propagation import propagate_label
from .pyramid import isotropic_grid

if TYPE_CHECKING:
    import SimpleITK as sitk

PANEL_PX = 420
SPACING_MM = 0.4
MARGIN_PX = 8
CAPTION_PX = 26
HEADER_PX = 64
PAPER, INK, QUIET = (250, 250, 248), (25, 32, 40), (110, 118, 126)
CONTOUR = (0, 200, 220)


def picture_grid(us: "sitk.Image", mask: "sitk.Image | None" = None) -> "tuple[sitk.Image, np.ndarray]":
    """An isotropic grid over the sector along the ultrasound's axes, and the sector on it; `mask` where it is known."""
    mask = field_of_view_mask(us) if mask is None else mask
    grid = isotropic_grid(mask, SPACING_MM)
    return grid, as_array(resample_onto(mask, grid, interpolator=1))


def as_array(image: "sitk.Image") -> np.ndarray:
    """The voxels of `image`, [k, j, i]."""
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(image)


def windowed(values: np.ndarray, inside: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values between two percentiles of the sector as 0 to 1; black outside the sector."""
    bottom, top = np.percentile(values[inside], [low, high])
    return np.clip((values - bottom) / max(top - bottom, 1e-9), 0, 1) * inside


def planes_place(
    grid: "sitk.Image", mask: np.ndarray, tumor: "sitk.Image | None", mri_to_us_ras: np.ndarray
) -> tuple[int, ...]:
    """Index (k, j, i) of the planes: the tumour's middle where it is inside the sector, else the sector's."""
    if tumor is not None:
        label = as_array(propagate_label(tumor, grid, mri_to_us_ras)) * mask
        if label.any():
            return tuple(round(v) for v in np.argwhere(label).mean(axis=0))
    return tuple(round(v) for v in np.argwhere(mask).mean(axis=0))


def plane_of(volume: np.ndarray, axis: int, place: tuple[int, ...]) -> np.ndarray:
    """The plane of `volume` at `place` across array axis `axis`."""
    return np.take(volume, place[axis], axis=axis)


def fitted_panel(colour: np.ndarray, label: np.ndarray | None) -> np.ndarray:
    """A plane's colours (h, w, 3) enlarged to fill a black panel (PANEL_PX, PANEL_PX, 3), with the label's outline."""
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


def font_of(size: int):
    """Pillow's own font: the same on every machine."""
    from PIL import ImageFont

    return ImageFont.load_default(size)
