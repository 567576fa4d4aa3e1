"""`iustumorseg study`: a cohort from raw folders to reviewed labels."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .terminal import EXIT_FAILED, run

if TYPE_CHECKING:
    from rich.table import Table

    from ..study.case_state import CaseState
    from ..study.run import RunResult
    from ..study.summary import SourceSummary

WIDTH_OF_A_FILE = 160

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="Import a cohort, register it, and see how it stands."
)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.")]
WorkersOption = Annotated[
    int | None, typer.Option(help="Processes on this machine; as many as fit its cores and memory if left out.")
]
SchedulerOption = Annotated[
    str | None, typer.Option(help="A Dask scheduler's address, tcp://HOST:8786; start its workers with --nthreads 1.")
]
SlurmOption = Annotated[
    Path | None,
    typer.Option(help="YAML file: cluster (SLURM, PBS, LSF ...), jobs, options (cores, memory, queue ...)."),
]
OnlyOption = Annotated[list[str] | None, typer.Option(metavar="CASE", help="Only this case; repeat for several.")]
JsonProgressOption = Annotated[
    bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
]


@app.command(epilog="Example: `iustumorseg study register gliomas --workers 4`")
def register(
    study: FolderArgument,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = None,
    only: OnlyOption = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also cases that are registered; their verdicts lapse.")] = False,
    method: Annotated[str, typer.Option(help="lc2 or mattes.")] = "lc2",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json_progress: JsonProgressOption = False,
) -> None:
    """Register every case that has no registration yet; start it again after an interruption."""
    from ..study.register_study import register_study

    result = run(
        lambda progress: register_study(
            study=study, workers=workers, scheduler=scheduler, slurm=slurm, only=only, redo=redo, method=method,
            device=device, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    _end("Registered", result, json_progress)


@app.command(epilog="Example: `iustumorseg study propagate gliomas`")
def propagate(
    study: FolderArgument,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = None,
    only: OnlyOption = None,
    redo: Annotated[bool, typer.Option("--redo", help="Also cases that have their label.")] = False,
    json_progress: JsonProgressOption = False,
) -> None:
    """Carry the MRI tumour of every registered case that is not rejected over to its ultrasound."""
    from ..study.propagate_study import propagate_study

    result = run(
        lambda progress: propagate_study(
            study=study, workers=workers, scheduler=scheduler, slurm=slurm, only=only, redo=redo, progress=progress
        ),
        json_progress,
    )
    _end("Propagated", result, json_progress)


@app.command(epilog="Example: `iustumorseg study status gliomas --html gliomas.html`")
def status(
    study: FolderArgument,
    csv: Annotated[Path | None, typer.Option(help="Also write one row a case to this file.")] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page with thumbnails to this file.")] = None,
    json_progress: JsonProgressOption = False,
) -> None:
    """Show how the study stands: verdicts, expected errors, exclusion by source, and what waits for review."""
    from ..study.study_status import study_status

    states = run(
        lambda progress: study_status(study=study, csv=csv, html=html, progress=progress),
        json_progress,
    )
    if json_progress:
        return
    from rich.console import Console

    from ..study.summary import summaries

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    console.print(case_table(states))
    console.print(source_table(summaries(states)))
    waiting = [state.case for state in states if state.waits_for_review]
    shown = ", ".join(waiting[:10]) + (", ..." if len(waiting) > 10 else "")
    console.print(f"Waiting for review: {len(waiting)}" + (f" ({shown})" if waiting else ""), markup=False)


@app.command("export-table", epilog="Example: `iustumorseg study export-table gliomas --out verdicts.csv`")
def export_table(
    study: FolderArgument,
    out: Annotated[Path, typer.Option(help="CSV file: one row for each case and reviewer.")],
    json_progress: JsonProgressOption = False,
) -> None:
    """Write the verdicts as a table for statistics."""
    from ..study.study_status import export_review_table

    rows = run(lambda progress: export_review_table(study=study, out=out, progress=progress), json_progress)
    if not json_progress:
        typer.echo(f"{rows} cases: {out}")


def case_table(states: "Sequence[CaseState]") -> "Table":
    """One row a case."""
    from rich.markup import escape

    from ..study.status_page import millimetres

    table = _table("Cases", ("Case", "Patient", "Source", "Verdict", "Error mm", "Review", "Label", "Note"))
    for state in states:
        note = state.failed or state.review_note or (state.reasons[0] if state.reasons else "")
        texts = (state.case, state.patient, state.source, state.verdict or "-", millimetres(state.predicted_error_mm),
                 state.review if state.registered else "-", state.label or "-", note)  # fmt: skip
        table.add_row(*map(escape, texts))
    return table


def source_table(rows: "Sequence[SourceSummary]") -> "Table":
    """One column a source, and one of all."""
    from rich.markup import escape

    from ..study.status_page import SOURCE_HEADS, source_cells

    columns = [source_cells(row) for row in rows]
    table = _table("By source", (SOURCE_HEADS[0], *(column[0] for column in columns)))
    for head, *cells in zip(SOURCE_HEADS[1:], *(column[1:] for column in columns), strict=True):
        table.add_row(head, *map(escape, cells))
    return table


def _table(title: str, heads: Sequence[str]) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(head)
    return table


def _end(what: str, result: "RunResult", json_progress: bool) -> None:
    if not json_progress:
        for case, sentence in sorted(result.failed.items()):
            typer.echo(f"{case} failed: {sentence}")
        for reason in sorted(set(result.left.values())):
            cases = [case for case, why in result.left.items() if why == reason]
            typer.echo(f"Left, {reason}: {len(cases)} ({', '.join(cases[:5])}{', ...' if len(cases) > 5 else ''})")
        typer.echo(f"{what}: {len(result.done)}, failed: {len(result.failed)}, left: {len(result.left)}")
    if result.failed:
        raise typer.Exit(EXIT_FAILED)
