"""How precisely the ultrasound fixes the pose: the poses that other draws of its patches would have given.

A bootstrap over blocks of patches. Neighbouring patches overlap and see the same echoes, so whole blocks of 12 mm are
drawn. The score of every patch is computed once at poses around the result; each draw then only weighs the patches
anew, fits the quadratic of `refinement`, and steps to its top. What all draws share is not in their spread: a bias of
the metric, and brain shift. The draws therefore say in which directions the pose is loose; how far it may be off is taken
from registrations whose truth was known (`scaled_to`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .parallel import one_thread_each
from .poses import PoseSpace
from .refinement import SCALE, quadratic_tops, shell
from .search import FINE_MM, Scene

if TYPE_CHECKING:
    import torch

BLOCK_MM = 12.0
DRAWS = 64
POSES_AROUND = 96
RADIUS = 1.5  # units of a pose: 1.5 mm, 3 degrees


def bootstrap_poses(scene: Scene, pose: np.ndarray, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """Poses (draws, 6) scattered about `pose` (6,) as draws of the ultrasound's blocks scatter."""
    import torch

    grid = scene.grids[FINE_MM]
    generator = torch.Generator().manual_seed(seed)
    offsets = shell(POSES_AROUND, generator)
    around = torch.as_tensor(pose, dtype=torch.float32) + offsets * RADIUS * torch.tensor(SCALE)
    with one_thread_each():
        scores = scene.patch_contributions(FINE_MM, around.to(scene.mri.values.device)).sum(1).cpu()
    weights = grid.weights.sum(0).cpu()
    multiplicity = _block_draws(grid.centers_ras, draws, generator)
    drawn = (scores @ multiplicity.T) / (weights @ multiplicity.T)
    steps = quadratic_tops(offsets, torch.cat([drawn, scores.sum(1, keepdim=True)], dim=1).T)
    spread = (steps[:-1] - steps[-1:]) * RADIUS * torch.tensor(SCALE)
    return np.asarray(pose) + spread.numpy()


def scaled_to(errors_mm: Sequence[float], samples: np.ndarray, pose: np.ndarray, space: PoseSpace) -> np.ndarray:
    """The `samples` (n, 6) about `pose` (6,), each stretched to displace the field of view by one of `errors_mm` (n,), RMS.

    Errors are dealt out in a shuffled order, so that size and direction are independent.
    """
    import torch

    here = torch.as_tensor(np.asarray(pose), dtype=torch.float64)[None]
    there = torch.as_tensor(np.asarray(samples), dtype=torch.float64)
    apart_mm = space.distance_mm(there, here).numpy()
    return here.numpy() + (there - here).numpy() * (dealt_out(errors_mm) / np.maximum(apart_mm, 1e-9))[:, None]


def dealt_out(errors_mm: Sequence[float]) -> np.ndarray:
    """The errors in the fixed order in which samples get them."""
    return np.random.default_rng(0).permutation(np.asarray(errors_mm))


def block_numbers(centers_ras: np.ndarray) -> np.ndarray:
    """Number (p,) of the 12 mm block that each patch's centre."""
    cells = np.floor((centers_ras - centers_ras.min(axis=0)) / BLOCK_MM).astype(int)
    _, block = np.unique(cells, axis=0, return_inverse=True)
    return block.ravel()


def sums_by_block(values: "torch.Tensor", blocks: "np.ndarray | torch.Tensor") -> "torch.Tensor":
    """Sums (..., b) of `values` (..., p) over the patches of each block, by their numbers (p,)."""
    import torch

    numbers = torch.as_tensor(blocks, device=values.device)
    return values.new_zeros(*values.shape[:-1], int(numbers.max()) + 1).index_add_(-1, numbers, values)


def _block_draws(centers_ras: np.ndarray, draws: int, generator: "torch.Generator") -> "torch.Tensor":
    """How often each patch counts in each draw, (draws, p): blocks drawn with replacement."""
    import torch

    block = block_numbers(centers_ras)
    count = int(block.max()) + 1
    chosen = torch.randint(count, (draws, count), generator=generator)
    times = torch.zeros(draws, count).scatter_add_(1, chosen, torch.ones(draws, count))
    return times[:, torch.as_tensor(block)]
