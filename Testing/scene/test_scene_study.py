"""What the user registered in the scene is a study's case that lies as it does in the scene."""

import json
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.datasets.given_case import study_for_given, write_given_case  # noqa: E402
from IUSTumorSegLib.errors import BadInput  # noqa: E402
from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration, SourceFile  # noqa: E402
from IUSTumorSegLib.registration.registration_files import read_registration  # noqa: E402
from IUSTumorSegLib.scene.cases import CaseNodes  # noqa: E402
from IUSTumorSegLib.scene.logic import IUSTumorSegSceneLogic  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, load_volume, transform_node  # noqa: E402
from IUSTumorSegLib.scene.registration_nodes import apply_registration, keep_verdict  # noqa: E402
from IUSTumorSegLib.scene.scene_study import given_case, named_apart, registered_pairs, source_folders  # noqa: E402
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation, segmentation_from_labelmap  # noqa: E402
from IUSTumorSegLib.study.case import read_case  # noqa: E402
from IUSTumorSegLib.study.case_images import read_case_images  # noqa: E402
from IUSTumorSegLib.study.case_state import read_state  # noqa: E402
from IUSTumorSegLib.study.source_notes import notes_on_sources  # noqa: E402

SIZE = (30, 30, 30)
ELSEWHERE = Path("/nowhere")


@pytest.fixture
def images(oblique_image, ball):
    """Two grids that lie oblique and not on each other, and a tumour on the MRI's."""
    speckle = np.random.default_rng(3).uniform(1, 200, SIZE).astype(np.uint8)
    us = oblique_image(speckle)
    mri = oblique_image(speckle.astype(np.int16), 1.1, (10.0, 5.0, -8.0), (9.0, -30.0, 18.0))
    tumor = sitk.GetImageFromArray(ball(SIZE, (16, 15, 14), 7))
    tumor.CopyInformation(mri)
    return {"us": us, "mri": mri, "tumor": tumor}


@pytest.fixture
def pair(scene, images, tmp_path):
    """Loaded from files, as a user does."""
    nodes = {}
    (tmp_path / "patient").mkdir()
    for name in ("us", "mri"):
        path = tmp_path / "patient" / f"{name}.nrrd"
        sitk.WriteImage(images[name], str(path))
        nodes[name] = load_volume(scene, path, f"{name} of a patient")
    tumor = segmentation_from_labelmap(scene, images["tumor"], nodes["mri"], "tumour", "mri_tumor")
    return CaseNodes(nodes["us"], nodes["mri"], tumor)


def written(pair_or_scene, folder, fleeting=ELSEWHERE):
    """The folder of the one case of the scene, written into a study."""
    (pair,) = registered_pairs(pair_or_scene)
    ((name, patient),) = named_apart([pair])
    study = study_for_given(folder, "scene", source_folders([pair]))
    assert write_given_case(study, given_case(pair, name, patient, fleeting), "scene") == ""
    return study.folder / "cases" / name


def grid_of(image):
    return [*image.GetSize(), *image.GetOrigin(), *image.GetSpacing(), *image.GetDirection()]


def test_the_case_lies_as_it_does_in_the_scene_whatever_transforms_are_there(
    scene, pair, tmp_path, mri_to_us_ras, rigid_matrix
):
    tracker = transform_node(scene, rigid_matrix((20.0, 5.0, -30.0), (50.0, 10.0, -20.0)), "Tracker")
    for node in (pair.us, pair.mri, pair.mri_tumor):
        node.SetAndObserveTransformNodeID(tracker.GetID())
    IUSTumorSegSceneLogic(scene).applyRegistration(pair, mri_to_us_ras)
    read = read_case_images(written(scene, tmp_path / "study"), overlays=False)
    np.testing.assert_allclose(grid_of(read.us), grid_of(image_from_volume(pair.us)), atol=1e-9)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read.us), sitk.GetArrayFromImage(image_from_volume(pair.us)))
    np.testing.assert_allclose(read.registration.mri_to_us_ras, mri_to_us_ras, atol=1e-12)
    # The file moved by its registration lies where the node lies in the scene.
    mri = read.mris[0][1]
    corner_ras = np.array([-1.0, -1.0, 1.0]) * mri.TransformContinuousIndexToPhysicalPoint((3.0, 20.0, 11.0))
    moved_ras = read.registration.mri_to_us_ras @ [*corner_ras, 1.0]
    in_scene = [-1.0, -1.0, 1.0] * np.array(
        image_from_volume(pair.mri).TransformContinuousIndexToPhysicalPoint((3.0, 20.0, 11.0))
    )
    np.testing.assert_allclose(moved_ras[:3], in_scene, atol=1e-6)


