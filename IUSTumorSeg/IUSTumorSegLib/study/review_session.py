"""One person's review of a study: what comes next, the verdicts that are given and taken back, and the time they take.

A verdict is on disk before `give` returns. One that could not be written is kept until it can, and the next case waits.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from ..errors import BadInput
from .case_state import CaseState, read_state
from .review_pace import Stopwatch, seconds_left
from .review_queue import QueueFilter, case_after, case_before, review_queue
from .reviews import (
    ACCEPT,
    DISAGREEING,
    UNREVIEWED,
    WITHDRAWN,
    Review,
    append_review,
    read_reviews,
)
from .study_folder import Study, case_folder, check_writable


@dataclass(frozen=True)
class Progress:
    """How far a review is: `done` of `total` cases have a verdict; `seconds_left` at the own pace, None if unknown."""

    done: int
    total: int
    seconds_left: float | None


class ReviewSession:
    """The review of the cases in `states` by one reviewer, from the first case to the last.

    `clock` gives seconds and `now` the time of day.
    """

    def __init__(
        self,
        study: Study,
        states: list[CaseState],
        clock: Callable[[], float] = monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.study = study
        self.states = {state.case: state for state in states}
        self.wanted = QueueFilter()
        self.current = ""
        self.unsaved: Review | None = None
        self.read_only = _why_not_writable(study)
        self.stopwatch = Stopwatch(clock)
        self._now = now
        self._given: list[tuple[str, Review]] = []
        self._pace: dict[str, list[float]] = {}

    def queue(self) -> list[CaseState]:
        """The cases to look at, riskiest first."""
        return review_queue(self.states.values(), self.wanted)

    def next_case(self, around: bool = False) -> str:
        """The case after the present one, "" where there is none; `around` goes on from the first."""
        return case_after(self.queue(), self.states.get(self.current), around)

    def previous_case(self) -> str:
        """The case before the present one, "" where there is none."""
        return case_before(self.queue(), self.states.get(self.current))

    def begin(self, case: str) -> None:
        """A case comes on the screen: its state is read anew, and its time starts."""
        self.refresh(case)
        self.current = case
        self.stopwatch.start()

    def refresh(self, case: str) -> CaseState:
        """Read the state of a case again; one that cannot be reached keeps what was known, with a sentence."""
        try:
            self.states[case] = read_state(case_folder(self.study, case))
        except OSError as error:
            known = self.states.get(case, CaseState(case, case_folder(self.study, case)))
            sentence = f"The folder of {case} cannot be reached ({error.strerror}): connect its drive or share."
            self.states[case] = replace(known, failed=sentence)
        return self.states[case]

    def progress(self, reviewer: str) -> Progress:
        """How far the cases of the chosen source are, by the reviewer's own pace."""
        everything = review_queue(self.states.values(), QueueFilter("all", self.wanted.source))
        left = sum(state.review in (UNREVIEWED, DISAGREEING) for state in everything)
        pace = self._pace_of(reviewer)
        return Progress(len(everything) - left, len(everything), seconds_left(pace, left))

    def why_not(self, verdict: str, reviewer: str) -> str:
        """Why a verdict cannot be given now, or nothing."""
        state = self.states.get(self.current)
        if state is None:
            return "No case is shown."
        if self.read_only:
            return self.read_only
        if not reviewer.strip():
            return "Type your name first: it is kept with every verdict."
        if verdict == ACCEPT and not state.registered:
            return "This case is not registered, so there is nothing to accept."
        return ""

    def give(self, verdict: str, reviewer: str, reasons: tuple[str, ...] = (), comment: str = "") -> None:
        """Write a verdict on the present case; raises `BadInput` or `Failed`, and keeps the verdict as `unsaved`."""
        if why_not := self.why_not(verdict, reviewer):
            raise BadInput("a case, a reviewer and a study that can be written", why_not, "see to that first")
        self.stopwatch.touch()
        state = self.states[self.current]
        seconds = round(self.stopwatch.seconds(), 1)
        self.unsaved = self._review(verdict, reviewer, state.registration_sha256, seconds, reasons, comment)
        self.save_unsaved()

    def save_unsaved(self) -> None:
        """Write the verdict that could not be written; nothing happens where there is none."""
        if self.unsaved is None:
            return
        review = self.unsaved
        append_review(self.states[self.current].folder, review)
        self.unsaved = None
        self._given.append((self.current, review))
        self._pace_of(review.reviewer).append(review.seconds)
        self.refresh(self.current)

    def can_undo(self) -> bool:
        """Whether a verdict was given in this session that is not withdrawn, or one waits to be written."""
        return self.unsaved is not None or bool(self._given)

    def undo(self) -> str:
        """Withdraw the latest verdict of this session; returns its case, to be shown again."""
        if self.unsaved is not None:
            self.unsaved = None
            return self.current
        if not self._given:
            return ""
        case, given = self._given[-1]
        withdrawal = self._review(WITHDRAWN, given.reviewer, given.registration_sha256, 0.0)
        append_review(self.states[case].folder, withdrawal)
        self._given.pop()
        self._pace_of(given.reviewer).pop()
        self.refresh(case)
        return case

    def _review(
        self,
        verdict: str,
        reviewer: str,
        sha256: str | None,
        seconds: float,
        reasons: tuple[str, ...] = (),
        comment: str = "",
    ) -> Review:
        when = self._now().isoformat(timespec="seconds")
        return Review(verdict, reviewer.strip(), when, seconds, reasons, comment, sha256 or "")

    def _pace_of(self, reviewer: str) -> list[float]:
        """Seconds of each of the reviewer's verdicts, oldest first; read from the files once."""
        name = reviewer.strip()
        if name not in self._pace:
            self._pace[name] = _seconds_of(name, list(self.states.values()))
        return self._pace[name]


def _seconds_of(reviewer: str, states: list[CaseState]) -> list[float]:
    reviewed = [state.folder for state in states if reviewer in state.reviewers]
    reviews = [review for folder in reviewed for review in _reviews_in(folder) if review.reviewer == reviewer]
    return [review.seconds for review in sorted(reviews, key=lambda r: r.when) if review.verdict != WITHDRAWN]


def _reviews_in(folder: Path) -> list[Review]:
    try:
        return read_reviews(folder)
    except OSError:
        return []


def _why_not_writable(study: Study) -> str:
    try:
        check_writable(study)
    except BadInput as error:
        return str(error)
    return ""
