"""A training whose parent is killed ends: at once while it still imports, asked first once it trains."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "IUSTumorSeg"
PARENT = """
import os, subprocess, sys
from IUSTumorSegLib.nnunet.end_with_parent import PARENT_VARIABLE
own = os.environ | {PARENT_VARIABLE: str(os.getpid())}
subprocess.Popen([sys.executable, "-c", sys.argv[1]], env=own, start_new_session=True).wait()
"""
# As the loading of a large library does, this keeps Python's lock, so that no thread of the process can run.
IMPORTING = """
import ctypes, os
from IUSTumorSegLib.nnunet.end_with_parent import end_with_parent, killed_at_once
end_with_parent()
with killed_at_once():
    print(os.getpid(), flush=True)
    ctypes.PyDLL(None).sleep(60)
"""
TRAINING = """
import os, signal, sys, time
from IUSTumorSegLib.nnunet.end_with_parent import end_with_parent, killed_at_once
def asked(*_):
    print("asked", flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, asked)
end_with_parent()
with killed_at_once():
    pass
print(os.getpid(), flush=True)
time.sleep(60)
"""

# What is left at the end of a Python process is taken down when its threads do not run any more.
ENDING_SLOWLY = (
    """
import time
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(60)
slow = Slow()
"""
    + TRAINING
)
# A worker that nobody ends.
WITH_WORKER = TRAINING.replace("time.sleep(60)", "os.fork()\ntime.sleep(60)")


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in Linux's /proc")
@pytest.mark.parametrize(
    ("child", "said_at_the_end"),
    [(IMPORTING, ""), (TRAINING, "asked\n"), (ENDING_SLOWLY, "asked\n"), (WITH_WORKER, "asked\n")],
)
def test_a_process_is_gone_soon_after_its_parent_was_killed(child, said_at_the_end):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, child], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
    )  # fmt: skip
    process = Path("/proc") / parent.stdout.readline().strip()
    assert process.exists()
    parent.kill()
    killed = time.monotonic()
    # Ends when the last process that writes to it is gone.
    assert parent.stdout.read() == said_at_the_end
    assert time.monotonic() < killed + 5
    parent.wait()
