"""The whole chain in a process of its own, as the window and the terminal run it: three patients, one epoch."""

import csv
import json
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.demo.chain import CUT_OFFS_MM2, EMPTY_SHARE, run_demo
from IUSTumorSegLib.demo.demo_files import DemoFiles
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.volumes import read_label, read_volume
from IUSTumorSegLib.registration.landmarks import mean_landmark_error_mm, read_tag
from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.slices.cut import SliceSelection, cut_slices
from IUSTumorSegLib.slices.manifest import read_manifest

PATIENTS, SEED = 3, 7
SELECTION = SliceSelection(min_area_mm2=CUT_OFFS_MM2[0], empty_share=EMPTY_SHARE)

# A busy machine takes its time; alone, two processors need some eighty seconds.
pytestmark = pytest.mark.timeout(900)


def start_demo(folder, **arguments):
    request = folder / "request.json"
    asked = {"out": str(folder / "demo"), "patients": PATIENTS, "seed": SEED, "epochs": 1, **arguments}
    request.write_text(json.dumps({"task": "demo", "arguments": asked}), encoding="utf-8")
    command = [sys.executable, "-m", "IUSTumorSegLib.jobs", str(request)]
    with (folder / "log.txt").open("w") as log:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    job = start_demo(folder)
    events = [json.loads(line) for line in job.stdout]
    assert job.wait() == 0, (events[-1], (folder / "log.txt").read_text())
    return DemoFiles(folder / "demo", PATIENTS, SEED), events


@pytest.mark.slow
def test_the_chain_goes_through_its_stages_in_order(demo):
    stages = list(dict.fromkeys(event["stage"] for event in demo[1]))
    assert [stage for stage in stages if stage not in ("plan", "preprocess", "fingerprint")] == [
        "simulate", "register", "propagate", "export", "train", "predict", "evaluate", "report", "done",
    ]  # fmt: skip


@pytest.mark.slow
def test_registration_brings_the_landmarks_near_their_floor(demo):
    for patient in demo[0].patients:
        truth = json.loads(patient.truth.read_text(encoding="utf-8"))["landmarks"]
        pose = read_registration(patient.registration).mri_to_us_ras
        error = mean_landmark_error_mm(read_tag(patient.landmarks), pose)
        assert error < truth["floor_at_true_pose_mm"] + 1.0 < truth["at_start_mm"]


@pytest.mark.slow
def test_no_slice_of_the_held_out_patient_is_trained_on(demo):
    files = demo[0]
    with files.case_table.open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["patient"] for row in table] == [patient.name for patient in files.training_patients]
    raw = next(files.raw.iterdir())
    exported = {pixels(sitk.ReadImage(str(path))) for path in (raw / "imagesTr").iterdir()}
    us = read_volume(files.held_out.us, "ultrasound")
    held_out = {
        pixels(item.image) for item in cut_slices(us, read_label(files.held_out.us_tumor_truth), SliceSelection())
    }
    assert len(exported) > 50
    assert not exported & held_out


def pixels(image):
    return image.GetSize(), sitk.GetArrayFromImage(image).astype(np.uint8).tobytes()


@pytest.mark.slow
def test_training_labels_are_the_carried_over_ones_not_the_truth(demo):
    files = demo[0]
    raw = next(files.raw.iterdir())
    patient = files.training_patients[0]
    us = read_volume(patient.us, "ultrasound")
    carried = cut_slices(us, read_label(patient.us_tumor_from_mri), SELECTION)
    names = [item.name for item in read_manifest(raw / "manifest.csv") if item.case == "case001"]
    exported = [pixels(sitk.ReadImage(str(raw / "labelsTr" / f"{name}.nii.gz"))) for name in names]
    assert exported == [pixels(item.label) for item in carried]


@pytest.mark.slow
def test_the_report_shows_every_patient_and_the_files_prediction(demo):
    files = demo[0]
    html = files.report.read_text(encoding="utf-8")
    scores = json.loads(files.prediction_scores.read_text(encoding="utf-8"))["mean"]
    for patient in files.patients:
        assert patient.name in html
    assert f"{scores['dice']:.3f}" in html
    assert html.count("data:image/jpeg") == PATIENTS + 18


@pytest.mark.slow
def test_the_scene_opens_with_the_registered_pair_and_its_segmentations(demo, scene, tmp_path):
    from IUSTumorSegLib.scene.cases import find_registration, nodes_of_class
    from IUSTumorSegLib.scene.nodes import image_from_volume, matrix_of
    from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation

    files = demo[0]
    zipfile.ZipFile(files.scene).extractall(tmp_path)
    scene.SetURL(str(next(tmp_path.rglob("*.mrml"))))
    assert scene.Connect()
    volumes = {node.GetName(): node for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode")}
    us, mri = volumes["Ultrasound (simulated)"], volumes["FLAIR (simulated)"]
    pose = read_registration(files.held_out.registration).mri_to_us_ras
    np.testing.assert_allclose(matrix_of(find_registration(us, mri)), pose, atol=1e-6)
    assert mri.GetParentTransformNode() is find_registration(us, mri)
    assert us.GetParentTransformNode() is None
    file = read_volume(files.held_out.us, "ultrasound")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image_from_volume(us)), sitk.GetArrayFromImage(file))
    tumors = {node.GetName(): node for node in nodes_of_class(scene, "vtkMRMLSegmentationNode")}
    assert len(tumors) == 4
    truth = labelmap_from_segmentation(tumors["Tumour, simulated truth"], us)
    expected = read_label(files.held_out.us_tumor_truth)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(truth), sitk.GetArrayFromImage(expected))


@pytest.mark.slow
def test_a_killed_demo_leaves_no_half_written_file_under_its_final_name(tmp_path):
    job = start_demo(tmp_path)
    for line in job.stdout:
        if json.loads(line)["stage"] == "register":
            job.send_signal(signal.SIGKILL)
            break
    job.wait()
    found = [path for path in (tmp_path / "demo").rglob("*") if path.is_file() and not path.name.startswith(".partial")]
    assert len(found) >= 7 * PATIENTS
    for path in found:
        if path.name.endswith(".nii.gz"):
            sitk.ReadImage(str(path))
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
    assert not (tmp_path / "demo" / "report.html").exists()


def test_too_few_patients_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(BadInput, match="at least 3 patients, but found 2"):
        run_demo(out=tmp_path / "new", patients=2)
    assert not (tmp_path / "new").exists()


def test_an_earlier_report_goes_before_new_results_come(tmp_path):
    files = DemoFiles(tmp_path, 3, 1)
    for path in (files.report, files.scene):
        path.write_text("old")
    files.remove_results()
    assert not files.report.exists()
    assert not files.scene.exists()
