"""The MNI152 atlas as continuous tissue maps: grey and white matter, ventricles, the brain's surface, sulcal sheets.

The atlas is an average of 152 people. What an average blurs and ultrasound shows best, the sulci, is found again as
thin sheets: the crests of darkness in the T1 between two banks of cortex, each voxel knowing the way to its sheet.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from .fields import Field

T1_FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
GREY_FILE = "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"
WHITE_FILE = "mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz"

# Columns of Template.maps.
GREY, WHITE, VENTRICLE, HULL_MM, SHEET, SHEET_X, SHEET_Y, SHEET_Z = range(8)

NO_SHEET_MM = 3.0  # how far a voxel without a sheet says its sheet is
VENTRICLES_LOWER = (-40, -50, -24)
VENTRICLES_UPPER = (40, 38, 34)
FISSURE_HALF_WIDTH_MM = 4.0  # the falx stands this close to the atlas' plane of symmetry


@dataclass(frozen=True)
class Template:
    """The atlas in its own RAS millimetres.

    `maps`: grey and white matter and ventricle (0..1), signed distance to the brain's surface (mm, negative inside),
    strength of the sulcal sheet (0..1) and the vector to it (RAS mm). `normals`: unit normal of the nearest sheet.
    """

    maps: Field
    normals: Field
    brain_lower: np.ndarray
    brain_upper: np.ndarray


def load_template(folder: Path | None = None) -> Template:
    """Read the atlas that nilearn ships; takes a few seconds, so load it once and hand it to every case."""
    folder = nilearn_data_folder() if folder is None else folder
    t1, origin = _read(folder / T1_FILE)
    grey, white = _read(folder / GREY_FILE)[0], _read(folder / WHITE_FILE)[0]
    inside = _filled_brain(t1)
    hull = _signed_distance(inside)
    ventricle = _ventricles(grey, white, inside, hull, origin)
    strength, offset, normal = _sulcal_sheets(t1, inside, ventricle, hull)
    maps = np.stack([grey, white, ventricle, hull, strength, *np.moveaxis(offset, 3, 0)], axis=3).astype(np.float32)
    where = np.argwhere(inside)
    return Template(
        maps=Field(maps, origin, 1.0),
        normals=Field(normal, origin, 1.0),
        brain_lower=where.min(axis=0)[::-1] + origin,
        brain_upper=where.max(axis=0)[::-1] + origin,
    )


def nilearn_data_folder() -> Path:
    """Where nilearn keeps the atlas it ships."""
    import nilearn

    return Path(nilearn.__file__).parent / "datasets" / "data"


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    # The files' axes are R, A and S already; only ITK's origin counts the first two the other way.
    origin = np.array(image.GetOrigin()) * (-1, -1, 1)
    return sitk.GetArrayFromImage(image).astype(np.float32) / 255, origin


def _filled_brain(t1: np.ndarray) -> np.ndarray:
    return ndimage.binary_fill_holes(ndimage.binary_opening(t1 > 0.05, iterations=2))


def _signed_distance(inside: np.ndarray) -> np.ndarray:
    outward = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    return ndimage.gaussian_filter(outward.astype(np.float32), 1.0)


def _ventricles(
    grey: np.ndarray, white: np.ndarray, inside: np.ndarray, hull: np.ndarray, origin: np.ndarray
) -> np.ndarray:
    """CSF of some width, far from the surface and where ventricles lie."""
    csf = np.clip(1 - grey - white, 0, 1) * inside
    core = (csf > 0.5) & (hull < -14) & _box(grey.shape, origin, VENTRICLES_LOWER, VENTRICLES_UPPER)
    pieces, _ = ndimage.label(core)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    near = ndimage.binary_dilation(np.isin(pieces, np.flatnonzero(sizes > 100)), iterations=2)
    return csf * near


def _box(shape: tuple[int, ...], origin: np.ndarray, lower: tuple, upper: tuple) -> np.ndarray:
    inside = np.zeros(shape, bool)
    first = np.subtract(lower, origin).astype(int)[::-1]
    last = np.subtract(upper, origin).astype(int)[::-1]
    inside[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] = True
    return inside


def _sulcal_sheets(
    t1: np.ndarray, inside: np.ndarray, ventricle: np.ndarray, hull: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strength (k, j, i), vector to the sheet and its normal (k, j, i, 3; RAS) of the crests of darkness in the T1."""
    bright = t1.copy()
    bright[~inside] = np.median(t1[inside & (hull > -3)])
    bright += 0.7 * ventricle
    dark = ndimage.gaussian_filter(-bright, 0.9)
    slope = np.gradient(dark)[::-1]
    bend = [np.gradient(part)[::-1] for part in slope]
    where = inside & (hull < 0.5) & (sum(bend[axis][axis] for axis in range(3)) < -0.004)
    hessian = np.array([[bend[a][b][where] for b in range(3)] for a in range(3)]).transpose(2, 0, 1)
    value, vector = np.linalg.eigh((hessian + hessian.transpose(0, 2, 1)) / 2)
    sharpest, normal = value[:, 0], vector[:, :, 0]
    along = np.stack([part[where] for part in slope], axis=1)
    away = -(along * normal).sum(axis=1) / np.minimum(sharpest, -1e-6)
    ridge = np.clip((-sharpest - 0.006) / 0.03, 0, 1) * (np.abs(away) < 2.5) * (value[:, 1] > 0.7 * sharpest)
    strength = np.zeros(t1.shape, np.float32)
    offset = np.full((*t1.shape, 3), NO_SHEET_MM, np.float32)
    normals = np.zeros((*t1.shape, 3), np.float32)
    strength[where] = ridge
    found = ridge > 0
    offset[where] = np.where(found[:, None], away[:, None] * normal, NO_SHEET_MM)
    normals[where] = normal
    return strength, offset, normals
