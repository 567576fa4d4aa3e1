"""Cut a volume and its label in the directions of the volume's own grid.

A direction is named by the grid axis that the slices are perpendicular to: "i", "j" or "k", the first, second and third
axis of the ultrasound as SimpleITK and Slicer count them. The two axes that remain are the slice's horizontal and
vertical one, in that order:

    direction   horizontal   vertical
    i           j            k
    j           i            k
    k           i            j
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput

if TYPE_CHECKING:
    import SimpleITK as sitk

DIRECTIONS = ("i", "j", "k")
BRIGHTEST = 255
# Of a slice's pixels, for a slice without tumour to be worth learning from.
SHOWN_SHARE = 0.1


@dataclass(frozen=True)
class SliceSelection:
    """Which slices of a volume are wanted: those with tumour of at least `min_area_mm2`, in `directions`.

    `empty_share` (from 0 to below 1) of a direction's slices are slices without any tumour, evenly spread over those
    that show ultrasound: without them a network learns that there is tumour in every slice.
    """

    directions: tuple[str, ...] = DIRECTIONS
    min_area_mm2: float = 0.0
    empty_share: float = 0.0


@dataclass(frozen=True)
class CutSlice:
    """One slice: grey values and tumour (uint8, rows by columns), `spacing` in mm, horizontal then vertical."""

    direction: str
    index: int
    tumor_area_mm2: float
    pixels: np.ndarray
    tumor: np.ndarray
    spacing: tuple[float, float]

    @property
    def image(self) -> "sitk.Image":
        """The grey values as a true 2D image with identity direction."""
        return as_image(self.pixels, self.spacing)

    @property
    def label(self) -> "sitk.Image":
        """The tumour on the same grid."""
        return as_image(self.tumor, self.spacing)


def cut_slices(us: "sitk.Image", label: "sitk.Image", selection: SliceSelection) -> Iterator[CutSlice]:
    """Yield the selected slices, direction by direction.

    `label` is non-zero where there is tumour and lies on the grid of `us`. The area is the number of tumour pixels
    times the area of one, in double precision and without rounding.
    """
    import SimpleITK as sitk

    grey = grey_values(sitk.GetArrayViewFromImage(us))
    tumor = (sitk.GetArrayViewFromImage(label) != 0).astype(np.uint8)
    for direction in selection.directions:
        spacing = in_plane_spacing(us, direction)
        areas = tumor_areas_mm2(tumor, us, direction)
        chosen = _selected(areas, _has_signal(grey, direction) if selection.empty_share else None, selection)
        greys, tumors = (_planes(volume, direction, chosen) for volume in (grey, tumor))
        for row, index in enumerate(chosen):
            yield CutSlice(direction, index, float(areas[index]), greys[row], tumors[row], spacing)


def within_field_of_view(label: "sitk.Image", us: "sitk.Image") -> "sitk.Image":
    """The part of `label` (on the grid of `us`) that the ultrasound beam reached; outside it a network would learn black."""
    import SimpleITK as sitk

    from ..images.field_of_view import field_of_view_mask

    mask = field_of_view_mask(us)
    mask.CopyInformation(label)
    return sitk.Mask(label, mask)


def tumor_areas_mm2(tumor: np.ndarray, us: "sitk.Image", direction: str) -> np.ndarray:
    """Tumour area in mm² of each slice in `direction`, shape (slices,), from a 0/1 array indexed [k, j, i]."""
    horizontal, vertical = in_plane_spacing(us, direction)
    in_plane = tuple(axis for axis in range(3) if axis != _array_axis(direction))
    return np.count_nonzero(tumor, axis=in_plane) * (horizontal * vertical)


def grey_values(volume: np.ndarray) -> np.ndarray:
    """The volume as uint8: unchanged where it holds whole numbers from 0 to 255, else scaled linearly.

    Scaling takes the maximum to 255 and keeps 0 at 0 (outside the sector stays exactly zero); a volume with negative
    values is first lifted so that its minimum is 0. Slices for training and for prediction both pass through here.
    """
    lowest, highest = float(volume.min()), float(volume.max())
    if lowest >= 0 and highest <= BRIGHTEST and _holds_whole_numbers(volume):
        return volume.astype(np.uint8)
    floor = min(lowest, 0.0)
    return np.rint((volume - floor) * (BRIGHTEST / (highest - floor))).astype(np.uint8)


def plane(volume: np.ndarray, direction: str, index: int) -> np.ndarray:
    """One slice of an array indexed [k, j, i], as rows (vertical) by columns (horizontal)."""
    return np.take(volume, index, axis=_array_axis(direction))


def put_plane(volume: np.ndarray, direction: str, index: int, values: np.ndarray) -> None:
    """Write a slice back to where `plane` took it from, in place."""
    np.moveaxis(volume, _array_axis(direction), 0)[index] = values


def plane_count(volume: np.ndarray, direction: str) -> int:
    """How many slices an array indexed [k, j, i] has in `direction`."""
    return volume.shape[_array_axis(direction)]


def in_plane_spacing(us: "sitk.Image", direction: str) -> tuple[float, float]:
    """Spacing in mm of a slice, horizontal then vertical."""
    horizontal, vertical = (us.GetSpacing()[axis] for axis in range(3) if DIRECTIONS[axis] != direction)
    return horizontal, vertical


def as_image(pixels: np.ndarray, spacing: tuple[float, float]) -> "sitk.Image":
    """A true 2D image of `pixels` (rows, columns): origin 0, identity direction, `spacing` in mm."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(np.ascontiguousarray(pixels))
    image.SetSpacing(spacing)
    return image


