"""The search on a made pair whose truth is known; simulated patients are in the benchmark."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from made_images import linear_mix, pose, structured_mri

from IUSTumorSegLib.images.geometry import ijk_to_ras, resample_onto, set_ijk_to_ras
from IUSTumorSegLib.registration.mattes import register_mattes
from IUSTumorSegLib.registration.search import (
    COARSE_MM,
    COARSEST_SCALE,
    FINE_MM,
    SearchSettings,
    prepare,
    search,
    spacing_scale_of,
)

TRUTH = pose((2.0, -1.0, 3.0), (1, 1, 0), 8.0)
QUICK = SearchSettings(lattice_kept=24, climbers=(24, 8, 4))


@pytest.fixture(scope="module")
def pair():
    """An MRI, and an ultrasound made of it in another world, with speckle, seen through a cone."""
    mri = structured_mri((72, 76, 70), sigma=3.0)
    grid = sitk.Image(60, 64, 58, sitk.sitkFloat32)
    set_ijk_to_ras(grid, TRUTH @ pose((-29, -31, -28), (1, 0, 0.3), 6.0))
    us = resample_onto(linear_mix(mri), grid, TRUTH)
    echo = sitk.GetArrayFromImage(us) * np.random.default_rng(5).rayleigh(0.8, us.GetSize()[::-1]) ** 2
    z, y, x = np.indices(echo.shape)
    echo[np.hypot(y - 32, x - 30) > 6 + 0.45 * z] = 0
    speckled = sitk.GetImageFromArray((echo + (echo > 0)).astype(np.float32))
    speckled.CopyInformation(us)
    return mri, speckled


def distance_mm(us, first, second):
    """Mean distance of the ultrasound's grid points under two registrations."""
    corners = np.array(np.meshgrid(*[np.linspace(0, n - 1, 4) for n in us.GetSize()])).reshape(3, -1).T
    points = corners @ ijk_to_ras(us)[:3, :3].T + ijk_to_ras(us)[:3, 3]
    apart = np.linalg.inv(first) - np.linalg.inv(second)
    return float(np.linalg.norm(points @ apart[:3, :3].T + apart[:3, 3], axis=1).mean())


def found_pose(mri, us, initial, settings=QUICK):
    scene = prepare(us, [mri], initial, settings.device)
    return scene.space.mri_to_us_ras(search(scene, settings).poses[0])


@pytest.mark.parametrize(
    "offset", [pose((0, 0, 0)), pose((10, -8, 6), (0, 1, 0), 9.0), pose((-12, 5, -14), (1, 0, 1), -7.0)]
)
def test_the_search_returns_to_the_truth_from_starts_up_to_19_mm_away(pair, offset):
    mri, us = pair
    assert distance_mm(us, found_pose(mri, us, offset @ TRUTH), TRUTH) < 0.5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch can use")
def test_a_gpu_ends_where_the_processor_ends(pair):
    mri, us = pair
    initial = pose((10, -8, 6), (0, 1, 0), 9.0) @ TRUTH
    on_gpu = found_pose(mri, us, initial, replace(QUICK, device="cuda"))
    assert distance_mm(us, on_gpu, found_pose(mri, us, initial)) < 0.1


def test_the_pose_does_not_depend_on_how_the_same_anatomy_is_written(pair):
    mri, us = pair
    written = {
        "axes permuted": (sitk.PermuteAxes(mri, [2, 0, 1]), us, np.eye(4)),
        "flipped in array order": (mri, sitk.Flip(us, [True, False, True]), np.eye(4)),
        "finer": (resample_onto(mri, sitk.Expand(mri, [2, 1, 1]), interpolator=sitk.sitkBSpline), us, np.eye(4)),
        "another origin": (moved(mri, pose((100, -50, 30))), us, pose((100, -50, 30))),
        "oblique": (moved(mri, pose((0, 0, 0), (1, 2, 3), 31.0)), us, pose((0, 0, 0), (1, 2, 3), 31.0)),
    }
    for name, (some_mri, some_us, world) in written.items():
        expected = TRUTH @ np.linalg.inv(world)
        initial = pose((4, 3, -5), (0, 0, 1), 4.0) @ expected
        assert distance_mm(us, found_pose(some_mri, some_us, initial), expected) < 0.5, name


