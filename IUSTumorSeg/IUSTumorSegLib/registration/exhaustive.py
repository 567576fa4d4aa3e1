"""The coarse search: every rotation and translation that a navigation error can have, on a lattice.

For one rotation the MRI is resampled once, onto the ultrasound's grid extended on all sides. A translation by whole
voxels is then a shifted view of that array: no interpolation, and the sums over the MRI alone are shared by all
translations. What remains per pose is sum(u m) and sum(u |grad m|) over the patches. The lattices are body-centred
cubic, the thriftiest cover of space, so no pose lies farther than 2.8 mm and about 5 degrees from one that was tried.

To share the sums, patches count whole here and the ultrasound is continued smoothly beyond its field of view; the exact
metric takes over from the best poses on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .lc2 import MINIMUM_INSIDE, PATCH_VOXELS, RIDGE, SCORE_OUTSIDE_MRI, box_matrix, box_sums
from .parallel import map_on_cores
from .poses import PoseSpace, rotation_matrices
from .pyramid import MriChannels, UltrasoundLevel

if TYPE_CHECKING:
    import torch

REACH_MM = 24.0
REACH_DEG = 18.0
TRANSLATION_STEP_VOXELS = 2
ROTATION_STEP_DEG = 12.0
PATCH_STRIDE = 3


@dataclass(frozen=True)
class _FixedPatches:
    """The continued ultrasound u (nz, ny, nx), its patch sums' matrices, and per patch (pz, py, px) mean, variance, weight."""

    u: "torch.Tensor"
    boxes: "tuple[torch.Tensor, ...]"
    mean: "torch.Tensor"
    variance: "torch.Tensor"
    weight: "torch.Tensor"


def lattice_poses(
    level: UltrasoundLevel, mri: MriChannels, space: PoseSpace, device: str = "cpu"
) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
    """Yield poses (n, 6) and their approximate LC2 (n,), one rotation at a time, from no rotation outwards."""
    fixed = _fixed_patches(level, device)

    def of_rotation(vector: np.ndarray) -> "tuple[torch.Tensor, torch.Tensor]":
        return _translations(_RotatedMri(level, mri, space, vector, fixed, device), level, vector)

    yield from map_on_cores(of_rotation, rotation_lattice(REACH_DEG, ROTATION_STEP_DEG), device)


def _translations(
    rotated: "_RotatedMri", level: UltrasoundLevel, vector: np.ndarray
) -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    with torch.inference_mode():
        shifts, scores = (torch.cat(parts) for parts in zip(*rotated.scores(), strict=True))
        # x -> R(x - c) + c + t with t = R A s: a shift s of the array, before the rotation.
        axes = torch.as_tensor(level.ijk_to_ras[:3, :3], dtype=torch.float32, device=shifts.device)
        translation = shifts.float() @ axes.T @ rotated.rotation.T
        rotation = torch.as_tensor(vector, dtype=torch.float32, device=shifts.device).expand(len(shifts), 3)
        return torch.cat([rotation, translation], dim=1), scores


def rotation_lattice(reach_deg: float, step_deg: float) -> np.ndarray:
    """Rotation vectors (n, 3) in degrees on a body-centred cubic lattice within `reach_deg`, smallest first."""
    points = _bcc(int(np.ceil(reach_deg / step_deg)) + 1) * step_deg
    points = points[np.linalg.norm(points, axis=1) <= reach_deg]
    return points[np.argsort(np.linalg.norm(points, axis=1), kind="stable")]


def _bcc(cells: int) -> np.ndarray:
    whole = np.stack(np.meshgrid(*[np.arange(-cells, cells + 1)] * 3, indexing="ij"), -1).reshape(-1, 3).astype(float)
    return np.concatenate([whole, whole + 0.5])


