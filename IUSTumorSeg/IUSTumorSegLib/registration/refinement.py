"""From rough poses to exact ones: ascent along the derivatives in a batch, then a polish that needs none."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

# One unit of a pose is 1 mm or this many degrees: at the sector's usual radius both displace it about as far.
DEG_PER_UNIT = 2.0
PERCENT_PER_UNIT = 1.0
SCALE = (DEG_PER_UNIT,) * 3 + (1.0,) * 3

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


def polish(
    objective: Objective, pose: "torch.Tensor", radius: float, rounds: int, seed: int
) -> "tuple[torch.Tensor, float]":
    """Climb without derivatives: fit a quadratic to the scores around the pose, step to its top, narrow, repeat.

    `pose` (6,); `radius` in units. Each round scores 48 poses in one batch and fits the 28 coefficients by least squares,
    which averages over the ripples that interpolation leaves in the metric. Returns the best pose and its score.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor(SCALE, device=pose.device)
    center = pose / scale
    best, best_score = center, float(objective(pose[None])[0])
    for _ in range(rounds):
        offsets = shell(48, generator).to(pose.device) * radius
        scores = objective((best + offsets) * scale)
        top = best + quadratic_tops(offsets / radius, (scores - best_score)[None])[0].to(pose.device) * radius
        tried = torch.cat([top[None], (best + offsets)[scores.argmax()][None]])
        tried_scores = objective(tried * scale)
        winner = int(tried_scores.argmax())
        if float(tried_scores[winner]) > best_score:
            best, best_score = tried[winner], float(tried_scores[winner])
        radius *= 0.5
    return best * scale, best_score


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
