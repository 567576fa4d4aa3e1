"""Poses from landmark pairs, against VTK's own landmark transform and errors that were planted."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import transform_points
from IUSTumorSegLib.registration.landmarks import Landmarks
from IUSTumorSegLib.registration.rigid_landmarks import fit_landmark_pairs, pair_errors

MRI = np.array([[0.0, 0, 0], [30, 2, 1], [3, 25, -4], [-8, 5, 28], [14, -17, 9]])


@pytest.fixture
def pose():
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", (12, -20, 35), degrees=True).as_matrix()
    matrix[:3, 3] = (7, -5, 3)
    return matrix


def test_exact_pairs_give_the_pose_back_and_no_residuals(pose):
    fit = fit_landmark_pairs(Landmarks(MRI, transform_points(pose, MRI)))
    np.testing.assert_allclose(fit.mri_to_us_ras, pose, atol=1e-9)
    np.testing.assert_allclose(fit.residuals_mm, 0, atol=1e-9)


def test_three_pairs_are_enough_but_leave_none_out(pose):
    fit = fit_landmark_pairs(Landmarks(MRI[:3], transform_points(pose, MRI[:3])))
    np.testing.assert_allclose(fit.mri_to_us_ras, pose, atol=1e-9)
    assert fit.left_out_mm is None


def test_noisy_pairs_are_fitted_as_vtk_fits_them(pose):
    vtk = pytest.importorskip("vtk")
    us = transform_points(pose, MRI) + np.random.default_rng(3).normal(0, 1.5, MRI.shape)
    reference = vtk.vtkLandmarkTransform()
    reference.SetModeToRigidBody()
    for setter, points in ((reference.SetSourceLandmarks, MRI), (reference.SetTargetLandmarks, us)):
        made = vtk.vtkPoints()
        made.SetDataTypeToDouble()
        for point in points:
            made.InsertNextPoint(point)
        setter(made)
    reference.Update()
    fit = fit_landmark_pairs(Landmarks(MRI, us))
    np.testing.assert_allclose(fit.mri_to_us_ras.ravel(), reference.GetMatrix().GetData(), atol=1e-6)
    distances = [np.linalg.norm(np.subtract(reference.TransformPoint(m), u)) for m, u in zip(MRI, us, strict=True)]
    np.testing.assert_allclose(fit.residuals_mm, distances, atol=1e-6)


def test_a_misplaced_pair_stands_out_more_when_it_is_left_out(pose):
    us = transform_points(pose, MRI)
    us[3] += (6, 0, 0)
    fit = fit_landmark_pairs(Landmarks(MRI, us))
    assert fit.left_out_mm.argmax() == 3
    assert fit.left_out_mm[3] == pytest.approx(6.0)
    assert fit.residuals_mm[3] < 5.0


def test_two_pairs_or_points_on_a_line_are_refused_with_a_sentence(pose):
    with pytest.raises(BadInput, match="at least 3 pairs of landmarks, but found 2"):
        fit_landmark_pairs(Landmarks(MRI[:2], MRI[:2]))
    line = np.array([[0.0, 0, 0], [10, 0, 0], [20, 0.5, 0], [35, 0, 0.3]])
    with pytest.raises(BadInput, match="near one line"):
        fit_landmark_pairs(Landmarks(line, transform_points(pose, line)))


def test_each_pair_is_told_where_it_is_now_and_after_the_fit(pose):
    us = transform_points(pose, MRI)
    shifted = pose.copy()
    shifted[:3, 3] += (0, 3, 4)
    errors = pair_errors(Landmarks(MRI, us), shifted)
    assert [round(error.now_mm, 6) for error in errors] == [5.0] * 5
    assert max(error.fitted_mm for error in errors) < 1e-9
    two = pair_errors(Landmarks(MRI[:2], us[:2]), shifted)
    assert [(round(error.now_mm, 6), error.fitted_mm, error.left_out_mm) for error in two] == [(5.0, None, None)] * 2
    assert pair_errors(Landmarks(MRI[:0], us[:0]), pose) == []
