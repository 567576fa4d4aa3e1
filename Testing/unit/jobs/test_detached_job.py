import json
import os
import subprocess
import sys
import time

import pytest

from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.jobs.detached_job import RECORD_FILE, find_detached_job, start_detached_job
from IUSTumorSegLib.jobs.process_identity import process_identity

WORK = """
import json, sys, time
print(json.dumps({"stage": "train", "done": 1, "total": 3, "message": "epoch 1"}), flush=True)
print("a library speaks", file=sys.stderr, flush=True)
time.sleep(%s)
print(json.dumps({"stage": "done"}), flush=True)
"""
START_AND_LEAVE = """
import sys
from pathlib import Path
from IUSTumorSegLib.jobs.detached_job import start_detached_job
job = start_detached_job([sys.executable, "-c", sys.argv[2]], Path(sys.argv[1]), "Training", None, {"dataset": "D"})
print(job.pid)
"""


def start(folder, seconds=60.0):
    return start_detached_job([sys.executable, "-c", WORK % seconds], folder, "Training", None, {"dataset": "D"})


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def left_behind(tmp_path):
    """A job whose starter has ended."""
    answer = subprocess.run(
        [sys.executable, "-c", START_AND_LEAVE, str(tmp_path), WORK % 60], capture_output=True, text=True, check=True
    )
    yield int(answer.stdout)
    if (job := find_detached_job(tmp_path)) is not None:
        job.cancel(0.1)


def test_a_job_outlives_the_program_that_started_it_and_is_found_again_with_all_its_progress(left_behind, tmp_path):
    job = find_detached_job(tmp_path)
    assert job.pid == left_behind
    assert job.running
    assert (job.record.what, job.record.details) == ("Training", {"dataset": "D"})
    events = []
    wait_for(lambda: events.extend(job.poll()) or events)
    assert [event["message"] for event in events] == ["epoch 1"]
    wait_for(lambda: "a library speaks" in job.log_path.read_text())


def test_a_job_that_was_found_again_is_cancelled_within_five_seconds(left_behind, tmp_path):
    job = find_detached_job(tmp_path)
    started = time.monotonic()
    job.cancel(1.0)
    assert time.monotonic() - started < 5.0
    wait_for(lambda: process_identity(left_behind) is None)
    assert not job.running
    assert job.exit_code == 1


def test_a_stranger_with_the_recorded_number_is_neither_running_nor_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as stranger:
        time.sleep(0.05)  # the system counts starts in hundredths of a second
        start(tmp_path, 0.0)
        record = json.loads((tmp_path / RECORD_FILE).read_text())
        (tmp_path / RECORD_FILE).write_text(json.dumps(record | {"pid": stranger.pid}))
        job = find_detached_job(tmp_path)
        assert not job.running
        job.cancel(0.1)
        assert stranger.poll() is None
        stranger.kill()


def test_the_end_of_a_job_that_was_found_again_is_read_from_its_last_words(tmp_path):
    start(tmp_path, 0.0)._process.wait(20)
    found = find_detached_job(tmp_path)
    assert not found.running
    assert found.exit_code == 0
    assert [event["stage"] for event in found.poll()] == ["train", "done"]


def test_a_second_job_for_the_same_folder_is_refused_while_the_first_runs(tmp_path):
    job = start(tmp_path)
    with pytest.raises(Failed, match="still running"):
        start(tmp_path)
    job.cancel(0.5)
    assert job.exit_code not in (None, 0)
    start(tmp_path, 0.0)._process.wait(20)


def test_a_job_of_another_machine_can_be_read_but_not_cancelled_from_here(tmp_path):
    start(tmp_path, 0.0)._process.wait(20)
    record = json.loads((tmp_path / RECORD_FILE).read_text())
    (tmp_path / RECORD_FILE).write_text(json.dumps(record | {"host": "another"}))
    job = find_detached_job(tmp_path)
    assert not job.running
    assert len(job.poll()) == 2
    with pytest.raises(Failed, match="another"):
        job.cancel()


def test_a_line_still_being_written_is_left_for_later(tmp_path):
    job = start(tmp_path, 0.0)
    job._process.wait(20)
    progress = tmp_path / "logs" / "job_progress.jsonl"
    progress.write_text('{"stage": "train", "do')
    job._read_to = 0
    assert job.poll() == []
    progress.write_text('{"stage": "train", "done": 2}\n')
    assert [event["done"] for event in job.poll()] == [2]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1}'])
def test_a_record_that_is_none_counts_as_no_job(tmp_path, content):
    (tmp_path / RECORD_FILE).write_text(content)
    assert find_detached_job(tmp_path) is None


@pytest.mark.skipif(os.name == "nt", reason="zombies are POSIX")
def test_a_process_has_one_identity_as_long_as_it_runs_and_none_as_a_zombie():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = process_identity(process.pid)
    assert identity
    assert identity == process_identity(process.pid)
    assert identity != process_identity(os.getpid())
    process.stdin.close()
    wait_for(lambda: process_identity(process.pid) is None)
    process.wait()
    assert process_identity(process.pid) is None


def test_a_job_found_again_by_the_program_that_started_it_ends_without_waiting_for_a_zombie(tmp_path):
    start(tmp_path)
    found = find_detached_job(tmp_path)
    wait_for(found.poll)
    started = time.monotonic()
    found.cancel(3.0)
    assert time.monotonic() - started < 2.0
    assert not found.running
