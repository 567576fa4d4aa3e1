"""The command `benchmark registration`: LC2, plain local LC2 and mutual information on the same simulated cases.

Each patient is registered from each distance by each method. The results go to `runs.jsonl`, one line a run, as they
come: an interrupted benchmark goes on where it stopped. What was run by other code is left out, never mixed in.
"""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder, write_json_atomic, write_text_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..version import VERSION
from .benchmark_cases import contrasts_of, load_cases, wrong_pair_kind
from .benchmark_runs import RIGHT_PAIR, Job, code_fingerprint, run_missing
from .benchmark_summary import Discrimination, Row, Share, WrongPairs, discrimination_of, rows_of, wrong_pairs_of

SCHEMA = "iustumorseg.registration_benchmark/1"
RUNS_FILE, SUMMARY_FILE, TABLE_FILE = "runs.jsonl", "summary.json", "summary.csv"
FARTHEST_MM = 30.0


@dataclass(frozen=True)
class _Plan:
    cases: int
    distances: tuple[float, ...]
    contrasts: tuple[str, ...]
    methods: tuple[str, ...]
    two_contrasts: bool
    wrong_pairs: int
    workers: int
    device: str


@dataclass(frozen=True)
class BenchmarkResult:
    """The tables, what to know when reading them, and how many of the planned runs were made."""

    rows: list[Row]
    wrong_pairs: list[WrongPairs]
    notes: list[str]
    runs: int
    discrimination: Discrimination | None = None


def benchmark_registration(
    *,
    out: Path,
    cases: int = 100,
    distances: tuple[float, ...] = (10.0, 15.0, 20.0),
    contrasts: tuple[str, ...] = ("FLAIR", "T1ce", "T2"),
    methods: tuple[str, ...] = ("lc2", "local-lc2", "mattes"),
    two_contrasts: bool = False,
    wrong_pairs: int = 0,
    workers: int = 1,
    device: str = "cpu",
    progress: Progress = silent,
) -> BenchmarkResult:
    """Run what `runs.jsonl` in `out` does not hold yet, then summarise into `summary.json` and `summary.csv`.

    `cases` simulated patients start `distances` mm from the truth, the `contrasts` given in turn; `wrong_pairs` are
    judged by the engine alone. Raises `BadInput` before any work.
    """
    out = Path(out)
    plan = _Plan(cases, tuple(distances), tuple(contrasts), tuple(methods), two_contrasts, wrong_pairs, workers, device)
    _check(plan)
    check_output_folder(out)
    code = code_fingerprint()
    runs = run_missing(_jobs(plan), code, out / RUNS_FILE, workers, progress)
    result = BenchmarkResult(rows_of(runs), wrong_pairs_of(runs), _notes(plan), len(runs), discrimination_of(runs))
    _write(result, out, code)
    return result


def _check(plan: _Plan) -> None:
    from ..demo.magnetic_resonance import CONTRASTS
    from .benchmark_methods import METHODS

    available = len(load_cases())
    if not 1 <= plan.cases <= available:
        raise BadInput(f"1 to {available} cases", str(plan.cases), "choose --cases among those in the repository")
    if not plan.distances or not all(0 <= d <= FARTHEST_MM for d in plan.distances):
        raise BadInput(f"distances of 0 to {FARTHEST_MM:g} mm", _list(plan.distances), "correct --distances")
    _check_names("--contrasts", plan.contrasts, CONTRASTS)
    _check_names("--methods", plan.methods, METHODS)
    if plan.two_contrasts and len(set(plan.contrasts)) < 2:
        raise BadInput("two contrasts or more for --two-contrasts", _list(plan.contrasts), "name more in --contrasts")
    if plan.wrong_pairs < 0 or plan.workers < 1:
        found = f"{plan.wrong_pairs} and {plan.workers}"
        raise BadInput("no wrong pairs or some, and a worker or more", found, "correct --wrong-pairs or --workers")
    _check_device(plan.device)


