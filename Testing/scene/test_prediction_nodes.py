"""A model's prediction as nodes: on the ultrasound's geometry, in its own name, and following a threshold."""

import time

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.scene.cases import cases_in
from IUSTumorSegLib.scene.display import COLORS, TUMOR_TERMINOLOGY
from IUSTumorSegLib.scene.nodes import image_from_volume, set_matrix, transform_node, volume_from_image, voxels_of
from IUSTumorSegLib.scene.prediction_nodes import (
    ProbabilityThreshold,
    find_prediction,
    load_probability,
    put_prediction,
    reasons_against_threshold,
)
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation

LABELS = {"background": 0, "tumor": 1}
MODEL = "nnUNetTrainer__nnUNetPlans__2d"


@pytest.fixture
def us(scene, oblique_image):
    """An oblique ultrasound volume, under a transform."""
    volume = volume_from_image(scene, oblique_image(np.zeros((12, 20, 30), dtype=np.uint8)), "Ultrasound")
    parent = transform_node(scene, np.eye(4), "tracking")
    matrix = np.eye(4)
    matrix[:3, 3] = 3.0, -4.0, 5.0
    set_matrix(parent, matrix)
    volume.SetAndObserveTransformNodeID(parent.GetID())
    return volume


@pytest.fixture
def probability():
    """A blob whose probability falls from its middle outwards, and a faint speck far away; [k, j, i]."""
    k, j, i = np.indices((12, 20, 30))
    blob = np.clip(1.0 - np.sqrt((k - 6) ** 2 + (j - 9) ** 2 + (i - 12) ** 2) / 8.0, 0.0, 1.0)
    blob[2, 3, 27] = 0.7
    return blob.astype(np.float32)


def image_like(us, array):
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(image_from_volume(us))
    return image


@pytest.fixture
def predicted(scene, us, probability, tmp_path):
    nodes = put_prediction(scene, image_like(us, (probability > 0.5).astype(np.uint8)), us, MODEL, LABELS)
    sitk.WriteImage(image_like(us, probability), str(tmp_path / "probability.nii.gz"))
    load_probability(nodes.segmentation, tmp_path / "probability.nii.gz")
    return find_prediction(scene, us, MODEL)


def mask_of(nodes, us):
    return sitk.GetArrayFromImage(labelmap_from_segmentation(nodes.segmentation, us))


def test_the_prediction_lies_voxel_for_voxel_on_an_oblique_ultrasound_under_a_transform(scene, us, probability):
    expected = (probability > 0.5).astype(np.uint8)
    nodes = put_prediction(scene, image_like(us, expected), us, MODEL, LABELS)
    assert np.array_equal(mask_of(nodes, us), expected)
    assert np.array_equal(voxels_of(nodes.labelmap), expected)
    in_world = [image_from_volume(volume) for volume in (nodes.labelmap, us)]
    assert np.allclose(in_world[0].GetOrigin(), in_world[1].GetOrigin())
    assert np.allclose(in_world[0].GetDirection(), in_world[1].GetDirection())
    reference = nodes.segmentation.GetNodeReference(nodes.segmentation.GetReferenceImageGeometryReferenceRole())
    assert reference is us


def test_it_names_its_model_and_is_never_taken_for_a_reference(scene, us, probability):
    nodes = put_prediction(scene, image_like(us, (probability > 0.5).astype(np.uint8)), us, MODEL, LABELS)
    for node in (nodes.segmentation, nodes.labelmap):
        assert f"predicted by {MODEL}" in node.GetName()
        assert "truth" not in node.GetName().lower()
    segment = nodes.segmentation.GetSegmentation().GetNthSegment(0)
    assert segment.GetName() == "Tumor (predicted)"
    assert segment.GetColor() == pytest.approx(COLORS["prediction"])
    assert TUMOR_TERMINOLOGY in str(segment)
    assert cases_in(scene) == []


def test_predicting_again_replaces_the_former_prediction_of_the_same_model_only(scene, us, predicted):
    before = scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode"), scene.GetNumberOfNodes()
    empty = image_like(us, np.zeros((12, 20, 30), dtype=np.uint8))
    put_prediction(scene, empty, us, "another", LABELS)
    assert np.any(mask_of(predicted, us))
    put_prediction(scene, empty, us, "another", LABELS)
    nodes = put_prediction(scene, empty, us, MODEL, LABELS)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2
    assert scene.GetNumberOfNodesByClass("vtkMRMLVolumeNode") == before[0] - 1 + 1
    assert find_prediction(scene, us, MODEL).segmentation is nodes.segmentation
    assert find_prediction(scene, us, MODEL).probability is None
    assert not mask_of(nodes, us).any()


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9])
def test_segment_and_labelmap_follow_the_threshold(predicted, us, probability, threshold):
    ProbabilityThreshold(predicted.segmentation).apply(threshold)
    expected = (probability > np.float32(threshold)).astype(np.uint8)
    assert np.array_equal(mask_of(predicted, us), expected)
    assert np.array_equal(voxels_of(predicted.labelmap), expected)


def test_a_speck_is_left_out_by_its_volume(predicted, us, probability):
    follow = ProbabilityThreshold(predicted.segmentation)
    voxel_mm3 = float(np.prod(us.GetSpacing()))
    follow.apply(0.5, 1.5 * voxel_mm3)
    assert not mask_of(predicted, us)[2, 3, 27]
    assert mask_of(predicted, us).sum() == (probability > 0.5).sum() - 1
    follow.apply(0.5, 0.5 * voxel_mm3)
    assert mask_of(predicted, us)[2, 3, 27]


