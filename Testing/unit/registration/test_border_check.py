"""The check at the tumour's border, against bulges that were put there."""

import numpy as np
import pytest
import SimpleITK as sitk
from made_images import linear_mix, pose, structured_mri

from IUSTumorSegLib.images.geometry import ijk_to_ras, points_ras_from_indices, resample_onto, set_ijk_to_ras
from IUSTumorSegLib.labels.surface import Surface
from IUSTumorSegLib.registration.border_check import check_border, describe_disagreement
from IUSTumorSegLib.registration.search import prepare

RADIUS_MM = 14.0
BULGE_WIDTH_DEG = 40.0
TRUTH = pose((3.0, -2.0, 4.0), (1, 1, 0), 7.0)
MEAN_PROFILE = 0.2077  # of exp(-angle^2 / 2 (40 deg)^2) over the sphere
LEFT = np.array([-1.0, 0.0, 0.0])  # of the patient, in the ultrasound's world


@pytest.fixture(scope="module")
def patient():
    """An MRI with a bright ball in it, the ball's label, and the grid of an ultrasound in another world."""
    mri = structured_mri((76, 76, 76), sigma=3.0)
    depth = RADIUS_MM - np.linalg.norm(voxels_ras(mri), axis=-1)
    image = sitk.GetImageFromArray((sitk.GetArrayFromImage(mri) + 2.0 / (1 + np.exp(-depth))).astype(np.float32))
    label = sitk.GetImageFromArray((depth > 0).astype(np.uint8))
    grid = sitk.Image(60, 62, 64, sitk.sitkFloat32)
    set_ijk_to_ras(grid, TRUTH @ pose((-30, -31, -29), (1, 0, 0.3), 6.0))
    for made in (image, label):
        made.CopyInformation(mri)
    return image, label, grid


def voxels_ras(image):
    """Positions (nz, ny, nx, 3) of all voxels."""
    shape = image.GetSize()[::-1]
    return points_ras_from_indices(image, np.indices(shape).reshape(3, -1).T[:, ::-1]).reshape(*shape, 3)


def profile(angle_deg):
    return np.exp(-0.5 * (angle_deg / BULGE_WIDTH_DEG) ** 2)


def bulge_at(points, center, height_mm):
    """Outward directions from `center`, and how far the border is pushed along them.

    Tissue keeps its volume: what the left side gains, the rest of the border gives.
    """
    outward = points - center
    outward /= np.maximum(np.linalg.norm(outward, axis=-1, keepdims=True), 1e-6)
    angle = np.rad2deg(np.arccos(np.clip(outward @ LEFT, -1, 1)))
    return outward, height_mm * (profile(angle) - MEAN_PROFILE)


def ultrasound_with_bulge(patient, height_mm, seed=5):
    """What LC2 explains, with speckle, of tissue pushed outwards at the ball's left side by up to `height_mm`."""
    mri, _, grid = patient
    still = resample_onto(linear_mix(mri), grid, TRUTH)
    points, center = voxels_ras(grid), TRUTH[:3, 3]
    outward, height = bulge_at(points, center, height_mm)
    from_border = np.maximum(np.abs(np.linalg.norm(points - center, axis=-1) - RADIUS_MM) - 7.0, 0)
    back = -(outward * (height * np.exp(-0.5 * (from_border / 3.0) ** 2))[..., None]) * [-1, -1, 1]
    field = sitk.GetImageFromArray(back, isVector=True)
    field.CopyInformation(grid)
    shifted = sitk.GetArrayFromImage(sitk.Resample(still, grid, sitk.DisplacementFieldTransform(field)))
    echo = sitk.GetImageFromArray(
        (shifted * np.random.default_rng(seed).rayleigh(0.8, shifted.shape) ** 2 + 1e-3).astype(np.float32)
    )
    echo.CopyInformation(grid)
    return echo


def checked(patient, height_mm):
    mri, label, _ = patient
    us = ultrasound_with_bulge(patient, height_mm)
    check = check_border(prepare(us, [mri], TRUTH), label, TRUTH)
    _, expected = bulge_at(check.points_ras, TRUTH[:3, 3], height_mm)
    return check, expected


