"""Timers of the window."""

from collections.abc import Callable
from typing import Any

import qt


def timer(milliseconds: int, once: bool, act: Callable[[], None]) -> Any:
    """A stopped timer that calls `act`, once or again and again; keep it, or it is collected."""
    made = qt.QTimer()
    made.setSingleShot(once)
    made.setInterval(milliseconds)
    made.connect("timeout()", act)
    return made
