import numpy as np
import pytest
import SimpleITK as sitk
import torch
from lc2_by_loops import lc2_by_loops
from made_images import linear_mix, structured_mri

from IUSTumorSegLib.images.geometry import ijk_to_ras
from IUSTumorSegLib.registration.lc2 import lc2, patch_grid, sample
from IUSTumorSegLib.registration.poses import PoseSpace
from IUSTumorSegLib.registration.pyramid import MriChannels, UltrasoundLevel, mri_channels, ultrasound_level


def random_level(seed=0, shape=(13, 16, 15)):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.float32)
    mask[1:-1, 2:-1, :-2] = 1
    mask[rng.random(shape) < 0.1] = 0
    return UltrasoundLevel(
        rng.standard_normal((2, *shape)).astype(np.float32) * mask, mask, np.diag([1.5, 1.5, 1.5, 1.0]), 1.5
    )


def random_channels(count, seed=1, shape=(20, 24, 22)):
    values = np.random.default_rng(seed).standard_normal((count, *shape)).astype(np.float32)
    return MriChannels(torch.from_numpy(values), np.linalg.inv(np.diag([1.2, 1.2, 1.2, 1.0])))


def space():
    return PoseSpace(np.array([9.0, 10.0, 8.0]), 40 * np.eye(3), np.eye(4))


@pytest.mark.parametrize("contrasts", [1, 2])
def test_lc2_equals_a_literal_implementation_with_mask_weights_and_patches_outside_the_mri(contrasts):
    level, mri, grid = random_level(), random_channels(2 * contrasts), patch_grid(random_level())
    poses = torch.tensor([[0.0, 0, 0, 0, 0, 0], [5, -3, 8, 2, 1, -2], [10, 5, 0, 9, -9, 4]])
    us_to_mri = space().us_to_mri(poses)
    fast = lc2(grid, mri, us_to_mri).numpy()
    sampled, inside = sample(mri, grid.points_ras, us_to_mri)
    assert not inside.all()
    for number in range(len(poses)):
        channels = np.zeros((2 * contrasts, *level.mask.shape))
        channels[:, level.mask > 0] = sampled[number].numpy()
        within = np.zeros(level.mask.shape)
        within[level.mask > 0] = inside[number].numpy()
        literal = [lc2_by_loops(u, level.mask, channels, within) for u in level.features]
        assert fast[number] == pytest.approx(np.mean(literal), abs=1e-6)


def images_of_an_exact_mix(alpha=1.0, beta=2.0):
    mri = structured_mri()
    us = linear_mix(mri, alpha, beta)
    mask = sitk.Image(us.GetSize(), sitk.sitkUInt8) + 1
    mask.CopyInformation(us)
    return mri, us, mask


def score(us, mask, mri, poses):
    center = PoseSpace(np.zeros(3), 100 * np.eye(3), np.eye(4))
    grid = patch_grid(ultrasound_level(us, mask, 1.0))
    return lc2(grid, mri_channels([mri], 0.0), center.us_to_mri(torch.tensor(poses, dtype=torch.float32))).numpy()


def test_lc2_of_an_exact_linear_mix_of_mri_and_its_gradient_is_one():
    mri, us, mask = images_of_an_exact_mix()
    assert score(us, mask, mri, [[0.0] * 6])[0] > 0.995


@pytest.mark.parametrize("direction", range(6))
def test_lc2_falls_with_misalignment_in_each_direction(direction):
    mri, us, mask = images_of_an_exact_mix()
    poses = np.zeros((4, 6))
    poses[:, direction] = [0.0, 1.5, 4.0, 9.0] if direction > 2 else [0.0, 4.0, 10.0, 25.0]
    values = score(us, mask, mri, poses)
    assert values[0] > values[1] > values[2] > values[3]
    assert values[3] < 0.5


def test_lc2_is_the_same_for_brighter_darker_and_inverted_mri_and_brighter_ultrasound():
    mri, us, mask = images_of_an_exact_mix()
    poses = [[3.0, 0, 0, 1, 1, 0]]
    value = score(us, mask, mri, poses)[0]
    assert score(us, mask, mri * 7.0 + 300.0, poses)[0] == pytest.approx(value, abs=2e-3)
    assert score(us, mask, mri * -1.0, poses)[0] == pytest.approx(value, abs=2e-3)
    assert score(us * 9.0 + 11.0, mask, mri, poses)[0] == pytest.approx(value, abs=2e-3)


def test_derivatives_match_finite_differences():
    grid, mri, poses_space = patch_grid(random_level()), random_channels(2), space()
    smooth = torch.nn.functional.avg_pool3d(mri.values[None], 3, stride=1, padding=1)[0]
    mri = MriChannels(smooth, mri.ras_to_ijk)
    # Away from voxel borders, where trilinear interpolation has kinks, and inside the MRI.
    pose = torch.tensor([[0.7, -0.4, 0.3, 0.21, 0.13, 0.17]], requires_grad=True)
    (exact,) = torch.autograd.grad(lc2(grid, mri, poses_space.us_to_mri(pose)).sum(), pose)
    for axis in range(6):
        step = torch.zeros(1, 6)
        step[0, axis] = 0.02
        with torch.no_grad():
            ahead, behind = (lc2(grid, mri, poses_space.us_to_mri(pose + s))[0] for s in (step, -step))
        assert float(ahead - behind) / 0.04 == pytest.approx(float(exact[0, axis]), abs=2e-3)


def test_a_pose_that_leaves_the_mri_scores_what_unrelated_patches_score():
    mri, us, mask = images_of_an_exact_mix()
    assert score(us, mask, mri, [[0.0, 0, 0, 500, 0, 0]])[0] == pytest.approx(0.1, abs=1e-4)


def test_patch_centres_lie_inside_the_masked_region():
    level = random_level()
    ras = patch_grid(level).centers_ras
    low, high = ijk_to_ras(sitk.Image(2, 2, 2, sitk.sitkUInt8))[:3, 3], np.array(level.mask.shape[::-1]) * 1.5
    assert (ras >= low).all()
    assert (ras <= high).all()
