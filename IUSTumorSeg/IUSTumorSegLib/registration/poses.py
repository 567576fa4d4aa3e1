"""Rigid poses as six numbers about the ultrasound's centre, their distance, and the prior on navigation errors.

A pose p = (w, t) holds a rotation vector w in degrees and a translation t in mm. It displaces the ultrasound's points,
x -> R(w)(x - c) + c + t, where c is the centre of the field of view; with the initial transform T0 (MRI to ultrasound)
the registration it stands for is T = P^-1 T0. Rotating about c keeps rotation and translation nearly independent.

Six further numbers, where given, stretch and shear: x -> R(w) S (x - c) + c + t, with S = I plus the symmetric matrix of
(xx, yy, zz, yz, xz, xy) in percent.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

PRIOR_WEIGHT = 0.005
PRIOR_SCALE_MM = 12.0


@dataclass(frozen=True)
class PoseSpace:
    """The poses about one start.

    `center_ras` (3,) in mm; `covariance_mm2` (3, 3) of the field of view's points about it, which turns rotations into
    distances; `initial_mri_to_us_ras` (4, 4).
    """

    center_ras: np.ndarray
    covariance_mm2: np.ndarray
    initial_mri_to_us_ras: np.ndarray

    def us_to_mri(self, poses: "torch.Tensor") -> "torch.Tensor":
        """4x4 matrices (n, 4, 4) from the ultrasound's world to the MRI's, for poses (n, 6 or 12); differentiable."""
        import torch

        rotation, offset = self._displacement(poses)
        us_to_mri = torch.as_tensor(np.linalg.inv(self.initial_mri_to_us_ras), dtype=poses.dtype, device=poses.device)
        matrices = torch.zeros(len(poses), 4, 4, dtype=poses.dtype, device=poses.device)
        matrices[:, :3, :3] = us_to_mri[:3, :3] @ rotation
        matrices[:, :3, 3] = offset @ us_to_mri[:3, :3].T + us_to_mri[:3, 3]
        matrices[:, 3, 3] = 1.0
        return matrices

    def mri_to_us_ras(self, pose: np.ndarray) -> np.ndarray:
        """The registration (4, 4) in RAS mm that one pose (6,) stands for."""
        import torch

        us_to_mri = self.us_to_mri(torch.as_tensor(np.asarray(pose, dtype=np.float64))[None])
        return np.linalg.inv(us_to_mri[0].numpy())

    def pose_of(self, mri_to_us_ras: np.ndarray) -> np.ndarray:
        """The pose (6,) of a rigid registration: the inverse of `mri_to_us_ras`."""
        from scipy.spatial.transform import Rotation

        displacement = self.initial_mri_to_us_ras @ np.linalg.inv(mri_to_us_ras)
        rotation = Rotation.from_matrix(displacement[:3, :3])
        translation = displacement[:3, :3] @ self.center_ras + displacement[:3, 3] - self.center_ras
        return np.concatenate([rotation.as_rotvec(degrees=True), translation])

    def distance_mm(self, poses: "torch.Tensor", others: "torch.Tensor | None" = None) -> "torch.Tensor":
        """Root-mean-square displacement in mm, over the field of view, between poses (n, 6) and others (the start)."""
        return self._squared_distance(poses, others).clamp_min(0).sqrt()

    def prior(self, poses: "torch.Tensor") -> "torch.Tensor":
        """Penalty (n,) subtracted from the score: 0.005 log(1 + (d / 12 mm)^2) for a displacement d from the start.

        The logarithm of a Cauchy-like density: navigation errors are mostly some millimetres, and sometimes 20.
        """
        # Not by way of `distance_mm`: the root has no derivative at the start.
        return PRIOR_WEIGHT * (1 + self._squared_distance(poses, None) / PRIOR_SCALE_MM**2).log()

    def _squared_distance(self, poses: "torch.Tensor", others: "torch.Tensor | None") -> "torch.Tensor":
        import torch

        rotation, offset = self._displacement(poses)
        if others is None:
            others = torch.zeros(1, 6, dtype=poses.dtype, device=poses.device)
        other_rotation, other_offset = self._displacement(others)
        center = torch.as_tensor(self.center_ras, dtype=poses.dtype, device=poses.device)
        covariance = torch.as_tensor(self.covariance_mm2, dtype=poses.dtype, device=poses.device)
        turned = rotation - other_rotation
        shifted = turned @ center + offset - other_offset
        return shifted.square().sum(-1) + torch.einsum("nij,jk,nik->n", turned, covariance, turned)

    def _displacement(self, poses: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
        """Rotations (n, 3, 3) and offsets (n, 3) with x -> R x + offset."""
        import torch

        rotation = rotation_matrices(torch.deg2rad(poses[:, :3]))
        if poses.shape[1] == 12:
            rotation = rotation @ _stretches(poses[:, 6:])
        center = torch.as_tensor(self.center_ras, dtype=poses.dtype, device=poses.device)
        return rotation, center + poses[:, 3:6] - rotation @ center


def _stretches(percent: "torch.Tensor") -> "torch.Tensor":
    """I plus symmetric matrices (n, 3, 3) of their entries (n, 6) in percent."""
    import torch

    xx, yy, zz, yz, xz, xy = (percent / 100).unbind(-1)
    rows = torch.stack([xx, xy, xz, xy, yy, yz, xz, yz, zz], -1).reshape(-1, 3, 3)
    return rows + torch.eye(3, dtype=percent.dtype, device=percent.device)


def rotation_matrices(vectors: "torch.Tensor") -> "torch.Tensor":
    """Rotation matrices (n, 3, 3) of rotation vectors (n, 3) in radians, by Rodrigues' formula; smooth at zero."""
    import torch

    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    squared = vectors.square().sum(-1)[:, None, None].clamp_min(1e-12)
    angle = squared.sqrt()
    identity = torch.eye(3, dtype=vectors.dtype, device=vectors.device)
    return identity + angle.sin() / angle * cross + (1 - angle.cos()) / squared * (cross @ cross)
