"""How long a reviewer looks at a case, and how long the cases that are left will take at that pace."""

from collections.abc import Callable, Sequence
from statistics import fmean
from time import monotonic

LONGEST_PAUSE_S = 60.0
# Recent verdicts tell the pace better than the first ones, when the eye was new to it.
VERDICTS_OF_A_PACE = 20


class Stopwatch:
    """The time spent on one case: from `start` on, by what the reviewer does; longer pauses do not count at all.

    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seconds = 0.0
        self._last = clock()

    def start(self) -> None:
        """Begin with a new case."""
        self._seconds, self._last = 0.0, self._clock()

    def touch(self) -> None:
        """The reviewer did something: a key, the mouse, a button."""
        now = self._clock()
        if now - self._last <= LONGEST_PAUSE_S:
            self._seconds += now - self._last
        self._last = now

    def seconds(self) -> float:
        """The time spent until the latest `touch`, in seconds."""
        return self._seconds


def seconds_left(own_seconds: Sequence[float], cases_left: int) -> float | None:
    """How long `cases_left` cases will take at the pace of the reviewer's own latest verdicts; None before the first."""
    recent = own_seconds[-VERDICTS_OF_A_PACE:]
    return fmean(recent) * cases_left if recent else None
