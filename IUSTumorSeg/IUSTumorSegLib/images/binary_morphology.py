"""Opening, closing and filling of masks by balls, voxel by voxel what SimpleITK's filters give, in a tenth of the time.

A ball is a stack of straight runs along the last axis. A mask dilated by each length of run is made once; the ball's
dilation is then the union of those, moved to where the ball has such a run.
Masks are bool arrays whose content stays clear of the array's border by more than the ball's radius.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np


def closed(mask: np.ndarray, radius: Sequence[int]) -> np.ndarray:
    """`mask` with gaps bridged into which no ball of `radius` (voxels along each axis) fits."""
    return ~dilated(~dilated(mask, radius), radius)


def opened(mask: np.ndarray, radius: Sequence[int]) -> np.ndarray:
    """`mask` without the parts into which no ball of `radius` (voxels along each axis) fits."""
    return dilated(~dilated(~mask, radius), radius)


def filled(mask: np.ndarray) -> np.ndarray:
    """`mask` with the holes in it that are not connected to the array's first corner, through faces of voxels."""
    import SimpleITK as sitk

    background = sitk.ConnectedComponent(sitk.GetImageFromArray((~mask).astype(np.uint8)))
    parts = sitk.GetArrayViewFromImage(background)
    return np.asarray(parts != parts[(0,) * mask.ndim])


def dilated(mask: np.ndarray, radius: Sequence[int]) -> np.ndarray:
    """All voxels (bool) within a ball of `radius` (voxels along each of the three axes) of those of `mask`."""
    runs = _runs(tuple(radius))
    by_length = _dilated_along_rows(mask, max(runs.values()))
    found = np.zeros_like(mask)
    for (plane, row), length in runs.items():
        to_plane, from_plane = _moved(plane, mask.shape[0])
        to_row, from_row = _moved(row, mask.shape[1])
        found[to_plane, to_row] |= by_length[length][from_plane, from_row]
    return found


def _dilated_along_rows(mask: np.ndarray, longest: int) -> list[np.ndarray]:
    """`mask` dilated along the last axis by 0, 1, ... `longest` voxels to both sides."""
    found = [mask]
    for length in range(1, longest + 1):
        wider = found[-1].copy()
        wider[..., length:] |= mask[..., :-length]
        wider[..., :-length] |= mask[..., length:]
        found.append(wider)
    return found


@cache
def _runs(radius: tuple[int, ...]) -> dict[tuple[int, int], int]:
    """Half the length of the ball's run along the last axis at each (plane, row) where it has one."""
    import SimpleITK as sitk

    centre = np.zeros([2 * r + 1 for r in radius], np.uint8)
    centre[radius] = 1
    ball = sitk.GetArrayFromImage(sitk.BinaryDilate(sitk.GetImageFromArray(centre), radius[::-1]))
    planes, rows = np.nonzero(ball.any(axis=-1))
    return {
        (int(plane) - radius[0], int(row) - radius[1]): int(ball[plane, row].sum()) // 2
        for plane, row in zip(planes, rows, strict=True)
    }


def _moved(by: int, size: int) -> tuple[slice, slice]:
    """Where values come to lie that are moved `by` places along an axis of `size`, and where they come from."""
    return slice(max(by, 0), size + min(by, 0)), slice(max(-by, 0), size + min(-by, 0))
