import csv
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from made_sources import archive_resect, image, make_writable, resect_seg, state_of, ultrasound

from IUSTumorSegLib.datasets.import_dataset import LOCK_FILE, import_dataset
from IUSTumorSegLib.errors import BadInput, Cancelled, Failed
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.file_lock import locked_file
from IUSTumorSegLib.study.study_folder import case_folder, case_names, check_files, create_study, read_study


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


@pytest.fixture
def resect(tmp_path):
    return archive_resect(archive_resect(tmp_path / "RESECT", 1), 2)


def take(study, source, dataset="resect", **more):
    return import_dataset(study=study.folder, dataset=dataset, source=[source], **more)


def cases_state(study):
    return state_of(study.folder / "cases")


def test_a_source_is_only_read(study, resect):
    before = state_of(resect)
    take(study, resect)
    take(study, resect, copy=True)
    assert state_of(resect) == before


def test_importing_again_changes_no_byte_and_keeps_reviews(study, resect):
    take(study, resect)
    folder = case_folder(study, "RESECT-Case1-before")
    (folder / "reviews.jsonl").write_text('{"verdict": "accept"}\n')
    before = cases_state(study)
    report = take(study, resect)
    assert cases_state(study) == before and report.count("unchanged") == len(report.rows) == 6


def test_importing_again_adds_a_new_patient_and_a_new_image_and_nothing_else(study, resect):
    take(study, resect)
    before = cases_state(study)
    archive_resect(resect, 3)
    image(resect / "NIFTI" / "Case1" / "MRI" / "Case1-T2.nii.gz", 77)
    report = take(study, resect)
    after = cases_state(study)
    assert (report.count("new"), report.count("added to"), report.count("unchanged")) == (3, 3, 3)
    changed = {name.split("/")[0] for name in before if after[name] != before[name]}
    assert changed == {f"RESECT-Case1-{point}" for point in ("before", "during", "after")}
    assert {file.what for file in read_case(case_folder(study, "RESECT-Case1-before")).mri} == {"T1", "FLAIR", "T2"}


def test_copied_images_stand_alone(study, resect):
    take(study, resect, copy=True)
    shutil.rmtree(resect)
    for name in case_names(study):
        folder = case_folder(study, name)
        case = read_case(folder)
        assert not case.us.path.is_absolute() and len(case.us.sha256) == 64
        check_files(folder, case)


def test_a_moved_source_is_followed_when_it_is_imported_again(study, resect, tmp_path):
    take(study, resect)
    moved = tmp_path / "other drive"
    resect.rename(moved)
    folder = case_folder(study, "RESECT-Case2-before")
    with pytest.raises(BadInput, match="RESECT-Case2-before"):
        check_files(folder, read_case(folder))
    report = take(study, moved)
    assert all("new place" in row.reason for row in report.rows)
    check_files(folder, read_case(folder))


def test_a_file_changed_since_import_is_named_and_the_case_stays(study, resect):
    take(study, resect)
    before = cases_state(study)
    changed = image(resect / "NIFTI" / "Case1" / "MRI" / "Case1-FLAIR.nii.gz", 99)
    report = take(study, resect)
    assert cases_state(study) == before
    assert {row.patient for row in report.rows if str(changed) in row.reason} == {"RESECT-Case1"}


def test_a_dry_run_writes_nothing_and_says_what_an_import_would_do(study, resect):
    before = state_of(study.folder)
    planned = take(study, resect, dry_run=True)
    assert state_of(study.folder) == before
    assert take(study, resect).rows == planned.rows


def test_the_table_is_kept_in_the_study_with_the_rows_of_all_sources(study, resect, tmp_path):
    take(study, resect)
    image(tmp_path / "own" / "P1" / "us.nii.gz")
    take(study, tmp_path / "own", "folder")
    with (study.folder / "import.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["case"] for row in rows} == {*case_names(study)} and {row["source"] for row in rows} == {
        "RESECT",
        "own",
    }


def test_sources_and_their_licences_are_kept_in_the_study(study, resect, tmp_path):
    take(study, resect)
    take(study, resect_seg(tmp_path / "masks", 1), "resect-seg")
    sources = read_study(study.folder)["sources"]
    assert sources["RESECT"]["path"] == str(resect) and sources["RESECT"]["licence"]["commercial_use"] is True
    assert sources["RESECT-SEG"]["licence"]["commercial_use"] is False