def check_directions(directions: Sequence[str]) -> tuple[str, ...]:
    """The directions in the order given, once each; `BadInput` for an unknown one or none at all."""
    unknown = [direction for direction in directions if direction not in DIRECTIONS]
    if unknown or not directions:
        found = f"'{', '.join(unknown)}'" if unknown else "none"
        raise BadInput(
            "slice directions among i, j and k", found, "name the axes of the ultrasound's grid to cut across"
        )
    return tuple(dict.fromkeys(directions))


def _planes(volume: np.ndarray, direction: str, indices: Sequence[int]) -> np.ndarray:
    """Some slices of an array indexed [k, j, i], one after the other in memory."""
    return np.ascontiguousarray(np.moveaxis(volume, _array_axis(direction), 0)[list(indices)])


def _selected(areas: np.ndarray, has_signal: np.ndarray | None, selection: SliceSelection) -> list[int]:
    """Indices of the selected slices, in order, from each slice's tumour area and whether it shows ultrasound."""
    with_tumor = np.flatnonzero((areas > 0) & (areas >= selection.min_area_mm2))
    if has_signal is None:
        return with_tumor.tolist()
    empty = np.flatnonzero((areas == 0) & has_signal)
    wanted = round(len(with_tumor) * selection.empty_share / (1 - selection.empty_share))
    spread = np.linspace(0, len(empty) - 1, min(wanted, len(empty))).round().astype(int)
    return sorted(np.concatenate([with_tumor, empty[spread]]).tolist())


def _has_signal(grey: np.ndarray, direction: str) -> np.ndarray:
    """Whether each slice in `direction` shows ultrasound in at least `SHOWN_SHARE` of its pixels."""
    in_plane = tuple(axis for axis in range(3) if axis != _array_axis(direction))
    return np.count_nonzero(grey, axis=in_plane) >= SHOWN_SHARE * (grey.size / plane_count(grey, direction))


def _array_axis(direction: str) -> int:
    # SimpleITK's arrays are indexed [k, j, i].
    return 2 - DIRECTIONS.index(direction)


def _holds_whole_numbers(volume: np.ndarray) -> bool:
    return np.issubdtype(volume.dtype, np.integer) or bool(np.all(volume == np.rint(volume)))
