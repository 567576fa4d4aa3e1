"""Signs by which a registration can be told from a wrong one, measured at the pose that the search returned."""

from typing import TYPE_CHECKING

import numpy as np

from .lc2 import SCORE_OUTSIDE_MRI, patch_scores, sample
from .poses import PoseSpace
from .refinement import SCALE
from .search import COARSE_MM, FINE_MM, Found, Scene

if TYPE_CHECKING:
    import torch

RING_POSES = 64
RING_MM = (6.0, 14.0)


def quality_features(scene: Scene, found: Found, seed: int = 0) -> dict[str, float]:
    """Features of the best pose, by name; each is stated where it is computed."""
    import torch

    pose = torch.as_tensor(found.poses[:1], dtype=torch.float32, device=scene.mri.values.device)
    with torch.inference_mode():
        features = {
            **_ring(scene, pose, seed),
            **_patches(scene, pose),
            "lc2": found.lc2,
            "agreeing_starts": found.agreeing_starts,
            "distance_from_start_mm": float(scene.space.distance_mm(pose)[0]),
            **_rival(scene, found),
        }
    return features


def ring_poses(space: PoseSpace, pose: "torch.Tensor", seed: int, count: int = RING_POSES) -> "torch.Tensor":
    """Poses (count, 6) whose points lie 6 to 14 mm (RMS) from those of `pose` (1, 6), spread evenly by a seed."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(count, 6, generator=generator).to(pose.device) * torch.tensor(SCALE, device=pose.device)
    distances = torch.linspace(*RING_MM, count, device=pose.device)
    # Distance is nearly linear in the size of the step; two corrections make it exact enough.
    for _ in range(3):
        directions = directions * (distances / space.distance_mm(pose + directions, pose))[:, None]
    return pose + directions


def _ring(scene: Scene, pose: "torch.Tensor", seed: int) -> dict[str, float]:
    """How the score stands out from poses 6 to 14 mm away: z-score and margin over the best of them."""
    around = scene.lc2(COARSE_MM, ring_poses(scene.space, pose, seed))
    here = float(scene.lc2(COARSE_MM, pose)[0])
    spread = max(float(around.std()), 1e-6)
    return {"ring_z": (here - float(around.mean())) / spread, "ring_margin": here - float(around.max())}


def _patches(scene: Scene, pose: "torch.Tensor") -> dict[str, float]:
    """Share of the ultrasound inside the MRI, and the weight of patches that the MRI explains."""
    grid = scene.grids[FINE_MM]
    us_to_mri = scene.space.us_to_mri(pose)
    _, inside = sample(scene.mri, grid.points_ras, us_to_mri)
    scores = patch_scores(grid, scene.channels(FINE_MM), us_to_mri)[0]
    informative = scores > 3 * SCORE_OUTSIDE_MRI
    return {"overlap": float(inside.float().mean()), "informative_share": float((informative * grid.weights).sum())}


def _rival(scene: Scene, found: Found) -> dict[str, float]:
    """The next best pose at least 4 mm away: by how much it scores less, and how far away it is."""
    import torch

    poses = torch.as_tensor(found.poses, dtype=torch.float32, device=scene.mri.values.device)
    apart = scene.space.distance_mm(poses, poses[:1]).cpu().numpy()
    far = np.flatnonzero(apart > 4.0)
    if not len(far):
        return {"rival_gap": 0.1, "rival_distance_mm": 0.0}
    return {"rival_gap": float(found.scores[0] - found.scores[far[0]]), "rival_distance_mm": float(apart[far[0]])}