def test_the_label_is_carried_over_as_the_module_does_it(scene, pair, tmp_path, mri_to_us_ras):
    logic = IUSTumorSegSceneLogic(scene)
    logic.applyRegistration(pair, mri_to_us_ras)
    folder = written(scene, tmp_path / "study")
    state = read_state(folder)
    assert (state.label, state.stale_label, state.failed) == ("propagated", False, "")
    by_module = labelmap_from_segmentation(logic.propagate(pair), pair.us)
    label = sitk.ReadImage(str(folder / "us_tumor_from_mri.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(label), sitk.GetArrayFromImage(by_module))


def test_files_that_hold_the_same_are_referred_to_and_others_are_copied(scene, pair, tmp_path, mri_to_us_ras):
    apply_registration(pair, mri_to_us_ras)
    case = read_case(written(scene, tmp_path / "one"))
    assert case.us.path == (tmp_path / "patient" / "us.nrrd").resolve()
    assert case.mri[0].path == (tmp_path / "patient" / "mri.nrrd").resolve()
    assert case.mri_tumor.path == Path("sources/mri_tumor.nrrd")
    assert notes_on_sources(tmp_path / "one" / "cases" / case.case) == ()
    pair.us.GetImageData().GetPointData().GetScalars().SetValue(0, 7)
    pair.us.GetImageData().Modified()
    folder = written(scene, tmp_path / "two")
    case = read_case(folder)
    assert case.us.path == Path("sources/us.nrrd")
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(folder / case.us.path)))[0, 0, 0] == 7
    case = read_case(written(scene, tmp_path / "three", fleeting=tmp_path / "patient"))
    assert case.mri[0].path == Path("sources/mri.nrrd")


def test_the_record_of_the_registration_comes_along_until_its_pose_is_changed(scene, pair, tmp_path, mri_to_us_ras):
    source = SourceFile(Path("gone.nii.gz"), "0" * 64)
    registration = Registration(
        (source,), source, np.eye(4), mri_to_us_ras, "lc2", {"starts": 8}, "1", 0.4,
        Judgement("accept", ("It agrees.",), 0.9, 1.2), (Candidate(mri_to_us_ras, 0.4), Candidate(np.eye(4), 0.3)),
        None, 1.0, "cpu", pose_samples=(mri_to_us_ras,),
    )  # fmt: skip
    transform = apply_registration(pair, mri_to_us_ras)
    keep_verdict(transform, registration)
    found = read_registration(written(scene, tmp_path / "one") / "registration.json")
    assert (found.method_name, found.verdict, found.score, len(found.candidates)) == ("lc2", "accept", 0.4, 2)
    np.testing.assert_array_equal(found.candidates[1].mri_to_us_ras, np.eye(4))
    assert found.us.path == (tmp_path / "patient" / "us.nrrd").resolve()
    apply_registration(pair, np.eye(4))
    found = read_registration(written(scene, tmp_path / "two") / "registration.json")
    np.testing.assert_array_equal(found.mri_to_us_ras, np.eye(4))
    assert (found.method_name, found.verdict, found.candidates) == ("manual", "review", ())
    assert "changed in the scene" in found.reasons[0]


def test_cases_of_a_study_that_are_in_the_scene_are_none_of_the_scenes_own(scene, pair, tmp_path, mri_to_us_ras):
    from IUSTumorSegLib.scene.study_cases import load_case

    apply_registration(pair, mri_to_us_ras)
    load_case(scene, read_case_images(written(scene, tmp_path / "study"), overlays=False))
    assert [found.us for found in registered_pairs(scene)] == [pair.us]


def test_two_ultrasounds_of_one_mri_are_two_cases_of_one_patient(scene, pair, images, mri_to_us_ras):
    from IUSTumorSegLib.scene.nodes import volume_from_image

    second = volume_from_image(scene, images["us"], "us of a patient")
    apply_registration(pair, mri_to_us_ras)
    apply_registration(CaseNodes(second, pair.mri, pair.mri_tumor), np.eye(4))
    pairs = registered_pairs(scene)
    assert named_apart(pairs) == [("us_of_a_patient", "patient-01"), ("us_of_a_patient-2", "patient-01")]
    poses = [given_case(one, "c", "p", ELSEWHERE).registration.mri_to_us_ras for one in pairs]
    np.testing.assert_allclose(poses, [mri_to_us_ras, np.eye(4)], atol=1e-12)


def test_a_study_is_made_in_a_new_or_empty_folder_outside_of_the_images_own(tmp_path):
    images = tmp_path / "patient"
    images.mkdir()
    (images / "us.nrrd").write_bytes(b"")
    with pytest.raises(BadInput, match="holds something"):
        study_for_given(images, "scene", [])
    with pytest.raises(BadInput, match="never written to"):
        study_for_given(images / "study", "scene", [images])
    assert [path.name for path in images.iterdir()] == ["us.nrrd"]
    made = study_for_given(tmp_path / "study", "scene", [images])
    assert json.loads((made.folder / "study.json").read_text())["sources"]["scene"]["dataset"] == "scene"
