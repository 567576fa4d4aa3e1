"""A short piece of reading that may take seconds: done beside the window, its answer given in the window's own time."""

import threading
from collections.abc import Callable
from typing import Any

import qt

POLL_MS = 50


class Background:
    """Does one thing at a time in a thread; asked for another before the answer came, only the last is answered.

    The work may touch neither Qt nor MRML.
    """

    def __init__(self) -> None:
        self._then: Callable[[Any, Exception | None], None] | None = None
        self._outcome: list[tuple[Any, Exception | None]] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._look)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._then is not None

    def ask(
        self,
        work: Callable[[], Any],
        then: Callable[[Any, Exception | None], None],
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        """Do `work`; `then` is called with its result and None, or with None and an exception that was `expected`."""
        self._then, self._outcome = then, []
        threading.Thread(target=_do, args=(work, expected, self._outcome), daemon=True).start()
        self._timer.start()

    def stop(self) -> None:
        """Forget what was asked."""
        self._then = None
        self._timer.stop()

    def _look(self) -> None:
        if self._then is None or not self._outcome:
            return
        then = self._then
        self.stop()
        then(*self._outcome[0])


def _do(work: Callable[[], Any], expected: tuple[type[Exception], ...], outcome: list[Any]) -> None:
    try:
        outcome.append((work(), None))
    except expected as error:
        outcome.append((None, error))
