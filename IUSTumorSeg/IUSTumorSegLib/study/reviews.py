"""What people said of a registration: `reviews.jsonl`, one line a verdict, appended and never changed.

A line is written in one write to the file's end, under a lock where the file system has locks, so two people on one
share lose nothing. A verdict belongs to one registration, known by the hash of its `registration.json`.
"""

import errno
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import BadInput
from .disk import told_if_not_written
from .file_lock import locked_file

REVIEWS_FILE, REGISTRATION_FILE = "reviews.jsonl", "registration.json"
ACCEPT, FLAG, REJECT, WITHDRAWN = "accept", "flag", "reject", "withdrawn"
VERDICTS = (ACCEPT, FLAG, REJECT, WITHDRAWN)
UNREVIEWED, DISAGREEING = "unreviewed", "disagreeing"
STATE_OF = {ACCEPT: "accepted", FLAG: "flagged", REJECT: "rejected"}


@dataclass(frozen=True)
class Review:
    """One person's verdict: "accept", "flag" or "reject"; "withdrawn" takes back that person's latest one.

    `when` is ISO 8601 in UTC, `seconds` the time spent looking, `reasons` are sentences.
    """

    verdict: str
    reviewer: str
    when: str
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()
    comment: str = ""
    registration_sha256: str = ""


@dataclass(frozen=True)
class ReviewState:
    """What the verdicts come to: "unreviewed", "accepted", "flagged", "rejected" or "disagreeing".

    `note` is a sentence where there is more to say, else empty; `reviewers` are those whose verdict counts.
    """

    state: str
    note: str = ""
    reviewers: tuple[str, ...] = ()


def append_review(case_folder: Path, review: Review) -> None:
    """Add a verdict to the case; `BadInput` for one that is none, `Failed` where it could not be saved whole."""
    if review.verdict not in VERDICTS or not review.reviewer.strip():
        raise BadInput(
            f"a verdict among {', '.join(VERDICTS)} and a reviewer's name",
            f"'{review.verdict}' of '{review.reviewer}'", "choose a verdict and give a name",
        )  # fmt: skip
    line = (json.dumps(asdict(review), ensure_ascii=False) + "\n").encode()
    path = Path(case_folder) / REVIEWS_FILE
    with told_if_not_written(path), locked_file(path) as descriptor:
        _append(descriptor, line)


def read_reviews(case_folder: Path) -> list[Review]:
    """All verdicts on a case, oldest first; a line that an interrupted write left torn is passed over."""
    return read_review_lines(case_folder)[0]


def read_review_lines(case_folder: Path) -> tuple[list[Review], list[str]]:
    """All verdicts on a case, oldest first, and the lines that are none: they stay in the file for a person to see."""
    try:
        text = (Path(case_folder) / REVIEWS_FILE).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return [], []
    reviews, torn = [], []
    for line in filter(str.strip, text.split("\n")):
        review = _review_of(line)
        torn.append(line) if review is None else reviews.append(review)
    return reviews, torn


def registration_sha256(case_folder: Path) -> str | None:
    """The hash of the case's `registration.json`, or None where it has none."""
    try:
        return hashlib.sha256((Path(case_folder) / REGISTRATION_FILE).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def review_state(reviews: Sequence[Review], registration_sha256: str | None) -> ReviewState:
    """What the verdicts on the registration with this hash come to; the latest of a reviewer counts."""
    standing = standing_reviews(reviews, registration_sha256)
    if not standing:
        return ReviewState(UNREVIEWED, _note_on_earlier(reviews, registration_sha256))
    verdicts = {review.verdict for review in standing.values()}
    if len(verdicts) == 1:
        return ReviewState(STATE_OF[verdicts.pop()], "", tuple(standing))
    said = "; ".join(f"{name}: {review.verdict}" for name, review in standing.items())
    return ReviewState(DISAGREEING, f"The reviewers disagree ({said}).", tuple(standing))


def standing_reviews(reviews: Sequence[Review], registration_sha256: str | None) -> dict[str, Review]:
    """The verdict on the registration with this hash that counts, for each reviewer who has one.

    By the order of the lines, since the clocks of two machines differ; "withdrawn" brings back the one before.
    """
    given: dict[str, list[Review]] = {}
    for review in reviews:
        if review.registration_sha256 != (registration_sha256 or ""):
            continue
        mine = given.setdefault(review.reviewer, [])
        if review.verdict != WITHDRAWN:
            mine.append(review)
        elif mine:
            mine.pop()
    return {reviewer: mine[-1] for reviewer, mine in given.items() if mine}


def _note_on_earlier(reviews: Sequence[Review], registration_sha256: str | None) -> str:
    earlier = [review for review in reviews if review.registration_sha256 != (registration_sha256 or "")]
    standing = [
        review
        for sha256 in {r.registration_sha256 for r in earlier}
        for review in standing_reviews(earlier, sha256).values()
    ]
    if not standing:
        return ""
    last = max(standing, key=earlier.index)
    return (
        f"Registered again since {last.reviewer} said {last.verdict} on {last.when[:10]}: "
        "that verdict belongs to the earlier registration."
    )


def _append(descriptor: int, line: bytes) -> None:
    size = os.fstat(descriptor).st_size
    if size and not _ends_in_newline(descriptor, size):
        line = b"\n" + line  # the line before was torn by a crash: keep it apart
    # What a full disk lets through stays as a torn line: cutting it off could cut another writer's line too.
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _ends_in_newline(descriptor: int, size: int) -> bool:
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) == b"\n"


def _review_of(line: str) -> Review | None:
    try:
        content = json.loads(line)
        return Review(**content | {"reasons": tuple(content["reasons"])})
    except (ValueError, TypeError, KeyError):
        return None
