"""What the Slicer modules do, from loading to export, on real MRML."""

import inspect
import json

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.errors import BadInput  # noqa: E402
from IUSTumorSegLib.images.geometry import center_of_mass_ras, ijk_to_ras  # noqa: E402
from IUSTumorSegLib.images.volumes import read_label, read_volume  # noqa: E402
from IUSTumorSegLib.jobs.tasks import find_task, run_task  # noqa: E402
from IUSTumorSegLib.registration.registration import Judgement, Registration, SourceFile  # noqa: E402
from IUSTumorSegLib.registration.registration_files import write_registration  # noqa: E402
from IUSTumorSegLib.scene.cases import CaseNodes  # noqa: E402
from IUSTumorSegLib.scene.comparison import SlicePane  # noqa: E402
from IUSTumorSegLib.scene.logic import DEMO_FOLDER, IUSTumorSegSceneLogic  # noqa: E402
from IUSTumorSegLib.scene.nodes import array_of, image_from_volume, node_to_world, transform_node  # noqa: E402
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation, segmentation_from_labelmap  # noqa: E402

MRI_CENTER_IJK, US_SIZE = (22, 18, 20), (60, 56, 52)


@pytest.fixture
def demo_folder(tmp_path, oblique_image, ball):
    """A case as the demo writes it, in small: a bright ball on the MRI, labelled, and an ultrasound of noise."""
    mri_label = ball((44, 40, 42), MRI_CENTER_IJK, 6)
    noise = np.random.default_rng(2).gamma(2.0, 20.0, US_SIZE[::-1]).astype(np.float32)
    folder = tmp_path / "DemoCase"
    folder.mkdir()
    sitk.WriteImage(oblique_image(mri_label * 100.0 + 20), str(folder / "mri_flair.nii.gz"))
    sitk.WriteImage(oblique_image(mri_label), str(folder / "mri_tumor.nii.gz"))
    us = oblique_image(noise, spacing_mm=0.9, degrees=(5.0, 0.0, 10.0), origin_mm=(5.0, -40.0, 15.0))
    sitk.WriteImage(us, str(folder / "us.nii.gz"))
    return folder


@pytest.fixture
def logic(scene):
    return IUSTumorSegSceneLogic(scene)


@pytest.fixture
def case(logic, demo_folder):
    return logic.loadDemoCase(demo_folder)


@pytest.fixture
def tumor_ras(demo_folder):
    """Where the tumour is in the MRI's file, by SimpleITK."""
    return center_of_mass_ras(read_label(demo_folder / "mri_tumor.nii.gz"))


def moved(matrix, point):
    return (matrix @ [*point, 1.0])[:3]


def test_the_demo_case_comes_as_three_nodes_in_one_folder_that_are_called_simulated(scene, case, tumor_ras):
    for node in (case.us, case.mri, case.mri_tumor):
        assert "simulated" in node.GetName()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    folder = hierarchy.GetItemChildWithName(hierarchy.GetSceneItemID(), DEMO_FOLDER)
    assert {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(n)) for n in (case.us, case.mri, case.mri_tumor)} == {
        folder
    }
    np.testing.assert_allclose(
        center_of_mass_ras(labelmap_from_segmentation(case.mri_tumor, case.mri)), tumor_ras, atol=0.01
    )


def test_the_files_for_registration_hold_the_nodes_as_they_lie_in_the_world(
    logic, case, scene, demo_folder, tmp_path, rigid_matrix, tumor_ras
):
    pose = rigid_matrix((10.0, 0.0, -20.0), (5.0, 60.0, 1.0))
    tracker = transform_node(scene, pose, "Tracker")
    for node in (case.us, case.mri, case.mri_tumor):
        node.SetAndObserveTransformNodeID(tracker.GetID())
    job = logic.registrationRequest(case, tmp_path / "job", method="mattes", seed=7)
    request = json.loads(job.request.read_text())
    arguments = request["arguments"]
    assert request["task"] == "register"
    assert (arguments["method"], arguments["seed"], arguments["device"]) == ("mattes", 7, "auto")
    assert job.result == tmp_path / "job" / "registration" / "registration.json"
    for path, source in ((arguments["us"], "us.nii.gz"), (arguments["mri"][0], "mri_flair.nii.gz")):
        written, original = read_volume(path), read_volume(demo_folder / source)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(original))
        np.testing.assert_allclose(ijk_to_ras(written), pose @ ijk_to_ras(original), atol=1e-4)
    written_center = center_of_mass_ras(read_label(arguments["mri_tumor"]))
    np.testing.assert_allclose(written_center, moved(pose, tumor_ras), atol=0.01)


