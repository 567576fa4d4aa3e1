"""Signs by which a registration can be told from a wrong one, measured at the pose that the search returned."""

from typing import TYPE_CHECKING

import numpy as np

from .lc2 import SCORE_OUTSIDE_MRI, PatchGrid, patch_scores, sample
from .mind import mind_agreement
from .parallel import map_on_cores, one_thread_each
from .poses import PoseSpace
from .refinement import SCALE
from .search import COARSE_MM, FINE_MM, Found, Scene
from .uncertainty import block_numbers, sums_by_block

if TYPE_CHECKING:
    import torch

RING_POSES = 40
RING_MM = (6.0, 14.0)
RIVAL_MM = 4.0


def quality_features(scene: Scene, found: Found, pose_samples: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Features of the best pose, by name; what each means is said where it is computed.

    `pose_samples` (n, 6) are the bootstrap's poses.
    """
    import torch

    device = scene.mri.values.device
    pose = torch.as_tensor(found.poses[:1], dtype=torch.float32, device=device)
    with torch.inference_mode(), one_thread_each():
        ring = torch.cat([pose, ring_poses(scene.space, pose, seed)])
        return {
            **_standing_out("lc2", scene.lc2(COARSE_MM, ring, spread=True)),
            **_echoes(scene, ring),
            **_standing_out("mind", _mind(scene, ring)),
            **_patches(scene, pose),
            "lc2": found.lc2,
            "agreeing_starts": found.agreeing_starts,
            "distance_from_start_mm": float(scene.space.distance_mm(pose)[0]),
            "bootstrap_mm": _bootstrap_spread(scene.space, pose, pose_samples),
            **_rival(scene, found),
        }


def ring_poses(space: PoseSpace, pose: "torch.Tensor", seed: int, count: int = RING_POSES) -> "torch.Tensor":
    """Poses (count, 6) whose points lie 6 to 14 mm (RMS) from those of `pose` (1, 6), spread evenly by a seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(count, 6, generator=generator).to(pose.device) * torch.tensor(SCALE, device=pose.device)
    distances = torch.linspace(*RING_MM, count, device=pose.device)
    # Distance is nearly linear in the size of the step; a few corrections make it exact enough.
    for _ in range(3):
        directions = directions * (distances / space.distance_mm(pose + directions, pose))[:, None]
    return pose + directions


def _standing_out(name: str, scores: "torch.Tensor") -> dict[str, float]:
    """How a measure at the pose, scores[0], stands out from the ring's: its z-score, and its lead in their deviations."""
    here, around = float(scores[0]), scores[1:]
    spread = max(float(around.std()), 1e-6)
    return {f"{name}_z": (here - float(around.mean())) / spread, f"{name}_lead": (here - float(around.max())) / spread}


def _echoes(scene: Scene, poses: "torch.Tensor") -> dict[str, float]:
    """How LC2 at the fine level stands out at the pose, poses[0], from the ring's: of thin echoes, and block by block.

    A wrong pose may owe its lead to one strong structure, such as the falx. Where all is right, nearly every block of
    12 mm sees it by itself: `block_rank` and, of thin echoes, `thin_block_rank` are the share of the ring's poses that a
    block prefers this one to, in the mean over blocks with the weights of LC2; half where nothing is right.
    """
    grid = scene.grids[FINE_MM]
    scores = scene.patch_contributions(FINE_MM, poses)
    numbers = block_numbers(grid.centers_ras)
    blocks, weights = sums_by_block(scores, numbers), sums_by_block(grid.weights, numbers)
    ranks = (blocks[0] > blocks[1:]).float().mean(0)
    rank, thin_rank = ((ranks * weights).sum(-1) / weights.sum(-1)).tolist()
    thin_lc2 = scores[:, -1].sum(-1) / weights[-1].sum()
    return {**_standing_out("thin_lc2", thin_lc2), "block_rank": rank, "thin_block_rank": thin_rank}


def _mind(scene: Scene, poses: "torch.Tensor") -> "torch.Tensor":
    """Agreement by MIND-SSC of the ultrasound with the first contrast, at the coarse level."""
    import torch

    grid = scene.grids[COARSE_MM]
    us = _dense(grid, grid.u[0][None])[0]
    inside = _dense(grid, torch.ones_like(grid.u[:1]))
    core = torch.nn.functional.avg_pool3d(inside[None], 3, stride=1, padding=1)[0, 0] > 0.99

    def score(part: "torch.Tensor") -> "torch.Tensor":
        with torch.inference_mode():
            channels, _ = sample(scene.mri, grid.points_ras, scene.space.us_to_mri(part))
            return mind_agreement(us, _dense(grid, channels[:, 0]), core)

    return torch.cat(list(map_on_cores(score, poses.split(6), poses.device.type)))


def _dense(grid: PatchGrid, values: "torch.Tensor") -> "torch.Tensor":
    """Values (n, m) of the voxels inside the mask as volumes (n, z, y, x), zero outside."""
    shape = [len(b) for b in grid.boxes]
    dense = values.new_zeros(len(values), shape[0] * shape[1] * shape[2])
    return dense.index_copy_(1, grid.voxels, values).reshape(-1, *shape)


def _patches(scene: Scene, pose: "torch.Tensor") -> dict[str, float]:
    """Share of the ultrasound inside the MRI, and the weight of patches that the MRI explains."""
    grid = scene.grids[FINE_MM]
    us_to_mri = scene.space.us_to_mri(pose)
    _, inside = sample(scene.mri, grid.points_ras, us_to_mri)
    scores = patch_scores(grid, scene.channels(FINE_MM), us_to_mri)[0]
    informative = scores > 4 * SCORE_OUTSIDE_MRI
    return {"overlap": float(inside.float().mean()), "informative_share": float((informative * grid.weights).sum())}


def _bootstrap_spread(space: PoseSpace, pose: "torch.Tensor", samples: np.ndarray) -> float:
    """Root-mean-square displacement in mm, over the field of view, of the bootstrap's poses from the pose."""
    import torch

    apart = space.distance_mm(torch.as_tensor(samples, dtype=torch.float32, device=pose.device), pose)
    return float(apart.square().mean().sqrt())


def _rival(scene: Scene, found: Found) -> dict[str, float]:
    """The next best pose at least 4 mm away: by how much it scores less, and how far away it is (0 where there is none)."""
    import torch

    poses = torch.as_tensor(found.poses, dtype=torch.float32, device=scene.mri.values.device)
    apart = scene.space.distance_mm(poses, poses[:1]).cpu().numpy()
    far = np.flatnonzero(apart > RIVAL_MM)
    if not len(far):
        return {"rival_gap": 0.1, "rival_distance_mm": 0.0}
    return {"rival_gap": float(found.scores[0] - found.scores[far[0]]), "rival_distance_mm": float(apart[far[0]])}
