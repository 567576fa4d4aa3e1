import json

import pytest
from made_cases import case_file, change_case, register, review

from IUSTumorSegLib.study.case_state import read_state, read_states
from IUSTumorSegLib.study.reviews import Review, append_review
from IUSTumorSegLib.study.run import note_failure
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder
from IUSTumorSegLib.study.summary import summaries


@pytest.fixture
def study(tmp_path):
    return made_study(tmp_path / "study", 4)


@pytest.fixture
def folder(study):
    return case_folder(study, "case-0000")


def labelled(folder, sha256):
    (folder / "us_tumor_from_mri.nii.gz").write_bytes(b"label")
    (folder / "us_tumor_from_mri.json").write_text(json.dumps({"registration_sha256": sha256}))
    (folder / "displacement.json").write_text(json.dumps({"mean_mm": 0.4, "max_mm": 1.25}))


def test_a_case_that_was_only_imported(folder):
    state = read_state(folder)
    assert (state.case, state.patient, state.source, state.time_point) == (
        "case-0000", "patient-0000", "source-0", "before",
    )  # fmt: skip
    assert (state.registered, state.failed, state.verdict, state.review, state.label) == (
        False, "", "", "unreviewed", "",
    )  # fmt: skip
    assert not state.waits_for_review


def test_a_registered_case_has_the_figures_of_its_registration(folder):
    register(folder, "review", 2.75)
    state = read_state(folder)
    assert (state.registered, state.verdict, state.predicted_error_mm) == (True, "review", 2.75)
    assert (state.success_probability, state.initial_landmark_mm) == (0.8, 5.0)
    assert state.reasons == ("A stand-in: nothing was registered.",)
    assert state.waits_for_review


def test_verdicts_count_for_the_registration_they_were_given_on(folder):
    register(folder)
    review(folder, "accept")
    assert (read_state(folder).review, read_state(folder).reviewers) == ("accepted", ("anna",))
    register(folder, "reject")
    state = read_state(folder)
    assert (state.review, state.reviewers) == ("unreviewed", ())
    assert "Registered again since anna said accept" in state.review_note
    assert state.waits_for_review


def test_two_reviewers_who_disagree_wait_for_a_third_look(folder):
    register(folder)
    review(folder, "accept")
    review(folder, "reject", "ben")
    state = read_state(folder)
    assert state.review == "disagreeing"
    assert state.waits_for_review


def test_a_torn_line_of_the_verdicts_is_told(folder):
    register(folder)
    review(folder, "accept")
    with (folder / "reviews.jsonl").open("a") as stream:
        stream.write('{"verdict": "rej')
    state = read_state(folder)
    assert state.review == "accepted"
    assert "1 line(s) of reviews.jsonl were cut off" in state.review_note


def test_a_propagated_label_counts_only_for_the_registration_that_made_it(folder):
    labelled(folder, register(folder))
    state = read_state(folder)
    assert (state.label, state.max_displacement_mm, state.stale_label) == ("propagated", 1.25, False)
    register(folder, "reject")
    state = read_state(folder)
    assert (state.label, state.max_displacement_mm, state.stale_label) == ("", None, True)


def test_a_label_drawn_on_the_ultrasound_comes_before_a_corrected_and_a_propagated_one(folder):
    labelled(folder, register(folder))
    (folder / "us_tumor_corrected.nii.gz").write_bytes(b"label")
    assert read_state(folder).labels == ("corrected", "propagated")
    (folder / "drawn.nii.gz").write_bytes(b"label")
    change_case(folder, us_labels=(case_file(folder / "drawn.nii.gz", "tumor"),))
    assert read_state(folder).label == "us"


def test_one_broken_case_is_a_row_with_its_sentence_and_harms_no_other(study):
    broken = {"case-0000": "{", "case-0001": '{"schema": "iustumorseg.case/9"}', "case-0002": None}
    for name, content in broken.items():
        path = case_folder(study, name) / "case.json"
        path.unlink() if content is None else path.write_text(content)
    states = {state.case: state for state in read_states(study)}
    assert "not valid JSON" in states["case-0000"].failed
    assert "update the software" in states["case-0001"].failed
    assert "import the case again" in states["case-0002"].failed
    assert states["case-0003"].failed == ""
    assert states["case-0003"].patient == "patient-0001"


@pytest.mark.parametrize(
    ("content", "words"), [("{", "broken"), ("7", "broken"), ('{"schema": "iustumorseg.registration/2"}', "update")]
)
def test_a_registration_that_cannot_be_read_is_a_sentence(content, words, folder):
    register(folder)
    (folder / "registration.json").write_text(content)
    state = read_state(folder)
    assert not state.registered
    assert words in state.failed


def test_the_last_failure_stands_in_the_row(folder):
    note_failure(folder, "register", "The drive is gone.")
    assert read_state(folder).failed == "The drive is gone."


def test_the_exclusion_rate_is_by_source_and_of_what_people_agree_on(study):
    for name, verdict in (("case-0000", "accept"), ("case-0003", "reject"), ("case-0001", "flag")):
        register(case_folder(study, name))
        review(case_folder(study, name), verdict)
    register(case_folder(study, "case-0002"), error_mm=4.5)
    found = {summary.source: summary for summary in summaries(read_states(study))}
    assert found["source-0"].exclusion_rate == 0.5
    assert found["source-1"].exclusion_rate == 0.0
    assert found["source-2"].exclusion_rate is None
    whole = found["all"]
    assert (whole.cases, whole.patients, whole.registered, whole.waiting) == (4, 2, 4, 1)
    assert (whole.accepted, whole.flagged, whole.rejected) == (1, 1, 1)
    assert whole.median_error_mm == 1.5


def test_a_verdict_given_before_any_registration_does_not_count_after_it(folder):
    append_review(folder, Review("accept", "anna", "2026-05-04T10:00:00+00:00"))
    assert read_state(folder).review == "accepted"
    register(folder)
    assert read_state(folder).review == "unreviewed"
