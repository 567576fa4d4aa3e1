"""Reads a case in a thread while the window goes on, and the next one ahead of its turn."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import qt
from slicer.i18n import tr as _

from ..errors import BadInput, Failed

if TYPE_CHECKING:
    from ..study.case_images import CaseImages

POLL_MS = 20


class CaseLoader:
    """One case at a time: `load` it, `read_ahead` the next, `stop` all."""

    def __init__(self) -> None:
        from ..study.case_images import ReadAhead

        self._ahead = ReadAhead()
        self._folder = Path()
        self._done: Callable[[CaseImages | None, str], None] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a case."""
        return self._done is not None

    def load(self, folder: Path, done: "Callable[[CaseImages | None, str], None]") -> None:
        """Read the case in `folder`; `done` gets its images, or None and the sentence of why not.

        `done` is called at once for a case that was read ahead. Loading another case forgets the one before.
        """
        self._folder, self._done = Path(folder), done
        self._ahead.start(self._folder)
        self._timer.start()
        self._poll()

    def read_ahead(self, folder: Path) -> None:
        """Begin to read the case that will be wanted next."""
        if not self.busy:
            self._ahead.start(Path(folder))

    def stop(self) -> None:
        """Forget what is being read."""
        self._timer.stop()
        self._done = None
        self._ahead.stop()

    def _poll(self) -> None:
        if self._done is None or not self._ahead.ready():
            return
        done, self._done = self._done, None
        self._timer.stop()
        images, sentence = None, ""
        try:
            images = self._ahead.take(self._folder)
        except (BadInput, Failed) as error:
            sentence = str(error)
        except (OSError, RuntimeError, ValueError) as error:  # a share that went away, a file that is broken
            sentence = _("{case} could not be read: {error}").format(case=self._folder.name, error=error)
        done(images, sentence)
