"""From rough poses to exact ones: ascent along the derivatives in a batch, then, without any, to the middle of the top."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

# One unit of a pose is 1 mm or this many degrees: at the sector's usual radius both displace it about as far.
DEG_PER_UNIT = 2.0
PERCENT_PER_UNIT = 1.0
SCALE = (DEG_PER_UNIT,) * 3 + (1.0,) * 3
SETTLING_POSES, SETTLING_ROUNDS, SETTLED = 96, 6, 0.1  # the last in units: a step that is none
RIPPLE = 1e-3  # of a score: more than interpolation makes it differ between neighbouring poses

Objective = Callable[["torch.Tensor"], "torch.Tensor"]
"""Scores (n,) of poses (n, 6), to be maximised."""


def ascend(
    objective: Objective, poses: "torch.Tensor", steps: int, first_step: float, last_step: float
) -> "torch.Tensor":
    """Follow the derivatives from each of `poses` (n, 6) at once; returns the best pose seen of each, with its score.

    Adam's rule (Kingma & Ba 2015) with a step that shrinks geometrically from `first_step` to `last_step` units. The
    result has one more column, the score. Poses of twelve numbers stretch too, a unit being 1 %.
    """
    import torch

    scale = torch.tensor((SCALE + (PERCENT_PER_UNIT,) * 6)[: poses.shape[1]], device=poses.device)
    units = (poses / scale).clone()
    mean, square = torch.zeros_like(units), torch.zeros_like(units)
    best = torch.full((len(poses), poses.shape[1] + 1), -np.inf, device=poses.device)
    for step in range(steps):
        units.requires_grad_(True)
        scores = objective(units * scale)
        (gradient,) = torch.autograd.grad(scores.sum(), units)
        units = units.detach()
        best = _keep_best(best, units * scale, scores.detach())
        mean, square = 0.7 * mean + 0.3 * gradient, 0.9 * square + 0.1 * gradient**2
        corrected = (mean / (1 - 0.7 ** (step + 1))) / ((square / (1 - 0.9 ** (step + 1))).sqrt() + 1e-9)
        units = units + first_step * (last_step / first_step) ** (step / max(steps - 1, 1)) * corrected
    with torch.no_grad():
        return _keep_best(best, units * scale, objective(units * scale))


def settle(objective: Objective, pose: "torch.Tensor", seed: int) -> "torch.Tensor":
    """Move `pose` (6,) to the middle of the top it stands on: fit a quadratic to the scores around, step, repeat.

    Each round scores 96 poses within a unit in one batch, fits the 28 coefficients by least squares and goes to the fit's
    top. The fit averages over the ripples that interpolation leaves in the metric; on the flat tops of real pairs the
    best single pose is a ripple's. The offsets stay the same, so that the end does not depend on the way there. A pose
    from which this leads down stays where it is.
    """
    import torch

    scale = torch.tensor(SCALE, device=pose.device)
    offsets = shell(SETTLING_POSES, torch.Generator().manual_seed(seed))
    center = pose / scale
    for _ in range(SETTLING_ROUNDS):
        scores = objective((center + offsets.to(pose.device)) * scale)
        step = quadratic_tops(offsets, (scores - scores.mean())[None])[0].to(pose.device)
        center = center + step
        if float(step.norm()) < SETTLED:
            break
    before, after = objective(torch.stack([pose, center * scale])).tolist()
    return center * scale if after > before - RIPPLE else pose


def distinct(
    poses: "torch.Tensor", scores: "torch.Tensor", distance: Callable, apart_mm: float, most: int
) -> "torch.Tensor":
    """Places of the best poses, best first, no two closer than `apart_mm`, `most` at most."""
    import torch

    left = scores.argsort(descending=True)
    chosen: list[int] = []
    while len(left) and len(chosen) < most:
        head = int(left[0])
        chosen.append(head)
        far = distance(poses[left], poses[head][None]) > apart_mm
        far[0] = False
        left = left[far]
    return torch.tensor(chosen, device=poses.device)


def _keep_best(best: "torch.Tensor", poses: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
    import torch

    better = scores > best[:, -1]
    return torch.where(better[:, None], torch.cat([poses, scores[:, None]], dim=1), best)


def shell(count: int, generator: "torch.Generator") -> "torch.Tensor":
    """Points (count, 6) in the unit ball, in opposite pairs, more of them far out than near the middle."""
    import torch

    directions = torch.randn(count // 2, 6, generator=generator)
    directions = directions / directions.norm(dim=1, keepdim=True)
    lengths = torch.rand(count // 2, 1, generator=generator) ** (1 / 3)
    half = directions * lengths
    return torch.cat([half, -half])


def quadratic_tops(offsets: "torch.Tensor", values: "torch.Tensor") -> "torch.Tensor":
    """Where in the unit ball the quadratics c + s x + x C x / 2 nearest to `values` are highest, (n, 6).

    `offsets` (m, 6), m >= 28; `values` (n, m). Newton's step with the curvature made negative, cut at the ball.
    """
    import torch

    rows, columns = torch.triu_indices(6, 6)
    x = offsets.double().cpu()
    design = torch.cat([torch.ones_like(x[:, :1]), x, x[:, rows] * x[:, columns]], dim=1)
    solution = torch.linalg.lstsq(design, values.double().cpu().T).solution.T
    curvature = torch.zeros(len(values), 6, 6, dtype=torch.float64)
    curvature[:, rows, columns] = solution[:, 7:]
    lengths, axes = torch.linalg.eigh(curvature + curvature.mT)
    lengths = lengths.abs()
    lengths = lengths.clamp_min(1e-12) + 1e-3 * lengths.amax(1, keepdim=True)
    step = (axes @ ((axes.mT @ solution[:, 1:7, None]) / lengths[:, :, None]))[:, :, 0]
    return (step / step.norm(dim=1, keepdim=True).clamp_min(1.0)).float()