def moved(image, world):
    """The same voxels, standing elsewhere in the world."""
    copy = sitk.Image(image)
    set_ijk_to_ras(copy, world @ ijk_to_ras(image))
    return copy


def test_one_seed_gives_one_result(pair):
    mri, us = pair
    initial = pose((5, 5, -5)) @ TRUTH
    assert np.array_equal(found_pose(mri, us, initial), found_pose(mri, us, initial))


def test_the_truth_scores_above_every_pose_around_it(pair):
    mri, us = pair
    scene = prepare(us, [mri], TRUTH)
    directions = torch.randn(40, 6, generator=torch.Generator().manual_seed(0)) * torch.tensor([4.0] * 3 + [2.0] * 3)
    scores = scene.lc2(FINE_MM, torch.cat([torch.zeros(1, 6), directions]))
    assert int(scores.argmax()) == 0


def test_mutual_information_returns_from_a_close_start(pair):
    mri, us = pair
    scene = prepare(us, [mri], TRUTH)
    initial = pose((1.5, -1.0, 1.0), (0, 1, 0), 2.0) @ TRUTH
    matrix, _ = register_mattes(us, mri, scene.mask, initial)
    assert distance_mm(us, matrix, TRUTH) < 1.5


def test_a_local_search_finds_the_optimum_beside_the_start_only(pair):
    mri, us = pair
    near, far = pose((2.0, -1.5, 1.0), (0, 1, 0), 3.0) @ TRUTH, pose((16, -12, 8)) @ TRUTH
    settings = SearchSettings(lattice_kept=24, climbers=(24, 8, 4), local=True)
    assert distance_mm(us, found_pose(mri, us, near, settings), TRUTH) < 0.5
    assert distance_mm(us, found_pose(mri, us, far, settings), TRUTH) > 5.0


def test_progress_tells_the_best_pose_so_far_and_ends_close_to_the_result(pair):
    mri, us = pair
    told = []

    def progress(stage, done=0, total=0, message="", **more):
        told.append((stage, np.array(more["mri_to_us_ras"])))

    scene = prepare(us, [mri], pose((6, 0, 0), (0, 1, 0), 10.0) @ TRUTH)
    result = scene.space.mri_to_us_ras(search(scene, QUICK, progress).poses[0])
    assert {"search", "refine", "decide"} == {stage for stage, _ in told}
    assert all(np.allclose(m[:3, :3] @ m[:3, :3].T, np.eye(3), atol=1e-4) for _, m in told)
    assert distance_mm(us, told[-1][1], result) < 1.0 < distance_mm(us, told[0][1], TRUTH)
    stages = [stage for stage, _ in told]
    first_refined = stages.index("refine")
    np.testing.assert_array_equal(told[first_refined][1], told[first_refined - 1][1])  # not back to the start
    assert distance_mm(us, told[first_refined][1], scene.space.mri_to_us_ras(np.zeros(6))) > 2.0


@pytest.mark.parametrize("side_mm, scale", [(30, 1.0), (54, (54**3 / 100_000) ** (1 / 3)), (90, COARSEST_SCALE)])
def test_voxels_grow_with_a_sector_larger_than_usual_up_to_a_bound(side_mm, scale):
    mask = sitk.Image([side_mm // 3] * 3, sitk.sitkUInt8) + 1
    mask.SetSpacing([3.0] * 3)
    assert spacing_scale_of(mask) == pytest.approx(scale, rel=1e-6)


def test_the_fine_level_finds_what_the_coarse_level_is_misled_about(pair):
    mri, us = pair
    initial = pose((4, 3, -5)) @ TRUTH
    scene = prepare(us, [mri], initial)
    elsewhere = resample_onto(linear_mix(mri), us, pose((14, -6, 0)) @ TRUTH)
    decoy = prepare(sitk.Mask(elsewhere, sitk.Cast(us != 0, sitk.sitkUInt8)), [mri], initial)
    misled = replace(scene, grids={**scene.grids, COARSE_MM: decoy.grids[COARSE_MM]})
    found = scene.space.mri_to_us_ras(search(misled, QUICK).poses[0])
    assert distance_mm(us, found, TRUTH) < 0.5
