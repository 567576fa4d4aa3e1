"""The order in which a person looks at a study's cases: the riskiest first, and only those asked for."""

from collections.abc import Iterable
from dataclasses import dataclass

from .case_state import CaseState
from .reviews import DISAGREEING, UNREVIEWED

ALL = "all"
FILTERS = (UNREVIEWED, "flagged", "rejected", DISAGREEING, ALL)
# What is asked when a case is flagged or rejected, in the order of the keys 1 to 6.
REASONS = ("wrong anatomy", "tilted", "shifted", "brain shift", "poor ultrasound", "wrong data")


@dataclass(frozen=True)
class QueueFilter:
    """Which cases are asked for: `show` of `FILTERS`, and of one `source` ("": of all)."""

    show: str = UNREVIEWED
    source: str = ""

    def takes(self, state: CaseState) -> bool:
        """Whether a case is asked for."""
        return self.show in (ALL, state.review) and self.source in ("", state.source)


def is_reviewable(state: CaseState) -> bool:
    """Whether there is something for a person to decide: a registration, or the failure of one."""
    return state.registered or bool(state.failed)


def risk(state: CaseState) -> tuple[float, str]:
    """What the queue is ordered by, ascending: failures, then what was never judged, then the least likely right."""
    if state.failed:
        return -2.0, state.case
    return -1.0 if state.success_probability is None else state.success_probability, state.case


def review_queue(states: Iterable[CaseState], wanted: QueueFilter | None = None) -> list[CaseState]:
    """The cases to look at, riskiest first; `wanted` leaves out the others."""
    wanted = wanted or QueueFilter(ALL)
    return sorted((state for state in states if is_reviewable(state) and wanted.takes(state)), key=risk)


def case_after(queue: list[CaseState], current: CaseState | None, around: bool = False) -> str:
    """The name of the case that follows `current`, whether or not that is in the queue; "" where none does.

    `around`: after the last case comes the first.
    """
    others = [state for state in queue if current is None or state.case != current.case]
    later = [state for state in others if current is None or risk(state) > risk(current)]
    found = later or (others if around else [])
    return found[0].case if found else ""


def case_before(queue: list[CaseState], current: CaseState | None) -> str:
    """The name of the case before `current`, whether or not that is in the queue; "" where there is none."""
    earlier = [state for state in queue if current is not None and risk(state) < risk(current)]
    return earlier[-1].case if earlier else ""
