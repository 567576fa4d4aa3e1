"""Work on many cases at once with Dask, each case by itself: one that fails is noted and stops no other.

A worker that is killed costs the case in its hands one more try; a case that has cost `KILLS_ALLOWED` workers is given up.
A full disk ends the run, since every further case would fail alike.
"""

import functools
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import write_json_atomic
from ..errors import BadInput, Failed
from ..jobs.progress import Progress
from .case_state import FAILURE_FILE, failed_step
from .cluster import KILLS_ALLOWED, Where, open_client
from .disk import is_disk_full
from .file_lock import Busy, locked_file
from .study_folder import Study, case_folder

if TYPE_CHECKING:
    from distributed import Client, Future, as_completed

Task = Callable[[Path], Any]

RUN_LOCK, BEGUN, ENDED = ".run.lock", ".begun-", ".ended-"
TELL_EVERY_S = 0.5
BATCH = 200
LOOK_FOR_WORKERS_S, COME_BACK_S = 10.0, 60.0  # a killed worker is back in seconds, on a busy machine in half a minute
# Written by runs alone, so what a killed run left of them may go.
WRITTEN_BY_RUNS = (
    "registration.json", "mri_to_us.tfm", "comparison.png", "diagnostics.png", "thumbnail.png", FAILURE_FILE,
    "us_tumor_from_mri", "displacement.json",
)  # fmt: skip


@dataclass(frozen=True)
class RunResult:
    """What a run did: cases done now, failed ones with their sentence, and those left as they were, with the reason."""

    done: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Run:
    """What stays the same during a run: its study, the work as workers do it, the step's name and the run's own."""

    study: Study
    step: str
    work: Task
    name: str

    def folder(self, case: str) -> Path:
        return case_folder(self.study, case)


