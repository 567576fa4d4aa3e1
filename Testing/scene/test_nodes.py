"""Volumes and transforms in MRML lie where SimpleITK says they lie."""

import time

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402
import vtk  # noqa: E402

from IUSTumorSegLib.errors import BadInput  # noqa: E402
from IUSTumorSegLib.scene.nodes import (  # noqa: E402
    image_from_volume,
    load_volume,
    matrix_of,
    put_in_folder,
    transform_node,
    volume_from_image,
)

LPS_FROM_RAS = np.array([-1.0, -1.0, 1.0])


def world_position(volume, ijk):
    """Where Slicer has a voxel, by its own transformation of the node."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    local, world = matrix.MultiplyPoint((*ijk, 1.0))[:3], [0.0, 0.0, 0.0]
    volume.TransformPointToWorld(local, world)
    return np.array(world)


def random_image(oblique_image, dtype=np.float32):
    return oblique_image(np.random.default_rng(0).integers(0, 200, (9, 8, 7)).astype(dtype))


@pytest.mark.parametrize("ijk", [(0, 0, 0), (6, 0, 0), (0, 7, 0), (0, 0, 8), (3, 2, 5)])
def test_a_voxel_of_a_volume_made_from_an_image_has_the_image_s_value_and_position(scene, oblique_image, ijk):
    image = random_image(oblique_image)
    volume = volume_from_image(scene, image, "Volume")
    assert volume.GetImageData().GetScalarComponentAsDouble(*ijk, 0) == image[ijk]
    expected_ras = np.array(image.TransformIndexToPhysicalPoint(ijk)) * LPS_FROM_RAS
    np.testing.assert_allclose(world_position(volume, ijk), expected_ras, atol=1e-6)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_a_file_that_slicer_loads_lies_where_simpleitk_reads_it(scene, oblique_image, tmp_path, suffix):
    path = tmp_path / f"image{suffix}"
    sitk.WriteImage(random_image(oblique_image, np.int16), str(path))
    read = sitk.ReadImage(str(path))
    volume = load_volume(scene, path, "Volume")
    for ijk in [(0, 0, 0), (6, 7, 8), (1, 5, 2)]:
        assert volume.GetImageData().GetScalarComponentAsDouble(*ijk, 0) == read[ijk]
        np.testing.assert_allclose(
            world_position(volume, ijk), np.array(read.TransformIndexToPhysicalPoint(ijk)) * LPS_FROM_RAS, atol=1e-3
        )


def test_an_image_taken_from_a_volume_under_a_transform_lies_where_slicer_shows_it(scene, oblique_image, mri_to_us_ras):
    volume = volume_from_image(scene, random_image(oblique_image), "Volume")
    volume.SetAndObserveTransformNodeID(transform_node(scene, mri_to_us_ras, "Moved").GetID())
    image = image_from_volume(volume)
    for ijk in [(0, 0, 0), (6, 7, 8), (1, 5, 2)]:
        shown = world_position(volume, ijk)
        np.testing.assert_allclose(np.array(image.TransformIndexToPhysicalPoint(ijk)) * LPS_FROM_RAS, shown, atol=1e-6)
    assert not np.allclose(
        shown, np.array(random_image(oblique_image).TransformIndexToPhysicalPoint(ijk)) * LPS_FROM_RAS, atol=1
    )


def test_a_deformed_volume_is_refused_with_the_names_of_both_nodes(scene, oblique_image):
    volume = volume_from_image(scene, random_image(oblique_image), "My MRI")
    bend = scene.AddNewNodeByClass("vtkMRMLTransformNode", "My bend")
    bend.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    volume.SetAndObserveTransformNodeID(bend.GetID())
    with pytest.raises(BadInput, match=r"'My bend' on 'My MRI'.*Transforms module"):
        image_from_volume(volume)


def test_a_sheared_volume_is_refused(scene, oblique_image):
    shear = np.eye(4)
    shear[0, 1] = 0.4
    volume = volume_from_image(scene, random_image(oblique_image), "My MRI")
    volume.SetAndObserveTransformNodeID(transform_node(scene, shear, "Shear").GetID())
    with pytest.raises(BadInput, match="shearing transform on 'My MRI'"):
        image_from_volume(volume)


def test_a_missing_or_unreadable_file_leaves_no_node(scene, tmp_path):
    (tmp_path / "text.nrrd").write_text("not an image")
    before = scene.GetNumberOfNodes()
    for name in ("absent.nrrd", "text.nrrd"):
        with pytest.raises(BadInput):
            load_volume(scene, tmp_path / name, "Volume")
    assert scene.GetNumberOfNodes() == before


def test_a_transform_node_holds_the_matrix_it_was_made_with(scene, mri_to_us_ras):
    np.testing.assert_allclose(matrix_of(transform_node(scene, mri_to_us_ras, "T")), mri_to_us_ras, atol=1e-12)


def test_an_ultrasound_of_thirty_million_voxels_goes_in_and_out_within_two_seconds(scene):
    image = sitk.Image([348, 313, 275], sitk.sitkUInt8)
    started = time.perf_counter()
    image_from_volume(volume_from_image(scene, image, "Big"))
    assert time.perf_counter() - started < 2.0


def test_a_folder_of_the_subject_hierarchy_is_made_once_and_holds_the_nodes(scene, grey_volume):
    first, second = grey_volume(1, "First"), grey_volume(2, "Second")
    folder = put_in_folder(scene, "Case 1", [first])
    assert put_in_folder(scene, "Case 1", [first, second]) == folder
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    assert hierarchy.GetItemName(folder) == "Case 1"
    assert [hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in (first, second)] == [folder, folder]
    assert hierarchy.GetNumberOfItemChildren(folder) == 2
