"""Whether the files of the case on the screen are as they were at import, found out beside the window."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .background import Background


class SourceCheck:
    """Looks at the files of one case after another; `found()` is called when there is something to tell of one."""

    def __init__(self, found: Callable[[], None]) -> None:
        self._found = found
        self._background = Background()
        self._folder = Path()
        self._notes: tuple[str, ...] = ()

    @property
    def busy(self) -> bool:
        """Whether files are being looked at."""
        return self._background.busy

    def check(self, case_folder: Path) -> None:
        """Look at the files of another case."""
        from ..study.source_notes import notes_on_sources

        self._folder, self._notes = case_folder, ()
        self._background.ask(lambda: notes_on_sources(case_folder), self._take)

    def notes_on(self, case_folder: Path) -> tuple[str, ...]:
        """What is to be said of the case's files, as far as it is known by now."""
        return self._notes if case_folder == self._folder else ()

    def stop(self) -> None:
        """Look no more; what was found stays known."""
        self._background.stop()

    def _take(self, notes: Any, error: Exception | None) -> None:
        self._notes = notes
        if notes:
            self._found()
