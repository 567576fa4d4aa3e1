"""A pose moved by hand, against cases whose answer is known without the code."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from IUSTumorSegLib.images.geometry import transform_points
from IUSTumorSegLib.registration.adjustment import adjusted, adjustment_between, distance_mm

CENTER = np.array([10.0, -20.0, 35.0])
NOTHING = np.zeros(3)


def rigid(degrees, shift_mm):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


TILTED = rigid((10, 20, 30), (0, 0, 0))[:3, :3]
BASE = rigid((4, -6, 8), (7, -5, 3))


def test_a_translation_goes_along_the_ultrasounds_own_axes():
    moved = adjusted(BASE, TILTED, CENTER, np.array([5.0, 0, 0]), NOTHING)
    expected = BASE.copy()
    expected[:3, 3] += 5 * TILTED[:, 0]
    np.testing.assert_allclose(moved, expected, atol=1e-12)


def test_a_quarter_turn_about_an_axis_of_the_scanner_carries_points_a_quarter_round():
    moved = adjusted(np.eye(4), np.eye(3), CENTER, NOTHING, np.array([0, 0, 90.0]))
    np.testing.assert_allclose(
        transform_points(moved, np.add(CENTER, (1, 0, 0))), np.add(CENTER, (0, 1, 0)), atol=1e-12
    )
    np.testing.assert_allclose(
        transform_points(moved, np.add(CENTER, (0, 0, 4))), np.add(CENTER, (0, 0, 4)), atol=1e-12
    )


def test_a_turn_leaves_what_lies_at_the_centre_and_along_the_axis_where_it_is():
    moved = adjusted(BASE, TILTED, CENTER, NOTHING, np.array([0, 33.0, 0]))
    at_center = transform_points(np.linalg.inv(BASE), np.array([CENTER, CENTER + 12 * TILTED[:, 1]]))
    np.testing.assert_allclose(transform_points(moved, at_center), [CENTER, CENTER + 12 * TILTED[:, 1]], atol=1e-9)


def test_the_centre_is_carried_by_the_translation_alone():
    moved = adjusted(BASE, TILTED, CENTER, np.array([1.0, -2, 3]), np.array([40.0, -70, 25]))
    at_center = transform_points(np.linalg.inv(BASE), CENTER)
    np.testing.assert_allclose(transform_points(moved, at_center), CENTER + TILTED @ [1, -2, 3], atol=1e-9)


@pytest.mark.parametrize("rotation", [(0, 0, 0), (0.1, 0, 0), (12, -34, 56), (0, 90, 0), (-100, 100, 20)])
def test_sliders_read_back_what_they_set(rotation):
    moved = adjusted(BASE, TILTED, CENTER, np.array([0.1, -27.3, 5.0]), np.array(rotation, dtype=float))
    translation, read = adjustment_between(BASE, moved, TILTED, CENTER)
    np.testing.assert_allclose(translation, [0.1, -27.3, 5.0], atol=1e-9)
    np.testing.assert_allclose(read, rotation, atol=1e-7)


def test_a_pose_that_stretches_keeps_its_stretch_when_it_is_moved():
    stretched = BASE @ np.diag([1.05, 0.98, 1.0, 1.0])
    moved = adjusted(stretched, TILTED, CENTER, np.array([3.0, 0, 0]), np.array([0, 0, 10.0]))
    lengths = np.linalg.norm(moved[:3, :3], axis=0)
    np.testing.assert_allclose(lengths, [1.05, 0.98, 1.0], atol=1e-12)
    np.testing.assert_allclose(adjustment_between(stretched, moved, TILTED, CENTER)[1], [0, 0, 10], atol=1e-7)


def test_the_distance_between_two_poses_is_the_mean_over_the_sector():
    points = CENTER + np.array([[1.0, 0, 0], [-1, 0, 0], [0, 2, 0], [0, -2, 0]])
    turned = adjusted(BASE, np.eye(3), CENTER, NOTHING, np.array([0, 0, 180.0]))
    assert distance_mm(BASE, turned, points) == pytest.approx(3.0)
    shifted = adjusted(BASE, TILTED, CENTER, np.array([0, 3.0, 4.0]), NOTHING)
    assert distance_mm(BASE, shifted, points) == pytest.approx(5.0)
