"""A case's MRI moved by hand in real MRML: sliders and Slicer's handle move the same transform the same way."""

import json

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402
import vtk  # noqa: E402

from IUSTumorSegLib.images.geometry import ijk_to_ras, transform_points  # noqa: E402
from IUSTumorSegLib.registration.adjustment import adjusted, adjustment_between  # noqa: E402
from IUSTumorSegLib.registration.transform_files import read_transform  # noqa: E402
from IUSTumorSegLib.scene.adjustment import refinement_request  # noqa: E402
from IUSTumorSegLib.scene.nodes import ijk_to_world, matrix_of, set_matrix, vtk_matrix  # noqa: E402
from IUSTumorSegLib.scene.offscreen import OffscreenSliceView  # noqa: E402
from IUSTumorSegLib.scene.pose_handle import PoseHandle, adjustment_frame  # noqa: E402
from IUSTumorSegLib.scene.study_cases import load_case, unload_case  # noqa: E402
from IUSTumorSegLib.study.case_images import CaseImages  # noqa: E402

SIZE = (24, 20, 22)


@pytest.fixture
def case(scene, oblique_image, ball):
    """An oblique ultrasound, two contrasts and a tumour."""
    speckle = np.random.default_rng(4).random(SIZE[::-1]).astype(np.float32) + 1
    us = oblique_image(speckle)
    flair = oblique_image(speckle * 3, degrees=(5, 5, 5))
    tumor = oblique_image(ball(SIZE, (12, 10, 11), 4), degrees=(5, 5, 5))
    made = load_case(scene, CaseImages("Case", us, (("FLAIR", flair), ("T1", flair)), mri_tumor=tumor))
    yield made
    unload_case(made)


def shift_by(transform, world_mm):
    """What Slicer's handle does in a drag: it puts a movement of the world behind the node's matrix."""
    move = np.eye(4)
    move[:3, 3] = world_mm
    transform.ApplyTransformMatrix(vtk_matrix(move))


def test_the_frame_is_the_ultrasounds_own_axes_about_the_middle_of_its_sector(case, oblique_image):
    frame = adjustment_frame(case.nodes.us)
    np.testing.assert_allclose(frame.axes.T @ frame.axes, np.eye(3), atol=1e-9)
    assert (np.diag(frame.axes) > 0.5).all()  # right, anterior, superior
    grid = ijk_to_world(case.nodes.us)[:3, :3]
    grid = grid / np.linalg.norm(grid, axis=0)
    np.testing.assert_allclose(np.abs(grid.T @ frame.axes).max(axis=0), 1, atol=1e-9)
    middle = transform_points(ijk_to_world(case.nodes.us), (np.array(SIZE) - 1) / 2)
    assert np.linalg.norm(frame.center_ras - middle) < 1.0


def test_the_mri_moves_along_the_ultrasounds_axes_as_the_sliders_say(case):
    frame = adjustment_frame(case.nodes.us)
    before = ijk_to_world(case.nodes.mri)
    pose = adjusted(matrix_of(case.transform), frame.axes, frame.center_ras, np.array([0, 4.0, 0]), np.zeros(3))
    set_matrix(case.transform, pose)
    for mri in case.mris.values():
        np.testing.assert_allclose(ijk_to_world(mri)[:3, 3], before[:3, 3] + 4 * frame.axes[:, 1], atol=1e-6)


def test_a_drag_of_the_handle_reads_back_on_the_sliders(case):
    frame, seen = adjustment_frame(case.nodes.us), []
    start = matrix_of(case.transform)
    handle = PoseHandle(case.transform, frame.center_ras, seen.append)
    shift_by(case.transform, frame.axes @ [1.0, -2.0, 3.0])
    translation, rotation = adjustment_between(start, seen[-1], frame.axes, frame.center_ras)
    np.testing.assert_allclose(translation, [1, -2, 3], atol=1e-9)
    np.testing.assert_allclose(rotation, 0, atol=1e-7)
    handle.remove()


def test_the_handle_sits_at_the_sectors_middle_and_a_turn_about_it_leaves_the_translation_alone(case, mri_to_us_ras):
    set_matrix(case.transform, mri_to_us_ras)
    frame = adjustment_frame(case.nodes.us)
    handle = PoseHandle(case.transform, frame.center_ras, lambda pose: None)
    center = transform_points(matrix_of(case.transform), np.array(case.transform.GetCenterOfTransformation()))
    np.testing.assert_allclose(center, frame.center_ras, atol=1e-6)
    turn = vtk.vtkTransform()
    turn.PostMultiply()
    turn.Translate(*-center)
    turn.RotateWXYZ(20, *frame.axes[:, 2])
    turn.Translate(*center)
    case.transform.ApplyTransformMatrix(turn.GetMatrix())
    translation, rotation = adjustment_between(mri_to_us_ras, matrix_of(case.transform), frame.axes, frame.center_ras)
    np.testing.assert_allclose(translation, 0, atol=1e-6)
    np.testing.assert_allclose(rotation, [0, 0, 20], atol=1e-6)
    handle.remove()


