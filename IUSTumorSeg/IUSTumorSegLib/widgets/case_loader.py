"""Reads a case in a thread while the window goes on, and the next one ahead of its turn."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

from ..errors import BadInput, Failed

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
        self._folder, self._next = Path(), Path()
        self._reading: Future[CaseImages] | None = None
        self._ahead: tuple[Path, Future[CaseImages]] | None = None
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
        return self._ahead is not None and self._ahead[1].done()

    def load(self, folder: Path, done: "Callable[[CaseImages | None, str], None]") -> None:
        """Read the case in `folder`; `done` gets its images, or None and the sentence of why not.

        A case that was read ahead comes with its overlays, at once; another one comes without, which is quicker, and
        they follow. Loading another case forgets the one before.
        """
        from ..study.case_images import read_case_images

        ahead, self._ahead, self._next = self._ahead, None, Path()
        self._folder, self._done = Path(folder), done
        if ahead is not None and ahead[0] == self._folder:
            self._reading = ahead[1]
        else:
            self._reading = _in_thread(read_case_images, self._folder, False)
        self._timer.start()
        self._poll()

    def read_ahead(self, folder: Path) -> None:
        """Begin to read the case that will be wanted next, after what is being read now."""
        self._next = Path(folder)
        if self._reading is None:
            self._start_ahead()

    def stop(self) -> None:
        """Forget what is being read; a thread that is still reading ends by itself."""
        self._timer.stop()
        self._done = self._reading = self._ahead = None
        self._next = Path()

    def _poll(self) -> None:
        if self._reading is None or not wait([self._reading], WAIT_S).done:
            return
        reading, self._reading = self._reading, None
        self._timer.stop()
        if self._done is None:
            self._complete(reading)
        else:
            self._hand_over(reading, self._done)

    def _hand_over(self, reading: "Future[CaseImages]", done: "Callable[[CaseImages | None, str], None]") -> None:
        from ..study.case_images import with_overlays

        images, sentence = _result(reading, self._folder.name)
        if images is not None and images.mris and images.agreement is None:
            self._reading = _in_thread(with_overlays, images)
            self._timer.start()
        self._done = None
        done(images, sentence)

    def _complete(self, reading: "Future[CaseImages]") -> None:
        images, _sentence = _result(reading, self._folder.name)
        if images is not None:
            self._completed(images)
        self._start_ahead()

    def _start_ahead(self) -> None:
        from ..study.case_images import read_case_images

        if self._next != Path() and (self._ahead is None or self._ahead[0] != self._next):
            self._ahead = self._next, _in_thread(read_case_images, self._next)


def _in_thread(read: "Callable[..., CaseImages]", *arguments: Any) -> "Future[CaseImages]":
    thread = ThreadPoolExecutor(1)
    reading = thread.submit(read, *arguments)
    thread.shutdown(wait=False)  # it ends with this one case
    return reading


def _result(reading: "Future[CaseImages]", case: str) -> "tuple[CaseImages | None, str]":
    """The images, or None and the sentence of why not."""
    try:
        return reading.result(), ""
    except (BadInput, Failed) as error:
        return None, str(error)
    except (OSError, RuntimeError, ValueError) as error:  # a share that went away, a file that is broken
        return None, _("{case} could not be read: {error}").format(case=case, error=error)
