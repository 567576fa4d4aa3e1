"""`iustumorseg benchmark`: how good and how fast the parts are, on cases that are in the repository."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .terminal import numbers, run

if TYPE_CHECKING:
    from rich.table import Table

    from ..registration.benchmark import BenchmarkResult
    from ..registration.benchmark_summary import Row, Share, WrongPairs

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Measure how good and how fast the parts are."
)


@app.command(
    epilog="Example: `iustumorseg benchmark registration --cases 10 --distances 10,20 --out benchmark-registration`"
)
def registration(
    out: Annotated[
        Path, typer.Option(help="Folder for runs.jsonl, summary.json and summary.csv; runs found there are kept.")
    ] = Path("benchmark-registration"),
    cases: Annotated[int, typer.Option(help="Simulated patients, of those in the repository.")] = 100,
    distances: Annotated[str, typer.Option(help="How far the starts lie from the truth, in mm.")] = "10,15,20",
    contrasts: Annotated[str, typer.Option(help="MRI contrasts, taken in turn.")] = "FLAIR,T1ce,T2",
    methods: Annotated[str, typer.Option(help="lc2, local-lc2, mattes.")] = "lc2,local-lc2,mattes",
    two_contrasts: Annotated[bool, typer.Option("--two-contrasts", help="Give each case two contrasts.")] = False,
    wrong_pairs: Annotated[
        int, typer.Option(help="Pairs of two patients, or with a mirrored MRI: none should be accepted.")
    ] = 0,
    workers: Annotated[int, typer.Option(help="Processes; with more than one, times mean little.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Register simulated pairs from known distances, by LC2, plain local LC2 and mutual information.

    An interrupted benchmark goes on where it stopped when started again.
    """
    from ..registration.benchmark import benchmark_registration

    far = tuple(numbers(distances, "distances in mm"))
    result = run(
        lambda progress: benchmark_registration(
            out=out, cases=cases, distances=far, contrasts=_names(contrasts), methods=_names(methods),
            two_contrasts=two_contrasts, wrong_pairs=wrong_pairs, workers=workers, device=device, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    if not json_progress:
        _print(result, out)


@app.command(epilog="Example: `iustumorseg benchmark study --cases 1000`")
def study(
    cases: Annotated[int, typer.Option(help="Made cases.")] = 1000,
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    folder: Annotated[Path | None, typer.Option(help="Where to make the study, kept; temporary if left out.")] = None,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Measure what a study of many cases costs beside the registrations themselves."""
    from rich.console import Console

    from ..study.benchmark import GOAL_CASES, benchmark_study

    measures = run(
        lambda progress: benchmark_study(cases=cases, workers=workers, folder=folder, progress=progress), json_progress
    )
    if json_progress:
        return
    table = _table(f"A study of {cases} cases", ("What", "Measured", f"Goal for {GOAL_CASES} cases"))
    for found in measures:
        goal = "-" if found.goal is None else f"at most {found.goal:g} {found.unit}"
        table.add_row(found.what, f"{found.value:.2f} {found.unit}", goal)
    Console(highlight=False).print(table)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _print(result: "BenchmarkResult", out: Path) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for table in (accuracy_table(result.rows), honesty_table(result.rows), time_table(result.rows)):
        console.print(table)
    if result.wrong_pairs:
        console.print(wrong_pairs_table(result.wrong_pairs))
    told = result.discrimination
    if told is not None and told.auc is not None:
        console.print(
            f"Success probability over {told.right} right and {told.wrong} wrong registrations, wrong pairs included: "
            f"AUC {told.auc:.3f}, calibration error {told.calibration_error:.3f}."
        )
    for note in result.notes:
        console.print(f"- {note}")
    console.print(f"{result.runs} runs. Written: {out}/runs.jsonl, summary.json, summary.csv")


def accuracy_table(rows: "Sequence[Row]") -> "Table":
    """How often within 2 mm of the truth, and how precise."""
    heads = ("Method", "From mm", "Within 2 mm", "95 % interval", "Goal", "Median mm, right", "Median mm", "95th mm")
    table = _table("Accuracy, simulated pairs", heads)
    for row in rows:
        goal = "-" if row.goal is None else f"{row.goal} %"
        figures = (row.median_error_right_mm, row.median_error_mm, row.p95_error_mm)
        table.add_row(*_head(row), *_share(row.success), goal, *(_figure(f) for f in figures))
    return table


def honesty_table(rows: "Sequence[Row]") -> "Table":
    """What the verdict is worth, for the methods that have one."""
    heads = ("Method", "From mm", "Silent failures", "95 % interval", "False alarms", "95 % interval", "AUC",
             "Calib. error", "90 % interval holds", "at the tumour")  # fmt: skip
    table = _table("Honesty, simulated pairs", heads)
    for row in rows:
        if row.silent_failures is not None:
            table.add_row(*_head(row), *_share(row.silent_failures), *_share(row.false_alarms), _figure(row.auc, 3),
                          _figure(row.calibration_error, 3), _share(row.covered)[0],
                          _share(row.tumor_covered)[0])  # fmt: skip
    return table


def time_table(rows: "Sequence[Row]") -> "Table":
    """How long, and where the time goes."""
    heads = ("Method", "From mm", "Median s", "95th s", "Median CPU s", "95th CPU s", "Median s by stage")
    table = _table("Time", heads)
    for row in rows:
        seconds = (row.seconds_median, row.seconds_p95, row.cpu_seconds_median, row.cpu_seconds_p95)
        stages = ", ".join(f"{name} {value:.1f}" for name, value in row.stage_seconds.items())
        table.add_row(*_head(row), *(_figure(s, 1) for s in seconds), stages)
    return table


def wrong_pairs_table(kinds: "Sequence[WrongPairs]") -> "Table":
    """The verdicts on pairs that no pose can make right; the goal is 2 % accepted at most."""
    table = _table("Wrong pairs, simulated", ("Kind", "Pairs", "Accepted", "95 % interval", "Review", "Reject"))
    for kind in kinds:
        counts = (str(kind.review), str(kind.reject))
        table.add_row(kind.kind, str(kind.accepted.count), *_share(kind.accepted), *counts)
    return table


def _table(title: str, heads: Sequence[str]) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right")
    return table


def _head(row: "Row") -> tuple[str, str]:
    return row.method, "all" if row.distance_mm is None else f"{row.distance_mm:g}"


def _share(share: "Share | None") -> tuple[str, str]:
    if share is None or share.value is None or share.interval is None:
        return "-", "-"
    low, high = share.interval
    return f"{share.hits}/{share.count} ({100 * share.value:.0f} %)", f"{100 * low:.0f}-{100 * high:.0f} %"


def _figure(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
