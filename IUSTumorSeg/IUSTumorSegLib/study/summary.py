"""A study in figures: how far each source has come, and how much of it people excluded."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .case_state import CaseState

ALL_SOURCES = "all"


@dataclass(frozen=True)
class SourceSummary:
    """Counts of the cases of one source, or of all. `median_error_mm` is of the expected errors, None where none is known.

    `accepted`, `flagged`, `rejected` and `disagreeing` are what people said; `waiting` are registered and wait for that.
    """

    source: str
    cases: int
    patients: int
    registered: int
    failed: int
    waiting: int
    accepted: int
    flagged: int
    rejected: int
    disagreeing: int
    labelled: int
    median_error_mm: float | None

    @property
    def exclusion_rate(self) -> float | None:
        """The share of rejected among the cases that people agree on, None where there is none yet."""
        agreed = self.accepted + self.flagged + self.rejected
        return self.rejected / agreed if agreed else None


def summaries(states: Sequence[CaseState]) -> list[SourceSummary]:
    """One summary a source, by name, and one of all cases where there are several sources."""
    sources = sorted({state.source for state in states})
    found = [_summary(source, [s for s in states if s.source == source]) for source in sources]
    return [*found, _summary(ALL_SOURCES, states)] if len(found) != 1 else found


def _summary(source: str, states: Sequence[CaseState]) -> SourceSummary:
    reviews = [state.review for state in states if state.registered]
    errors = [state.predicted_error_mm for state in states if state.predicted_error_mm is not None]
    return SourceSummary(
        source=source,
        cases=len(states),
        patients=len({state.patient for state in states}),
        registered=sum(state.registered for state in states),
        failed=sum(bool(state.failed) for state in states),
        waiting=sum(state.waits_for_review for state in states),
        accepted=reviews.count("accepted"),
        flagged=reviews.count("flagged"),
        rejected=reviews.count("rejected"),
        disagreeing=reviews.count("disagreeing"),
        labelled=sum(bool(state.label) for state in states),
        median_error_mm=median(errors) if errors else None,
    )
