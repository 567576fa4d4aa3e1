"""A command in a child process of its own group: started, watched without waiting, and ended with all its descendants."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .process_identity import group_has_living

IS_WINDOWS = os.name == "nt"


def start_job(command: Sequence[str], log_path: Path, environment: Mapping[str, str] | None = None) -> "Job":
    """Start `command`; its standard error and any line that is not progress go to `log_path`.

    `environment` replaces the child's environment where given. Raises `OSError` where the program cannot be started.
    """
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log = log_path.open("w", encoding="utf-8", errors="replace")
    group: dict[str, Any] = {"creationflags": 0x00000200} if IS_WINDOWS else {"start_new_session": True}
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment,
            text=True, encoding="utf-8", errors="replace", **group,
        )  # fmt: skip
    except OSError:
        log.close()
        raise
    return Job(process, log, log_path)


class Job:
    """A running command. Poll it from a timer; nothing here waits, except `cancel` and `wait`."""

    def __init__(self, process: subprocess.Popen, log: IO[str], log_path: Path) -> None:
        self.log_path = log_path
        self.last_message = ""
        self._process = process
        self._log = log
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def running(self) -> bool:
        """Whether the command is still at work, or its last lines are still unread."""
        return self._process.poll() is None or self._reader.is_alive()

    @property
    def exit_code(self) -> int | None:
        """The exit code, `None` while it runs; negative for the signal that ended it."""
        return None if self.running else self._process.returncode

    @property
    def pid(self) -> int:
        """The child's process number, which is also its group's."""
        return self._process.pid

    def poll(self) -> list[dict[str, Any]]:
        """The progress since the last poll, oldest first."""
        events = []
        while not self._events.empty():
            events.append(self._events.get())
        if events and events[-1].get("message"):
            self.last_message = events[-1]["message"]
        return events

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end and return the exit code; `subprocess.TimeoutExpired` after `timeout_s`."""
        self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        return self._process.returncode

    def cancel(self, grace_s: float = 3.0) -> None:
        """End the command and every descendant: asked first, killed after `grace_s` seconds."""
        if IS_WINDOWS:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self.pid)], capture_output=True, check=False)
        else:
            end_process_group(self.pid, grace_s, lambda: self._process.poll() is None)
            self._process.wait(5.0)
        self._reader.join(1.0)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = progress_of(line)
            if event is None:
                self._log.write(line)
                self._log.flush()
            else:
                self._events.put(event)
        self._process.stdout.close()
        self._log.close()


def progress_of(line: str) -> dict[str, Any] | None:
    """The progress that a line of standard output holds; `None` for any other line."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "stage" in event else None


def end_process_group(group: int, grace_s: float, leader_runs: Callable[[], bool]) -> None:
    """End every process of a group (POSIX): asked first, killed after `grace_s`.

    `leader_runs` looks after the group's first process: one that has ended counts as alive until it was waited for.
    """
    _signal_group(group, signal.SIGTERM)
    _wait_for_group(group, grace_s, leader_runs)
    # Also after a polite end: a descendant may have outlived its parent.
    _signal_group(group, signal.SIGKILL)
    _wait_for_group(group, 2.0, leader_runs)


def _wait_for_group(group: int, at_most_s: float, leader_runs: Callable[[], bool]) -> None:
    deadline = time.monotonic() + at_most_s
    while _group_lives(group, leader_runs) and time.monotonic() < deadline:
        time.sleep(0.02)


def _group_lives(group: int, leader_runs: Callable[[], bool]) -> bool:
    leader_runs()
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    # Where nobody collects the ended descendants of an ended process, the group never goes.
    return group_has_living(group)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
