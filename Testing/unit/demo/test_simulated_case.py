import numpy as np
import pytest
import SimpleITK as sitk
from real_data import real_file
from scipy import ndimage
from scipy.spatial.transform import Rotation

from IUSTumorSegLib.demo import simulated_case
from IUSTumorSegLib.demo.simulated_case import simulate_case, simulate_small_case
from IUSTumorSegLib.images.geometry import ijk_to_ras, resample_onto, transform_points
from IUSTumorSegLib.registration.landmarks import fit_rigid, landmark_errors_mm, mean_landmark_error_mm

TINY = {"spacing_mm": 1.2, "mri_spacing_mm": 2.0, "mri_margin_mm": 12.0}


def voxels(image):
    return sitk.GetArrayFromImage(image)


def volume_ml(label):
    return voxels(label).sum() * np.prod(label.GetSpacing()) / 1000


def at(image, points_ras, interpolator=sitk.sitkLinear):
    transform = np.linalg.inv(ijk_to_ras(image))
    kji = transform_points(transform, points_ras)[:, ::-1]
    return ndimage.map_coordinates(voxels(image).astype(float), kji.T, order=1)


def test_the_same_seed_gives_the_same_case_and_another_seed_another(template):
    first, again, other = (simulate_case(seed, template=template, **TINY) for seed in (3, 3, 4))
    for name in ("us", "us_tumor_truth", "mri_tumor"):
        np.testing.assert_array_equal(voxels(getattr(first, name)), voxels(getattr(again, name)))
    np.testing.assert_array_equal(voxels(first.mris["FLAIR"]), voxels(again.mris["FLAIR"]))
    np.testing.assert_array_equal(first.true_mri_to_us_ras, again.true_mri_to_us_ras)
    assert first.us.GetSize() != other.us.GetSize() or not np.array_equal(voxels(first.us), voxels(other.us))
    assert abs(first.truth.tumor_radius_mm - other.truth.tumor_radius_mm) > 0.1


def test_further_contrasts_change_neither_ultrasound_nor_the_first_contrast(template):
    one = simulate_case(3, template=template, **TINY)
    four = simulate_case(3, template=template, contrasts=("T1", "T1ce", "T2", "FLAIR"), **TINY)
    np.testing.assert_array_equal(voxels(one.us), voxels(four.us))
    np.testing.assert_array_equal(voxels(one.mris["FLAIR"]), voxels(four.mris["FLAIR"]))
    assert set(four.mris) == {"T1", "T1ce", "T2", "FLAIR"}


@pytest.mark.parametrize(("translation_mm", "rotation_deg"), [(8.0, 6.0), (20.0, 0.0), (0.0, 12.0)])
def test_the_navigation_error_is_as_large_as_asked_for(template, translation_mm, rotation_deg):
    case = simulate_case(5, template=template, navigation_mm=translation_mm, navigation_deg=rotation_deg, **TINY)
    centre = case.truth.navigation_centre_ras
    moved = transform_points(case.true_mri_to_us_ras, centre[None])[0] - centre
    turned = Rotation.from_matrix(case.true_mri_to_us_ras[:3, :3]).magnitude()
    assert np.linalg.norm(moved) == pytest.approx(translation_mm, abs=1e-6)
    assert np.degrees(turned) == pytest.approx(rotation_deg, abs=1e-6)


def test_the_brain_shift_is_as_large_as_asked_for_and_mostly_within_the_field_of_view(template):
    for wanted in (2.0, 4.0):
        truth = simulate_case(6, template=template, brain_shift_mm=wanted, **TINY).truth
        assert 0.75 * wanted < truth.brain_shift_mm < 1.1 * wanted
        assert truth.residual_mm < truth.brain_shift_mean_mm


def test_the_true_pose_brings_the_landmarks_to_their_floor(case):
    pose = case.true_mri_to_us_ras
    assert len(case.landmarks.mri_ras) == 15
    assert mean_landmark_error_mm(case.landmarks, pose) == pytest.approx(case.truth.floor_mm)
    assert 0.2 < case.truth.floor_mm < 1.5
    assert mean_landmark_error_mm(case.landmarks, np.eye(4)) > 6


def test_no_rigid_pose_serves_the_landmarks_much_better_than_the_true_one(case):
    best = fit_rigid(case.landmarks.mri_ras, case.landmarks.us_ras)
    left = landmark_errors_mm(case.landmarks, best)
    assert np.sqrt((left**2).mean()) > 0.6 * np.sqrt(
        (landmark_errors_mm(case.landmarks, case.true_mri_to_us_ras) ** 2).mean()
    )
    centre = case.truth.navigation_centre_ras[None]
    apart = transform_points(best, centre) - transform_points(case.true_mri_to_us_ras, centre)
    assert np.linalg.norm(apart) < 1.0


def test_the_landmarks_are_spread_over_the_field_of_view(case):
    mri, us = case.landmarks.mri_ras, case.landmarks.us_ras
    apart = np.linalg.norm(mri[:, None] - mri[None], axis=2) + 1e3 * np.eye(len(mri))
    assert apart.min() > 5
    assert (at(case.us, us) > 0).mean() > 0.85


def test_the_ultrasound_is_one_sector_and_zero_outside_it(case):
    us = voxels(case.us)
    pieces, count = ndimage.label(us > 0)
    assert np.bincount(pieces.ravel())[1:].max() > 0.999 * (us > 0).sum()
    assert count < 5
    assert 0.15 < (us > 0).mean() < 0.5
    assert us[0, 0, 0] == us[-1, -1, -1] == 0
    assert us.dtype == np.uint8


