import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from IUSTumorSegLib.demo.deformation import brain_shift, offset_about, random_unit


@pytest.fixture
def points():
    return np.random.default_rng(1).uniform(-40, 40, (2000, 3))


@pytest.fixture
def shift(points):
    return brain_shift(np.random.default_rng(2), np.array([0.0, 0.0, 45.0]), np.array([0.0, 0, -1.0]), 3.0, points)


def test_the_largest_displacement_is_the_one_asked_for(shift, points):
    assert np.linalg.norm(shift.displacement(points), axis=1).max() == pytest.approx(3.0, abs=1e-4)


def test_tissue_moves_most_near_the_craniotomy(shift, points):
    moved = np.linalg.norm(shift.displacement(points), axis=1)
    distance = np.linalg.norm(points - shift.craniotomy, axis=1)
    assert moved[distance < 30].mean() > 1.5 * moved[distance > 60].mean()


def test_the_deformation_is_undone_to_a_hundredth_of_a_millimetre(shift, points):
    np.testing.assert_allclose(shift.before(shift.moved(points)), points, atol=0.03)
    assert np.linalg.norm(shift.before(shift.moved(points)) - points, axis=1).mean() < 0.01


def test_the_deformation_never_folds_tissue(shift, points):
    step = 0.5
    columns = [
        (shift.moved(points + step * axis) - shift.moved(points - step * axis)) / (2 * step) for axis in np.eye(3)
    ]
    assert np.linalg.det(np.stack(columns, axis=2)).min() > 0.5


def test_an_offset_turns_about_its_centre_and_moves_it_by_the_translation():
    rng = np.random.default_rng(5)
    centre, translation, axis = np.array([10.0, -20, 30]), np.array([1.0, 2, 3]), random_unit(rng)
    matrix = offset_about(centre, translation, axis, 25.0)
    np.testing.assert_allclose(matrix[:3, :3], Rotation.from_rotvec(np.radians(25) * axis).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(matrix[:3, :3] @ centre + matrix[:3, 3], centre + translation, atol=1e-12)


def test_an_offset_of_nothing_is_the_identity():
    np.testing.assert_allclose(offset_about(np.ones(3), np.zeros(3), np.array([0, 0, 1.0]), 0.0), np.eye(4), atol=1e-12)
