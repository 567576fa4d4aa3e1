import json

import numpy as np
import pytest
import SimpleITK as sitk
from made_cases import case_file, change_case, identity_registration, register, review

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.case_state import read_state
from IUSTumorSegLib.study.propagate_study import propagate_again, propagate_case, propagate_study, reason_to_leave
from IUSTumorSegLib.study.run import do_case, note_failure
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder, located


@pytest.fixture
def study(tmp_path):
    return made_study(tmp_path / "study", 5)


@pytest.fixture
def folder(study, tmp_path):
    """A case with an ultrasound of 20 x 20 x 20 mm and a cube of 8 mm drawn on the MRI, in the same place."""
    folder = case_folder(study, "case-0000")
    label = np.zeros((20, 20, 20), np.uint8)
    label[6:14, 6:14, 6:14] = 1
    ultrasound = np.random.default_rng(0).uniform(1, 200, label.shape).astype(np.uint8)
    for name, array in (("us", ultrasound), ("label", label)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"{name}.nii.gz"))
    change_case(
        folder,
        us=case_file(tmp_path / "us.nii.gz"),
        mri_labels=(case_file(tmp_path / "label.nii.gz", "tumor"),),
    )
    return folder


@pytest.fixture
def asked(monkeypatch):
    names = []
    monkeypatch.setattr(
        "IUSTumorSegLib.study.propagate_study.run_cases",
        lambda study, cases, *rest: names.extend(cases) or (tuple(cases), {}),
    )
    return names


def test_a_pose_that_moves_nothing_carries_the_label_over_as_it_is(folder, tmp_path):
    identity_registration(folder, samples=3)
    propagate_case(folder)
    arrived = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "us_tumor_from_mri.nii.gz")))
    drawn = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "label.nii.gz")))
    np.testing.assert_array_equal(arrived, drawn)
    state = read_state(folder)
    assert state.label == "propagated"
    assert state.max_displacement_mm == pytest.approx(2.0)  # the mean of samples shifted by 1, 2 and 3 mm
    assert reason_to_leave(state) == "propagated already"
    assert reason_to_leave(state, redo=True) == ""


def test_a_new_registration_without_samples_leaves_no_displacement_of_the_old_one(folder):
    identity_registration(folder, samples=3)
    propagate_case(folder)
    identity_registration(folder)
    assert read_state(folder).stale_label
    assert reason_to_leave(read_state(folder)) == ""
    propagate_case(folder)
    assert not (folder / "displacement.json").exists()
    assert read_state(folder).label == "propagated"


def test_a_label_without_the_note_of_its_registration_does_not_count(folder):
    identity_registration(folder)
    propagate_case(folder)
    (folder / "us_tumor_from_mri.json").unlink()
    assert read_state(folder).label == ""
    assert reason_to_leave(read_state(folder)) == ""


def test_a_label_that_changed_since_import_is_not_propagated(folder, tmp_path):
    identity_registration(folder)
    located(folder, read_case(folder).mri_tumor).write_bytes(b"other")
    with pytest.raises(BadInput, match="changed since"):
        propagate_case(folder)
    assert not (folder / "us_tumor_from_mri.nii.gz").exists()


def test_every_case_that_is_left_is_left_for_a_reason(study, asked):
    folders = [case_folder(study, f"case-000{number}") for number in range(5)]
    for folder, verdict in zip(folders[1:], ("accept", "reject", "reject", "review"), strict=True):
        register(folder, verdict)
    review(folders[1], "reject")
    review(folders[3], "accept")
    change_case(folders[4], mri_labels=())
    result = propagate_study(study=study.folder)
    assert asked == ["case-0003"]
    assert result.left == {
        "case-0000": "not registered",
        "case-0001": "rejected by a reviewer",
        "case-0002": "rejected by the registration's own verdict",
        "case-0004": "no tumour label on its MRI",
    }


def test_a_case_that_was_done_is_not_done_again_when_its_worker_is_lost_afterwards(folder):
    times = []
    for _ in range(2):
        do_case(folder, task=times.append, step="propagate", run="abc")
    assert len(times) == 1
    do_case(folder, task=times.append, step="propagate", run="another")
    assert len(times) == 2


def test_the_note_names_registration_and_label(folder):
    identity_registration(folder)
    propagate_case(folder)
    note = json.loads((folder / "us_tumor_from_mri.json").read_text())
    assert note["registration_sha256"] == read_state(folder).registration_sha256
    assert note["label_sha256"] == read_case(folder).mri_tumor.sha256


def test_success_forgets_the_failure_of_the_same_step_only(folder):
    note_failure(folder, "register", "The MRI changed.")
    do_case(folder, task=str, step="propagate", run="abc")
    assert read_state(folder).failed == "The MRI changed."
    do_case(folder, task=str, step="register", run="def")
    assert read_state(folder).failed == ""


def test_a_label_that_cannot_follow_another_pose_is_a_sentence_with_the_cases_name(folder, monkeypatch):
    identity_registration(folder)
    assert propagate_again(folder)
    assert read_state(folder).label == "propagated"

    def full_disk(*arguments):
        raise RuntimeError("writing failed")

    monkeypatch.setattr("IUSTumorSegLib.labels.propagate_files.write_volume", full_disk)
    with pytest.raises(Failed, match=r"label of case-0000 could not be carried over: writing failed"):
        propagate_again(folder)
    assert read_state(folder).stale_label


def test_where_no_tumour_is_drawn_on_the_mri_nothing_follows(folder):
    identity_registration(folder)
    change_case(folder, mri_labels=())
    assert not propagate_again(folder)
