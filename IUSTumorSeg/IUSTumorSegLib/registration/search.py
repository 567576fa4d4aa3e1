"""The search for the best pose: from everything a navigation error can be, through fewer and finer, to one.

1. 3 mm: all poses of a lattice over 24 mm and 18 degrees (`exhaustive`); the best distinct ones are kept.
2. 2.5 mm: these climb along the derivatives of LC2, and the better third climbs on, three times over.
3. 1.5 mm, where thin echoes count: the rivals that are left climb again, beside those that looked best at 1.5 mm after
   the first climb. Shadows and clutter draw the 2.5 mm level elsewhere long before they draw the thin echoes.
4. 1.5 mm: up to three of the best settle on the middle of their tops, without derivatives, and one is decided for.

Finer voxels cost three times as much and end no nearer, in simulated pairs (0.25 mm) and on landmarks (1.8 mm): what
limits the pose is not their size.

Every score is LC2 less the prior on the distance from the start; only where a pose settles does LC2 alone count, so that
the end does not depend on the start. Draws take a seed.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.field_of_view import without_interpolation
from ..jobs.progress import Progress, silent
from .exhaustive import REACH_DEG, ROTATION_STEP_DEG, lattice_poses, rotation_lattice
from .lc2 import PatchGrid, lc2, patch_grid, patch_scores
from .parallel import core_count, map_on_cores, one_thread_each
from .poses import PoseSpace
from .pyramid import MriChannels, field_of_view_points, mri_channels, thin_echoes_of, ultrasound_level
from .refinement import SCALE, ascend, distinct, settle

if TYPE_CHECKING:
    import SimpleITK as sitk
    import torch

LATTICE_MM, COARSE_MM, FINE_MM = 3.0, 2.5, 1.5
SMOOTHING_MM = 0.7
AGREEING_MM = 4.0
OUT_OF_REACH = 0.05  # of LC2: what a second climb never makes up for
HOPELESS = 0.03  # of LC2: what settling never makes up for
SAME_TOP_MM = 3.0  # so near a rival, a promising pose climbs where the rival did
LOCAL_UNITS = 2.0  # of a pose: 2 mm, 4 degrees
FEATURE_SHARES = {COARSE_MM: (1.0,), FINE_MM: (1.0, 1.0)}  # of all echoes, and of thin echoes
USUAL_VOLUME_ML, COARSEST_SCALE = 100.0, 1.35  # RESECT's sectors hold 45 to 121 ml
POINTS_A_PORTION = 200_000  # voxels scored at once: what stays in the cache of one core
MOST_IN_A_PORTION = 16  # poses that climb together; fewer cost more each


@dataclass(frozen=True)
class SearchSettings:
    """How widely to search.

    `lattice_kept`: poses taken from the lattice; `climbers`: how many survive each round; `rivals`, `promising` and
    `finalists`: how many are compared at the finest level, join them for their looks there, and settle. `local`
    searches within some millimetres of the start only.
    """

    lattice_kept: int = 64
    climbers: tuple[int, ...] = (64, 24, 8)
    rivals: int = 6
    promising: int = 6
    finalists: int = 3
    seed: int = 0
    device: str = "cpu"
    local: bool = False


@dataclass(frozen=True)
class Scene:
    """The images prepared for the metric: the poses' space, the MRI's channels and the ultrasound's patches by level.

    A level is named by its spacing in mm; sectors larger than usual are seen with voxels `spacing_scale` times as wide,
    so that they take no longer.
    """

    space: PoseSpace
    mri: MriChannels
    mri_with_thin: MriChannels
    grids: dict[float, PatchGrid]
    us: "sitk.Image"
    mask: "sitk.Image"
    spacing_scale: float = 1.0

    def objective(self, spacing_mm: float, spread: bool = False) -> "Callable[[torch.Tensor], torch.Tensor]":
        """LC2 less the prior, at one level."""
        return lambda poses: self.lc2(spacing_mm, poses, spread) - self.space.prior(poses)

    def lc2(self, spacing_mm: float, poses: "torch.Tensor", spread: bool = False) -> "torch.Tensor":
        """LC2 (n,) of poses (n, 6) at one level; `spread` over the cores."""
        grid, mri = self.grids[spacing_mm], self.channels(spacing_mm)
        return self.in_portions(spacing_mm, poses, lambda part: lc2(grid, mri, self.space.us_to_mri(part)), spread)

    def patch_contributions(self, spacing_mm: float, poses: "torch.Tensor") -> "torch.Tensor":
        """What each patch adds to LC2 at one level, by feature, (n, q, p); spread over the cores, without derivatives."""
        import torch

        grid, mri = self.grids[spacing_mm], self.channels(spacing_mm)

        def score(part: "torch.Tensor") -> "torch.Tensor":
            with torch.inference_mode():
                return patch_scores(grid, mri, self.space.us_to_mri(part)) * grid.weights

        return self.in_portions(spacing_mm, poses, score)

    def in_portions(
        self,
        spacing_mm: float,
        poses: "torch.Tensor",
        score: "Callable[[torch.Tensor], torch.Tensor]",
        spread: bool = True,
    ) -> "torch.Tensor":
        """`score` of poses (n, 6), in portions that fit the processor's cache at that level; `spread` over the cores."""
        import torch

        most = int(POINTS_A_PORTION / len(self.grids[spacing_mm].points_ras))
        parts = poses.split(_portion(poses, most))
        return torch.cat(list(map_on_cores(score, parts, poses.device.type) if spread else map(score, parts)))

    def channels(self, spacing_mm: float) -> MriChannels:
        """The MRI's channels at one level: thin structures count where voxels resolve them."""
        return self.mri if spacing_mm >= COARSE_MM else self.mri_with_thin

    def ascend(self, spacing_mm: float, poses: "torch.Tensor", steps: int, first_step: float) -> "torch.Tensor":
        """Climb from each of `poses` (n, 6), spread over the cores; (n, 7) with the score."""
        import torch

        objective = self.objective(spacing_mm)
        portion = _portion(poses, min(MOST_IN_A_PORTION, -(-len(poses) // core_count())))
        climbed = map_on_cores(
            lambda part: ascend(objective, part, steps, first_step, first_step / 4),
            poses.split(portion),
            poses.device.type,
        )
        return torch.cat(list(climbed))


def _portion(poses: "torch.Tensor", most: int) -> int:
    """How many of `poses` to score at once: `most`, and all of them on a GPU, which gains from large batches."""
    return max(1, most if poses.device.type == "cpu" else len(poses))


@dataclass(frozen=True)
class Found:
    """What the search found: distinct poses, best first, (n, 6), with their scores (n,), and how often starts agreed."""

    poses: np.ndarray
    scores: np.ndarray
    lc2: float
    agreeing_starts: float
    seconds: dict[str, float]


def prepare(
    us: "sitk.Image", mris: "list[sitk.Image]", initial_mri_to_us_ras: np.ndarray, device: str = "cpu"
) -> Scene:
    """Compute everything that the poses cannot change."""
    import SimpleITK as sitk

    mris = [sitk.Cast(mri, sitk.sitkFloat32) for mri in mris]
    us, mask = without_interpolation(us)
    points = field_of_view_points(mask)
    space = PoseSpace(points.mean(axis=0), np.cov(points.T), initial_mri_to_us_ras)
    from ..images.geometry import transform_points

    around = transform_points(np.linalg.inv(initial_mri_to_us_ras), points)
    scale = spacing_scale_of(mask)
    with ThreadPoolExecutor(1) as aside:  # SimpleITK computes outside of Python's lock
        channels = aside.submit(mri_channels, mris, SMOOTHING_MM, around, thin_structures=True)
        echoes = thin_echoes_of(us, mask)
        levels = {
            mm: ultrasound_level(us, mask, scale * mm, echoes if len(shares) > 1 else None)
            for mm, shares in FEATURE_SHARES.items()
        }
        with_thin = channels.result().to(device)
    grids = {mm: patch_grid(level, 2, device, FEATURE_SHARES[mm]) for mm, level in levels.items()}
    plain = with_thin.first(len(mris) + 1)
    return Scene(space, plain, with_thin, grids, us, mask, scale)


def spacing_scale_of(mask: "sitk.Image") -> float:
    """How much wider than usual the voxels of a large sector are taken: its voxels are then as many as a usual one's."""
    import SimpleITK as sitk

    inside = np.count_nonzero(sitk.GetArrayViewFromImage(mask))
    volume_ml = inside * float(np.prod(mask.GetSpacing())) / 1000
    return float(np.clip((volume_ml / USUAL_VOLUME_ML) ** (1 / 3), 1.0, COARSEST_SCALE))


def search(scene: Scene, settings: SearchSettings = SearchSettings(), progress: Progress = silent) -> Found:
    """Find the best pose within 24 mm and 18 degrees of the start; deterministic for a seed."""
    clock = _Clock()
    preview = _Preview(scene.space, progress)
    with one_thread_each():
        starts = _near_start(settings) if settings.local else _lattice_best(scene, settings, preview)
        clock.lap("lattice")
        climbed = _climb(scene, starts, settings, preview)
        clock.lap("climb")
        rivals = _climb_finely(scene, climbed, settings, preview)
        clock.lap("rivals")
        poses, scores = _decide(scene, rivals, settings, preview)
        clock.lap("decide")
    return Found(
        poses.cpu().numpy(), scores.cpu().numpy(), float(scene.lc2(FINE_MM, poses[:1])[0]), climbed.agreeing, clock.laps
    )


class _Preview:
    """Progress that also tells the best pose so far: the start at first, the last one told where `best` is None."""

    def __init__(self, space: PoseSpace, progress: Progress) -> None:
        self._space, self._progress = space, progress
        self._told = np.zeros(6)

    def __call__(self, stage: str, done: int, total: int, message: str, best: "torch.Tensor | None") -> None:
        if best is not None:
            self._told = best[:6].detach().cpu().numpy()
        matrix = self._space.mri_to_us_ras(self._told)
        self._progress(stage, done, total, message, mri_to_us_ras=np.round(matrix, 5).tolist())


def _lattice_best(scene: Scene, settings: SearchSettings, progress: _Preview) -> "torch.Tensor":
    """The best distinct poses of the lattice, and the start itself."""
    import torch

    level = ultrasound_level(scene.us, scene.mask, scene.spacing_scale * LATTICE_MM)
    poses, scores = [torch.zeros(1, 6, device=settings.device)], [torch.full((1,), np.inf, device=settings.device)]
    rotations = len(rotation_lattice(REACH_DEG, ROTATION_STEP_DEG))
    best, best_score = poses[0][0], -np.inf
    with torch.inference_mode():
        for number, (p, s) in enumerate(lattice_poses(level, scene.mri, scene.space, settings.device)):
            poses.append(p)
            scores.append(s - scene.space.prior(p))
            best = p[scores[-1].argmax()] if scores[-1].max() > best_score else best
            best_score = max(best_score, float(scores[-1].max()))
            progress("search", number + 1, rotations, "Scoring the poses that a navigation error can have", best)
        all_poses, all_scores = torch.cat(poses), torch.cat(scores)
        top = all_scores.topk(min(len(all_scores), 16 * settings.lattice_kept)).indices
        all_poses, all_scores = all_poses[top], all_scores[top]
        return all_poses[distinct(all_poses, all_scores, scene.space.distance_mm, 2.0, settings.lattice_kept)].clone()


def _near_start(settings: SearchSettings) -> "torch.Tensor":
    """The start and poses scattered about it, (n, 6), by 2 mm and 4 degrees along each direction."""
    return _scattered(settings.lattice_kept, LOCAL_UNITS, settings)


def _scattered(count: int, units: float, settings: SearchSettings) -> "torch.Tensor":
    """Offsets of poses (count, 6), normal with `units` as deviation; the first is none."""
    import torch

    offsets = (
        torch.randn(count, 6, generator=torch.Generator().manual_seed(settings.seed)) * units * torch.tensor(SCALE)
    )
    offsets[0] = 0.0
    return offsets.to(settings.device)


@dataclass(frozen=True)
class _Climbed:
    """`best` (n, 7): distinct poses with their score at the coarse level, best first; `promising` (m, 6) after the first
    round by the fine level; `agreeing`: share of the starts of the last round but one that ended within 4 mm of the best.
    """

    best: "torch.Tensor"
    promising: "torch.Tensor"
    agreeing: float


def _climb(scene: Scene, poses: "torch.Tensor", settings: SearchSettings, progress: _Preview) -> _Climbed:
    """Ascend in rounds with fewer and fewer poses."""
    first_steps, steps = (0.8, 0.5, 0.3), (6, 8, 10)
    agreeing, promising = 0.0, poses[:0, :6]
    for number, keep in enumerate(settings.climbers):
        best = poses[0] if number else None  # the start comes first, whatever its score
        progress("refine", number, len(settings.climbers), f"Refining {min(keep, len(poses))} poses", best)
        climbed = scene.ascend(COARSE_MM, poses[:keep, :6], steps[number], first_steps[number])
        climbed = climbed[climbed[:, 6].argsort(descending=True)]
        if number == len(settings.climbers) - 2:
            apart = scene.space.distance_mm(climbed[:, :6], climbed[:1, :6])
            agreeing = float((apart < AGREEING_MM).float().mean())
        poses = climbed[distinct(climbed[:, :6], climbed[:, 6], scene.space.distance_mm, 1.0, len(climbed))]
        if number == 0:
            promising = _promising(scene, poses[:, :6], settings)
    return _Climbed(poses, promising, agreeing)


def _promising(scene: Scene, poses: "torch.Tensor", settings: SearchSettings) -> "torch.Tensor":
    """Those of `poses` (n, 6) that score best at the fine level, distinct, best first."""
    import torch

    with torch.inference_mode():
        scores = scene.objective(FINE_MM, spread=True)(poses)
    return poses[distinct(poses, scores, scene.space.distance_mm, 2.5, settings.promising)].clone()


def _climb_finely(scene: Scene, climbed: _Climbed, settings: SearchSettings, progress: _Preview) -> "torch.Tensor":
    """The rivals (n, 7) climbed at the fine level, best first; what they leave free starts around the best of them.

    Right registrations have few rivals, and a flat top on which a second start finds the better end.
    """
    import torch

    apart = scene.space.distance_mm
    rivals = climbed.best[distinct(climbed.best[:, :6], climbed.best[:, 6], apart, 2.5, settings.rivals)]
    progress("refine", 1, 2, f"Comparing {len(rivals)} rival poses at {FINE_MM} mm", rivals[0])
    elsewhere = climbed.promising[_farther(scene.space, climbed.promising, rivals[:, :6], SAME_TOP_MM)]
    begun = scene.ascend(FINE_MM, torch.cat([rivals[:, :6], elsewhere]), 6, 0.6)
    begun = begun[distinct(begun[:, :6], begun[:, 6], apart, 1.5, len(begun))]
    rising = begun[:, 6] > begun[0, 6] - OUT_OF_REACH
    rising[settings.finalists + 1 :] = False
    kept, left = begun[rising], begun[~rising]
    around = kept[:1, :6] + _scattered(max(settings.finalists - len(kept), 0) + 1, 1.0, settings)[1:]
    ended = torch.cat([scene.ascend(FINE_MM, torch.cat([kept[:, :6], around]), 12, 0.5), left])
    return ended[torch.argsort(ended[:, 6], descending=True)]


def _farther(space: PoseSpace, poses: "torch.Tensor", others: "torch.Tensor", mm: float) -> "torch.Tensor":
    """Which (n,) of `poses` (n, 6) lie more than `mm` from all of `others` (m, 6)."""
    import torch

    apart = [space.distance_mm(poses, other[None]) for other in others]
    return torch.stack(apart).amin(0) > mm


def _decide(
    scene: Scene, rivals: "torch.Tensor", settings: SearchSettings, progress: _Preview
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Let the finalists settle at the finest level; all rivals, best first, with the finalists' scores in front."""
    import torch

    apart = scene.space.distance_mm
    kept = rivals[distinct(rivals[:, :6], rivals[:, 6], apart, 1.5, settings.rivals)]
    hopeful = kept[:, 6] >= kept[0, 6] - HOPELESS
    hopeful[settings.finalists :] = False
    finalists, rest, settled = kept[hopeful], kept[~hopeful], []
    with torch.inference_mode():
        for number, finalist in enumerate(finalists):
            progress("decide", number, len(finalists), "Settling on the best poses", kept[0])
            settled.append(settle(lambda p: scene.lc2(FINE_MM, p, spread=True), finalist[:6], settings.seed))
        poses = torch.stack(settled)
        poses = poses[distinct(poses, finalists[:, 6], apart, 1.5, len(poses))]  # one of those that share a top
        scores = scene.objective(FINE_MM, spread=True)(poses)
    order = scores.argsort(descending=True)
    left = torch.minimum(rest[:, 6], scores.min())
    return torch.cat([poses[order], rest[:, :6]]), torch.cat([scores[order], left])


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = now - self._last
        self._last = now
