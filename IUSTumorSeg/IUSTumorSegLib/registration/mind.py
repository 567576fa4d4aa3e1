"""MIND-SSC, a measure of agreement that shares nothing with LC2 (Heinrich et al., MICCAI 2013).

Each voxel is described by how much its six neighbours' patches differ from one another: twelve numbers that depend on
local structure and not on intensity, and can be compared between MRI and ultrasound.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

NEIGHBOURS = ((0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0))


def mind_ssc(volumes: "torch.Tensor") -> "torch.Tensor":
    """Descriptors (n, 12, z, y, x), between 0 and 1, of `volumes` (n, z, y, x)."""
    import torch

    shifted = [torch.roll(volumes, offset, (1, 2, 3)) for offset in NEIGHBOURS]
    pairs = [(a, b) for a in range(6) for b in range(a + 1, 6) if _are_diagonal(NEIGHBOURS[a], NEIGHBOURS[b])]
    differences = torch.stack([(shifted[a] - shifted[b]).square() for a, b in pairs], dim=1)
    differences = torch.nn.functional.avg_pool3d(differences, 3, stride=1, padding=1)
    differences = differences - differences.min(dim=1, keepdim=True).values
    variance = differences.mean(dim=1, keepdim=True)
    typical = variance.mean(dim=(1, 2, 3, 4), keepdim=True).clamp_min(1e-12)
    return torch.exp(-differences / variance.clamp(1e-3 * typical, 1e3 * typical))


def _are_diagonal(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) == 2


def mind_agreement(us: "torch.Tensor", mri: "torch.Tensor", counts: "torch.Tensor") -> "torch.Tensor":
    """Agreement (n,), higher is better, of an ultrasound (z, y, x) with MRIs (n, z, y, x) over the voxels in `counts`."""
    apart = (mind_ssc(mri) - mind_ssc(us[None])).abs().mean(dim=1)
    return -(apart * counts).sum((-1, -2, -3)) / counts.sum().clamp_min(1)