@pytest.mark.parametrize(("height_mm", "where"), [(5.0, "outside"), (-5.0, "inside")])
def test_a_bulge_is_found_with_its_side_its_sign_and_its_height(patient, height_mm, where):
    check, expected = checked(patient, height_mm)
    top = expected / height_mm > 0.6
    assert np.abs(check.offset_mm - expected)[top].max() < 1.5
    assert np.abs(check.offset_mm - expected).mean() < 0.75
    assert check.confidence[top].min() > 0.5
    assert len(check.sentences) == 1
    assert "on its left side, the ultrasound's edge lies" in check.sentences[0]
    assert f"mm {where} the label" in check.sentences[0]


def test_where_nothing_has_moved_nothing_is_reported(patient):
    check, _ = checked(patient, 0.0)
    assert np.abs(check.offset_mm).max() < 1.0
    assert check.sentences == ("Nowhere does the ultrasound's edge clearly lie 2 mm or more from the label.",)
    assert check.checked_share == 1.0


def test_noise_without_any_edge_gives_no_clear_disagreement(patient):
    mri, label, grid = patient
    noise = sitk.GetImageFromArray(np.random.default_rng(2).rayleigh(1.0, grid.GetSize()[::-1]).astype(np.float32))
    noise.CopyInformation(grid)
    check = check_border(prepare(noise, [mri], TRUTH), label, TRUTH)
    assert check.confidence.mean() < 0.6
    assert not any("edge lies" in sentence for sentence in check.sentences)


def test_a_border_outside_the_ultrasound_is_not_checked(patient):
    mri, label, grid = patient
    us = ultrasound_with_bulge(patient, 0.0)
    half = sitk.RegionOfInterest(us, [us.GetWidth() // 2, us.GetHeight(), us.GetDepth()], [0, 0, 0])
    check = check_border(prepare(half, [mri], TRUTH), label, TRUTH)
    beyond = np.linalg.inv(ijk_to_ras(grid)) @ np.vstack([check.points_ras.T, np.ones(len(check.points_ras))])
    assert np.isnan(check.offset_mm[beyond[0] > half.GetWidth() + 3]).all()
    assert np.isfinite(check.offset_mm[beyond[0] < half.GetWidth() - 6]).all()
    assert 0.3 < check.checked_share < 0.7
    assert any(f"Only {100 * check.checked_share:.0f} %" in sentence for sentence in check.sentences)


@pytest.mark.parametrize("away_mm", [300.0, 60.0, 52.0])
def test_a_label_beyond_the_ultrasound_far_or_near_is_said_to_be_unchecked(patient, away_mm):
    mri, label, _ = patient
    us = ultrasound_with_bulge(patient, 0.0)
    check = check_border(prepare(us, [mri], TRUTH), label, pose((away_mm, 0, 0)) @ TRUTH)
    assert check.checked_share == 0
    assert "not checked" in check.sentences[0]


def test_two_places_give_two_sentences_the_larger_first():
    turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    normals = np.stack([np.cos(turn), np.sin(turn), np.zeros(100)], axis=1)
    ring = Surface(20 * normals, normals, np.ones(100))
    offset = np.where(normals[:, 0] > 0.7, 3.2, np.where(normals[:, 1] < -0.92, -2.6, 0.3))
    assert describe_disagreement(ring, offset, np.ones(100)) == (
        "Over 25 % of the border, on its right side, the ultrasound's edge lies 3 mm outside the label.",
        "Over 13 % of the border, on its posterior side, the ultrasound's edge lies 3 mm inside the label.",
    )


def test_an_offset_all_around_is_told_apart_from_a_displacement(patient):
    mri, label, _ = patient
    check = check_border(prepare(ultrasound_with_bulge(patient, 0.0), [mri], TRUTH), label, TRUTH)
    assert np.average(check.offset_mm, weights=check.areas_mm2) == pytest.approx(0, abs=0.05)
    ring = Surface(check.points_ras, check.normals, check.areas_mm2)
    sentences = describe_disagreement(ring, np.zeros(len(check.areas_mm2)), np.ones(len(check.areas_mm2)), 1.8)
    assert "Nowhere" in sentences[0]
    assert "1.8 mm outside" in sentences[1]


def test_an_unsure_offset_is_no_disagreement():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(100, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    ball = Surface(10 * normals, normals, np.ones(100))
    assert "Nowhere" in describe_disagreement(ball, np.full(100, 4.0), np.full(100, 0.5))[0]
    assert "4 mm outside" in describe_disagreement(ball, np.full(100, 4.0), np.full(100, 0.9))[0]
