"""How long work says where it is: one call a step, the same to the window, the terminal and a log."""

import json
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """Called by long work: the stage's name, steps done of the total (0 where unknown), and a message for a person.

    `more` is what else a stage has to tell, as JSON can hold it: registration's best pose so far, `mri_to_us_ras`.
    """

    def __call__(self, stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        """Report one step."""


def silent(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
    """Report nothing."""


class JsonProgress:
    """Writes one JSON object a line: `stage`, `done`, `total`, `message` (and what else a stage has to tell)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        """Write one line and flush it, so that a reader sees it at once."""
        line = json.dumps({"stage": stage, "done": done, "total": total, "message": message, **more})
        self._stream.write(line + "\n")
        self._stream.flush()
