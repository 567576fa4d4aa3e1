"""The benchmark's runs: made once, kept in a file, and never mixed with those of other code."""

import ast
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ..jobs.progress import Progress
from ..jobs.worker_processes import worker_processes
from .benchmark_cases import CASES_FILE, Pair, load_cases, right_pair, wrong_pair
from .benchmark_summary import Run

RIGHT_PAIR = "right"
LIBRARY = Path(__file__).parents[1]
# They read, write, draw, judge or compare, and change neither a pose nor its features.
WITHOUT_EFFECT = {
    "registration": ("adjustment", "agreement", "benchmark", "benchmark_runs", "benchmark_statistics", "benchmark_summary",
                     "border_check", "by_hand", "comparison_picture", "diagnostic_pictures", "disturbed_images",
                     "fit_verdict", "following_agreement", "line_plots", "local_agreement", "mri_edges", "picture_parts",
                     "pose_history", "register_files", "registration_files", "repeatability", "review_facts",
                     "rigid_landmarks", "transform_files", "verdict", "verdict_runs"),
    "images": ("dicom", "volumes"),
    "demo": ("case_files", "chain", "charts", "demo_files", "findings", "pictures", "report"),
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One run to make: case or wrong pair `number`, from `distance_mm`, by `method` on `device`."""

    kind: str
    number: int
    contrasts: tuple[str, ...]
    distance_mm: float
    method: str
    device: str

    def key(self, code: str) -> dict[str, Any]:
        """What names the run, with the fingerprint of the code that makes it."""
        return {**asdict(self), "contrasts": list(self.contrasts), "code": code}


def run_missing(jobs: list[Job], code: str, path: Path, workers: int, progress: Progress) -> list[Run]:
    """All runs of `jobs`, in their order: those in the file `path`, and the others, made now and appended to it."""
    known = {_name(run.key): run for run in read_runs(path)}
    names = [_name(job.key(code)) for job in jobs]
    missing = [job for job, name in zip(jobs, names, strict=True) if name not in known]
    progress("benchmark", len(jobs) - len(missing), len(jobs), f"{len(missing)} of {len(jobs)} runs to make")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        if _ends_in_half_a_line(path):
            stream.write("\n")
        for number, run in enumerate(_made(missing, code, workers)):
            stream.write(json.dumps(asdict(run)) + "\n")
            stream.flush()
            known[_name(run.key)] = run
            progress("benchmark", len(jobs) - len(missing) + number + 1, len(jobs), _said(run))
    return [known[name] for name in names]


def read_runs(path: Path) -> list[Run]:
    """The runs in a file; a line cut short by an interruption counts as not run."""
    runs = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            runs.append(Run(**json.loads(line)))
        except json.JSONDecodeError:
            continue
    return runs


def _ends_in_half_a_line(path: Path) -> bool:
    content = path.read_bytes()
    return bool(content) and not content.endswith(b"\n")


def _name(key: dict[str, Any]) -> str:
    return json.dumps(key, sort_keys=True)


def _said(run: Run) -> str:
    ended = "a wrong pair" if run.error_mm is None else f"ended {run.error_mm:.2f} mm from the truth"
    what = f"{run.key['method']}, case {run.key['number']}, from {run.key['distance_mm']:g} mm"
    return f"{what}: {ended}, {run.seconds:.1f} s"


def _made(jobs: list[Job], code: str, workers: int) -> Iterator[Run]:
    """The runs of `jobs`, those of one patient together, because simulating one takes longer than registering it."""
    patients = [list(group) for _, group in groupby(jobs, key=lambda job: (job.kind, job.number))]
    if workers == 1:
        for group in patients:
            yield from (_measured(job, code) for job in group)
        return
    with worker_processes(workers) as pool:
        for runs in pool.map(_all_measured, patients, [code] * len(patients)):
            yield from runs


def _all_measured(jobs: list[Job], code: str) -> list[Run]:
    return [_measured(job, code) for job in jobs]


def _measured(job: Job, code: str) -> Run:
    from .benchmark_methods import METHODS, mean_displacement_mm

    pair = _pair(job)
    started, cpu_started = time.perf_counter(), time.process_time()
    outcome = METHODS[job.method](pair, job.device)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_started
    truth = pair.true_mri_to_us_ras
    error, start = (
        None if truth is None else round(mean_displacement_mm(pair, pose, truth), 4)
        for pose in (outcome.mri_to_us_ras, pair.initial_mri_to_us_ras)
    )
    stages = {name: round(value, 3) for name, value in outcome.stage_seconds.items()}
    tumor = asdict(outcome.tumor) if outcome.tumor else None
    return Run(job.key(code), error, start, outcome.features, round(seconds, 3), round(cpu_seconds, 3), stages, tumor)


def _pair(job: Job) -> Pair:
    cases = load_cases()
    if job.kind == RIGHT_PAIR:
        return right_pair(cases[job.number], job.contrasts, job.distance_mm)
    return wrong_pair(job.number, cases, job.contrasts, job.distance_mm)[1]


def code_fingerprint() -> str:
    """A short hash of the engine, of the simulator and of the cases: what runs must share to stand in one table."""
    digest = hashlib.sha256(CASES_FILE.read_bytes())
    for package, without_effect in WITHOUT_EFFECT.items():
        for path in sorted((LIBRARY / package).glob("*.py")):
            if path.stem not in without_effect:
                # As a tree, so that a new comment does not invalidate hours of runs.
                digest.update(ast.dump(ast.parse(path.read_text(encoding="utf-8"))).encode())
    return digest.hexdigest()[:12]
