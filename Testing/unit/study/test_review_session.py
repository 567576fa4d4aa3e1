"""One person's review of a study: verdicts on disk, undo, the time spent, and shares that go away."""

from datetime import UTC, datetime

import pytest
from made_cases import review as give_review

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.study import review_session
from IUSTumorSegLib.study.case_state import read_states
from IUSTumorSegLib.study.review_queue import QueueFilter
from IUSTumorSegLib.study.review_session import ReviewSession
from IUSTumorSegLib.study.reviews import read_reviews, registration_sha256
from IUSTumorSegLib.study.stand_in import made_study, stand_in_registration
from IUSTumorSegLib.study.study_folder import case_folder, case_names

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def study(tmp_path):
    made = made_study(tmp_path / "study", 4)
    for name in case_names(made):
        stand_in_registration(case_folder(made, name))
    return made


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(study, clock):
    return ReviewSession(study, read_states(study), clock, lambda: NOON)


def test_a_verdict_is_written_with_who_when_how_long_and_on_which_registration(session, study, clock):
    session.begin("case-0001")
    clock.now += 7.26
    session.give("flag", " anna ", ("tilted",), "by the falx")
    (written,) = read_reviews(case_folder(study, "case-0001"))
    assert (written.verdict, written.reviewer, written.reasons, written.comment) == (
        "flag", "anna", ("tilted",), "by the falx",
    )  # fmt: skip
    assert written.seconds == 7.3
    assert written.when == "2026-05-04T12:00:00+00:00"
    assert written.registration_sha256 == registration_sha256(case_folder(study, "case-0001"))
    assert session.states["case-0001"].review == "flagged"


def test_progress_counts_the_chosen_sources_cases_and_knows_the_pace(session, clock):
    assert (session.progress("anna").done, session.progress("anna").seconds_left) == (0, None)
    for case in ("case-0000", "case-0001"):
        session.begin(case)
        clock.now += 12
        session.give("accept", "anna")
    progress = session.progress("anna")
    assert (progress.done, progress.total, progress.seconds_left) == (2, 4, 24.0)
    assert session.progress("bert").seconds_left is None
    session.wanted = QueueFilter("unreviewed", "source-0")
    assert (session.progress("anna").done, session.progress("anna").total) == (1, 2)


def test_the_pace_of_earlier_sessions_is_read_from_the_files(study):
    give_review(case_folder(study, "case-0002"), "accept", "anna", seconds=30.0)
    give_review(case_folder(study, "case-0003"), "reject", "bert", seconds=90.0)
    again = ReviewSession(study, read_states(study))
    assert again.progress("anna").seconds_left == 60.0


def test_undo_withdraws_the_latest_verdict_first_and_ends_where_the_session_began(session, study):
    give_review(case_folder(study, "case-0000"), "reject")
    session.begin("case-0000")
    session.give("accept", "anna")
    session.begin("case-0001")
    session.give("flag", "anna")
    assert session.undo() == "case-0001"
    assert session.states["case-0001"].review == "unreviewed"
    assert session.undo() == "case-0000"
    assert session.states["case-0000"].review == "rejected"  # said before this session
    assert not session.can_undo()
    assert session.undo() == ""
    assert len(read_reviews(case_folder(study, "case-0000"))) == 3


def test_a_verdict_that_cannot_be_written_waits_and_is_written_when_the_share_is_back(session, study):
    session.begin("case-0000")
    folder = case_folder(study, "case-0000")
    folder.rename(study.folder / "away")
    with pytest.raises(Failed, match=r"could not be written"):
        session.give("accept", "anna")
    assert session.unsaved is not None
    assert session.progress("anna").done == 0
    (study.folder / "away").rename(folder)
    session.save_unsaved()
    assert session.unsaved is None
    assert [r.verdict for r in read_reviews(folder)] == ["accept"]


def test_undo_drops_a_verdict_that_was_never_written(session, study):
    session.begin("case-0000")
    folder = case_folder(study, "case-0000")
    folder.rename(study.folder / "away")
    with pytest.raises(Failed):
        session.give("accept", "anna")
    (study.folder / "away").rename(folder)
    assert session.undo() == "case-0000"
    session.save_unsaved()
    assert read_reviews(folder) == []


def test_a_case_whose_folder_cannot_be_reached_keeps_what_was_known_with_a_sentence(session, study):
    probability = session.states["case-0000"].success_probability
    case_folder(study, "case-0000").rename(study.folder / "away")
    session.begin("case-0000")
    assert "cannot be reached" in session.states["case-0000"].failed
    assert session.states["case-0000"].success_probability == probability


def test_what_stands_against_a_verdict_is_a_sentence(session, study):
    assert "No case" in session.why_not("accept", "anna")
    session.begin("case-0000")
    assert session.why_not("accept", "anna") == ""
    assert "name" in session.why_not("accept", "  ")
    (case_folder(study, "case-0001") / "registration.json").unlink()
    session.begin("case-0001")
    assert "not registered" in session.why_not("accept", "anna")
    assert session.why_not("reject", "anna") == ""


def test_a_read_only_study_takes_no_verdict(study, monkeypatch):
    def refuse(opened):
        raise BadInput("a study that can be written", "a read-only one", "work on a copy")

    monkeypatch.setattr(review_session, "check_writable", refuse)
    session = ReviewSession(study, read_states(study))
    session.begin("case-0000")
    with pytest.raises(BadInput, match="read-only"):
        session.give("accept", "anna")
    assert read_reviews(case_folder(study, "case-0000")) == []