def test_a_cancelled_import_leaves_whole_cases_and_goes_on(study, resect):
    def cancel_at_third(stage, done=0, total=0, message=""):
        if stage == "import" and done == 3:
            raise Cancelled("now")

    with pytest.raises(Cancelled):
        take(study, resect, progress=cancel_at_third)
    assert len(case_names(study)) == 3 and not list((study.folder / "cases").glob(".*"))
    report = take(study, resect)
    assert (report.count("new"), report.count("unchanged")) == (3, 3)


KILLED = """
import sys
from pathlib import Path
from IUSTumorSegLib.datasets.import_dataset import import_dataset
print("start", flush=True)
import_dataset(study=Path(sys.argv[1]), dataset="remind", source=[Path(sys.argv[2])],
               progress=lambda stage, done=0, total=0, message="": print(stage, done, flush=True))
"""


def test_a_killed_import_leaves_no_broken_case(study, tmp_path):
    for patient in range(6):
        ultrasound(tmp_path / "R" / f"{patient}.dcm", f"ReMIND-{patient:03d}", seed=patient, shape=(40, 100, 100))
    for wait in (1, 3, 5):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, study.folder, tmp_path / "R"], stdout=subprocess.PIPE, text=True
        )
        for line in child.stdout:
            if line.startswith(f"import {wait}"):
                time.sleep(0.01 * wait)
                break
        child.send_signal(signal.SIGKILL)
        child.wait()
        for name in case_names(study):
            check_files(case_folder(study, name), read_case(case_folder(study, name)))
    take(study, tmp_path / "R", "remind")
    assert len(case_names(study)) == 6


def test_a_broken_case_is_named_and_the_others_are_imported(study, resect):
    take(study, resect)
    (case_folder(study, "RESECT-Case1-after") / "case.json").write_text("{")
    report = take(study, resect)
    assert [row.case for row in report.rows if "not valid JSON" in row.reason] == ["RESECT-Case1-after"]
    assert report.count("unchanged") == 5


def test_a_study_inside_its_source_is_refused(tmp_path):
    archive_resect(tmp_path, 1)
    inside = create_study(tmp_path / "study")
    with pytest.raises(BadInput, match="inside"):
        take(inside, tmp_path)


@pytest.mark.parametrize(("more", "found"), [({"keep": "A=b"}, "--keep"), ({"dataset": "resec"}, "'resec'")])
def test_wrong_options_are_refused(more, found, study, resect):
    with pytest.raises(BadInput, match=found):
        take(study, resect, **more)


def test_a_full_disk_leaves_no_case_and_says_so(study, resect, monkeypatch):
    def full(*args, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(Failed, match="No space"):
        take(study, resect, copy=True)
    assert case_names(study) == [] and not list((study.folder / "cases").glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_read_only_source_is_imported_and_copies_can_be_removed(study, resect):
    for path in resect.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    take(study, resect, copy=True)
    copied = case_folder(study, "RESECT-Case1-before") / "sources" / "us.nii.gz"
    assert copied.stat().st_mode & 0o200
    make_writable(resect)


def test_a_damaged_image_is_named_and_the_other_cases_are_imported(study, resect):
    damaged = resect / "NIFTI" / "Case1" / "US" / "Case1-US-during.nii.gz"
    damaged.write_bytes(b"half a downl")
    report = take(study, resect)
    assert [row.case for row in report.rows if str(damaged) in row.reason] == ["RESECT-Case1-during"]
    assert report.count("new") == 5


def test_a_file_that_is_not_as_its_check_sum_says_is_named(study, resect):
    beside = resect / "NIFTI" / "Case1" / "US" / "Case1-US-during.nii.gz.md5"
    beside.write_text("0" * 32 + "  Case1-US-during.nii.gz")
    report = take(study, resect)
    assert [row.case for row in report.rows if ".md5" in row.reason] == ["RESECT-Case1-during"]


def test_a_second_import_at_the_same_time_is_refused(study, resect):
    with locked_file(study.folder / LOCK_FILE), pytest.raises(BadInput, match="another import"):
        take(study, resect)
    assert case_names(study) == [] and take(study, resect).count("new") == 6


def test_what_a_killed_import_left_is_removed_by_the_next(study, resect):
    (study.folder / "cases" / ".partial-1-RESECT-Case1-before" / "sources").mkdir(parents=True)
    take(study, resect)
    assert not list((study.folder / "cases").glob(".*"))
