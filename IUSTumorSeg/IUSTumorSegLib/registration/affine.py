"""Twelve degrees of freedom, where the images show that they are needed.

An affine transform can follow some brain shift and errors of scale, and can as well follow speckle. So stretch and shear
are penalised, and accepted only if a transform fitted on half of the ultrasound explains the other half significantly
better than a rigid one fitted on the same half, both ways round.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .lc2 import patch_scores
from .parallel import one_thread_each
from .refinement import ascend
from .search import FINE_MM, Scene
from .uncertainty import block_numbers, sums_by_block

if TYPE_CHECKING:
    import torch

STRETCH_PENALTY = 5e-5  # of LC2 for each squared percent
STEPS = 48
SIGNIFICANT = 2.0  # standard errors of the gain over blocks


@dataclass(frozen=True)
class AffineTrial:
    """The affine pose (12,), fitted to the whole; its gains in LC2 on held-out halves, and their standard errors."""

    pose: np.ndarray
    gains: tuple[float, float]
    standard_errors: tuple[float, float]

    @property
    def wins(self) -> bool:
        """Whether both halves say that the affine transform is significantly better."""
        return all(g > SIGNIFICANT * e for g, e in zip(self.gains, self.standard_errors, strict=True))


def try_affine(scene: Scene, pose: np.ndarray) -> AffineTrial:
    """Fit an affine transform from the rigid `pose` (6,) and hold it against the rigid one on held-out halves."""
    import torch

    blocks = torch.as_tensor(block_numbers(scene.grids[FINE_MM].centers_ras), device=scene.mri.values.device)
    start = torch.as_tensor(pose, dtype=torch.float32, device=scene.mri.values.device)
    gains, errors = [], []
    with one_thread_each():
        for half in (0, 1):
            fitted_on = blocks % 2 == half
            rigid, affine = (_fitted(scene, start, count, fitted_on) for count in (6, 12))
            gain, error = _gain(scene, rigid, affine, blocks, ~fitted_on)
            gains.append(gain)
            errors.append(error)
        whole = _fitted(scene, start, 12, torch.ones_like(blocks, dtype=torch.bool))
    return AffineTrial(whole.cpu().numpy(), (gains[0], gains[1]), (errors[0], errors[1]))


def _fitted(scene: Scene, start: "torch.Tensor", count: int, patches: "torch.Tensor") -> "torch.Tensor":
    """The pose of `count` numbers that is best for some of the `patches` (p,)."""
    import torch

    pose = torch.cat([start, start.new_zeros(count - 6)])[None]
    share = (scene.grids[FINE_MM].weights.sum(0) * patches).sum()

    def objective(poses: "torch.Tensor") -> "torch.Tensor":
        score = (_by_patch(scene, poses) * patches).sum(-1) / share
        return score - STRETCH_PENALTY * poses[:, 6:].square().sum(-1)

    return ascend(objective, pose, STEPS, 0.4, 0.04)[0, :-1]


def _by_patch(scene: Scene, poses: "torch.Tensor") -> "torch.Tensor":
    grid = scene.grids[FINE_MM]
    scores = patch_scores(grid, scene.channels(FINE_MM), scene.space.us_to_mri(poses))
    return (scores * grid.weights).sum(1)


def _gain(
    scene: Scene, rigid: "torch.Tensor", affine: "torch.Tensor", blocks: "torch.Tensor", held_out: "torch.Tensor"
) -> tuple[float, float]:
    """Mean gain in LC2 on the held-out patches, and its standard error over their blocks."""
    import torch

    with torch.inference_mode():
        difference = (_by_patch(scene, affine[None]) - _by_patch(scene, rigid[None]))[0] * held_out
        total = (scene.grids[FINE_MM].weights.sum(0) * held_out).sum()
        sums = sums_by_block(difference, blocks) / total
        used = sums[torch.unique(blocks[held_out])]
    return float(used.sum()), float(used.std() * len(used) ** 0.5)
