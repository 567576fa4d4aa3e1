"""Workers give their results, and do not outlive a parent that was killed."""

import math
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from IUSTumorSegLib.jobs.worker_processes import worker_processes

LIBRARY = Path(__file__).parents[3] / "IUSTumorSeg"
PARENT = """
import os, time
from IUSTumorSegLib.jobs.worker_processes import worker_processes
if __name__ == "__main__":
    with worker_processes(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(20)}, flush=True)
        list(pool.map(time.sleep, [60] * 8))
"""


def test_work_comes_back_in_order():
    with worker_processes(2) as pool:
        assert list(pool.map(math.factorial, range(6))) == [1, 1, 2, 6, 24, 120]


@pytest.mark.skipif(sys.platform == "win32", reason="asks after processes by POSIX signals")
def test_workers_end_soon_after_their_parent_was_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(LIBRARY)}
    )
    workers = [int(number) for number in parent.stdout.readline().split()]
    assert workers and all(map(_runs, workers))
    parent.kill()
    parent.wait()
    patience = time.monotonic() + 20
    while any(map(_runs, workers)) and time.monotonic() < patience:
        time.sleep(0.05)
    assert not any(map(_runs, workers))


def _runs(process: int) -> bool:
    """Whether a process runs: one that ended and was never asked after does not."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat")
        return not state.exists() or state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
