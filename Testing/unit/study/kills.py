"""Kill a part of a run at some moment, and see what it cost: at most the cases in flight, and no broken file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.registration.transform_files import read_transform
from IUSTumorSegLib.study.case_state import read_states
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import Study, case_folder, case_names

MADE_RUN = Path(__file__).with_name("made_run.py")
WORKER, COMMAND, SCHEDULER = "worker", "command", "scheduler"
PATIENCE_S = 90.0
ENDS_WITHIN_S = 5.0
FINAL_NAMES = {"case.json", "registration.json", "mri_to_us.tfm"}


@dataclass(frozen=True)
class Cost:
    """What a kill cost: cases done before it, cases begun again because of it, and how long processes outlived it in s."""

    kind: str
    done_before: int
    done_again: int
    outlived_s: float


def survive(kind: str, folder: Path, after_cases: int, further_s: float = 0.0, cases: int = 10) -> Cost:
    """Run over a study of `cases` cases, kill -9 one part `further_s` after `after_cases` are done, and let it end.

    Asserts that nothing is broken right after the kill, that no finished case is done again, and that all end well.
    """
    study = made_study(folder / "study", cases)
    address = start_scheduler(folder) if kind == SCHEDULER else None
    run = start_run(study, address and address[1])
    try:
        wait_for(lambda: len(registered(study)) >= after_cases and (kind != WORKER or workers_of(run.pid)))
        time.sleep(further_s)
        outlived_s = kill(kind, run, address[0] if address else None)
        before = registered(study)
        check_whole(study)
        run = finish(run, kind, study)
        after = registered(study)
    finally:
        end_tree(run)
        if address:
            end_tree(address[0])
    again = [case for case, written_ns in before.items() if after.get(case) != written_ns]
    assert not again, f"{again} were done again"
    assert set(after) == set(case_names(study))
    assert not [state for state in read_states(study) if state.failed]
    assert not leftovers(study)
    return Cost(kind, len(before), len(again), outlived_s)


def start_run(study: Study, scheduler: str | None = None, seconds: float = 0.15) -> subprocess.Popen:
    arguments = ["register", str(study.folder), str(seconds), *([scheduler] if scheduler else [])]
    return subprocess.Popen(
        [sys.executable, str(MADE_RUN), *arguments], stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def start_scheduler(folder: Path) -> tuple[subprocess.Popen, str]:
    file = folder / "address"
    process = subprocess.Popen([sys.executable, str(MADE_RUN), "scheduler", str(file)])
    wait_for(lambda: file.exists() and file.read_text())
    return process, file.read_text()


def kill(kind: str, run: subprocess.Popen, scheduler: subprocess.Popen | None) -> float:
    """Kill one part; returns after how many seconds everything that hangs on it was gone."""
    victim = {WORKER: lambda: workers_of(run.pid)[:1], COMMAND: lambda: [run.pid], SCHEDULER: lambda: [scheduler.pid]}
    pids = victim[kind]()
    if not pids:  # the run has ended by itself
        return 0.0
    dependent = psutil.Process(pids[0]).children(recursive=True) if kind != WORKER else []
    os.kill(pids[0], signal.SIGKILL)
    return seconds_until(lambda: not any(lives(process) for process in dependent))


def finish(run: subprocess.Popen, kind: str, study: Study) -> subprocess.Popen:
    """Let the run end; where the kill ended it, start it again."""
    code = run.wait(PATIENCE_S)
    if kind == WORKER:
        assert code == 0, run.stderr.read()
        return run
    if kind == SCHEDULER and code:
        said = run.stderr.read()
        assert code == 1, (code, said)
        assert said.startswith(("The Dask scheduler went away", "No Dask scheduler answers")), said
    again = start_run(study)
    assert again.wait(PATIENCE_S) == 0, again.stderr.read()
    return again


def registered(study: Study) -> dict[str, int]:
    """The registered cases, and when each registration was written."""
    files = {name: case_folder(study, name) / "registration.json" for name in case_names(study)}
    return {name: file.stat().st_mtime_ns for name, file in files.items() if file.exists()}


def check_whole(study: Study) -> None:
    """Every file under a final name is whole, and transform and registration belong to each other."""
    for name in case_names(study):
        folder = case_folder(study, name)
        assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} <= FINAL_NAMES
        if (folder / "registration.json").exists():
            matrix = read_registration(folder / "registration.json").mri_to_us_ras
            np.testing.assert_allclose(read_transform(folder / "mri_to_us.tfm"), matrix, atol=1e-5)


def leftovers(study: Study) -> list[Path]:
    return [path for path in (study.folder / "cases").rglob(".*")]


def workers_of(pid: int) -> list[int]:
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
    except psutil.NoSuchProcess:
        return []


def lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end_tree(process: subprocess.Popen) -> None:
    if process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        for child in children:
            if lives(child):
                child.kill()
    process.wait(10)
    if process.stderr:
        process.stderr.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def seconds_until(condition: Callable[[], object]) -> float:
    started = time.monotonic()
    wait_for(condition)
    return time.monotonic() - started