def test_the_probability_is_a_hidden_volume_on_the_ultrasounds_geometry_and_is_loaded_once(predicted, us, tmp_path):
    volume = predicted.probability
    assert volume.GetHideFromEditors()
    assert volume.GetTransformNodeID() == us.GetTransformNodeID()
    assert load_probability(predicted.segmentation, tmp_path / "nothing") is volume
    assert volume.GetDisplayNode() is None


def test_a_surface_that_was_there_is_made_anew_and_none_where_there_was_none(predicted):
    segmentation = predicted.segmentation
    follow = ProbabilityThreshold(segmentation)
    follow.apply(0.7)
    follow.update_surface()
    assert not segmentation.GetSegmentation().ContainsRepresentation("Closed surface")
    assert segmentation.CreateClosedSurfaceRepresentation()
    id_ = segmentation.GetSegmentation().GetNthSegmentID(0)
    points = segmentation.GetClosedSurfaceInternalRepresentation(id_).GetNumberOfPoints()
    follow.apply(0.05)
    follow.update_surface()
    assert segmentation.GetClosedSurfaceInternalRepresentation(id_).GetNumberOfPoints() > points


def test_a_two_dimensional_prediction_lies_on_its_one_slice(scene, oblique_image, tmp_path):
    us = volume_from_image(scene, oblique_image(np.zeros((1, 20, 30), dtype=np.uint8)), "Picture")
    flat = np.zeros((20, 30), dtype=np.float32)
    flat[4:9, 10:18] = 0.8
    flat[15, 25] = 0.9
    nodes = put_prediction(scene, sitk.GetImageFromArray((flat > 0.5).astype(np.uint8)), us, MODEL, LABELS)
    assert np.array_equal(voxels_of(nodes.labelmap)[0], flat > 0.5)
    sitk.WriteImage(sitk.GetImageFromArray(flat), str(tmp_path / "p.nii.gz"))
    load_probability(nodes.segmentation, tmp_path / "p.nii.gz")
    pixel_mm2 = us.GetSpacing()[0] * us.GetSpacing()[1]
    ProbabilityThreshold(nodes.segmentation).apply(0.5, 1.5 * pixel_mm2)
    assert voxels_of(nodes.labelmap).sum() == 40


def test_each_class_of_a_model_is_a_segment_and_a_threshold_is_refused_with_a_sentence(scene, us):
    classes = np.zeros((12, 20, 30), dtype=np.uint8)
    classes[3:5, 4:8, 5:9], classes[7:9, 10:12, 20:25] = 1, 2
    nodes = put_prediction(scene, image_like(us, classes), us, MODEL, {"background": 0, "tumor": 1, "edema": 2})
    segmentation = nodes.segmentation.GetSegmentation()
    assert [segmentation.GetNthSegment(n).GetName() for n in range(2)] == ["Tumor (predicted)", "Edema (predicted)"]
    nodes.segmentation.GetDisplayNode().SetSegmentVisibility("tumor", False)
    assert np.array_equal(mask_of(nodes, us), classes == 2)
    assert "several classes" in reasons_against_threshold(nodes.segmentation)[0]


def test_regions_that_overlap_become_one_segment(scene, us):
    classes = np.zeros((12, 20, 30), dtype=np.uint8)
    classes[3:9, 4:8, 5:9], classes[5:7, 5:7, 6:8] = 1, 2
    labels = {"background": 0, "whole tumor": [1, 2], "core": [2]}
    nodes = put_prediction(scene, image_like(us, classes), us, MODEL, labels)
    assert nodes.segmentation.GetSegmentation().GetNumberOfSegments() == 1
    assert np.array_equal(mask_of(nodes, us), classes > 0)


def test_a_volume_that_was_cropped_meanwhile_is_refused_and_the_scene_left_alone(scene, us):
    before = scene.GetNumberOfNodes()
    with pytest.raises(BadInput, match="another number of voxels"):
        put_prediction(scene, sitk.GetImageFromArray(np.ones((5, 6, 7), dtype=np.uint8)), us, MODEL, LABELS)
    assert scene.GetNumberOfNodes() == before


def test_a_slider_on_128_megabytes_of_probabilities_is_followed_within_a_tenth_of_a_second(scene, tmp_path):
    shape = (256, 352, 372)
    us = volume_from_image(scene, sitk.GetImageFromArray(np.zeros(shape, dtype=np.uint8)), "Ultrasound")
    probability = np.zeros(shape, dtype=np.float32)
    k, j, i = np.ogrid[:120, :120, :120]
    blob = 1.0 - np.sqrt((k - 60.0) ** 2 + (j - 60.0) ** 2 + (i - 60.0) ** 2) / 60.0
    probability[80:200, 100:220, 120:240] = np.clip(blob, 0.0, 1.0)
    nodes = put_prediction(scene, sitk.GetImageFromArray((probability > 0.5).astype(np.uint8)), us, MODEL, LABELS)
    sitk.WriteImage(sitk.GetImageFromArray(probability), str(tmp_path / "p.nrrd"))
    load_probability(nodes.segmentation, tmp_path / "p.nrrd")
    follow = ProbabilityThreshold(nodes.segmentation)
    seconds = []
    for threshold in (0.1, 0.3, 0.5, 0.7, 0.9):
        started = time.perf_counter()
        follow.apply(threshold)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.1
