"""Labels go into segmentation nodes and come out voxel for voxel, where they are seen."""

import itertools

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.images.geometry import center_of_mass_ras  # noqa: E402
from IUSTumorSegLib.scene.display import COLORS  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, transform_node, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.segmentations import (  # noqa: E402
    labelmap_from_segmentation,
    middle_ras,
    put_tumor,
    segmentation_from_labelmap,
)


@pytest.fixture
def us(grey_volume):
    return grey_volume(100, "Ultrasound", shape=(30, 32, 34))


@pytest.fixture
def label(us, ball):
    image = sitk.GetImageFromArray(ball((34, 32, 30), (20, 12, 9), 5))
    image.CopyInformation(image_from_volume(us))
    return image


def voxels(image):
    return sitk.GetArrayFromImage(image)


def test_a_label_comes_out_of_a_segmentation_as_it_went_in(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "prediction")
    back = labelmap_from_segmentation(segmentation, us)
    np.testing.assert_array_equal(voxels(back), voxels(label))
    np.testing.assert_allclose(center_of_mass_ras(back), center_of_mass_ras(label), atol=1e-6)


def test_slicer_itself_exports_the_segment_on_the_ultrasound_s_grid(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "prediction")
    exported = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    assert logic.ExportAllSegmentsToLabelmapNode(segmentation, exported, 0)  # 0: the reference geometry's extent
    np.testing.assert_array_equal(voxels(image_from_volume(exported)), voxels(label))
    np.testing.assert_allclose(center_of_mass_ras(image_from_volume(exported)), center_of_mass_ras(label), atol=1e-4)


def test_the_geometry_of_a_segmentation_is_the_ultrasound_s(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "us_tumor_from_mri")
    assert segmentation.GetNodeReference(segmentation.GetReferenceImageGeometryReferenceRole()) == us
    parameter = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    text = segmentation.GetSegmentation().GetConversionParameter(parameter)
    geometry = slicer.vtkOrientedImageData()
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, geometry)
    assert geometry.GetDimensions() == us.GetImageData().GetDimensions()
    np.testing.assert_allclose(geometry.GetSpacing(), us.GetSpacing(), atol=1e-6)


def test_the_one_segment_is_named_coloured_and_coded_as_slicer_names_a_tumour(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "truth")
    assert list(segmentation.GetSegmentation().GetSegmentIDs()) == ["Tumor"]
    segment = segmentation.GetSegmentation().GetSegment("Tumor")
    assert segment.GetName() == "Tumor"
    np.testing.assert_allclose(segment.GetColor(), COLORS["truth"])
    code = segment.GetTerminology() if hasattr(segment, "GetTerminology") else segment.GetTag("TerminologyEntry")
    assert "SCT^4147007^Mass" in str(code)


def test_a_label_on_a_moved_ultrasound_stays_on_it(scene, us, label, mri_to_us_ras):
    moved = transform_node(scene, mri_to_us_ras, "Tracker")
    us.SetAndObserveTransformNodeID(moved.GetID())
    seen = sitk.Image(label)
    seen.CopyInformation(image_from_volume(us))
    segmentation = segmentation_from_labelmap(scene, seen, us, "Tumour", "us_tumor_from_mri")
    bounds = np.zeros(6)
    segmentation.GetRASBounds(bounds)
    middle = (bounds[::2] + bounds[1::2]) / 2
    expected = (mri_to_us_ras @ [*center_of_mass_ras(label), 1])[:3]
    np.testing.assert_allclose(middle, expected, atol=0.6)
    np.testing.assert_array_equal(voxels(labelmap_from_segmentation(segmentation, us)), voxels(label))


