import numpy as np
import pytest
import torch
from made_images import pose

from IUSTumorSegLib.images.geometry import transform_points
from IUSTumorSegLib.registration.poses import PRIOR_SCALE_MM, PRIOR_WEIGHT, PoseSpace

POINTS = np.random.default_rng(0).uniform(-30, 40, (200, 3))
SPACE = PoseSpace(POINTS.mean(axis=0), np.cov(POINTS.T, bias=True), pose((5, 6, -7), (1, 0, 2), 20.0))


def test_the_distance_of_two_poses_is_the_rms_displacement_of_the_points():
    poses = np.array([[4.0, -7, 11, 3, 2, -6], [-2, 3, 1, 0.5, 9, 4]])
    moved = [
        transform_points(SPACE.initial_mri_to_us_ras @ np.linalg.inv(SPACE.mri_to_us_ras(p)), POINTS) for p in poses
    ]
    expected = np.sqrt((np.linalg.norm(moved[0] - moved[1], axis=1) ** 2).mean())
    found = SPACE.distance_mm(torch.tensor(poses[:1]), torch.tensor(poses[1:]))
    assert float(found[0]) == pytest.approx(expected, rel=1e-6)


def test_a_pose_and_its_matrix_are_two_ways_to_say_the_same():
    given = np.array([12.0, -5, 8, 3, -14, 6])
    assert np.allclose(SPACE.pose_of(SPACE.mri_to_us_ras(given)), given, atol=1e-8)


def test_the_prior_follows_its_formula_and_has_no_slope_at_the_start():
    shifted = torch.tensor([[0.0, 0, 0, 9, 0, 0]], dtype=torch.float64)
    assert float(SPACE.prior(shifted)[0]) == pytest.approx(PRIOR_WEIGHT * np.log(1 + (9 / PRIOR_SCALE_MM) ** 2))
    start = torch.zeros(1, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(SPACE.prior(start).sum(), start)
    assert torch.allclose(slope, torch.zeros(1, 6), atol=1e-7)