def test_registering_again_starts_from_where_the_mri_stood_before(logic, case, demo_folder, tmp_path, mri_to_us_ras):
    logic.applyRegistration(case, mri_to_us_ras)
    job = logic.registrationRequest(case, tmp_path / "job")
    arguments = json.loads(job.request.read_text())["arguments"]
    for path, source in ((arguments["mri"][0], "mri_flair.nii.gz"), (arguments["mri_tumor"], "mri_tumor.nii.gz")):
        np.testing.assert_allclose(
            ijk_to_ras(sitk.ReadImage(path)), ijk_to_ras(sitk.ReadImage(str(demo_folder / source))), atol=1e-4
        )


def test_the_request_s_arguments_are_those_that_the_task_takes(logic, case, tmp_path):
    request = json.loads(logic.registrationRequest(case, tmp_path / "job").request.read_text())
    inspect.signature(find_task(request["task"])).bind(**request["arguments"])


def registration_of(mri_to_us_ras, tmp_path):
    source = SourceFile(tmp_path / "x.nrrd", "0" * 64)
    judgement = Judgement("review", ("The two searches disagree by 3 mm.",), 0.8, 2.5)
    return Registration(
        mri=(source,), us=source, initial_mri_to_us_ras=np.eye(4), mri_to_us_ras=mri_to_us_ras,
        method_name="lc2", method_settings={}, method_version="1", score=0.42, judgement=judgement,
        candidates=(), landmarks=None, seconds=1.0, device="cpu",
    )  # fmt: skip


def test_a_finished_registration_moves_the_mri_and_its_verdict_stays_with_it(logic, case, mri_to_us_ras, tmp_path):
    write_registration(registration_of(mri_to_us_ras, tmp_path), tmp_path)
    transform = logic.applyRegistrationFile(case, tmp_path / "registration.json")
    np.testing.assert_allclose(node_to_world(case.mri), mri_to_us_ras, atol=1e-9)
    verdict = logic.verdictOf(case)
    assert (verdict.verdict, verdict.reasons) == ("review", ("The two searches disagree by 3 mm.",))
    assert (verdict.predicted_error_mm, verdict.success_probability, verdict.score, verdict.method) == (
        2.5,
        0.8,
        0.42,
        "lc2",
    )
    assert logic.findRegistration(case) == transform
    logic.applyRegistration(case, np.eye(4))
    assert logic.verdictOf(case) is None
    logic.removeRegistration(case)
    assert logic.findRegistration(case) is None and logic.verdictOf(case) is None


@pytest.mark.parametrize("under_a_transform", [False, True])
def test_the_propagated_tumour_is_where_the_registration_puts_it_whatever_the_nodes_are_under(
    logic, case, scene, mri_to_us_ras, rigid_matrix, tumor_ras, under_a_transform
):
    mri_pose = us_pose = np.eye(4)
    if under_a_transform:
        mri_pose, us_pose = (
            rigid_matrix((3.0, 2.0, 1.0), (1.0, 2.0, 3.0)),
            rigid_matrix((0.0, -4.0, 8.0), (-2.0, 1.0, 4.0)),
        )
        case.us.SetAndObserveTransformNodeID(transform_node(scene, us_pose, "Probe").GetID())
        for node in (case.mri, case.mri_tumor):
            node.SetAndObserveTransformNodeID(transform_node(scene, mri_pose, "Head").GetID())
    logic.applyRegistration(case, mri_to_us_ras)
    segmentation = logic.propagate(case)
    label = labelmap_from_segmentation(segmentation, case.us)
    expected = moved(mri_to_us_ras @ mri_pose, tumor_ras)
    np.testing.assert_allclose(center_of_mass_ras(label), expected, atol=0.3)
    assert sitk.GetArrayViewFromImage(label).sum() * np.prod(label.GetSpacing()) == pytest.approx(
        4 / 3 * np.pi * 6**3 * 0.99, rel=0.05
    )
    assert segmentation.GetTransformNodeID() == case.us.GetTransformNodeID()
    bounds = np.zeros(6)
    segmentation.GetRASBounds(bounds)  # Slicer's own idea of where it is
    np.testing.assert_allclose((bounds[::2] + bounds[1::2]) / 2, expected, atol=1.0)


