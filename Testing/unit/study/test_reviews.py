import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.study.reviews import (
    Review,
    append_review,
    read_review_lines,
    read_reviews,
    registration_sha256,
    review_state,
)

FIRST, SECOND = "a" * 64, "b" * 64
WRITER = """
import sys
from pathlib import Path
from IUSTumorSegLib.study import file_lock
from IUSTumorSegLib.study.reviews import Review, append_review
name, count = sys.argv[2], int(sys.argv[3])
if sys.argv[4] == "no locks":
    file_lock.lock = lambda descriptor, wait: None
input()
for number in range(count):
    append_review(Path(sys.argv[1]), Review("accept", name, "2026-01-01T00:00:00+00:00", number, ("Ä reason " * 40,)))
"""


def said(verdict, reviewer="anna", sha256=FIRST, when="2026-05-04T10:00:00+00:00"):
    return Review(verdict, reviewer, when, 12.5, ("It fits.",), "", sha256)


def state(*reviews, sha256=FIRST):
    return review_state(reviews, sha256).state


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_two_processes_lose_none_of_a_thousand_verdicts_also_where_the_file_system_has_no_locks(locks, tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [
        subprocess.Popen([*command, name, "500", locks], stdin=subprocess.PIPE, text=True) for name in ("anna", "ben")
    ]
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.wait(60) for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdin.close()
    reviews, torn = read_review_lines(tmp_path)
    assert not torn
    for name in ("anna", "ben"):
        assert [review.seconds for review in reviews if review.reviewer == name] == list(range(500))


def test_a_verdict_comes_back_as_it_was_given(tmp_path):
    given = Review("flag", "Zoë Łoś", "2026-05-04T10:00:00+00:00", 3.5, ("A.", "B\nC."), "half\nseen", FIRST)
    append_review(tmp_path, given)
    assert read_reviews(tmp_path) == [given]
    assert len((tmp_path / "reviews.jsonl").read_text().splitlines()) == 1


def test_a_verdict_is_written_in_one_write_to_the_end_of_the_file(tmp_path, monkeypatch):
    append_review(tmp_path, said("accept"))
    earlier = (tmp_path / "reviews.jsonl").read_bytes()
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writes.append(data) or write(descriptor, data))
    append_review(tmp_path, said("reject"))
    assert len(writes) == 1
    assert (tmp_path / "reviews.jsonl").read_bytes() == earlier + writes[0]


def test_a_line_torn_by_a_crash_is_reported_and_costs_no_other_verdict(tmp_path):
    append_review(tmp_path, said("accept"))
    path = tmp_path / "reviews.jsonl"
    whole = path.read_text()
    path.write_text(whole + whole[: len(whole) // 2])
    append_review(tmp_path, said("reject", "ben"))
    reviews, torn = read_review_lines(tmp_path)
    assert [(review.reviewer, review.verdict) for review in reviews] == [("anna", "accept"), ("ben", "reject")]
    assert torn == [whole[: len(whole) // 2]]


@pytest.mark.parametrize(
    ("reviews", "expected"),
    [
        ([], "unreviewed"),
        ([said("accept")], "accepted"),
        ([said("accept"), said("reject")], "rejected"),
        ([said("accept"), said("accept", "ben")], "accepted"),
        ([said("accept"), said("flag", "ben")], "disagreeing"),
        ([said("accept"), said("flag", "ben"), said("accept", "ben")], "accepted"),
        ([said("accept"), said("withdrawn")], "unreviewed"),
        ([said("reject"), said("accept"), said("withdrawn")], "rejected"),
        ([said("accept"), said("reject", "ben"), said("withdrawn", "ben")], "accepted"),
        ([said("withdrawn"), said("flag")], "flagged"),
    ],
)
def test_the_latest_verdict_of_each_reviewer_counts_and_a_withdrawn_one_does_not(reviews, expected):
    assert state(*reviews) == expected


def test_a_disagreement_names_who_said_what():
    found = review_state([said("accept"), said("reject", "ben")], FIRST)
    assert "anna: accept" in found.note
    assert "ben: reject" in found.note
    assert set(found.reviewers) == {"anna", "ben"}


def test_a_new_registration_makes_the_case_unreviewed_and_says_so():
    found = review_state([said("accept")], SECOND)
    assert found.state == "unreviewed"
    assert "Registered again since anna said accept on 2026-05-04" in found.note
    assert state(said("accept"), said("reject", sha256=SECOND), sha256=SECOND) == "rejected"


def test_a_verdict_that_was_withdrawn_before_registering_again_is_not_recalled():
    assert review_state([said("accept"), said("withdrawn")], SECOND).note == ""


def test_the_hash_follows_every_change_of_the_registration(tmp_path):
    assert registration_sha256(tmp_path) is None
    (tmp_path / "registration.json").write_text('{"score": 1}')
    first = registration_sha256(tmp_path)
    assert first == subprocess.run(
        ["sha256sum", tmp_path / "registration.json"], capture_output=True, text=True, check=True
    ).stdout.split()[0].lstrip("\\")  # fmt: skip
    (tmp_path / "registration.json").write_text('{"score": 2}')
    assert registration_sha256(tmp_path) != first


@pytest.mark.parametrize("review", [said("perhaps"), said("accept", " ")])
def test_what_is_no_verdict_is_refused_before_anything_is_written(review, tmp_path):
    with pytest.raises(BadInput):
        append_review(tmp_path, review)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_on_a_full_disk_the_reviewer_is_told_that_the_verdict_is_not_saved(tmp_path):
    (tmp_path / "reviews.jsonl").symlink_to("/dev/full")
    with pytest.raises(Failed, match=r"full: free some space"):
        append_review(tmp_path, said("accept"))


def test_a_verdict_that_a_full_disk_cut_off_is_reported_and_harms_no_other(tmp_path, monkeypatch):
    append_review(tmp_path, said("accept"))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
        with pytest.raises(Failed, match="full"):
            append_review(tmp_path, said("reject"))
    append_review(tmp_path, said("flag", "ben"))
    reviews, torn = read_review_lines(tmp_path)
    assert [review.verdict for review in reviews] == ["accept", "flag"]
    assert len(torn) == 1


def test_lines_are_json_that_other_programs_read(tmp_path):
    append_review(tmp_path, said("accept"))
    line = json.loads((tmp_path / "reviews.jsonl").read_text())
    assert set(line) == {
        "verdict", "reviewer", "when", "seconds", "reasons", "comment", "registration_sha256",
    }  # fmt: skip
