import numpy as np
import pytest
import SimpleITK as sitk
from made_labels import ball, grid, shifted, turned

from IUSTumorSegLib.labels.signed_distance import label_box, signed_distance
from IUSTumorSegLib.labels.surface import label_surface


@pytest.mark.parametrize(
    ("spacing", "tolerance"), [((1.0, 1.0, 1.0), 0.03), ((0.5, 0.5, 0.5), 0.02), ((0.7, 0.7, 2.5), 0.08)]
)
def test_the_area_of_a_ball_is_four_pi_r_squared(spacing, tolerance):
    size = [int(34 / s) for s in spacing]
    surface = label_surface(ball(grid(size, spacing, (4, 5, 6), 25.0), 12.0, (4, 5, 6)))
    assert abs(surface.areas_mm2.sum() / (4 * np.pi * 12.0**2) - 1) < tolerance


def test_points_lie_on_the_ball_and_normals_point_away_from_its_middle():
    center = np.array([4.0, -5.0, 6.0])
    surface = label_surface(ball(grid([34, 36, 38], (1, 1, 1), center, 40.0), 12.0, center))
    outward = surface.points_ras - center
    radii = np.linalg.norm(outward, axis=1)
    assert abs(radii.mean() - 12.0) < 0.15
    assert radii.std() < 0.4
    assert ((outward / radii[:, None] * surface.normals).sum(axis=1) > np.cos(np.deg2rad(15))).all()


def test_a_fine_label_is_thinned_without_losing_area():
    label = ball(grid([70, 70, 70], (0.5, 0.5, 0.5)), 14.0)
    thinned, whole = label_surface(label, most=800), label_surface(label, most=10**6)
    assert len(thinned.points_ras) == 800
    assert thinned.areas_mm2.sum() == pytest.approx(whole.areas_mm2.sum())


def test_a_rigid_motion_takes_points_and_normals_along():
    matrix = shifted(3, 4, 5) @ turned((1, 2, 3), 50)
    image = grid([30, 30, 30], (1, 1, 1))
    here = label_surface(ball(image, 9.0))
    moved = here.moved(matrix)
    assert np.allclose(moved.points_ras, here.points_ras @ matrix[:3, :3].T + matrix[:3, 3])
    assert np.allclose(moved.normals, here.normals @ matrix[:3, :3].T)


def test_a_label_that_touches_its_image_s_border_is_closed_there():
    label = sitk.Image([6, 8, 10], sitk.sitkUInt8) + 1
    surface = label_surface(label)
    assert np.ptp(surface.points_ras, axis=0) == pytest.approx([6, 8, 10])


def test_the_signed_distance_is_negative_inside_and_grows_by_one_a_millimetre():
    image = grid([60, 40, 34], (0.5, 0.8, 1.0))
    box = label_box(ball(image, 10.0))
    distance = signed_distance(box)
    kji = np.indices(distance.shape).reshape(3, -1).T
    radii = np.linalg.norm(kji[:, ::-1] @ box.ijk_to_ras[:3, :3].T + box.ijk_to_ras[:3, 3], axis=1)
    assert np.abs(distance.ravel() - (radii - 10.0)).max() < 1.0
    assert abs(np.mean(distance.ravel() - (radii - 10.0))) < 0.15


def test_an_empty_label_has_no_surface():
    with pytest.raises(ValueError, match="empty"):
        label_surface(sitk.Image([8, 8, 8], sitk.sitkUInt8))
