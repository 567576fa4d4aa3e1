"""Slice views that move together."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.scene.linking import LinkedViews  # noqa: E402
from IUSTumorSegLib.scene.nodes import array_of  # noqa: E402
from IUSTumorSegLib.scene.planes import PLANES, SliceView, plane_axes, set_slice_view  # noqa: E402

START = np.array([3.0, -4.0, 5.0])
FOV_MM, SIZE_PX = 100.0, 200


@pytest.fixture
def planes(scene):
    """Axial, sagittal and coronal nodes of the ultrasound, and each one's partner of the MRI."""
    made = []
    for plane in PLANES:
        pair = [scene.AddNewNodeByClass("vtkMRMLSliceNode", f"{plane} {row}") for row in ("us", "mri")]
        for node in pair:
            node.SetDimensions(SIZE_PX, SIZE_PX, 1)
            set_slice_view(node, SliceView(plane_axes(plane), START, FOV_MM))
        made.append(pair)
    return made


@pytest.fixture
def links(planes):
    made = LinkedViews(planes)
    yield made
    made.release()


def centre(node):
    matrix = array_of(node.GetSliceToRAS())
    return matrix[:3, 3] + matrix[:3, :3] @ np.array(node.GetXYZOrigin())


def zoomed(node, factor):
    fov = node.GetFieldOfView()
    node.SetFieldOfView(fov[0] * factor, fov[1] * factor, fov[2])


@pytest.mark.usefixtures("links")
def test_zooming_one_view_zooms_all_of_them(planes):
    zoomed(planes[1][0], 0.5)
    assert [node.GetFieldOfView()[0] for pair in planes for node in pair] == pytest.approx([FOV_MM / 2] * 6)


@pytest.mark.usefixtures("links")
def test_a_pan_takes_the_other_planes_along_in_the_direction_that_they_share(planes):
    axial, sagittal, coronal = (pair[0] for pair in planes)
    axial.SetXYZOrigin(10.0, 6.0, 0.0)  # 10 mm to the left of the patient, 6 mm forward
    np.testing.assert_allclose(centre(axial), START + np.array([-10, 6, 0]))
    np.testing.assert_allclose(centre(sagittal), START + np.array([0, 6, 0]))
    np.testing.assert_allclose(centre(coronal), START + np.array([-10, 0, 0]))


@pytest.mark.usefixtures("links")
def test_scrolling_takes_the_partner_along_and_leaves_the_other_planes(planes):
    us, mri = planes[0]
    us.SetSliceOffset(us.GetSliceOffset() + 7.0)
    np.testing.assert_allclose(centre(mri), centre(us))
    for pair in planes[1:]:
        np.testing.assert_allclose(centre(pair[0]), START)


@pytest.mark.usefixtures("links")
def test_turning_a_view_turns_its_partner_only(planes):
    us, mri = planes[0]
    set_slice_view(us, SliceView(plane_axes("coronal"), START, FOV_MM))
    np.testing.assert_allclose(array_of(mri.GetSliceToRAS())[:3, :3], plane_axes("coronal"))
    np.testing.assert_allclose(array_of(planes[1][0].GetSliceToRAS())[:3, :3], plane_axes("sagittal"))


@pytest.mark.usefixtures("links")
def test_the_mri_s_views_lead_as_well(planes):
    planes[2][1].SetXYZOrigin(0.0, 8.0, 0.0)
    np.testing.assert_allclose(centre(planes[2][0]), START + np.array([0, 0, 8]))
    np.testing.assert_allclose(centre(planes[1][1]), START + np.array([0, 0, 8]))


def test_released_views_go_their_own_ways(planes, links):
    links.release()
    zoomed(planes[0][0], 0.5)
    assert planes[1][0].GetFieldOfView()[0] == FOV_MM


def test_while_paused_views_are_laid_anew_and_followed_from_there(planes, links):
    with links.paused():
        zoomed(planes[0][0], 2.0)
    assert planes[1][0].GetFieldOfView()[0] == FOV_MM
    zoomed(planes[0][0], 0.5)
    assert planes[1][0].GetFieldOfView()[0] == FOV_MM / 2
