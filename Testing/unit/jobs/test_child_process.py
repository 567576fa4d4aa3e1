import json
import os
import sys
import time
from pathlib import Path

import pytest

from IUSTumorSegLib.jobs.child_process import start_job

PARENT_OF_A_STUBBORN_CHILD = """
import json, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"])
print(json.dumps({"stage": "work", "done": 1, "total": 2, "message": str(child.pid)}), flush=True)
time.sleep(60)
"""


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def first_event(job):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if events := job.poll():
            return events[0]
        time.sleep(0.02)
    pytest.fail("the job reported nothing")


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_cancel_ends_the_command_and_a_descendant_that_ignores_the_request(tmp_path):
    job = start_job([sys.executable, "-c", PARENT_OF_A_STUBBORN_CHILD], tmp_path / "log.txt")
    grandchild = int(first_event(job)["message"])
    started = time.monotonic()
    job.cancel(grace_s=0.5)
    assert time.monotonic() - started < 5
    assert not job.running
    assert not alive(job.pid)
    deadline = time.monotonic() + 3
    while alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(grandchild)


def test_progress_arrives_in_order_and_everything_else_goes_to_the_log(tmp_path):
    code = (
        "import json, sys\nfor i in range(3): print(json.dumps({'stage': 's', 'done': i}))\n"
        "print('a library speaks'); print('trouble', file=sys.stderr); sys.exit(3)"
    )
    job = start_job([sys.executable, "-c", code], tmp_path / "log.txt")
    assert job.wait(20) == 3
    assert [event["done"] for event in job.poll()] == [0, 1, 2]
    assert job.exit_code == 3
    log = (tmp_path / "log.txt").read_text()
    assert "a library speaks" in log
    assert "trouble" in log


def run_request(tmp_path, content):
    request = tmp_path / "request.json"
    request.write_text(json.dumps(content))
    job = start_job([sys.executable, "-m", "IUSTumorSegLib.jobs", str(request)], tmp_path / "log.txt")
    code = job.wait(60)
    return code, job.poll()[-1]


def test_a_request_with_bad_input_ends_with_2_and_one_sentence(tmp_path):
    arguments = {
        "registration": str(tmp_path / "no.json"),
        "label": "a",
        "us": "b",
        "out": str(tmp_path / "out.nii.gz"),
    }
    code, last = run_request(tmp_path, {"task": "propagate", "arguments": arguments})
    assert code == 2
    assert last["stage"] == "error"
    assert last["message"].startswith("Expected a registration.json, but found nothing at")


def test_an_unknown_task_or_argument_is_named(tmp_path):
    assert "'paint'" in run_request(tmp_path, {"task": "paint", "arguments": {}})[1]["message"]
    assert "colour" in run_request(tmp_path, {"task": "propagate", "arguments": {"colour": 1}})[1]["message"]