def test_the_tumours_truth_lies_inside_the_ultrasounds_sector(case):
    assert not voxels(case.us_tumor_truth)[voxels(case.us) == 0].any()
    assert case.us_tumor_truth.GetSize() == case.us.GetSize()


def test_the_mri_label_moved_by_the_true_pose_meets_the_truth_up_to_brain_shift(case):
    moved = resample_onto(case.mri_tumor, case.us, case.true_mri_to_us_ras, sitk.sitkNearestNeighbor)
    seen = voxels(case.us) > 0
    carried, truth = voxels(moved)[seen] > 0, voxels(case.us_tumor_truth)[seen] > 0
    assert 2 * (carried & truth).sum() / (carried.sum() + truth.sum()) > 0.88
    assert volume_ml(case.us_tumor_truth) == pytest.approx(volume_ml(case.mri_tumor), rel=0.15)
    displaced = resample_onto(case.mri_tumor, case.us, None, sitk.sitkNearestNeighbor)
    elsewhere = voxels(displaced)[seen] > 0
    assert 2 * (elsewhere & truth).sum() / (elsewhere.sum() + truth.sum()) < 0.8


def test_tumour_volumes_lie_in_the_range_of_the_radii(template):
    for seed in (11, 12):
        case = simulate_case(seed, template=template, **TINY)
        sphere = 4 / 3 * np.pi * case.truth.tumor_radius_mm**3 / 1000
        assert 8 <= case.truth.tumor_radius_mm <= 20
        assert 0.4 * sphere < volume_ml(case.mri_tumor) < 2.2 * sphere


def test_the_tumour_is_bright_in_flair_and_in_ultrasound(case):
    flair, tumor = voxels(case.mris["FLAIR"]).astype(float), voxels(case.mri_tumor) > 0
    around = ndimage.binary_dilation(tumor, iterations=6) & ~ndimage.binary_dilation(tumor, iterations=3)
    assert flair[tumor].mean() > 1.3 * flair[around].mean()
    us, truth = voxels(case.us).astype(float), voxels(case.us_tumor_truth) > 0
    around = ndimage.binary_dilation(truth, iterations=8) & ~truth & (us > 0)
    assert us[truth].mean() > us[around].mean() + 8


def test_a_high_grade_tumour_has_an_enhancing_rim_around_a_dark_core(template):
    case = simulate_small_case(11, contrasts=("T1ce",), template=template)
    assert case.truth.high_grade
    t1ce, tumor = voxels(case.mris["T1ce"]).astype(float), voxels(case.mri_tumor) > 0
    depth = ndimage.distance_transform_edt(tumor, sampling=case.mri_tumor.GetSpacing()[::-1])
    rim, core = t1ce[(depth > 1) & (depth < 3)], t1ce[depth > 0.8 * depth.max()]
    assert np.median(rim) > 2 * np.median(core)


def test_sulci_dark_in_t1_are_bright_in_ultrasound_at_the_true_pose_only(template):
    case = simulate_small_case(5, contrasts=("T1",), template=template)
    t1 = voxels(case.mris["T1"]).astype(float)
    dark = ndimage.black_tophat(ndimage.gaussian_filter(t1, 0.6), size=4)
    k, j, i = np.nonzero(dark > np.percentile(dark, 95))
    points = transform_points(ijk_to_ras(case.mris["T1"]), np.stack([i, j, k], axis=1).astype(float))

    def brightness(pose):
        moved = transform_points(pose, points)
        seen = at(case.us, moved) > 0
        return at(case.us, moved[seen]).mean()

    us = voxels(case.us)
    assert brightness(case.true_mri_to_us_ras) > us[us > 0].mean() + 8
    assert brightness(case.true_mri_to_us_ras) > brightness(np.eye(4)) + 8


def test_speckle_and_mri_noise_have_nothing_in_common(template, case, monkeypatch):
    monkeypatch.setattr(simulated_case, "MRI_NOISE", 0.0)
    clean = simulate_small_case(case.seed, template=template)
    noise = sitk.Cast(case.mris["FLAIR"], sitk.sitkFloat32) - sitk.Cast(clean.mris["FLAIR"], sitk.sitkFloat32)
    on_us = voxels(resample_onto(noise, case.us, case.true_mri_to_us_ras, sitk.sitkNearestNeighbor))
    us = voxels(case.us).astype(float)
    grain = us - ndimage.gaussian_filter(us, 1.5)
    inside = ndimage.binary_erosion(us > 0, iterations=3)
    assert on_us[inside].std() > 1
    assert abs(np.corrcoef(on_us[inside], grain[inside])[0, 1]) < 0.02


def assert_grey_values_are_spread_as_in_brain_ultrasound(us):
    """Bounds that hold for all 16 real RESECT volumes: their medians are 17 to 47, their ratios 1.4 to 3.1 and 1.9 to 4.8."""
    inside = voxels(us)[voxels(us) > 0]
    median, high, top = np.percentile(inside, [50, 95, 99])
    assert 15 < median < 60
    assert 1.3 < high / median < 3.2
    assert 1.8 < top / median < 5
    assert 0.15 < inside.size / voxels(us).size < 0.5


def test_the_ultrasounds_grey_values_are_spread_as_in_brain_ultrasound(case):
    assert_grey_values_are_spread_as_in_brain_ultrasound(case.us)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["Case1", "Case24", "Case26", "Case27"])
def test_real_volumes_keep_to_the_bounds_that_the_simulation_is_held_to(name):
    path = real_file("resect", f"{name}-US-before_0.5mm.nii.gz")
    assert_grey_values_are_spread_as_in_brain_ultrasound(sitk.ReadImage(str(path)))
