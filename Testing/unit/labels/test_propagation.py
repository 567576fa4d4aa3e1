import numpy as np
import SimpleITK as sitk

from IUSTumorSegLib.images.geometry import center_of_mass_ras, transform_points
from IUSTumorSegLib.labels.propagation import propagate_label


def ball(radius_mm=9.0, spacing=1.5):
    z, y, x = np.indices((30, 32, 34)) * spacing
    label = sitk.GetImageFromArray(((z - 22) ** 2 + (y - 24) ** 2 + (x - 26) ** 2 < radius_mm**2).astype(np.uint8))
    label.SetSpacing([spacing] * 3)
    return label


def fine_ultrasound():
    us = sitk.Image(160, 150, 140, sitk.sitkUInt8)
    us.SetSpacing([0.4, 0.5, 0.6])
    us.SetOrigin([-20, -18, -16])
    return us


def test_a_ball_arrives_where_the_matrix_says_with_its_volume():
    mri_to_us_ras = np.eye(4)
    mri_to_us_ras[:3, 3] = [3.0, 5.0, -4.0]
    mri_to_us_ras[:2, :2] = [[0, -1], [1, 0]]
    moved = np.linalg.inv(np.diag([1.0, 1, 1, 1])) @ mri_to_us_ras
    label = ball()
    us = fine_ultrasound()
    target = transform_points(moved, center_of_mass_ras(label))
    us.SetOrigin((target * [-1, -1, 1] - np.array([32.0, 37.5, 42.0])).tolist())
    carried = propagate_label(label, us, moved)
    volume = sitk.GetArrayViewFromImage(carried).sum() * 0.4 * 0.5 * 0.6
    assert np.allclose(center_of_mass_ras(carried), target, atol=0.1)
    assert abs(volume / (4 / 3 * np.pi * 9**3) - 1) < 0.03


def test_a_label_value_other_than_one_counts_as_tumour():
    us = fine_ultrasound()
    assert np.array_equal(
        sitk.GetArrayFromImage(propagate_label(ball() * 4, us, np.eye(4))),
        sitk.GetArrayFromImage(propagate_label(ball(), us, np.eye(4))),
    )
