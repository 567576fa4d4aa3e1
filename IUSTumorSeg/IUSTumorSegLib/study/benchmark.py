"""The command `benchmark study`: what a study costs beside the registrations themselves."""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import Failed
from ..jobs.progress import Progress, silent
from .case_state import read_states
from .register_study import register_study
from .reviews import Review, append_review, registration_sha256
from .run import RunResult, Task
from .stand_in import made_study, stand_in_registration, stand_in_that_does_nothing
from .study_folder import case_folder, case_names, open_study

GOAL_CASES = 1000
OVERHEAD_GOAL_MS, STATUS_GOAL_S, RESTART_GOAL_S = 10.0, 2.0, 3.0
REVIEWED_EVERY = 2


@dataclass(frozen=True)
class Measure:
    """One figure with its unit, and its goal for `GOAL_CASES` cases, which is the most it may be; None without a goal."""

    what: str
    value: float
    unit: str
    goal: float | None = None


def benchmark_study(
    *, cases: int = GOAL_CASES, workers: int = 2, folder: Path | None = None, progress: Progress = silent
) -> list[Measure]:
    """Make a study of `cases` cases in `folder` (a temporary one where left out) and measure what surrounds the work.

    Two stand-ins take the place of the registration, which both wait 0 s: one does nothing, and one writes a registration
    as large as a real one.
    """
    if folder is not None:
        return _measured(Path(folder), cases, workers, progress)
    with TemporaryDirectory() as temporary:
        return _measured(Path(temporary) / "study", cases, workers, progress)


def _measured(folder: Path, cases: int, workers: int, progress: Progress) -> list[Measure]:
    progress("make", 0, 0, f"Making a study of {cases} cases")
    made_study(folder, cases)
    register = functools.partial(register_study, study=folder, workers=workers, progress=progress)
    empty_s = _registered_s(register, stand_in_that_does_nothing, cases)
    full_s = _registered_s(register, stand_in_registration, cases)
    restart_s, again = _seconds(register)
    if again.done:
        raise Failed(f"{len(again.done)} finished cases were done again.")
    progress("review", 0, 0, "Reviewing")
    review_s, _ = _seconds(lambda: _review(folder))
    status_s, _ = _seconds(lambda: read_states(open_study(folder)))
    return [
        Measure("Overhead a case, with the start of Dask", 1000 * empty_s / cases, "ms", OVERHEAD_GOAL_MS),
        Measure("The same, and a registration's files written", 1000 * full_s / cases, "ms"),
        Measure("Restart of the finished study", restart_s, "s", RESTART_GOAL_S),
        Measure("Status of every case", status_s, "s", STATUS_GOAL_S),
        Measure("A verdict saved", 1000 * review_s * REVIEWED_EVERY / cases, "ms"),
    ]


def _registered_s(register: Callable[..., RunResult], task: Task, cases: int) -> float:
    seconds, result = _seconds(functools.partial(register, task=task))
    if len(result.done) != cases:
        raise Failed(f"Only {len(result.done)} of {cases} cases came through: {next(iter(result.failed.values()), '')}")
    return seconds


def _review(folder: Path) -> None:
    study = open_study(folder)
    for name in case_names(study)[::REVIEWED_EVERY]:
        case = case_folder(study, name)
        append_review(case, Review("accept", "benchmark", "2026-01-01T00:00:00+00:00", 1.0, (), "",
                                   registration_sha256(case) or ""))  # fmt: skip


def _seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
