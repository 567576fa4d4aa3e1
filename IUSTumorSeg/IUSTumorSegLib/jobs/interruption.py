"""Signals that ask a task to stop become the exception `Cancelled`, so that files in work are cleaned away."""

import signal
from types import FrameType

from ..errors import Cancelled


def cancel_on_signals() -> None:
    """Raise `Cancelled` in the main thread at SIGTERM and SIGINT. Call it once at a process's start."""
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _raise_cancelled)


def _raise_cancelled(number: int, frame: FrameType | None) -> None:
    raise Cancelled(signal.Signals(number).name)
