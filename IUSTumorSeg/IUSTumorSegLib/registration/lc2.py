"""LC2, the linear correlation of linear combination, over patches of an ultrasound volume.

Wein et al. (Med Image Anal 2008; MICCAI 2013) and Fuerst et al. (Med Image Anal 2014) explain the ultrasound u of a
patch by the MRI's intensity m and its gradient magnitude g = |grad m|,

    u(x) ~ alpha m(x) + beta g(x) + gamma,

with alpha, beta, gamma fitted by least squares in every patch, because the relation changes from tissue to tissue. The
patch's similarity is the share of the ultrasound's variance that the fit explains,

    S_p = 1 - Var(u - f) / Var(u),

and the similarity of two images is the mean of S_p weighted by the patch's standard deviation of u,

    LC2 = sum_p sqrt(Var_p(u)) S_p / sum_p sqrt(Var_p(u)).

Here: several contrasts each add their m to the fit and share one g, the root of the sum of their squared gradients;
several features of the ultrasound are each fitted, and scored by the mean of their LC2; sums run over voxels inside the
field of view; the weights and so the denominator are computed once from the ultrasound and do not depend on the pose. A
patch of which a share a lies inside the MRI counts a S_p + (1 - a) 0.1 and is never dropped: were it dropped, a pose with
hardly any overlap could win.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import transform_points
from .pyramid import MriChannels, UltrasoundLevel

if TYPE_CHECKING:
    import torch

PATCH_VOXELS = 5
MINIMUM_INSIDE = 0.6  # share of a patch's voxels inside the field of view
SCORE_OUTSIDE_MRI = 0.1  # what an unrelated patch scores by chance
RIDGE = 1e-5  # of the channels' scale, squared; keeps flat MRI from explaining anything


@dataclass(frozen=True)
class PatchGrid:
    """The ultrasound's part of LC2, computed once: which voxels and patches count, and the patches' weights.

    `points_ras` (m, 3): positions of the voxels inside the mask; `voxels` (m,): their places in the flat grid; `u`
    (q, m): the ultrasound's features there; `boxes`: one matrix an axis that sums voxels into patches; `patches` (p,):
    the patches that count, in the flat grid of patches; `counts` (p,): their voxels; `mean_u`, `variance_u` and
    `weights`, each (q, p), the weights summing to 1 over both; `centers_ras` (p, 3).
    """

    points_ras: "torch.Tensor"
    voxels: "torch.Tensor"
    u: "torch.Tensor"
    boxes: "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"
    patches: "torch.Tensor"
    counts: "torch.Tensor"
    mean_u: "torch.Tensor"
    variance_u: "torch.Tensor"
    weights: "torch.Tensor"
    centers_ras: np.ndarray
    spacing_mm: float

    def patch_sums(self, values: "torch.Tensor") -> "torch.Tensor":
        """Sums over each patch's voxels of `values` (..., m); gives (..., p)."""
        nz, ny, nx = (len(b) for b in self.boxes)
        dense = values.new_zeros(*values.shape[:-1], nz * ny * nx)
        dense = dense.index_copy_(-1, self.voxels, values).reshape(-1, nz, ny, nx)
        return box_sums(dense, self.boxes).reshape(*values.shape[:-1], -1).index_select(-1, self.patches)


def patch_grid(
    level: UltrasoundLevel, stride: int = 2, device: str = "cpu", shares: tuple[float, ...] | None = None
) -> PatchGrid:
    """Lay patches of 5 x 5 x 5 voxels over `level`, one every `stride` voxels, and compute what the pose cannot change.

    `shares` of the score by feature; equal ones if None.
    """
    import torch

    boxes = tuple(box_matrix(n, stride, device) for n in level.mask.shape)
    mask = torch.as_tensor(level.mask, device=device)
    u = torch.as_tensor(level.features, device=device) * mask
    counts = box_sums(mask[None], boxes).flatten()
    patches = torch.nonzero(counts >= MINIMUM_INSIDE * PATCH_VOXELS**3).flatten()
    counts = counts[patches]
    sums, squares = (box_sums(v, boxes).flatten(1)[:, patches] for v in (u, u * u))
    variance = (squares / counts - (sums / counts) ** 2).clamp_min(0)
    deviation = variance.sqrt()
    voxels = torch.nonzero(mask.flatten() > 0).flatten()
    kji = np.argwhere(level.mask > 0)
    points = torch.as_tensor(transform_points(level.ijk_to_ras, kji[:, ::-1]), dtype=torch.float32, device=device)
    return PatchGrid(
        points, voxels, u.flatten(1)[:, voxels], boxes, patches, counts, sums / counts, variance,  # type: ignore[arg-type]
        _weights(deviation, shares), _centers(level, boxes, patches, stride), level.spacing_mm,
    )  # fmt: skip


def _weights(deviation: "torch.Tensor", shares: tuple[float, ...] | None) -> "torch.Tensor":
    share = deviation.new_tensor(shares or (1.0,) * len(deviation))[:, None]
    return share / share.sum() * deviation / deviation.sum(1, keepdim=True).clamp_min(1e-12)


