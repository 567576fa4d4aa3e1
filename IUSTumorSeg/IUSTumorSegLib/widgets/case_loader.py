"""Reads a case in a thread while the window goes on, and the next one ahead of its turn."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from ..errors import BadInput, Cancelled, Failed

if TYPE_CHECKING:
    from ..study.case_images import CaseImages

POLL_MS = 20
# The wait hands Python's lock to the thread: Slicer's event loop does not.
WAIT_S = 0.002


class CaseLoader:
    """One case at a time: `load` it, `read_ahead` the next, `stop` all.

    `completed` gets the images of the case on the screen once more when its overlays were made after it was shown.
    """

    def __init__(self, completed: "Callable[[CaseImages], None]") -> None:
        self._completed = completed
        self._done: Callable[[CaseImages | None, str], None] | None = None
        self._next = Path()
        self._reading: _Reading | None = None
        self._ahead: _Reading | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a case."""
        return self._done is not None

    @property
    def completing(self) -> bool:
        """Whether the overlays of the case on the screen are being made."""
        return self._done is None and self._reading is not None

    @property
    def is_ahead(self) -> bool:
        """Whether the case that will be wanted next is in memory."""
        return self._ahead is not None and self._ahead.complete.done()

    def load(self, folder: Path, done: "Callable[[CaseImages | None, str], None]") -> None:
        """Read the case in `folder`; `done` gets its images, or None and the sentence of why not.

        They come with their overlays where these are made already, else as soon as they are read, and the overlays
        follow. Loading another case forgets the one before.
        """
        ahead, self._ahead, self._next = self._ahead, None, Path()
        _forget(self._reading)
        if ahead is None or ahead.folder != folder:
            _forget(ahead)
            ahead = _Reading(folder)
        self._reading, self._done = ahead, done
        self._timer.start()
        self._poll()

    def read_ahead(self, folder: Path) -> None:
        """Begin to read the case that will be wanted next, after what is being read now."""
        self._next = folder
        if self._reading is None:
            self._start_ahead()

    def stop(self) -> None:
        """Forget what is being read; a thread that is still reading ends by itself."""
        self._timer.stop()
        _forget(self._reading)
        _forget(self._ahead)
        self._done = self._reading = self._ahead = None
        self._next = Path()

    def _poll(self) -> None:
        reading = self._reading
        if reading is None:
            return
        if self._done is None:
            self._complete(reading)
        elif wait([reading.images], WAIT_S).done:
            self._hand_over(reading, self._done)

    def _hand_over(self, reading: "_Reading", done: "Callable[[CaseImages | None, str], None]") -> None:
        whole = reading.complete.done() and reading.complete.exception() is None
        images, sentence = _result(reading.complete if whole else reading.images, reading.folder.name)
        if whole or images is None:
            self._timer.stop()
            self._reading = None
        self._done = None
        done(images, sentence)

    def _complete(self, reading: "_Reading") -> None:
        if not wait([reading.complete], WAIT_S).done:
            return
        self._timer.stop()
        self._reading = None
        images, _sentence = _result(reading.complete, reading.folder.name)
        if images is not None and images.agreement is not None:
            self._completed(images)
        self._start_ahead()

    def _start_ahead(self) -> None:
        if self._next != Path() and (self._ahead is None or self._ahead.folder != self._next):
            _forget(self._ahead)
            self._ahead = _Reading(self._next)


class _Reading:
    """A case that a thread reads: first its `images`, then makes them `complete` with their overlays."""

    def __init__(self, folder: Path) -> None:
        from ..study.case_images import read_case_images, with_overlays

        self.folder = folder
        self._forgotten = threading.Event()
        thread = ThreadPoolExecutor(1)
        self.images: Future[CaseImages] = thread.submit(read_case_images, folder, False)
        self.complete: Future[CaseImages] = thread.submit(
            lambda: with_overlays(self.images.result(), lambda: not self._forgotten.is_set())
        )
        thread.shutdown(wait=False)  # it ends with this one case

    def forget(self) -> None:
        """Nobody wants the case any more: it shall not take the processor from the one that is wanted."""
        self._forgotten.set()


def _forget(reading: _Reading | None) -> None:
    if reading is not None:
        reading.forget()


def _result(reading: "Future[CaseImages]", case: str) -> "tuple[CaseImages | None, str]":
    """The images, or None and the sentence of why not."""
    try:
        return reading.result(), ""
    except (BadInput, Failed) as error:
        return None, str(error)
    except (OSError, RuntimeError, ValueError, Cancelled) as error:  # a share that went away, a file that is broken
        return None, _("{case} could not be read: {error}").format(case=case, error=error)
