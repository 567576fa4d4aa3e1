"""What is registered, and what is left; where and how is in test_run."""

import json
import os

import pytest
from made_cases import change_case, register

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.study import run
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.case_state import read_state
from IUSTumorSegLib.study.register_study import is_registered, register_case, register_study
from IUSTumorSegLib.study.run import alone
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder, located


@pytest.fixture
def study(tmp_path):
    return made_study(tmp_path / "study", 3)


@pytest.fixture
def folder(study):
    return case_folder(study, "case-0000")


@pytest.fixture
def asked(monkeypatch):
    """The cases that a run was asked for, in place of Dask."""
    names = []
    monkeypatch.setattr(
        "IUSTumorSegLib.study.register_study.run_cases",
        lambda study, cases, *rest: names.extend(cases) or (tuple(cases), {}),
    )
    return names


def test_only_what_is_missing_is_registered(study, folder, asked):
    register(folder)
    result = register_study(study=study.folder)
    assert asked == ["case-0001", "case-0002"]
    assert result.left == {"case-0000": "registered already"}


def test_redo_registers_all_and_only_names_some(study, folder, asked):
    register(folder)
    register_study(study=study.folder, redo=True)
    assert asked == ["case-0000", "case-0001", "case-0002"]
    asked.clear()
    register_study(study=study.folder, only=["case-0002"])
    assert asked == ["case-0002"]


def test_a_case_that_is_not_there_and_an_empty_study_are_refused(study, asked, tmp_path):
    with pytest.raises(BadInput, match="'case-9'"):
        register_study(study=study.folder, only=["case-9"])
    with pytest.raises(BadInput, match="study import"):
        register_study(study=made_study(tmp_path / "empty", 0).folder)


def test_two_places_to_work_and_no_worker_are_refused(study):
    with pytest.raises(BadInput, match="one of --workers, --scheduler and --slurm"):
        register_study(study=study.folder, workers=2, scheduler="tcp://x:1")
    with pytest.raises(BadInput, match="at least one worker"):
        register_study(study=study.folder, workers=0)
    with pytest.raises(BadInput, match="method among"):
        register_study(study=study.folder, method="magic")


def test_a_registration_of_other_files_does_not_count(folder):
    register(folder)
    assert is_registered(folder)
    case = read_case(folder)
    (other,) = case.mri_labels
    change_case(folder, us=other)
    assert not is_registered(folder)


def test_a_file_that_changed_on_disk_makes_the_registration_outdated_and_a_missing_drive_does_not(folder):
    register(folder)
    us = located(folder, read_case(folder).us)
    content = us.read_bytes()
    us.unlink()
    assert is_registered(folder)
    us.write_bytes(content[::-1])
    assert not is_registered(folder)


def test_nothing_is_read_of_files_whose_size_and_time_are_the_same(folder, monkeypatch):
    register(folder)
    monkeypatch.setattr(
        "IUSTumorSegLib.registration.registration_files.fingerprint", lambda path: pytest.fail(f"{path} was read")
    )
    assert is_registered(folder)


def test_a_registration_cut_short_between_its_two_files_does_not_count(folder):
    register(folder)
    transform = folder / "mri_to_us.tfm"
    other = transform.read_text().replace("Parameters: ", "Parameters: 1")
    transform.write_text(other)
    os.utime(transform, (4e9, 4e9))
    assert not is_registered(folder)
    transform.unlink()
    assert not is_registered(folder)


def test_a_copied_study_whose_times_were_shuffled_is_still_registered(folder):
    register(folder)
    os.utime(folder / "mri_to_us.tfm", (4e9, 4e9))
    assert is_registered(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"schema": "x"})])
def test_a_broken_registration_is_done_again(content, folder):
    register(folder)
    (folder / "registration.json").write_text(content)
    assert not is_registered(folder)


def test_a_case_whose_files_changed_is_not_registered_and_keeps_its_registration(folder):
    register(folder)
    located(folder, read_case(folder).us).write_bytes(b"something else")
    with pytest.raises(BadInput, match="changed since"):
        register_case(folder)
    assert read_state(folder).registered


def test_a_case_without_an_mri_says_so(folder):
    change_case(folder, mri=())
    with pytest.raises(BadInput, match="an MRI to register, but found none in case case-0000"):
        register_case(folder)


def test_a_second_run_on_the_same_study_is_refused(study, asked):
    with alone(study), pytest.raises(BadInput, match="no other run is at work"):
        register_study(study=study.folder)
    register_study(study=study.folder)


def test_what_a_killed_writer_left_is_removed_and_what_is_not_a_runs_stays(study, folder, asked):
    left = [".partial-123-registration.json", ".partial-9-us_tumor_from_mri.nii.gz", ".begun-abc", ".ended-abc"]
    kept = [".partial-123-us_tumor_corrected.nii.gz", "reviews.jsonl"]
    for name in left + kept:
        (folder / name).write_text("x")
    register_study(study=study.folder)
    assert not [name for name in left if (folder / name).exists()]
    assert all((folder / name).exists() for name in kept)


def test_a_read_only_study_is_not_registered(study, monkeypatch):
    def refuse(probe, *arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.touch", refuse)
    with pytest.raises(BadInput, match="read-only"):
        register_study(study=study.folder)
    assert not list(study.folder.rglob(run.RUN_LOCK))
