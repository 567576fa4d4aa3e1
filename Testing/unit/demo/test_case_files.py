import json

import numpy as np
import pytest

from IUSTumorSegLib.demo.case_files import simulate_files, write_case
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.volumes import read_label, read_volume
from IUSTumorSegLib.jobs.progress import silent
from IUSTumorSegLib.registration.landmarks import mean_landmark_error_mm, read_tag


@pytest.fixture(scope="module")
def folder(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    write_case(case, folder)
    return folder


def test_a_case_is_the_files_that_the_commands_take(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "LICENSE-MNI152.txt",
        "landmarks.tag",
        "mri_flair.nii.gz",
        "mri_tumor.nii.gz",
        "truth.json",
        "us.nii.gz",
        "us_tumor_truth.nii.gz",
    ]


def test_the_library_reads_back_what_was_simulated(folder, case):
    import SimpleITK as sitk

    us = read_volume(folder / "us.nii.gz", "ultrasound")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(us), sitk.GetArrayFromImage(case.us))
    np.testing.assert_allclose(us.GetOrigin(), case.us.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(us.GetDirection(), case.us.GetDirection(), atol=1e-5)
    label = read_label(folder / "mri_tumor.nii.gz", "tumour label")
    assert sitk.GetArrayFromImage(label).sum() == sitk.GetArrayFromImage(case.mri_tumor).sum()


def test_the_truth_file_says_what_the_landmarks_say(folder):
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    pairs = read_tag(folder / "landmarks.tag")
    pose = np.array(truth["true_mri_to_us_ras"])
    assert mean_landmark_error_mm(pairs, pose) == pytest.approx(truth["landmarks"]["floor_at_true_pose_mm"], abs=1e-3)
    assert mean_landmark_error_mm(pairs, np.eye(4)) == pytest.approx(truth["landmarks"]["at_start_mm"], abs=1e-3)
    assert truth["simulated"] is True
    assert "best rigid fit" in truth["definition"]


def test_everything_that_names_the_case_says_simulated(folder):
    assert "simulated" in (folder / "landmarks.tag").read_text(encoding="utf-8").lower()
    assert "simulated" in (folder / "truth.json").read_text(encoding="utf-8")


def test_an_unknown_contrast_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(BadInput, match="FLAIR, but found PD") as refused:
        simulate_files(out=tmp_path / "new", contrasts=("PD",), progress=silent)
    assert "T1ce" in str(refused.value)
    assert not (tmp_path / "new").exists()
