"""Slice planes along the ultrasound's own axes, centred and fitted to what it shows."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.scene.layout import align_slice_views, slice_node_named  # noqa: E402
from IUSTumorSegLib.scene.nodes import array_of, ijk_to_world, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.planes import (  # noqa: E402
    PLANES,
    content_points,
    edge_letters,
    fitted_view,
    plane_axes,
)


@pytest.mark.parametrize("plane", PLANES)
def test_the_planes_of_ras_are_slicer_s_own(scene, plane):
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    preset = scene.GetDefaultNodeByClass("vtkMRMLSliceNode").GetSliceOrientationPreset(plane.capitalize())
    expected = [[preset.GetElement(row, column) for column in range(3)] for row in range(3)]
    np.testing.assert_allclose(plane_axes(plane), expected)


@pytest.mark.parametrize("degrees", [(0, 0, 0), (20, -15, 30), (44, 44, 44), (170, 80, -100)])
def test_the_planes_of_a_volume_lie_along_its_grid_one_perpendicular_to_each_axis(scene, oblique_image, degrees):
    volume = volume_from_image(
        scene, oblique_image(np.ones((4, 5, 6), dtype=np.float32), degrees=degrees), "Ultrasound"
    )
    grid = ijk_to_world(volume)[:3, :3]
    grid = grid / np.linalg.norm(grid, axis=0)
    normals = []
    for plane in PLANES:
        along = np.abs(grid.T @ plane_axes(plane, volume))
        np.testing.assert_allclose(np.sort(along, axis=0), np.repeat([[0.0], [0.0], [1.0]], 3, axis=1), atol=1e-9)
        normals.append(int(along[:, 2].argmax()))
    assert sorted(normals) == [0, 1, 2]


def test_an_oblique_volume_s_planes_keep_head_up_and_the_patient_s_right_on_the_left(scene, oblique_image):
    volume = volume_from_image(scene, oblique_image(np.ones((4, 5, 6), dtype=np.float32)), "Ultrasound")
    for plane in PLANES:
        turned = plane_axes(plane, volume) * plane_axes(plane)
        assert (turned.sum(axis=0) > 0.7).all()


def test_edges_are_lettered_as_in_radiology():
    assert edge_letters(plane_axes("axial")) == {"left": "R", "right": "L", "top": "A", "bottom": "P"}
    assert edge_letters(plane_axes("sagittal")) == {"left": "A", "right": "P", "top": "S", "bottom": "I"}
    turned = np.array([[np.cos(0.7), -np.sin(0.7), 0], [np.sin(0.7), np.cos(0.7), 0], [0, 0, 1]]) @ plane_axes("axial")
    assert edge_letters(turned)["right"] == "LP"


def test_content_is_what_is_not_zero(scene, oblique_image):
    voxels = np.zeros((30, 30, 30), dtype=np.float32)
    voxels[5:12, 8:20, 3:9] = 7
    image = oblique_image(voxels)
    points = content_points(volume_from_image(scene, image, "Ultrasound"))
    assert len(points) == 7 * 12 * 6
    expected = np.array(image.TransformIndexToPhysicalPoint((3, 8, 5))) * (-1, -1, 1)
    assert np.abs(points - expected).max(axis=1).min() < 1e-6


def test_a_view_is_centred_on_the_content_and_wide_enough_for_it():
    content = np.array([[0.0, 0, 0], [40, 20, 10], [40, 0, 10], [0, 20, 0]])
    view = fitted_view(plane_axes("axial"), content)
    np.testing.assert_allclose(view.center_ras, [20, 10, 5])
    assert 40 >= view.fov_mm >= 20


def test_a_tumour_near_the_edge_stays_in_the_middle_and_the_empty_side_is_cropped():
    content = np.array([[0.0, 0, 0], [100, 100, 100]])
    view = fitted_view(plane_axes("axial"), content, np.array([10.0, 50.0, 50.0]))
    np.testing.assert_allclose(view.center_ras, [10, 50, 50])
    assert view.fov_mm < 2 * 90


def test_three_slice_views_are_aligned_with_the_ultrasound_through_the_given_point(scene, oblique_image):
    volume = volume_from_image(scene, oblique_image(np.ones((20, 20, 20), dtype=np.float32)), "Ultrasound")
    names = ("Aligned1", "Aligned2", "Aligned3")
    for name in names:
        node = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)
        node.SetLayoutName(name)
        node.SetDimensions(300, 200, 1)
    center = ijk_to_world(volume) @ [10, 10, 10, 1]
    align_slice_views(scene, volume, names, center[:3])
    for name, plane in zip(names, PLANES, strict=True):
        node = slice_node_named(scene, name)
        matrix = array_of(node.GetSliceToRAS())
        np.testing.assert_allclose(matrix[:3, :3], plane_axes(plane, volume), atol=1e-9)
        middle = array_of(node.GetXYToRAS()) @ [150, 100, 0, 1]
        np.testing.assert_allclose(middle[:3], center[:3], atol=0.1)
        width, height, _ = node.GetFieldOfView()
        assert width / height == pytest.approx(1.5)
