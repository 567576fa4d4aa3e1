"""A data set from a study: which cases are taken, with which label, and what is said of the others."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.slices.export import export_slices
from IUSTumorSegLib.slices.folds import assign_patients
from IUSTumorSegLib.slices.manifest import Slice, read_manifest
from IUSTumorSegLib.study.case import Case, CaseFile, Licence, write_case
from IUSTumorSegLib.study.case_state import PROPAGATED_FILE, PROVENANCE_FILE
from IUSTumorSegLib.study.reviews import Review, append_review, registration_sha256
from IUSTumorSegLib.study.study_folder import Study, case_folder, create_study

OPEN = Licence("CC BY 4.0", True)
RESTRICTED = Licence("CC BY-NC-SA 4.0", False)


def source_file(path: Path, what: str = "") -> CaseFile:
    return CaseFile(path, "", path.stat().st_size, path.stat().st_mtime, what)


class StudyMaker:
    """Puts cases of the phantom into a study."""

    def __init__(self, study: Study, us: Path, label: Path) -> None:
        self.study, self.us, self.label = study, source_file(us), source_file(label, "tumor")

    def add(
        self, name: str, patient: str, source: str = "RESECT", drawn: bool = False, licence=OPEN, time_point="before"
    ):
        folder = case_folder(self.study, name)
        folder.mkdir(parents=True)
        labels = (self.label,) if drawn else ()
        write_case(Case(name, patient, source, licence, self.us, us_labels=labels, time_point=time_point), folder)
        return folder

    def propagate(self, folder: Path, verdict: str = "accept", max_mm: float | None = 1.0) -> None:
        pose = {"schema": "iustumorseg.registration/1", "verdict": "accept", "mri_to_us_ras": np.eye(4).tolist()}
        (folder / "registration.json").write_text(json.dumps(pose | {"predicted_error_mm": 1.25}))
        sha256 = registration_sha256(folder)
        (folder / PROVENANCE_FILE).write_text(json.dumps({"registration_sha256": sha256}))
        (folder / "displacement.json").write_text(json.dumps({"max_mm": max_mm} if max_mm else {}))
        (folder / PROPAGATED_FILE).write_bytes(self.label.path.read_bytes())
        if verdict:
            review = Review(verdict, "Dr. Reader", "2026-01-01T00:00:00+00:00", registration_sha256=sha256)
            append_review(folder, review)


@pytest.fixture
def maker(tmp_path, us, label) -> StudyMaker:
    sitk.WriteImage(us, str(tmp_path / "Mueller_us.nii.gz"))
    sitk.WriteImage(label, str(tmp_path / "Mueller_tumor.nii.gz"))
    study = create_study(tmp_path / "study")
    return StudyMaker(study, tmp_path / "Mueller_us.nii.gz", tmp_path / "Mueller_tumor.nii.gz")


@pytest.fixture
def cohort(maker) -> Study:
    """Two cases with labels drawn on the ultrasound, two propagated and accepted, and four that are not ready."""
    maker.add("drawn1", "Mueller", drawn=True)
    maker.add("drawn2", "Mueller", drawn=True, time_point="after")
    maker.propagate(maker.add("accepted", "Meier", "ReMIND", licence=RESTRICTED))
    maker.propagate(maker.add("uncertain", "Schmidt", "ReMIND"), max_mm=4.0)
    maker.propagate(maker.add("flagged", "Schulz"), "flag")
    maker.propagate(maker.add("unseen", "Weber"), "")
    maker.add("unlabelled", "Wagner")
    return maker.study


def export(study: Study, tmp_path: Path, **settings):
    settings = {"dataset": "501_Study", "out": tmp_path / "raw", "folds": 2} | settings
    return export_slices(study=study.folder, **settings)


def test_accepted_and_drawn_labels_are_taken_and_every_other_case_has_its_reason(cohort, tmp_path):
    made = export(cohort, tmp_path)
    assert list(made.case_names.values()) == ["accepted", "drawn1", "drawn2", "uncertain"]
    assert set(made.left) == {"flagged", "unseen", "unlabelled"}
    assert "no label" in made.left["unlabelled"]
    assert "flagged" in made.left["flagged"]


def test_verdicts_labels_time_points_and_displacement_choose_the_cases(cohort, tmp_path):
    def chosen(**wanted):
        return set(export(cohort, tmp_path, **wanted).case_names.values())

    assert chosen(verdicts=["accepted", "flagged"]) == {"accepted", "drawn1", "drawn2", "uncertain", "flagged"}
    assert chosen(labels=["propagated"]) == {"accepted", "uncertain"}
    assert chosen(time_points=["before"]) == {"accepted", "drawn1", "uncertain"}
    assert chosen(max_displacement_mm=2.0) == {"accepted", "drawn1", "drawn2"}


def test_the_manifest_has_what_is_known_of_each_slice_and_no_name(cohort, tmp_path):
    made = export(cohort, tmp_path)
    rows = {item.case: item for item in read_manifest(made.folder / "manifest.csv")}
    numbers = {name: number for number, name in made.case_names.items()}
    carried = rows[numbers["accepted"]]
    assert (carried.source, carried.label_source, carried.verdict) == ("ReMIND", "propagated", "accepted")
    assert (carried.predicted_error_mm, carried.displacement_mm, carried.time_point) == (1.25, 1.0, "before")
    drawn = rows[numbers["drawn2"]]
    assert (drawn.source, drawn.label_source, drawn.time_point, drawn.displacement_mm) == (
        "RESECT",
        "us",
        "after",
        None,
    )
    texts = [path.read_text() for path in made.folder.rglob("*") if path.suffix in (".csv", ".json")]
    texts += [path.name for path in made.folder.rglob("*")]
    assert not any(word in text for text in texts for word in ("Mueller", "Meier", "Reader", "drawn1", "2026"))


def test_a_licence_without_commercial_use_is_written_into_the_data_set(cohort, tmp_path):
    made = export(cohort, tmp_path)
    content = json.loads((made.folder / "dataset.json").read_text())
    assert content["licence"] == made.licence
    assert "CC BY-NC-SA 4.0" in made.licence
    assert "No commercial use: 1 of 4 cases" in made.licence


def test_the_study_keeps_which_case_each_number_stands_for(cohort, tmp_path):
    made = export(cohort, tmp_path)
    record = json.loads((cohort.folder / "exports" / "Dataset501_Study.json").read_text())
    assert record["cases"] == made.case_names
    assert record["left"] == made.left


def test_a_study_in_which_no_case_is_accepted_yet_is_refused_with_its_reasons(maker, tmp_path):
    for number in range(3):
        maker.propagate(maker.add(f"case{number}", f"patient{number}"), "")
    with pytest.raises(BadInput, match=r"none of the 3 cases .*3 x its registration is unreviewed.*review cases first"):
        export(maker.study, tmp_path)
    assert not (tmp_path / "raw").exists()


def test_an_empty_study_is_refused(maker, tmp_path):
    with pytest.raises(BadInput, match="import cases first"):
        export(maker.study, tmp_path)


def test_fewer_accepted_patients_than_folds_are_refused(cohort, tmp_path):
    with pytest.raises(BadInput, match="at least 5 patients for 5 folds, but found 3"):
        export(cohort, tmp_path, folds=5)


def test_slices_of_two_spacings_are_exported_and_said(maker, tmp_path, us, label):
    for image, name in ((us, "us"), (label, "tumor")):
        image.SetSpacing((0.5, 0.5, 0.5))
        sitk.WriteImage(image, str(tmp_path / f"other_{name}.nii.gz"))
    maker.add("drawn1", "Mueller", drawn=True)
    other = StudyMaker(maker.study, tmp_path / "other_us.nii.gz", tmp_path / "other_tumor.nii.gz")
    other.add("drawn2", "Meier", drawn=True)
    made = export(maker.study, tmp_path)
    assert any("from 0.5 to 1.3 mm wide" in note for note in made.notes)


def test_the_command_takes_a_study_and_prints_what_was_left_and_the_licence(cohort, tmp_path):
    words = ["export", str(cohort.folder), "--dataset", "501_Study", "--out", str(tmp_path / "raw"), "--folds", "2"]
    result = CliRunner().invoke(app, [*words, "--min-area", "0,6", "--directions", "k", "--file-ending", ".nii"])
    assert result.exit_code == 0, result.output
    assert "No commercial use" in result.output
    assert "Left: 1 case(s), because its registration is flagged" in result.output
    folder = tmp_path / "raw" / "Dataset501_Study"
    assert (folder / "splits_min_area_6.json").is_file()
    assert {path.suffixes[-1] for path in (folder / "labelsTr").iterdir()} == {".nii"}
    assert json.loads((folder / "dataset.json").read_text())["file_ending"] == ".nii"


def test_the_command_needs_a_study_or_a_table(tmp_path):
    result = CliRunner().invoke(app, ["export", "--dataset", "501_A", "--out", str(tmp_path / "raw")])
    assert result.exit_code == 2
    assert "a study's folder or a table of cases, but found neither" in " ".join(result.output.split())


def test_a_filter_on_a_table_leaves_cases_with_a_reason(tmp_path, write_table):
    rows = [
        {"case": "A", "patient": "1", "label_source": "us", "verdict": "accept"},
        {"case": "B", "patient": "2", "label_source": "mri", "verdict": "accept"},
        {"case": "C", "patient": "3", "label_source": "us", "verdict": "review"},
    ]
    columns = ("case", "patient", "us", "us_tumor", "label_source", "verdict")
    table = write_table(rows, columns)
    made = export_slices(cases=table, dataset="501_T", out=tmp_path / "raw", folds=2, labels=["us"], directions=["k"])
    assert made.left == {"B": "its label is from mri"}
    with pytest.raises(BadInput, match="2 x its verdict is accept; 1 x its label is from us"):
        export_slices(cases=table, dataset="501_T", out=tmp_path / "raw", folds=2, labels=["mri"], verdicts=["review"])


def test_each_data_set_is_spread_over_the_folds():
    one = Slice("case000", "patient0", "k", 0, 50.0, "us", "", None)
    slices = [
        replace(one, case=f"case{n:03d}", patient=f"patient{n}", index=i, source=("RESECT", "ReMIND")[n % 2])
        for n in range(8)
        for i in range(20)
    ]
    folds = assign_patients(slices, 2)
    for source in (0, 1):
        assert sorted(folds[f"patient{n}"] for n in range(source, 8, 2)) == [0, 0, 1, 1]