def run_cases(
    study: Study, cases: Sequence[str], task: Task, step: str, where: Where, progress: Progress
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Do `task(case's folder)` for each of `cases`; returns the cases done, and the sentences of those that failed.

    `step` is what is done, as a verb ("register"). Needs the study to itself among runs, see `alone`. Raises `Failed`
    for a full disk or a lost scheduler, and `Cancelled`; what is done by then stays.
    """
    if not cases:
        return (), {}
    name = uuid.uuid4().hex[:12]
    run = _Run(study, step, functools.partial(do_case, task=task, step=step, run=name), name)
    progress("start", 0, len(cases), f"Starting to {step} {len(cases)} cases")
    try:
        with open_client(where) as client:
            _wait_for_workers(client, progress)
            return _gather(client, run, cases, where.on_this_machine, progress)
    finally:
        remove_leftovers(study, cases)


@contextmanager
def alone(study: Study) -> Iterator[None]:
    """Keep other runs away from the study, on other machines too; `BadInput` where one is at work."""
    try:
        with locked_file(study.folder / RUN_LOCK, wait=False):
            yield
    except Busy as error:
        raise BadInput(
            "a study on which no other run is at work", f"one at work on {study.folder}", "wait for its end, or stop it"
        ) from error


def do_case(folder: Path, *, task: Task, step: str, run: str) -> None:
    """What a worker does: note the try, do `task`, forget an earlier failure of this step, and note the end.

    `run` is a name of the run's own. A case that is asked for once more after its end is left as it is: Dask does so with
    those whose worker was killed before the command had heard of them. The notes go when the run ends.
    """
    begun, ended = folder / f"{BEGUN}{run}", folder / f"{ENDED}{run}"
    if ended.exists():
        return
    with begun.open("ab") as stream:
        stream.write(b".")
    task(folder)
    if failed_step(folder) == step:
        (folder / FAILURE_FILE).unlink(missing_ok=True)
    begun.replace(ended)


def remove_leftovers(study: Study, cases: Sequence[str]) -> None:
    """Remove what killed writers of runs left in the cases' folders; call it while no other run is at work."""
    for case in cases:
        folder = case_folder(study, case)
        for entry in folder.glob(".*"):
            if entry.name.startswith((BEGUN, ENDED)) or _is_leftover(entry.name):
                entry.unlink(missing_ok=True)


def note_failure(folder: Path, step: str, sentence: str, details: str = "") -> None:
    """Write the case's `failure.json`."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    write_json_atomic(folder / FAILURE_FILE, {"step": step, "sentence": sentence, "when": when, "details": details})


def _is_leftover(name: str) -> bool:
    _, _, final = name.removeprefix(".partial-").partition("-")
    return name.startswith(".partial-") and final.startswith(WRITTEN_BY_RUNS)


def _wait_for_workers(client: "Client", progress: Progress) -> None:
    while not client.nthreads():
        progress("wait", 0, 0, "Waiting for a worker")
        time.sleep(0.5)


def _gather(
    client: "Client", run: _Run, cases: Sequence[str], here: bool, progress: Progress
) -> tuple[tuple[str, ...], dict[str, str]]:
    from distributed import as_completed

    tell = _now_and_then(progress)
    started = time.monotonic()
    done: list[str] = []
    failed: dict[str, str] = {}
    waiting = as_completed(loop=client.loop)
    case_of = _submit(client, run, cases, waiting)
    for future in _ended(waiting, client, here):
        case = case_of.pop(str(future.key))
        error = _error_of(future, len(done), len(cases))
        del future  # Dask keeps a result, and restores it, as long as anybody holds it
        if error is None:
            done.append(case)
        elif _was_bystander(error, run.folder(case)):
            case_of |= _submit(client, run, [case], waiting)
            continue
        else:
            failed[case] = _noted(error, run, case, len(done), len(cases))
        finished = len(done) + len(failed)
        tell(run.step, finished, len(cases), _how_far(finished, len(cases), len(failed), started))
    return tuple(done), failed


def _ended(waiting: "as_completed", client: "Client", here: bool) -> "Iterator[Future]":
    """The futures as they end. `Failed` where no worker of this machine is left: Dask would wait for one for ever."""
    heard_s = time.monotonic()
    while waiting.count():
        if waiting.has_ready():
            heard_s = time.monotonic()
            yield next(waiting)
            continue
        with waiting.thread_condition:
            waiting.thread_condition.wait(0.1)
        if here and time.monotonic() - heard_s > LOOK_FOR_WORKERS_S:
            heard_s = time.monotonic()
            if not client.nthreads() and not _come_back(client):
                raise Failed("No worker process is left: start again, and only what is missing will be done.")


def _come_back(client: "Client") -> bool:
    """Whether a worker is seen within a minute; one that a case kills again at once is there for moments only."""
    until_s = time.monotonic() + COME_BACK_S
    while not client.nthreads():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.05)
    return True


def _submit(client: "Client", run: _Run, cases: Sequence[str], waiting: "as_completed") -> dict[str, str]:
    """Hand cases to Dask, whose answers then come through `waiting`; returns the case of each key."""
    keys = [f"{run.step}-{run.name}-{uuid.uuid4().hex[:8]}" for _ in cases]
    folders = [run.folder(case) for case in cases]
    waiting.update(client.map(run.work, folders, key=keys, pure=False, batch_size=BATCH))
    return dict(zip(keys, cases, strict=True))


def _error_of(future: "Future", done: int, total: int) -> BaseException | None:
    if future.status == "cancelled":
        raise Failed(
            f"The Dask scheduler went away after {done} of {total} cases: start it and this command again, "
            "and only what is missing will be done."
        )
    return future.exception()


def _was_bystander(error: BaseException, folder: Path) -> bool:
    """Whether Dask blames a case that only stood in line while another one cost the worker."""
    from distributed import KilledWorker

    return isinstance(error, KilledWorker) and _tries(folder) < KILLS_ALLOWED


def _tries(folder: Path) -> int:
    return sum(mark.stat().st_size for mark in folder.glob(f"{BEGUN}*"))


def _noted(error: BaseException, run: _Run, case: str, done: int, total: int) -> str:
    """Note the case's failure and return its sentence; a full disk ends the run."""
    sentence = sentence_of(error, run.step)
    expected = isinstance(error, (BadInput, Failed))
    details = "" if expected else "".join(traceback.format_exception(error))
    full = is_disk_full(error, run.study.folder)
    try:
        if not full:
            note_failure(run.folder(case), run.step, sentence, details)
    except OSError as second:
        full = is_disk_full(second, run.study.folder)
        if not full:
            raise Failed(f"The study cannot be written: {second.strerror} ({run.study.folder}).") from second
    if full:
        raise Failed(
            f"The disk of {run.study.folder} is full after {done} of {total} cases: free some space and start again; "
            "only what is missing will be done."
        ) from error
    return sentence


def sentence_of(error: BaseException, step: str) -> str:
    """One sentence for a person: why a case failed."""
    from distributed import KilledWorker

    if isinstance(error, (BadInput, Failed)):
        return str(error)
    if isinstance(error, KilledWorker):
        return (
            f"The process was killed {KILLS_ALLOWED} times or more while it tried to {step} the case, often for want of "
            "memory: try it with --workers 1."
        )
    if isinstance(error, MemoryError):
        return "The memory was not enough: try it with --workers 1."
    return f"It was not possible to {step} the case: {str(error) or type(error).__name__}"


def _now_and_then(progress: Progress) -> Progress:
    """The same progress, told at most every `TELL_EVERY_S`, and at the end: a thousand lines a minute help nobody."""
    told_s = 0.0

    def tell(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        nonlocal told_s
        if done == total or time.monotonic() - told_s > TELL_EVERY_S:
            told_s = time.monotonic()
            progress(stage, done, total, message, **more)

    return tell


def _how_far(finished: int, total: int, failed: int, started: float) -> str:
    left_s = (time.monotonic() - started) / finished * (total - finished)
    return (
        f"{finished} of {total} cases"
        + (f", {failed} failed" if failed else "")
        + (f", about {duration(left_s)} left" if finished < total else "")
    )


def duration(seconds: float) -> str:
    """A duration as a person says it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
