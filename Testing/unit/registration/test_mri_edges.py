"""Edges lie where the MRI changes, to fractions of a voxel."""

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.images.geometry import ijk_to_ras, transform_points
from IUSTumorSegLib.registration.mri_edges import mri_edges

CENTRE = np.array([3.0, -2.0, 4.0])


def ball(radius_mm, noise=0.0):
    image = sitk.Image([60, 60, 60], sitk.sitkFloat32)
    image.SetOrigin([-29.5] * 3)
    points = sitk.GetArrayFromImage(
        sitk.PhysicalPointSource(sitk.sitkVectorFloat64, image.GetSize(), image.GetOrigin(), image.GetSpacing())
    )
    away = np.linalg.norm(points * [-1, -1, 1] - CENTRE, axis=-1)
    values = 100 + 100 * np.clip(radius_mm - away + 0.5, 0, 1)  # partial volume, as scanners give it
    values += np.random.default_rng(0).normal(0, noise, values.shape)
    filled = sitk.GetImageFromArray(values.astype(np.float32))
    filled.CopyInformation(image)
    return filled


def near():
    return (np.argwhere(np.ones((14, 14, 14))) - 6.5) * 3.0


@pytest.mark.parametrize("radius_mm", [8.0, 11.4])
def test_the_edge_of_a_ball_is_its_sphere(radius_mm):
    edges = mri_edges(ball(radius_mm, noise=1.0), near())
    points = transform_points(ijk_to_ras(edges), np.argwhere(sitk.GetArrayFromImage(edges) > 200)[:, ::-1])
    away = np.linalg.norm(points - CENTRE, axis=1)
    assert np.median(away) == pytest.approx(radius_mm, abs=0.25)
    assert (np.abs(away - radius_mm) < 1.0).mean() > 0.97
    sphere_voxels = 4 * np.pi * radius_mm**2 / 0.6**2
    assert len(points) > 0.5 * sphere_voxels


def test_a_flat_image_has_no_edges():
    assert sitk.GetArrayFromImage(mri_edges(ball(0.0) * 0 + 5, near())).max() == 0


def test_edges_are_looked_for_near_the_points_only():
    edges = mri_edges(ball(8.0), near() * 0.2)
    assert max(np.array(edges.GetSize()) * edges.GetSpacing()) < 8.4 + 2 * 12.7
