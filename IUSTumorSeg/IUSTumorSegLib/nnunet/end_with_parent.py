"""A training ends when the process that started it is gone, however that one ended (POSIX; nothing elsewhere)."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

PARENT_VARIABLE = "IUSTUMORSEG_TRAINING_PARENT"
# Together well below the 5 s within which nothing may be left, also where other work leaves little of the processor.
LOOKED_FOR_S, LAST_RESORT_S, VERY_LAST_RESORT_S = 0.25, 1.0, 1.5
# Of Linux's prctl.h.
PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """Watch the parent that the environment names: asked to end first, killed with all workers a second later."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent and hasattr(os, "getppid") and sys.platform != "win32":
        os.register_at_fork(after_in_child=lambda: _killed_with_parent(signal.SIGKILL))
        threading.Thread(target=_watch, args=(int(parent),), daemon=True).start()


@contextmanager
def killed_at_once() -> Iterator[None]:
    """Within this, Linux kills a process that watches its parent as soon as that is gone: for a time without workers.

    Loading torch keeps the watching thread from running, for seconds on a busy machine, and leaves nothing half done.
    """
    watching = PARENT_VARIABLE in os.environ
    if watching:
        _killed_with_parent(signal.SIGKILL)
    try:
        yield
    finally:
        if watching:
            _killed_with_parent(0)


def _killed_with_parent(by: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOKED_FOR_S)
    # While Python ends itself this thread does not run, but the system's timer does, and kills.
    signal.setitimer(signal.ITIMER_REAL, VERY_LAST_RESORT_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_RESORT_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)
