"""Landmarks placed on the MRI and the ultrasound, as Slicer's own point lists."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.images.geometry import transform_points  # noqa: E402
from IUSTumorSegLib.registration.rigid_landmarks import fit_landmark_pairs  # noqa: E402
from IUSTumorSegLib.scene.landmark_pairs import LandmarkPairs  # noqa: E402
from IUSTumorSegLib.scene.nodes import set_matrix, transform_node  # noqa: E402

MRI = np.array([[0.0, 0, 0], [30, 2, 1], [3, 25, -4], [-8, 5, 28]])


@pytest.fixture
def transform(scene, mri_to_us_ras):
    return transform_node(scene, mri_to_us_ras, "Registration")


@pytest.fixture
def pairs(scene, transform):
    made = LandmarkPairs(scene, transform, lambda: None)
    yield made
    made.remove()


def test_points_on_the_mri_are_known_in_its_own_world_wherever_it_lies_now(pairs, transform, mri_to_us_ras):
    seen = transform_points(mri_to_us_ras, MRI[1])
    pairs.add("us", (1, 2, 3))
    pairs.add("mri", seen)
    np.testing.assert_allclose(pairs.landmarks().mri_ras, [MRI[1]], atol=1e-9)
    set_matrix(transform, np.eye(4))
    np.testing.assert_allclose(pairs.landmarks().mri_ras, [MRI[1]], atol=1e-9)
    np.testing.assert_allclose(pairs.landmarks().us_ras, [[1, 2, 3]])


def test_pairs_placed_on_a_wrongly_lying_mri_bring_it_where_it_belongs(pairs, mri_to_us_ras, rigid_matrix):
    belongs = rigid_matrix((10, 20, -5), (3, 30, -12))
    for point in MRI:
        pairs.add("us", transform_points(belongs, point))
        pairs.add("mri", transform_points(mri_to_us_ras, point))
    np.testing.assert_allclose(fit_landmark_pairs(pairs.landmarks()).mri_to_us_ras, belongs, atol=1e-6)


def test_the_next_point_belongs_on_the_ultrasound_and_then_on_the_mri(pairs):
    assert pairs.next_image == "us"
    pairs.add("us", (0, 0, 0))
    assert pairs.next_image == "mri"
    assert len(pairs.landmarks().us_ras) == 0  # not a pair yet
    pairs.add("mri", (0, 0, 0))
    assert pairs.next_image == "us"
    assert pairs.counts == (1, 1)


def test_points_are_taken_away_in_the_order_they_came(pairs):
    for image, x in (("us", 1), ("mri", 2), ("us", 3)):
        pairs.add(image, (x, 0, 0))
    pairs.remove_last()
    assert pairs.counts == (1, 1)
    pairs.remove_last()
    assert pairs.counts == (1, 0)
    pairs.clear()
    pairs.remove_last()
    assert pairs.counts == (0, 0)


def test_placing_uses_slicers_place_mode_with_the_right_list(scene, pairs):
    selection = scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
    interaction = scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
    assert not pairs.placing
    assert pairs.start_placing() == "us"
    assert pairs.placing
    assert scene.GetNodeByID(selection.GetActivePlaceNodeID()).GetName() == "Ultrasound landmarks"
    pairs.add("us", (0, 0, 0))
    assert pairs.start_placing() == "mri"
    assert scene.GetNodeByID(selection.GetActivePlaceNodeID()).GetName() == "MRI landmarks"
    pairs.stop_placing()
    assert interaction.GetCurrentInteractionMode() == slicer.vtkMRMLInteractionNode.ViewTransform
    assert not pairs.placing


def test_a_point_that_still_hangs_at_the_mouse_does_not_count(scene, pairs):
    node = scene.GetFirstNodeByName("Ultrasound landmarks")
    pairs.add("us", (1, 1, 1))
    preview = node.AddControlPoint((0, 0, 0))
    node.SetNthControlPointPosition(preview, 5, 5, 5, slicer.vtkMRMLMarkupsNode.PositionPreview)
    assert pairs.counts == (1, 0)
    pairs.remove_last()
    assert pairs.counts == (0, 0)
    assert node.GetNumberOfControlPoints() == 1


def test_placing_moving_and_removing_are_told_of(scene, transform):
    told = []
    pairs = LandmarkPairs(scene, transform, lambda: told.append(1))
    deeds = {
        "place": lambda: pairs.add("us", (0, 0, 0)),
        "move": lambda: scene.GetFirstNodeByName("Ultrasound landmarks").SetNthControlPointPosition(0, 3, 3, 3),
        "take away": pairs.remove_last,
        "start": pairs.start_placing,
        "stop": pairs.stop_placing,
    }
    for name, deed in deeds.items():
        told.clear()
        deed()
        assert told, name
    pairs.remove()


def test_fifty_times_leave_no_nodes_and_no_observers(scene, transform):
    told = []
    before = [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]
    LandmarkPairs(scene, transform, lambda: None).remove()
    after_one = scene.GetNumberOfNodes()
    for _ in range(50):
        pairs = LandmarkPairs(scene, transform, lambda: told.append(1))
        pairs.add("us", (0, 0, 0))
        pairs.start_placing()
        pairs.remove()
        pairs.remove()
    assert scene.GetNumberOfNodes() == after_one
    assert after_one - len(before) <= 2  # Slicer's own defaults, made once
    told.clear()
    scene.GetFirstNodeByClass("vtkMRMLInteractionNode").SetCurrentInteractionMode(1)
    scene.GetFirstNodeByClass("vtkMRMLInteractionNode").SetCurrentInteractionMode(2)
    assert not told


def test_they_can_be_taken_away_after_the_scene_was_closed(scene, transform):
    pairs = LandmarkPairs(scene, transform, lambda: None)
    scene.Clear(0)
    pairs.remove()
    assert scene.GetNumberOfNodesByClass("vtkMRMLMarkupsFiducialNode") == 0