def _fixed_patches(level: UltrasoundLevel, device: str) -> _FixedPatches:
    import torch

    boxes = tuple(_regular_boxes(n, device) for n in level.mask.shape)
    mask = torch.as_tensor(level.mask, device=device)
    u = torch.as_tensor(_continued(level), device=device)
    count = float(PATCH_VOXELS**3)
    inside, sums, squares = (box_sums(v[None], boxes)[0] / count for v in (mask, u, u * u))
    variance = (squares - sums**2).clamp_min(1e-6)
    weight = variance.sqrt() * inside * (inside >= MINIMUM_INSIDE)
    return _FixedPatches(u, boxes, sums, variance, weight / weight.sum().clamp_min(1e-12))


def _regular_boxes(voxels: int, device: str) -> "torch.Tensor":
    # Without the last patch at the border, which is off the stride that the shifted views need.
    return box_matrix(voxels, PATCH_STRIDE, device)[:, : (voxels - PATCH_VOXELS) // PATCH_STRIDE + 1]


def _continued(level: UltrasoundLevel) -> np.ndarray:
    """u, continued beyond the mask by a normalised Gaussian average of what is inside."""
    from scipy.ndimage import gaussian_filter

    near = gaussian_filter(level.mask, 2.0)
    average = gaussian_filter(level.features[0] * level.mask, 2.0) / np.maximum(near, 1e-3)
    return np.where(level.mask > 0, level.features[0], average).astype(np.float32)


class _RotatedMri:
    """The MRI under one rotation on the extended grid, with what all translations share."""

    def __init__(
        self,
        level: UltrasoundLevel,
        mri: MriChannels,
        space: PoseSpace,
        vector: np.ndarray,
        fixed: _FixedPatches,
        device: str,
    ) -> None:
        import torch

        self._fixed, self._spacing = fixed, level.spacing_mm
        self._reach = int(np.ceil(REACH_MM / level.spacing_mm / TRANSLATION_STEP_VOXELS)) * TRANSLATION_STEP_VOXELS
        pose = torch.tensor(np.concatenate([vector, np.zeros(3)]), dtype=torch.float64, device=device)[None]
        self._channels, self._inside = _sample_extended(level, mri, space.us_to_mri(pose)[0], self._reach)
        self.rotation = rotation_matrices(torch.deg2rad(pose[:, :3]))[0].float()
        self._precompute()

    def scores(self) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Yield shifts (n, 3) in voxels, order i, j, k, and scores (n,)."""
        step, reach = TRANSLATION_STEP_VOXELS, self._reach
        for offset in (0, step // 2):
            for dz in range(offset - reach, reach + 1, step):
                yield from self._slab(dz, offset)

    def _slab(self, dz: int, offset: int) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """All shifts of one dz: views of the extended arrays, (ny shifts, nx shifts, ...)."""
        import torch

        limit = REACH_MM / self._spacing
        radius = np.sqrt(max(limit**2 - dz**2, 0.0))
        if abs(dz) > limit:
            return
        step, reach = TRANSLATION_STEP_VOXELS, self._reach
        steps = [d for d in range(offset - reach, reach + 1, step) if abs(d) <= radius]
        if not steps:
            return
        first, count = steps[0] + reach, len(steps)
        fixed = self._fixed
        window = self._windows(self._channels, dz + reach, first, count, fixed.u.shape, (1, 1, 1))
        n = window.shape[2]
        products = (window * fixed.u).reshape(-1, *fixed.u.shape)
        with_u = box_sums(products, fixed.boxes) / PATCH_VOXELS**3
        with_u = with_u.reshape(window.shape[0], count, n, *with_u.shape[1:])
        shared = self._windows(self._shared, dz + reach, first, count, fixed.mean.shape, (PATCH_STRIDE,) * 3)
        scores = self._combine(with_u, shared)
        shifts = torch.tensor([(dx, dy, dz) for dy in steps for dx in steps], device=scores.device)
        near = shifts.float().square().sum(1) <= limit**2
        yield shifts[near], scores.reshape(-1)[near]

    def _precompute(self) -> None:
        """Per place of a patch: means, and the elimination's factors; stacked as (rows, z, y, x)."""
        import torch

        channels = self._channels
        mean = _box_everywhere(channels)
        rows = list(mean)
        count = len(channels)
        pairs = [(i, j) for i in range(count) for j in range(i, count)]
        products = _box_everywhere(torch.stack([channels[i] * channels[j] for i, j in pairs]))
        covariance = {(i, j): products[k] - mean[i] * mean[j] for k, (i, j) in enumerate(pairs)}
        for k in range(count):
            pivot = covariance[k, k].clamp_min(0) + RIDGE
            rows.append(1 / pivot)
            for i in range(k + 1, count):
                factor = covariance[k, i] / pivot
                rows.append(factor)
                for j in range(i, count):
                    covariance[i, j] = covariance[i, j] - factor * covariance[k, j]
        rows.append(_box_everywhere(self._inside[None])[0])
        self._shared = torch.stack(rows)

    def _combine(self, with_u: "torch.Tensor", shared: "torch.Tensor") -> "torch.Tensor":
        fixed, count = self._fixed, len(self._channels)
        b = [with_u[c] - fixed.mean * shared[c] for c in range(count)]
        explained, row = fixed.weight.new_zeros(1), count
        for k in range(count):
            explained = explained + b[k] ** 2 * shared[row]
            row += 1
            for i in range(k + 1, count):
                b[i] = b[i] - shared[row] * b[k]
                row += 1
        share = (explained / fixed.variance).clamp(0, 1)
        inside = shared[row]
        return ((inside * share + (1 - inside) * SCORE_OUTSIDE_MRI) * fixed.weight).sum((-1, -2, -3))

    @staticmethod
    def _windows(
        volume: "torch.Tensor", z: int, first: int, count: int, shape: "tuple[int, ...]", strides: tuple[int, int, int]
    ) -> "torch.Tensor":
        """Views (rows, count, count, *shape) of `volume` (rows, z, y, x), shifted by the translation step in y and x."""
        s0, sz, sy, sx = volume.stride()
        step = TRANSLATION_STEP_VOXELS
        size = (volume.shape[0], count, count, *shape)
        stride = (s0, step * sy, step * sx, strides[0] * sz, strides[1] * sy, strides[2] * sx)
        return volume.as_strided(size, stride, volume.storage_offset() + z * sz + first * sy + first * sx)


def _box_everywhere(values: "torch.Tensor") -> "torch.Tensor":
    """Means over the patch that starts at each voxel, (rows, z, y, x), the same size; the far ends are not used."""
    import torch

    for axis in (1, 2, 3):
        padded = torch.cat([values, values.narrow(axis, 0, PATCH_VOXELS - 1)], dim=axis)
        shifted = [padded.narrow(axis, k, values.shape[axis]) for k in range(PATCH_VOXELS)]
        values = torch.stack(shifted).mean(dim=0)
    return values


def _sample_extended(
    level: UltrasoundLevel, mri: MriChannels, us_to_mri: "torch.Tensor", reach: int
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Channels (c, z, y, x) and whether inside the MRI (z, y, x) on the ultrasound's grid, `reach` voxels more each way."""
    import torch

    shape = [n + 2 * reach for n in level.mask.shape]
    device = mri.values.device
    size = torch.tensor(mri.values.shape[:0:-1], dtype=torch.float64, device=device)
    ijk_to_ras = torch.as_tensor(level.ijk_to_ras, dtype=torch.float64, device=device)
    matrix = torch.as_tensor(mri.ras_to_ijk, dtype=torch.float64, device=device) @ us_to_mri @ ijk_to_ras
    axes = [torch.arange(n, dtype=torch.float64, device=device) - reach for n in shape[::-1]]
    scale = 2 / (size - 1)
    linear, offset = (matrix[:3, :3] * scale[:, None]).float(), (matrix[:3, 3] * scale - 1).float()
    i, j, k = (a.float() for a in axes)
    places = (
        k[:, None, None, None] * linear[:, 2] + j[:, None, None] * linear[:, 1] + i[:, None] * linear[:, 0] + offset
    )
    channels = torch.nn.functional.grid_sample(
        mri.values[None], places[None], mode="bilinear", padding_mode="border", align_corners=True
    )[0]
    return channels, (places.abs() <= 1).all(-1).float()
