"""The MRI at the poses that a search passes through, on real MRML."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.scene.cases import CaseNodes, nodes_of_class  # noqa: E402
from IUSTumorSegLib.scene.nodes import matrix_of, node_to_world, transform_node, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.pose_preview import NAME, PosePreview  # noqa: E402
from IUSTumorSegLib.scene.registration_nodes import apply_registration  # noqa: E402
from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap  # noqa: E402


@pytest.fixture
def nodes(scene: Any, oblique_image: Callable[..., Any]) -> CaseNodes:
    voxels = np.zeros((8, 8, 8), dtype=np.uint8)
    voxels[3:5, 3:5, 3:5] = 1
    us, mri = (volume_from_image(scene, oblique_image(voxels), name) for name in ("Ultrasound", "MRI"))
    return CaseNodes(us, mri, segmentation_from_labelmap(scene, oblique_image(voxels), mri, "Tumour", "mri_tumor"))


@pytest.fixture
def poses(rigid_matrix: Callable[..., np.ndarray]) -> list[np.ndarray]:
    return [rigid_matrix((3, 5, -4), (2, -8, 6)), rigid_matrix((-9, 1, 2), (1, 1, 4))]


def previews(scene):
    return sum(node.GetName().startswith(NAME) for node in nodes_of_class(scene, "vtkMRMLTransformNode"))


def parents(nodes):
    return [node.GetParentTransformNode() for node in (nodes.mri, nodes.mri_tumor, nodes.us)]


def test_mri_and_label_lie_at_the_last_pose_and_where_they_were_after_it(scene, nodes, poses):
    preview = PosePreview(nodes)
    for pose in poses:
        preview.show(pose)
        for node in (nodes.mri, nodes.mri_tumor):
            np.testing.assert_allclose(node_to_world(node), pose, atol=1e-9)
    assert nodes.us.GetParentTransformNode() is None
    assert previews(scene) == 2
    preview.remove()
    preview.remove()
    assert parents(nodes) == [None, None, None] and previews(scene) == 0


def test_a_transform_of_the_user_s_counts_for_the_pose_and_is_left_alone(scene, nodes, poses, mri_to_us_ras):
    mine = transform_node(scene, mri_to_us_ras, "Mine")
    other = volume_from_image(scene, slicer_image(), "Other")
    for node in (nodes.mri, nodes.mri_tumor, other):
        node.SetAndObserveTransformNodeID(mine.GetID())
    modified = []
    tag = mine.AddObserver(slicer.vtkMRMLTransformableNode.TransformModifiedEvent, lambda *_: modified.append(1))
    preview = PosePreview(nodes)
    preview.show(poses[0])
    np.testing.assert_allclose(node_to_world(nodes.mri), poses[0] @ mri_to_us_ras, atol=1e-9)
    assert other.GetParentTransformNode() is mine and mine.GetParentTransformNode() is None
    preview.remove()
    assert parents(nodes) == [mine, mine, None] and not modified and previews(scene) == 0
    np.testing.assert_array_equal(matrix_of(mine), mri_to_us_ras)
    mine.RemoveObserver(tag)


def slicer_image():
    import SimpleITK as sitk

    return sitk.Image([4, 4, 4], sitk.sitkUInt8)


def test_the_pose_is_the_one_that_applying_it_gives_where_the_pair_is_registered_already(scene, nodes, poses):
    """The second search starts from the files' pose, and ends where the first registration does not count."""
    registration = apply_registration(nodes, poses[0])
    preview = PosePreview(nodes)
    preview.show(poses[1])
    seen = [node_to_world(node) for node in (nodes.mri, nodes.mri_tumor)]
    np.testing.assert_allclose(matrix_of(registration), poses[0])
    preview.remove()
    assert parents(nodes) == [registration, registration, None]
    apply_registration(nodes, poses[1])
    np.testing.assert_allclose(seen, [node_to_world(node) for node in (nodes.mri, nodes.mri_tumor)], atol=1e-9)


def test_what_the_user_puts_elsewhere_meanwhile_stays_there(scene, nodes, poses):
    preview = PosePreview(nodes)
    preview.show(poses[0])
    mine = transform_node(scene, poses[1], "Mine")
    nodes.mri.SetAndObserveTransformNodeID(mine.GetID())
    preview.show(poses[1])
    preview.remove()
    assert parents(nodes) == [mine, None, None] and previews(scene) == 0


def test_nodes_that_leave_the_scene_do_no_harm(scene, nodes, poses, mri_to_us_ras):
    mine = transform_node(scene, mri_to_us_ras, "Mine")
    nodes.mri.SetAndObserveTransformNodeID(mine.GetID())
    preview = PosePreview(nodes)
    preview.show(poses[0])
    scene.RemoveNode(mine)
    scene.RemoveNode(nodes.mri_tumor)
    preview.show(poses[1])
    np.testing.assert_allclose(node_to_world(nodes.mri), poses[1] @ mri_to_us_ras, atol=1e-9)
    preview.remove()
    assert nodes.mri.GetParentTransformNode() is None and previews(scene) == 0
    preview.show(poses[0])
    scene.Clear(0)
    preview.remove()
