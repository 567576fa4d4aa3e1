"""What the pictures of a registration share: the grid they are drawn on, its three planes, and their look."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, resample_onto, transform_points
from ..labels.propagation import propagate_label
from .pyramid import isotropic_grid

if TYPE_CHECKING:
    import SimpleITK as sitk

PANEL_PX = 420
SPACING_MM = 0.4
MIDDLE_SPACING_MM = 1.5
MARGIN_PX = 8
CAPTION_PX = 26
HEADER_PX = 64
PNG_LEVEL = 2  # a fifth larger than Pillow's own choice, in a third of the time
PAPER, INK, QUIET = (250, 250, 248), (25, 32, 40), (110, 118, 126)
CONTOUR = (0, 200, 220)


def picture_planes(sector: "sitk.Image", tumor: "sitk.Image | None", mri_to_us_ras: np.ndarray) -> "list[sitk.Image]":
    """Three grids, one voxel thick, across the array axes k, j and i of the ultrasound.

    They run through the tumour's middle where it is inside the `sector` (a mask), else through the sector's.
    """
    grid = isotropic_grid(sector, SPACING_MM)
    middle = transform_points(np.linalg.inv(ijk_to_ras(grid)), _middle_ras(sector, tumor, mri_to_us_ras)[None])[0]
    i, j, k = (int(np.clip(round(v), 0, n - 1)) for v, n in zip(middle, grid.GetSize(), strict=True))
    return [grid[:, :, k : k + 1], grid[:, j : j + 1, :], grid[i : i + 1, :, :]]


def _middle_ras(sector: "sitk.Image", tumor: "sitk.Image | None", mri_to_us_ras: np.ndarray) -> np.ndarray:
    import SimpleITK as sitk

    coarse = isotropic_grid(sector, MIDDLE_SPACING_MM)
    inside = sitk.GetArrayFromImage(resample_onto(sector, coarse, interpolator=sitk.sitkNearestNeighbor))
    if tumor is not None:
        label = sitk.GetArrayFromImage(propagate_label(tumor, coarse, mri_to_us_ras)) * inside
        inside = label if label.any() else inside
    kji = np.argwhere(inside).mean(axis=0)
    return transform_points(ijk_to_ras(coarse), kji[None, ::-1])[0]


def on_planes(
    planes: "list[sitk.Image]", image: "sitk.Image", mri_to_us_ras: np.ndarray | None = None
) -> list[np.ndarray]:
    """`image`, moved by `mri_to_us_ras` where it is given, on each of the planes: linear, 0 outside."""
    return [_flat(resample_onto(image, plane, mri_to_us_ras)) for plane in planes]


def label_on_planes(
    planes: "list[sitk.Image]", label: "sitk.Image | None", mri_to_us_ras: np.ndarray
) -> "list[np.ndarray | None]":
    """The MRI's label as it is carried over to the ultrasound, on each of the planes; None where there is none."""
    if label is None:
        return [None] * len(planes)
    return [_flat(propagate_label(label, plane, mri_to_us_ras)) for plane in planes]


def sector_on_planes(planes: "list[sitk.Image]", sector: "sitk.Image") -> list[np.ndarray]:
    """Where the field of view is on each of the planes, boolean."""
    import SimpleITK as sitk

    share = sitk.Cast(sector, sitk.sitkFloat32)
    return [_flat(resample_onto(share, plane)) > 0.5 for plane in planes]


def _flat(thin: "sitk.Image") -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayFromImage(thin).squeeze(axis=thin.GetSize()[::-1].index(1))


def windowed(values: list[np.ndarray], inside: list[np.ndarray], low: float, high: float) -> list[np.ndarray]:
    """Values between two percentiles of the sector, over all planes, as 0 to 1; black outside the sector."""
    bottom, top = np.percentile(np.concatenate([v[i] for v, i in zip(values, inside, strict=True)]), [low, high])
    span = max(top - bottom, 1e-9)
    return [np.clip((v - bottom) / span, 0, 1) * i for v, i in zip(values, inside, strict=True)]


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