def lc2(grid: PatchGrid, mri: MriChannels, us_to_mri: "torch.Tensor") -> "torch.Tensor":
    """LC2 for each of the transforms `us_to_mri` (n, 4, 4), RAS mm; (n,), between 0 and 1, differentiable."""
    return (patch_scores(grid, mri, us_to_mri) * grid.weights).sum((-1, -2))


def patch_scores(grid: PatchGrid, mri: MriChannels, us_to_mri: "torch.Tensor") -> "torch.Tensor":
    """S_p of every feature and patch, (n, q, p), for each of the transforms `us_to_mri` (n, 4, 4).

    Patches outside the MRI count 0.1.
    """
    channels, inside = sample(mri, grid.points_ras, us_to_mri)
    explained = _explained_share(grid, channels)
    if bool(inside.all()):
        return explained
    share = (grid.patch_sums(inside.to(channels.dtype)) / grid.counts)[:, None]
    return share * explained + (1 - share) * SCORE_OUTSIDE_MRI


def sample(
    mri: MriChannels, points_ras: "torch.Tensor", us_to_mri: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Channels (n, c, m) at the ultrasound's points (m, 3), trilinear, and whether each lies inside the MRI (n, m)."""
    import torch

    n, shape = len(us_to_mri), torch.tensor(mri.values.shape[:0:-1], dtype=us_to_mri.dtype, device=us_to_mri.device)
    ras_to_ijk = torch.as_tensor(mri.ras_to_ijk, dtype=us_to_mri.dtype, device=us_to_mri.device)
    matrix = ras_to_ijk @ us_to_mri
    scale = 2 / (shape - 1)
    linear, offset = matrix[:, :3, :3] * scale[:, None], matrix[:, :3, 3] * scale - 1
    places = torch.einsum("mk,njk->nmj", points_ras, linear.float()) + offset.float()[:, None]
    volume = mri.values.expand(n, -1, -1, -1, -1)
    channels = torch.nn.functional.grid_sample(
        volume, places[:, None, None], mode="bilinear", padding_mode="border", align_corners=True
    )[:, :, 0, 0]
    return channels, (places.detach().abs() <= 1).all(-1)


def _explained_share(grid: PatchGrid, channels: "torch.Tensor") -> "torch.Tensor":
    """Share of Var(u) that the channels (n, c, m) explain in each patch, (n, q, p).

    The normal equations are solved by elimination, one channel at a time: each step takes what the channel explains of
    what is left, b_k^2 / C_kk, and removes it from the covariances of the channels that follow.
    """
    count = channels.shape[1]
    mean = grid.patch_sums(channels) / grid.counts
    products_with_u = grid.patch_sums(channels[:, :, None] * grid.u) / grid.counts
    with_u = list((products_with_u - mean[:, :, None] * grid.mean_u).unbind(1))
    pairs = [(i, j) for i in range(count) for j in range(i, count)]
    products = grid.patch_sums(_stack([channels[:, i] * channels[:, j] for i, j in pairs])) / grid.counts
    covariance = {(i, j): products[:, k] - mean[:, i] * mean[:, j] for k, (i, j) in enumerate(pairs)}
    explained = grid.variance_u.new_zeros(1)
    for k in range(count):
        pivot = covariance[k, k].clamp_min(0) + RIDGE
        explained = explained + with_u[k] ** 2 / pivot[:, None]
        for i in range(k + 1, count):
            factor = covariance[k, i] / pivot
            with_u[i] = with_u[i] - factor[:, None] * with_u[k]
            for j in range(i, count):
                covariance[i, j] = covariance[i, j] - factor * covariance[k, j]
    return (explained / grid.variance_u.clamp_min(1e-6)).clamp(0, 1)


def _stack(values: "list[torch.Tensor]") -> "torch.Tensor":
    import torch

    return torch.stack(values, dim=1)


def box_matrix(voxels: int, stride: int, device: str) -> "torch.Tensor":
    """(voxels, patches): 1 where a voxel belongs to a patch. A last patch ends at the border."""
    import torch

    size = min(PATCH_VOXELS, voxels)
    starts = list(range(0, voxels - size + 1, stride))
    if starts[-1] != voxels - size:
        starts.append(voxels - size)
    matrix = torch.zeros(voxels, len(starts), device=device)
    for patch, start in enumerate(starts):
        matrix[start : start + size, patch] = 1.0
    return matrix


def box_sums(dense: "torch.Tensor", boxes: "tuple[torch.Tensor, ...]") -> "torch.Tensor":
    """Sums over patches of volumes (n, nz, ny, nx), one axis after the other; gives (n, pz, py, px).

    Whole planes are summed first: those products are long, and what is left for the short ones is half as much.
    """
    z, y, x = boxes
    n, nz, ny, nx = dense.shape
    along_z = (z.T @ dense.reshape(n, nz, ny * nx)).reshape(n, z.shape[1], ny, nx)
    return y.T @ along_z @ x


def _centers(level: UltrasoundLevel, boxes: tuple, patches: "torch.Tensor", stride: int) -> np.ndarray:
    starts = [b.argmax(dim=0).cpu().numpy() + (min(PATCH_VOXELS, len(b)) - 1) / 2 for b in boxes]
    kji = np.stack(np.meshgrid(*starts, indexing="ij"), -1).reshape(-1, 3)[patches.cpu().numpy()]
    return transform_points(level.ijk_to_ras, kji[:, ::-1])
