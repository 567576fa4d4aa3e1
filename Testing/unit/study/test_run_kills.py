"""kill -9 and Ctrl-C, three of each kind's moments here; `Testing/benchmarks/kill_study_runs.py` does thirty."""

import os
import signal
import time

import psutil
import pytest
from kills import (
    COMMAND,
    ENDS_WITHIN_S,
    SCHEDULER,
    WORKER,
    check_whole,
    end_tree,
    leftovers,
    lives,
    registered,
    seconds_until,
    start_run,
    survive,
    wait_for,
    workers_of,
)

from IUSTumorSegLib.study.stand_in import made_study

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")


@pytest.mark.parametrize("kind", [WORKER, COMMAND, SCHEDULER])
def test_a_kill_costs_at_most_the_cases_in_flight_and_leaves_no_broken_file(kind, tmp_path):
    cost = survive(kind, tmp_path, after_cases=2, further_s=0.07)
    assert cost.done_before >= 2
    assert cost.outlived_s < ENDS_WITHIN_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_processes_in_five_seconds_and_leaves_nothing_half_done(number, tmp_path):
    study = made_study(tmp_path / "study", 30)
    run = start_run(study, seconds=0.5)
    try:
        wait_for(lambda: len(registered(study)) >= 1)
        processes = [psutil.Process(pid) for pid in [run.pid, *workers_of(run.pid)]]
        assert len(processes) >= 3
        os.killpg(run.pid, number)  # as a terminal and a Slicer job do: the whole group
        assert seconds_until(lambda: run.poll() is not None) < ENDS_WITHIN_S
        assert run.returncode == 130
        assert "Traceback" not in run.stderr.read()
        time.sleep(0.1)
        assert not any(lives(process) for process in processes)
        check_whole(study)
        assert not leftovers(study)
    finally:
        end_tree(run)
