"""A registration in the scene moves what it should, and only that, whatever transforms were there before."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.scene.cases import CaseNodes, find_registration, reasons_not_ready  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, matrix_of, node_to_world, transform_node  # noqa: E402
from IUSTumorSegLib.scene.registration_nodes import (  # noqa: E402
    apply_registration,
    pose_before_registration,
    remove_registration,
)
from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap  # noqa: E402


@pytest.fixture
def case(scene, grey_volume, ball):
    us, mri = grey_volume(60, "Ultrasound"), grey_volume(200, "MRI")
    label = sitk.GetImageFromArray(ball((40, 40, 40), (20, 20, 20), 5))
    label.CopyInformation(image_from_volume(mri))
    return CaseNodes(us, mri, segmentation_from_labelmap(scene, label, mri, "MRI tumour", "mri_tumor"))


@pytest.fixture
def tracker(scene, rigid_matrix):
    return transform_node(scene, rigid_matrix((20.0, 5.0, -30.0), (50.0, 10.0, -20.0)), "Tracker")


def test_mri_and_label_go_under_one_transform_and_the_ultrasound_stays(case, mri_to_us_ras):
    registration = apply_registration(case, mri_to_us_ras)
    assert registration.GetName() == "MRI to Ultrasound"
    for node in (case.mri, case.mri_tumor):
        assert node.GetTransformNodeID() == registration.GetID()
        np.testing.assert_allclose(node_to_world(node), mri_to_us_ras, atol=1e-12)
    assert case.us.GetTransformNodeID() is None
    assert find_registration(case.us, case.mri) == registration


def test_applying_again_updates_the_same_node(scene, case, mri_to_us_ras, rigid_matrix):
    first = apply_registration(case, mri_to_us_ras)
    count = scene.GetNumberOfNodes()
    second_matrix = rigid_matrix((1.0, 2.0, 3.0), (-4.0, 5.0, 6.0))
    assert apply_registration(case, second_matrix) == first
    assert scene.GetNumberOfNodes() == count
    np.testing.assert_allclose(node_to_world(case.mri), second_matrix, atol=1e-12)
    np.testing.assert_allclose(pose_before_registration(case.mri, case.mri), np.eye(4), atol=1e-12)


def test_a_transform_that_the_mri_had_stays_in_effect_below_the_registration(case, tracker, grey_volume, mri_to_us_ras):
    bystander = grey_volume(1, "Bystander")
    for node in (case.mri, case.mri_tumor, bystander):
        node.SetAndObserveTransformNodeID(tracker.GetID())
    pose = matrix_of(tracker)
    registration = apply_registration(case, mri_to_us_ras)
    np.testing.assert_allclose(matrix_of(registration), mri_to_us_ras, atol=1e-12)
    for node in (case.mri, case.mri_tumor):
        np.testing.assert_allclose(node_to_world(node), mri_to_us_ras @ pose, atol=1e-9)
        np.testing.assert_allclose(pose_before_registration(node, case.mri), pose, atol=1e-9)
    np.testing.assert_allclose(node_to_world(bystander), pose, atol=1e-12)
    assert case.mri.GetTransformNodeID() == case.mri_tumor.GetTransformNodeID()
    apply_registration(case, np.eye(4))
    np.testing.assert_allclose(node_to_world(case.mri), pose, atol=1e-9)


def test_removing_a_registration_restores_the_scene_as_it_was(scene, case, tracker, mri_to_us_ras):
    case.mri.SetAndObserveTransformNodeID(tracker.GetID())
    before = {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}
    apply_registration(case, mri_to_us_ras)
    remove_registration(case)
    assert {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())} == before
    assert case.mri.GetTransformNodeID() == tracker.GetID()
    assert case.mri_tumor.GetTransformNodeID() is None
    assert find_registration(case.us, case.mri) is None


def test_removing_keeps_the_pose_of_a_transform_that_was_deleted_meanwhile(scene, case, tracker, mri_to_us_ras):
    case.mri.SetAndObserveTransformNodeID(tracker.GetID())
    pose = matrix_of(tracker)
    apply_registration(case, mri_to_us_ras)
    scene.RemoveNode(tracker)
    remove_registration(case)
    np.testing.assert_allclose(node_to_world(case.mri), pose, atol=1e-9)


def test_a_label_drawn_on_the_registered_mri_is_taken_back_to_the_mri(scene, case, mri_to_us_ras, rigid_matrix):
    apply_registration(CaseNodes(case.us, case.mri), mri_to_us_ras)
    # As Slicer's Segment Editor leaves it: no transform, its geometry from the MRI as it is seen.
    drawn = case.mri_tumor
    np.testing.assert_allclose(pose_before_registration(drawn, case.mri), np.linalg.inv(mri_to_us_ras), atol=1e-9)
    better = rigid_matrix((1.0, 2.0, 3.0), (-4.0, 5.0, 6.0))
    apply_registration(case, better)
    np.testing.assert_allclose(node_to_world(drawn), better @ np.linalg.inv(mri_to_us_ras), atol=1e-9)


def test_a_label_from_a_file_that_is_not_under_the_registration_belongs_to_the_mri_as_it_was(
    scene, case, mri_to_us_ras
):
    apply_registration(CaseNodes(case.us, case.mri), mri_to_us_ras)
    loaded = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "From a file")
    np.testing.assert_allclose(pose_before_registration(loaded, case.mri), np.eye(4), atol=1e-12)


def test_each_ultrasound_of_a_patient_has_a_registration_of_its_own(case, grey_volume, mri_to_us_ras, rigid_matrix):
    after_resection = CaseNodes(grey_volume(70, "Ultrasound 2"), case.mri, case.mri_tumor)
    first = apply_registration(case, mri_to_us_ras)
    second_matrix = rigid_matrix((0.0, 0.0, 9.0), (1.0, 1.0, 1.0))
    second = apply_registration(after_resection, second_matrix)
    assert first != second
    np.testing.assert_allclose(node_to_world(case.mri), second_matrix, atol=1e-9)
    np.testing.assert_allclose(pose_before_registration(case.mri, case.mri), np.eye(4), atol=1e-9)
    assert (find_registration(case.us, case.mri), find_registration(after_resection.us, case.mri)) == (first, second)


def test_what_is_missing_is_said_in_a_sentence_for_each_step(scene, case, mri_to_us_ras):
    nothing = CaseNodes()
    assert reasons_not_ready("register", nothing) == [
        "Choose an ultrasound volume first.",
        "Choose an MRI volume first.",
    ]
    assert reasons_not_ready("compare", CaseNodes(us=case.us)) == ["Choose an MRI volume first."]
    assert reasons_not_ready("register", CaseNodes(case.us, case.us)) == [
        "Choose two different volumes: the MRI and the ultrasound are the same one."
    ]
    assert reasons_not_ready("propagate", case) == ["Register first: 'MRI' is not registered to 'Ultrasound'."]
    apply_registration(case, mri_to_us_ras)
    assert reasons_not_ready("propagate", case) == []
    assert reasons_not_ready("propagate", CaseNodes(case.us, case.mri)) == ["Choose the tumour label of the MRI first."]
    assert "Propagate the MRI's label" in reasons_not_ready("export", case)[0]
    assert reasons_not_ready("register", case) == reasons_not_ready("compare", case) == []


def test_nodes_that_cannot_be_used_are_named_with_what_to_do(scene, case):
    empty_volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Nothing in it")
    empty_label = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "No segment")
    bend = scene.AddNewNodeByClass("vtkMRMLTransformNode", "Bend")
    import vtk

    bend.SetAndObserveTransformToParent(vtk.vtkThinPlateSplineTransform())
    assert reasons_not_ready("register", CaseNodes(empty_volume, case.mri)) == [
        "Choose another volume: 'Nothing in it' is not a 3D image."
    ]
    assert reasons_not_ready("register", CaseNodes(case.us, case.mri, empty_label)) == [
        "Choose another tumour label: 'No segment' is empty."
    ]
    case.mri.SetAndObserveTransformNodeID(bend.GetID())
    assert reasons_not_ready("register", case) == ["Harden the deformation 'Bend' on 'MRI' first (Transforms module)."]


def test_an_unknown_step_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="register, compare, propagate, export"):
        reasons_not_ready("dance", CaseNodes())