def _check_names(option: str, given: tuple[str, ...], known: Iterable[str]) -> None:
    if not given or set(given) - set(known) or len(set(given)) < len(given):
        raise BadInput(f"{option} among {_list(known)}, each once", _list(given) or "none", f"correct {option}")


def _check_device(device: str) -> None:
    import torch

    if device not in ("cpu", "cuda"):
        raise BadInput("cpu or cuda", f"'{device}'", "correct --device")
    if device == "cuda" and not torch.cuda.is_available():
        raise BadInput("a CUDA device", "none that PyTorch can use", "use --device cpu or install PyTorch with CUDA")


def _list(items: Iterable[Any]) -> str:
    return ", ".join(str(item) for item in items)


def _jobs(plan: _Plan) -> list[Job]:
    """All runs of the plan, a patient's together: simulating one takes longer than registering it."""

    def given(number: int) -> tuple[str, ...]:
        return contrasts_of(number, plan.contrasts, plan.two_contrasts)

    right = [
        Job(RIGHT_PAIR, number, given(number), float(distance), method, plan.device)
        for number in range(plan.cases)
        for distance in plan.distances
        for method in plan.methods
    ]
    wrong = []
    for number in range(plan.wrong_pairs):
        distance = float(plan.distances[number % len(plan.distances)])
        wrong.append(Job(wrong_pair_kind(number), number, given(number), distance, "lc2", plan.device))
    return right + wrong


def _notes(plan: _Plan) -> list[str]:
    """What a reader must know of the figures."""
    together = f" by {plan.workers} workers at once, each waiting for the others" if plan.workers > 1 else ""
    wrong = (
        f"{plan.wrong_pairs} wrong pairs: three in four join two simulated patients, who share the atlas their sulci come "
        "from; the fourth is mirrored, and the atlas is symmetric. Two real people differ more."
        if plan.wrong_pairs
        else "No wrong pairs were run."
    )
    return [
        f"{plan.cases} simulated cases: atlas-based patients, simulated ultrasound, a rigid truth fitted to a brain shift of "
        "up to 4 mm. Real pairs score lower and fail in other ways; these are no clinical figures.",
        "Intervals are Wilson's, 95 %. All methods and distances share the cases, so their rows are not independent.",
        "Local LC2 and mutual information give no verdict: each of their failures is silent.",
        wrong,
        f"Times on {plan.device}, {os.cpu_count()} cores{together}, images in memory; CPU seconds count all cores and vary "
        "less with what else the machine does.",
    ]


def _write(result: BenchmarkResult, out: Path, code: str) -> None:
    content = {
        "schema": SCHEMA,
        "simulated": True,
        "version": VERSION,
        "code": code,
        "runs": result.runs,
        "notes": result.notes,
        "rows": [row.as_json() for row in result.rows],
        "wrong_pairs": [kind.as_json() for kind in result.wrong_pairs],
        "discrimination": result.discrimination and vars(result.discrimination),
    }
    write_json_atomic(out / SUMMARY_FILE, content)
    table = io.StringIO()
    flat = [_flat(row) for row in result.rows]
    writer = csv.DictWriter(table, list(flat[0]))
    writer.writeheader()
    writer.writerows(flat)
    write_text_atomic(out / TABLE_FILE, table.getvalue())


def _flat(row: Row) -> dict[str, Any]:
    """One line of the CSV: shares as hits, count and interval; stages in one field."""
    cells: dict[str, Any] = {}
    for name, value in vars(row).items():
        if name in ("success", "silent_failures", "false_alarms", "covered", "tumor_covered"):
            share = value if isinstance(value, Share) else None
            low, high = (share and share.interval) or (None, None)
            counts = (share.hits, share.count) if share else (None, None)
            parts = zip(("hits", "count", "low", "high"), (*counts, low, high), strict=True)
            cells |= {f"{name}_{part}": number for part, number in parts}
        elif isinstance(value, dict):
            cells[name] = "; ".join(f"{stage} {seconds:.2f}" for stage, seconds in value.items())
        else:
            cells[name] = value
    return cells
