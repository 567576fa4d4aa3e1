"""Where an ultrasound volume holds ultrasound: the sector, without padding, burnt-in text or markers."""

from typing import TYPE_CHECKING

import numpy as np

from .binary_morphology import closed, filled, opened

if TYPE_CHECKING:
    import SimpleITK as sitk

WORKING_SPACING_MM = 1.0
FINEST_MM = 0.5  # the finest echoes are a millimetre wide; scanners interpolate to 0.14-0.36 mm
SPECKLE_MM = 1.0  # gaps between bright voxels are bridged up to twice this width
CLOSING_MM = 4.0  # dark structures that touch the sector's border are bridged up to twice this width
OPENING_MM = 2.5  # text, ticks and markers are thinner than twice this; a sector is not
PADDING_SHARE = 0.05  # of the volume's surface; padding below that would not be padding


def field_of_view_mask(us: "sitk.Image", grid: "sitk.Image | None" = None) -> "sitk.Image":
    """Mask (uint8, on the grid of `us`, or on `grid`) of the voxels that the ultrasound beam reached.

    Padding is the value that covers most of the volume's surface (0, 255 or any constant), where it is connected to
    that surface. What is left is opened, reduced to its largest part, closed and filled. A volume without padding is
    all field of view. Works at about 1 mm, as a sector's border is not known better.
    """
    import SimpleITK as sitk

    voxels = sitk.GetArrayViewFromImage(us)
    padding = _padding_value(voxels)
    grid = us if grid is None else grid
    everything = sitk.Image(grid.GetSize(), sitk.sitkUInt8) + 1
    everything.CopyInformation(grid)
    if padding is None:
        return everything
    content = sitk.GetImageFromArray((voxels != padding).astype(np.float32))
    content.CopyInformation(us)
    sector = _clean(_coarsen(content) > 0.5)
    fine = sitk.Resample(sitk.Cast(sector, sitk.sitkFloat32), grid, sitk.Transform(), sitk.sitkLinear, 0.0)
    return sitk.Cast(fine > 0.5, sitk.sitkUInt8)


def without_interpolation(us: "sitk.Image") -> "tuple[sitk.Image, sitk.Image]":
    """The ultrasound (float32) averaged to voxels of at most 0.5 mm where they are finer, and its field of view there.

    A grid of 0.2 mm holds fifteen times the voxels and no echo more.
    """
    import SimpleITK as sitk

    factors = [max(1, int(FINEST_MM / s + 1e-3)) for s in us.GetSpacing()]
    factors = [min(f, n) for f, n in zip(factors, us.GetSize(), strict=True)]
    small = sitk.Cast(us, sitk.sitkFloat32)
    if max(factors) > 1:
        small = sitk.BinShrink(small, factors)
    return small, field_of_view_mask(us, small)


def _padding_value(voxels: np.ndarray) -> float | None:
    """The constant that covers the most of the six outer faces, `None` where none covers a relevant share."""
    faces = [np.take(voxels, end, axis).ravel() for axis in range(3) for end in (0, -1)]
    surface = np.concatenate(faces)
    values, counts = np.unique(surface, return_counts=True)
    if counts.max() < PADDING_SHARE * surface.size:
        return None
    return float(values[counts.argmax()])


def _coarsen(content: "sitk.Image") -> "sitk.Image":
    import SimpleITK as sitk

    factors = [max(1, round(WORKING_SPACING_MM / s)) for s in content.GetSpacing()]
    factors = [min(f, n) for f, n in zip(factors, content.GetSize(), strict=True)]
    return sitk.BinShrink(content, factors)


def _clean(content: "sitk.Image") -> "sitk.Image":
    """Drop what is thin, keep the largest part, close its border and fill what it encloses.

    Speckle's gaps are bridged first, by no more than a millimetre: lines of text must not grow together.
    """
    import SimpleITK as sitk

    speckle, thin, dark = (
        [_radius(mm, s) for s in content.GetSpacing()[::-1]] for mm in (SPECKLE_MM, OPENING_MM, CLOSING_MM)
    )
    padded = np.pad(sitk.GetArrayViewFromImage(content) != 0, [(r + 1, r + 1) for r in dark])
    kept = _largest(opened(filled(closed(padded, speckle)), thin))
    inside = tuple(slice(r + 1, -r - 1) for r in dark)
    sector = sitk.GetImageFromArray(filled(closed(kept, dark))[inside].astype(np.uint8))
    sector.CopyInformation(content)
    return sector


def _largest(mask: np.ndarray) -> np.ndarray:
    import SimpleITK as sitk

    parts = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8)))
    by_size = sitk.RelabelComponent(parts, sortByObjectSize=True)  # has a name: a view does not keep its image alive
    return np.asarray(sitk.GetArrayViewFromImage(by_size) == 1)


def _radius(length_mm: float, spacing_mm: float) -> int:
    return max(1, round(length_mm / spacing_mm))
