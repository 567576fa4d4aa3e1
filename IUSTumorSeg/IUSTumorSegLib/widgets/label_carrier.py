"""The MRI's label carried over anew after a person chose another pose, beside the window."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import qt

from ..errors import Failed

POLL_MS = 50


class LabelCarrier:
    """One case after the other; `carried(folder, sentence)` is called for each, with what went wrong or "".

    It is called when `may_tell()` says so, lest the sentence is overwritten at once by another.
    """

    def __init__(self, carried: Callable[[Path, str], None], may_tell: Callable[[], bool]) -> None:
        self._carried, self._may_tell = carried, may_tell
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Path, Future[bool]]] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._look)

    @property
    def busy(self) -> bool:
        """Whether labels are being carried over."""
        return bool(self._waiting)

    def carry(self, folder: Path) -> None:
        """Have the label of the case in `folder` carried over by its present registration."""
        from ..study.propagate_study import propagate_again

        if self._thread is None:
            self._thread = ThreadPoolExecutor(1)  # one, so that two poses of one case are not written at once
        self._waiting.append((folder, self._thread.submit(propagate_again, folder)))
        self._timer.start()

    def stop(self) -> None:
        """Tell no more; what was begun is still written."""
        self._timer.stop()
        self._waiting = []
        self._end_thread()

    def _look(self) -> None:
        while self._waiting and self._waiting[0][1].done() and self._may_tell():
            folder, work = self._waiting.pop(0)
            self._carried(folder, _sentence(work))
        if not self._waiting:
            self._timer.stop()
            self._end_thread()

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False)
            self._thread = None


def _sentence(work: "Future[bool]") -> str:
    try:
        work.result()
    except Failed as error:
        return str(error)
    return ""
