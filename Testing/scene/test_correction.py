"""A label opened for correction in real MRML: a copy that becomes the case's corrected label only when it is saved."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402
import vtk  # noqa: E402
from vtk.util.numpy_support import numpy_to_vtk  # noqa: E402

from IUSTumorSegLib.scene.cases import cases_in  # noqa: E402
from IUSTumorSegLib.scene.correction import (  # noqa: E402
    LabelCorrection,
    reason_not_to_correct,
    remove_segmentation,
    segment_editor_node,
)
from IUSTumorSegLib.scene.display import COLORS, TUMOR_TERMINOLOGY  # noqa: E402
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation  # noqa: E402
from IUSTumorSegLib.scene.study_cases import load_case, unload_case  # noqa: E402
from IUSTumorSegLib.study.case_images import CaseImages  # noqa: E402

SIZE = (24, 20, 22)


@pytest.fixture
def images(oblique_image, ball):
    us = oblique_image(np.random.default_rng(4).random(SIZE[::-1]).astype(np.float32) + 1)
    return CaseImages("Case", us, propagated=oblique_image(ball(SIZE, (12, 10, 11), 4)))


@pytest.fixture
def case(scene, images):
    made = load_case(scene, images)
    yield made
    unload_case(made)


@pytest.fixture
def correction(case):
    made = LabelCorrection(case, lambda: None)
    yield made
    made.close()


def draw(node, reference, at_ijk):
    """Add a voxel as the Segment Editor's effects do: a labelmap merged into the segment by its logic."""
    matrix = vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(matrix)
    brush = slicer.vtkOrientedImageData()
    brush.SetImageToWorldMatrix(matrix)
    brush.SetExtent(*[edge for index in at_ijk for edge in (index, index)])
    brush.GetPointData().SetScalars(numpy_to_vtk(np.ones(1, np.uint8), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.SetBinaryLabelmapToSegment(brush, node, "Tumor", logic.MODE_MERGE_MAX)


def voxels(image):
    return sitk.GetArrayFromImage(image)


def test_the_copy_is_the_propagated_label_with_our_colour_and_terminology_on_the_ultrasounds_grid(correction, images):
    np.testing.assert_array_equal(voxels(correction.label()), voxels(images.propagated))
    segment = correction.node.GetSegmentation().GetSegment("Tumor")
    np.testing.assert_allclose(segment.GetColor(), COLORS["us_tumor_corrected"], atol=1e-6)
    tag = vtk.reference("")
    segment.GetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), tag)
    assert str(tag) == TUMOR_TERMINOLOGY
    role = correction.node.GetReferenceImageGeometryReferenceRole()
    assert correction.node.GetNodeReference(role) is correction.us
    assert correction.came_from == "propagated"


def test_what_is_drawn_is_in_the_copy_alone(correction, case, images):
    assert not correction.is_changed()
    draw(correction.node, case.nodes.us, (2, 3, 4))
    assert correction.is_changed()
    assert correction.is_on_its_grid()
    expected = voxels(images.propagated)
    expected[4, 3, 2] = 1
    np.testing.assert_array_equal(voxels(correction.label()), expected)
    kept = labelmap_from_segmentation(case.labels["propagated"], case.nodes.us)
    np.testing.assert_array_equal(voxels(kept), voxels(images.propagated))


def test_drawing_is_told_of(case):
    told = []
    correction = LabelCorrection(case, lambda: told.append(1))
    told.clear()
    draw(correction.node, case.nodes.us, (2, 3, 4))
    assert told
    correction.close()


def test_a_hidden_segment_counts_all_the_same(correction, images):
    correction.node.GetDisplayNode().SetSegmentVisibility("Tumor", False)
    assert voxels(correction.label()).sum() == voxels(images.propagated).sum()


def test_an_export_of_the_scene_does_not_take_a_label_that_is_not_saved(scene, case, correction):
    assert [one.us_tumor for one in cases_in(scene)] == [case.labels["propagated"]]


def test_another_geometry_or_another_place_in_the_world_is_noticed(scene, case, correction, grey_volume):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 3, 3.0)
    transform.SetMatrixTransformToParent(matrix)
    correction.node.SetAndObserveTransformNodeID(transform.GetID())
    assert not correction.is_on_its_grid()
    correction.node.SetAndObserveTransformNodeID(None)
    assert correction.is_on_its_grid()
    correction.node.SetReferenceImageGeometryParameterFromVolumeNode(grey_volume(1.0))
    assert not correction.is_on_its_grid()


def test_a_saved_label_becomes_the_cases_corrected_one_and_is_what_the_next_correction_starts_from(case, correction):
    draw(correction.node, case.nodes.us, (2, 3, 4))
    label = correction.label()
    made = correction.saved(label)
    assert case.labels["corrected"] is made
    assert not correction.is_changed()
    np.testing.assert_array_equal(voxels(labelmap_from_segmentation(made, case.nodes.us)), voxels(label))
    draw(correction.node, case.nodes.us, (1, 1, 1))
    assert correction.is_changed()
    assert correction.saved(correction.label()) is None
    after = voxels(labelmap_from_segmentation(case.labels["corrected"], case.nodes.us))
    assert after[1, 1, 1] == 1
    correction.close()
    again = LabelCorrection(case, lambda: None)
    assert again.came_from == "corrected"
    assert voxels(again.label())[1, 1, 1] == 1
    again.close()
    remove_segmentation(made)


def test_without_a_label_there_is_nothing_to_correct(scene, images):
    from dataclasses import replace

    bare = load_case(scene, replace(images, propagated=None))
    assert "propagate" in reason_not_to_correct(bare)
    unload_case(bare)


def test_fifty_times_leave_no_nodes_and_no_observers(scene, case):
    told = []
    before = scene.GetNumberOfNodes()
    for _ in range(50):
        correction = LabelCorrection(case, lambda: told.append(1))
        editor = segment_editor_node(scene)
        correction.close()
        correction.close()
        scene.RemoveNode(editor)
    assert scene.GetNumberOfNodes() == before
    told.clear()
    draw(case.labels["propagated"], case.nodes.us, (2, 3, 4))
    assert not told


def test_after_the_scene_was_closed_it_is_not_there_and_can_still_be_closed(scene, case):
    correction = LabelCorrection(case, lambda: None)
    scene.Clear(0)
    assert not correction.is_there
    assert not correction.is_changed()
    correction.close()
