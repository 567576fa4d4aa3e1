"""A command that may outlive the program that started it, and is found again by a record in its output folder.

Its progress and its log go to files, so that nothing breaks when nobody reads them. The record names the process by its
number and its start: a later process of the same number is never taken for it, and never killed.
"""

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..errors import Failed
from .child_process import IS_WINDOWS, end_process_group, progress_of
from .process_identity import process_identity

RECORD_FILE = "running_job.json"
SCHEMA = "iustumorseg.job/1"
PROGRESS_PATH = Path("logs") / "job_progress.jsonl"
LOG_PATH = Path("logs") / "job.log"
# CREATE_NEW_PROCESS_GROUP and CREATE_NO_WINDOW
WINDOWS_FLAGS = 0x00000200 | 0x08000000


@dataclass(frozen=True)
class JobRecord:
    """What is kept of a job beside its results: `details` are the starter's own, as JSON can hold them."""

    pid: int
    identity: str
    host: str
    started: str
    what: str
    details: dict[str, Any] = field(default_factory=dict)


def start_detached_job(
    command: Sequence[str],
    folder: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> "DetachedJob":
    """Start `command` in a session of its own, with its record, progress and log in `folder`.

    `what` names it for a person. Raises `OSError` where it cannot be started, and `Failed` where a job that was started
    for this folder still runs.
    """
    folder = Path(folder)
    found = find_detached_job(folder)
    if found is not None and found.running:
        raise Failed(f"A job for {folder} is still running ({found.record.what}): wait for it or cancel it.")
    (folder / LOG_PATH).parent.mkdir(parents=True, exist_ok=True)
    group: dict[str, Any] = {"creationflags": WINDOWS_FLAGS} if IS_WINDOWS else {"start_new_session": True}
    with (folder / PROGRESS_PATH).open("wb") as progress, (folder / LOG_PATH).open("wb") as log:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=progress, stderr=log, env=environment, **group
        )
    identity = process_identity(process.pid) or ""
    record = JobRecord(process.pid, identity, platform.node(), _now(), what, dict(details or {}))
    write_json_atomic(folder / RECORD_FILE, {"schema": SCHEMA, **asdict(record), "log": str(LOG_PATH)})
    return DetachedJob(folder, record, process)


def find_detached_job(folder: Path) -> "DetachedJob | None":
    """The job recorded in `folder`, running or not; `None` where there is none or its record is not ours."""
    try:
        content = json.loads((Path(folder) / RECORD_FILE).read_text(encoding="utf-8"))
        record = JobRecord(**{name: content[name] for name in JobRecord.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return DetachedJob(Path(folder), record)


class DetachedJob:
    """A job by its record; read and ended as a `child_process.Job` is."""

    def __init__(self, folder: Path, record: JobRecord, process: subprocess.Popen | None = None) -> None:
        self.record = record
        self.log_path = folder / LOG_PATH
        self.record_path = folder / RECORD_FILE
        self.last_message = ""
        self._folder = folder
        self._process = process
        self._read_to = 0
        self._last_stage = ""

    @property
    def pid(self) -> int:
        """The process number, which is also its group's."""
        return self.record.pid

    @property
    def elsewhere(self) -> bool:
        """Whether it was started on another machine, from which alone it can be ended."""
        return self.record.host != platform.node()

    @property
    def running(self) -> bool:
        """Whether it is at work; of another machine's, whether it has not said that it ended."""
        if self._process is not None:
            return self._process.poll() is None
        if self.elsewhere:
            self._look_for_end()
            return self._last_stage not in ("done", "error")
        if not self.record.identity or process_identity(self.pid) != self.record.identity:
            _collect(self.pid)
            return False
        return True

    @property
    def exit_code(self) -> int | None:
        """`None` while it runs; 0 where it ended by saying that it is done, as no one else may have waited for it."""
        if self.running:
            return None
        if self._process is not None:
            return self._process.returncode
        self._look_for_end()
        return 0 if self._last_stage == "done" else 1

    def poll(self) -> list[dict[str, Any]]:
        """The progress since the last poll, oldest first; of a job that was found again all of it at first."""
        events = [event for line in self._new_lines() if (event := progress_of(line)) is not None]
        if events:
            self._last_stage = events[-1]["stage"]
            self.last_message = events[-1].get("message") or self.last_message
        return events

    def cancel(self, grace_s: float = 3.0) -> None:
        """End it and every descendant: asked first, killed after `grace_s`; nothing where it no longer runs."""
        if self.elsewhere:
            raise Failed(f"This job runs on {self.record.host}: cancel it there.")
        if not self.running:
            return
        if IS_WINDOWS:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(self.pid)], capture_output=True, check=False)
        else:
            end_process_group(self.pid, grace_s, lambda: self.running)

    def forget(self) -> None:
        """Remove the record of a job that has ended and whose end was seen."""
        self.record_path.unlink(missing_ok=True)

    def _new_lines(self) -> list[str]:
        try:
            with (self._folder / PROGRESS_PATH).open("rb") as stream:
                stream.seek(self._read_to)
                new = stream.read()
        except FileNotFoundError:
            return []
        # A line that is still being written is left for the next time.
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        return whole.decode("utf-8", errors="replace").splitlines()

    def _look_for_end(self) -> None:
        """Read the last stage without taking the lines away from `poll`."""
        at, message = self._read_to, self.last_message
        self.poll()
        self._read_to, self.last_message = at, message


def _collect(pid: int) -> None:
    """Let the system forget an ended process that this program started, and another part of it found again."""
    if not IS_WINDOWS:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
