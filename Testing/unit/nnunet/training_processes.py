"""A training as a window starts it, and which of its processes are alive; found by a mark in their environment."""

import json
import os
import sys
import uuid
from pathlib import Path

from IUSTumorSegLib.jobs.child_process import Job, start_job

MARK = "IUSTUMORSEG_TEST_MARK"


def start_marked_training(raw: Path, folder: Path, **settings) -> tuple[Job, str]:
    """Start the task `train` on data set 501 with two augmenting workers; returns the job and its mark."""
    arguments = {"dataset": "501", "raw": str(raw), "out": str(folder / "out"), "workers": 2, "epochs": 1000}
    folder.mkdir(parents=True, exist_ok=True)
    request = folder / "request.json"
    request.write_text(json.dumps({"task": "train", "arguments": arguments | settings}))
    mark = uuid.uuid4().hex
    command = [sys.executable, "-m", "IUSTumorSegLib.jobs", str(request)]
    return start_job(command, folder / "log.txt", os.environ | {MARK: mark}), mark


def processes_marked(mark: str) -> set[int]:
    """The processes that carry `mark` in their environment: a job and all its descendants."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and _environment(folder).find(mark.encode()) >= 0 and _is_alive(folder):
            found.add(int(folder.name))
    return found


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def _is_alive(folder: Path) -> bool:
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