def test_the_handle_is_shown_in_slice_and_3d_views_and_cannot_stretch(case):
    handle = PoseHandle(case.transform, adjustment_frame(case.nodes.us).center_ras, lambda pose: None)
    display = case.transform.GetDisplayNode()
    assert display.GetEditorVisibility()
    assert display.GetEditorSliceIntersectionVisibility()
    assert display.GetEditorVisibility3D()
    assert not display.GetEditorScalingEnabled()
    assert not display.GetEditorScalingSliceEnabled()
    handle.remove()


@pytest.fixture
def views_draw_handles():
    """Has slice views draw transforms' handles, as in the application."""
    factory = slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
    factory.RegisterDisplayableManager("vtkMRMLLinearTransformsDisplayableManager")
    yield
    factory.UnRegisterDisplayableManager("vtkMRMLLinearTransformsDisplayableManager")


def test_slicers_own_view_draws_the_handle_at_the_middle_and_takes_it_away_again(
    application, scene, case, views_draw_handles
):
    with OffscreenSliceView(scene, 200, application.logic) as view:
        view.pane.slice_logic.GetSliceCompositeNode().SetBackgroundVolumeID(case.nodes.us.GetID())
        frame = adjustment_frame(case.nodes.us)
        view.pane.slice_logic.GetSliceNode().JumpSliceByCentering(*frame.center_ras)
        without = view.grab().astype(int)
        handle = PoseHandle(case.transform, frame.center_ras, lambda pose: None)
        drawn = np.argwhere(np.abs(view.grab().astype(int) - without).max(axis=-1) > 40)
        handle.remove()
        after = view.grab().astype(int)
    assert len(drawn) > 50
    assert np.abs((drawn.min(axis=0) + drawn.max(axis=0)) / 2 - 100).max() < 30
    assert np.abs(after - without).max() == 0


@pytest.mark.parametrize("order", ["view, handle", "scene, handle, view", "transform, view, handle"])
def test_views_scene_and_case_may_go_while_the_handle_shows(application, scene, case, views_draw_handles, order):
    view = OffscreenSliceView(scene, 100, application.logic)
    handle = PoseHandle(case.transform, adjustment_frame(case.nodes.us).center_ras, lambda pose: None)
    view.grab()
    acts = {
        "view": view.close,
        "handle": handle.remove,
        "scene": lambda: scene.Clear(0),
        "transform": lambda: scene.RemoveNode(case.transform),
    }
    for what in order.split(", "):
        acts[what]()
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformDisplayNode") == 0
    OffscreenSliceView(scene, 100, application.logic).close()


def test_removing_the_handle_fifty_times_leaves_no_nodes_and_no_observers(scene, case):
    frame, seen = adjustment_frame(case.nodes.us), []
    before = scene.GetNumberOfNodes(), case.transform.GetCenterOfTransformation()
    for _ in range(50):
        handle = PoseHandle(case.transform, frame.center_ras, seen.append)
        handle.remove()
        handle.remove()
    seen.clear()
    shift_by(case.transform, (1, 0, 0))
    assert not seen
    assert (scene.GetNumberOfNodes(), case.transform.GetCenterOfTransformation()) == before


def test_a_handle_whose_case_was_removed_with_the_scene_can_still_be_taken_away(scene, case):
    handle = PoseHandle(case.transform, adjustment_frame(case.nodes.us).center_ras, lambda pose: None)
    scene.Clear(0)
    handle.remove()
    assert scene.GetNumberOfNodesByClass("vtkMRMLTransformDisplayNode") == 0


def test_the_request_to_refine_holds_the_images_as_they_were_and_the_pose_to_start_from(case, mri_to_us_ras, tmp_path):
    set_matrix(case.transform, mri_to_us_ras)
    request = refinement_request(case, mri_to_us_ras, tmp_path)
    content = json.loads(request.request.read_text())
    assert content["task"] == "register"
    arguments = content["arguments"]
    assert arguments["local"] is True
    np.testing.assert_allclose(read_transform(arguments["initial"]), mri_to_us_ras, atol=1e-9)
    assert len(arguments["mri"]) == 2
    mri = sitk.ReadImage(arguments["mri"][0])
    own = vtk.vtkMatrix4x4()
    case.nodes.mri.GetIJKToRASMatrix(own)
    np.testing.assert_allclose(ijk_to_ras(mri).ravel(), own.GetData(), atol=1e-4)
    assert request.result == tmp_path / "registration" / "registration.json"