def test_propagating_again_updates_the_same_segmentation(logic, case, mri_to_us_ras, tumor_ras):
    logic.applyRegistration(case, np.eye(4))
    first = logic.propagate(case)
    logic.applyRegistration(case, mri_to_us_ras)
    assert logic.propagate(case) == first
    expected = moved(mri_to_us_ras, tumor_ras)
    np.testing.assert_allclose(center_of_mass_ras(labelmap_from_segmentation(first, case.us)), expected, atol=0.3)


def test_a_tumour_that_lands_outside_the_ultrasound_is_refused_and_makes_no_node(logic, case, scene, rigid_matrix):
    logic.applyRegistration(case, rigid_matrix((0.0, 0.0, 0.0), (500.0, 0.0, 0.0)))
    before = scene.GetNumberOfNodes()
    with pytest.raises(BadInput, match="check the registration"):
        logic.propagate(case)
    assert scene.GetNumberOfNodes() == before


@pytest.mark.parametrize("step", ["registrationRequest", "propagate", "compare"])
def test_a_step_without_its_nodes_says_what_to_choose(logic, tmp_path, step):
    others = {"registrationRequest": (tmp_path,), "propagate": (), "compare": ([],)}[step]
    with pytest.raises(BadInput, match="Choose an ultrasound volume first"):
        getattr(logic, step)(CaseNodes(), *others)


def test_comparing_lays_the_views_through_the_tumour_and_lets_go_again(logic, case, scene, mri_to_us_ras, tumor_ras):
    logic.applyRegistration(case, mri_to_us_ras)
    import vtk

    slice_logics = []
    for name in ("A", "B", "C"):
        slice_logic = slicer.vtkMRMLSliceLogic()
        slice_logic.SetMRMLScene(scene)
        slice_logic.AddSliceNode(name)
        slice_logic.ResizeSliceNode(200, 200)
        slice_logics.append(slice_logic)
    comparison = logic.compare(case, [SlicePane(each, vtk.vtkRenderer()) for each in slice_logics])
    for slice_logic in slice_logics:
        middle = array_of(slice_logic.GetSliceNode().GetXYToRAS()) @ [100, 100, 0, 1]
        np.testing.assert_allclose(middle[:3], moved(mri_to_us_ras, tumor_ras), atol=0.5)
        assert slice_logic.GetSliceCompositeNode().GetForegroundVolumeID() == case.mri.GetID()
    comparison.detach()
    for slice_logic in slice_logics:
        assert slice_logic.GetSliceCompositeNode().GetForegroundVolumeID() is None
        slice_logic.SetMRMLScene(None)


def test_the_scene_s_cases_go_to_the_export_task_as_it_wants_them(logic, case, scene, mri_to_us_ras, tmp_path):
    write_registration(registration_of(mri_to_us_ras, tmp_path), tmp_path)
    logic.applyRegistrationFile(case, tmp_path / "registration.json")
    assert logic.casesInScene() == []
    propagated = logic.propagate(case)
    (found,) = logic.casesInScene()
    assert (found.us, found.mri, found.us_tumor) == (case.us, case.mri, propagated)
    second_us = image_from_volume(case.us)
    from IUSTumorSegLib.scene.nodes import volume_from_image

    other = volume_from_image(scene, second_us, "Second patient")
    segmentation_from_labelmap(
        scene, labelmap_from_segmentation(propagated, case.us), other, "Corrected", "us_tumor_corrected"
    )
    cases = logic.casesInScene()
    assert len(cases) == 2

    from IUSTumorSegLib.slices.case_table import read_case_table

    job = logic.exportRequest(cases, tmp_path / "export", "501_SceneCases", [0.0, 15.0])
    request = json.loads(job.request.read_text())
    table = read_case_table(tmp_path / "export" / "cases.csv")
    assert [(row.label_source, row.verdict, row.predicted_error_mm) for row in table] == [
        ("mri", "review", 2.5),
        ("corrected", "", None),
    ]
    written = read_label(table[0].us_tumor)
    expected = labelmap_from_segmentation(propagated, case.us)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(expected))
    request["arguments"]["folds"] = 2
    run_task(request["task"], request["arguments"], lambda *_, **__: None)
    assert (job.result / "Dataset501_SceneCases" / "dataset.json").is_file()


def test_exporting_nothing_is_refused(logic, tmp_path):
    with pytest.raises(BadInput, match="propagate a label"):
        logic.exportRequest([], tmp_path, "501_Nothing")
