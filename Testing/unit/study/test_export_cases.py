import json

import pytest
from made_cases import case_file, change_case, register, review

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.slices.case_table import read_case_table, write_case_table
from IUSTumorSegLib.study.case import Licence
from IUSTumorSegLib.study.export_cases import choose_for_export
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder


@pytest.fixture
def study(tmp_path):
    """Six cases with a propagated label: accepted, accepted but uncertain, rejected, unreviewed, one drawn, one corrected."""
    study = made_study(tmp_path / "study", 6)
    folders = [case_folder(study, f"case-000{number}") for number in range(6)]
    for number, folder in enumerate(folders):
        sha256 = register(folder, error_mm=1.0 + number)
        (folder / "us_tumor_from_mri.nii.gz").write_bytes(b"label")
        (folder / "us_tumor_from_mri.json").write_text(json.dumps({"registration_sha256": sha256}))
        (folder / "displacement.json").write_text(json.dumps({"max_mm": 0.5 + number}))
    for number, verdict in ((0, "accept"), (1, "accept"), (2, "reject"), (5, "reject")):
        review(folders[number], verdict)
    (tmp_path / "drawn.nii.gz").write_bytes(b"drawn")
    change_case(folders[4], us_labels=(case_file(tmp_path / "drawn.nii.gz", "tumor"),))
    (folders[5] / "us_tumor_corrected.nii.gz").write_bytes(b"corrected")
    return study


def taken(study, **options):
    return {case.case: case.label_source for case in choose_for_export(study, **options).cases}


def test_accepted_cases_and_those_drawn_on_the_ultrasound_are_taken_and_every_other_is_left_for_a_reason(study):
    choice = choose_for_export(study)
    assert {case.case: case.label_source for case in choice.cases} == {
        "case-0000": "propagated", "case-0001": "propagated", "case-0004": "us",
    }  # fmt: skip
    assert choice.left == {
        "case-0002": "its registration is rejected",
        "case-0003": "its registration is unreviewed",
        "case-0005": "its registration was rejected",
    }


def test_the_order_of_labels_is_the_order_of_preference(study):
    assert taken(study, labels=("propagated", "us"), verdicts=("accepted", "unreviewed"))["case-0004"] == "propagated"
    assert "case-0004" not in taken(study, labels=("corrected", "propagated"))
    assert taken(study, verdicts=("accepted", "rejected"))["case-0005"] == "corrected"


def test_a_bound_on_the_displacement_leaves_what_is_above_it_or_not_known(study):
    choice = choose_for_export(study, max_displacement_mm=1.0)
    assert {case.case for case in choice.cases} == {"case-0000", "case-0004"}
    assert choice.left["case-0001"] == "its label may be displaced by 1.5 mm"
    (case_folder(study, "case-0000") / "displacement.json").unlink()
    assert "not known" in choose_for_export(study, max_displacement_mm=1.0).left["case-0000"]


def test_time_points_choose(study):
    assert set(taken(study, time_points=["after"])) == {"case-0001"}
    assert choose_for_export(study, time_points=["after"]).left["case-0000"] == "its time point is before"


def test_a_label_of_an_earlier_registration_is_never_exported(study):
    folder = case_folder(study, "case-0000")
    register(folder, error_mm=7.0)
    review(folder, "accept")
    assert choose_for_export(study).left["case-0000"].startswith("its propagated label is of an earlier registration")


def test_a_broken_case_is_left_with_its_sentence(study):
    (case_folder(study, "case-0000") / "case.json").write_text("{")
    assert "not valid JSON" in choose_for_export(study).left["case-0000"]


def test_licences_that_forbid_commercial_use_or_do_not_say_are_named(study):
    assert choose_for_export(study).not_commercial == ()
    for number, terms in ((0, Licence("CC BY-NC-SA 4.0", False)), (1, Licence(""))):
        change_case(case_folder(study, f"case-000{number}"), licence=terms)
    choice = choose_for_export(study)
    assert choice.not_commercial == ("source-0", "source-1")
    assert choice.licences["source-0"] == "CC BY-NC-SA 4.0"


def test_the_cases_are_a_table_that_the_export_reads(study, tmp_path):
    cases = list(choose_for_export(study).cases)
    write_case_table(cases, tmp_path / "cases.csv")
    read = read_case_table(tmp_path / "cases.csv")
    assert read == cases
    assert read[0].patient == "patient-0000"


def test_an_unknown_label_is_refused(study):
    with pytest.raises(BadInput, match="'painted'"):
        choose_for_export(study, labels=("painted",))
