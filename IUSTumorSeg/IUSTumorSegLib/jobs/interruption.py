"""Signals that ask a task to stop become the exception `Cancelled`, so that files in work are cleaned away."""

import os
import signal
from types import FrameType

from ..errors import Cancelled


def cancel_on_signals() -> None:
    """Raise `Cancelled` in the main thread at SIGTERM and SIGINT. Call it once at a process's start.

    Forked workers get the default answer back: a worker takes the exception for a failed task, and lives on.
    """
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _raise_cancelled)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_answer_by_default)


def _answer_by_default() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _raise_cancelled(number: int, frame: FrameType | None) -> None:
    raise Cancelled(signal.Signals(number).name)