def test_a_label_on_another_grid_is_brought_onto_the_ultrasound_s(scene, us, ball, oblique_image):
    fine = oblique_image(ball((60, 60, 60), (34, 22, 20), 9), spacing_mm=0.5)
    segmentation = segmentation_from_labelmap(scene, fine, us, "Tumour", "prediction")
    back = labelmap_from_segmentation(segmentation, us)
    assert back.GetSize() == us.GetImageData().GetDimensions()
    np.testing.assert_allclose(center_of_mass_ras(back), center_of_mass_ras(fine), atol=0.3)
    volume_mm3 = [voxels(image).sum() * np.prod(image.GetSpacing()) for image in (back, fine)]
    assert volume_mm3[0] == pytest.approx(volume_mm3[1], rel=0.05)


def test_only_visible_segments_are_taken_and_overlapping_ones_count_once(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "mri_tumor")
    copy = slicer.vtkSegment()
    copy.DeepCopy(segmentation.GetSegmentation().GetSegment("Tumor"))
    segmentation.GetSegmentation().AddSegment(copy, "Second")
    assert voxels(labelmap_from_segmentation(segmentation, us)).max() == 1
    for name in ("Tumor", "Second"):
        segmentation.GetDisplayNode().SetSegmentVisibility(name, False)
    assert voxels(labelmap_from_segmentation(segmentation, us)).sum() == 0


def test_a_labelmap_volume_serves_as_a_label(scene, us, label):
    labelmap = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Drawn")
    source = volume_from_image(scene, label * 3, "Source")
    labelmap.SetAndObserveImageData(source.GetImageData())
    labelmap.CopyOrientation(source)
    np.testing.assert_array_equal(voxels(labelmap_from_segmentation(labelmap, us)), voxels(label))


def test_the_middle_of_a_label_is_found_under_a_transform_and_nowhere_in_an_empty_one(scene, us, label, mri_to_us_ras):
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour", "mri_tumor")
    labelmap = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Drawn")
    source = volume_from_image(scene, label, "Source")
    labelmap.SetAndObserveImageData(source.GetImageData())
    labelmap.CopyOrientation(source)
    moved = transform_node(scene, mri_to_us_ras, "Moved")
    for node in (segmentation, labelmap):
        node.SetAndObserveTransformNodeID(moved.GetID())
        expected = (mri_to_us_ras @ [*center_of_mass_ras(label), 1])[:3]
        np.testing.assert_allclose(middle_ras(node), expected, atol=0.6)
    assert middle_ras(scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Empty")) is None


def test_an_empty_label_makes_an_empty_segment_and_can_be_filled_later(scene, us, label):
    segmentation = segmentation_from_labelmap(scene, label * 0, us, "Tumour", "prediction")
    assert voxels(labelmap_from_segmentation(segmentation, us)).sum() == 0
    put_tumor(segmentation, label, us)
    assert list(segmentation.GetSegmentation().GetSegmentIDs()) == ["Tumor"]
    np.testing.assert_array_equal(voxels(labelmap_from_segmentation(segmentation, us)), voxels(label))


# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009),
# severity 1.0, on linear RGB.
COLOR_BLINDNESS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", COLOR_BLINDNESS)
def test_colours_of_different_labels_and_grey_stay_apart_for_colour_blind_eyes(vision):
    from skimage.color import rgb2lab

    def seen(color):
        linear = np.where(
            np.array(color) <= 0.04045, np.array(color) / 12.92, ((np.array(color) + 0.055) / 1.055) ** 2.4
        )
        shown = np.clip(np.asarray(COLOR_BLINDNESS[vision]) @ linear, 0, 1)
        return rgb2lab(np.where(shown <= 0.0031308, shown * 12.92, 1.055 * shown ** (1 / 2.4) - 0.055))

    for first, second in itertools.combinations(COLORS, 2):
        difference = np.linalg.norm(seen(COLORS[first]) - seen(COLORS[second]))
        assert difference > 30, f"{first} and {second} differ by {difference:.0f} only"
    for name, grey in itertools.product(COLORS, np.linspace(0, 1, 11)):
        assert np.linalg.norm(seen(COLORS[name]) - seen([grey] * 3)) > 25, f"{name} is near grey {grey:.1f}"
