"""`iustumorseg benchmark predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .benchmark import app
from .terminal import run

if TYPE_CHECKING:
    from rich.table import Table

    from ..nnunet.predict_benchmark import PredictBenchmark, Speed

SPEED = ("Predictor", "s a slice", "CPU s", "x nnU-Net", "x its default", "s from files", "x from files")
AGREEMENT = ("Predictor", "Other pixels", "Dice", "Twice", "Load s", "Peak MB")
MEANING = """- x nnU-Net: in process, both without mirroring. x its default: in process, to nnU-Net as it comes, which mirrors.
- s, x from files: a whole process a slice, from its start to the last label's file, both without mirroring.
- Other pixels, Dice: beside nnU-Net without mirroring. CPU s: of all threads, also of those that spin while waiting."""


@app.command(epilog="Example: `iustumorseg benchmark predict --model MODEL --images slices --slices 20`")
def predict(
    model: Annotated[
        Path | None, typer.Option(help="Model folder; an untrained network of nnU-Net's default size if left out.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of 2D images; simulated slices if left out.")] = None,
    slices: Annotated[int, typer.Option(help="How many.")] = 4,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    from_files: Annotated[
        bool, typer.Option(help="Also time whole processes from image files to label files, as commands run.")
    ] = True,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Time prediction beside nnU-Net's own predictor, slice by slice, each in a process of its own."""
    from ..nnunet.predict_benchmark import benchmark_predict

    found = run(
        lambda progress: benchmark_predict(
            model=model, images=images, slices=slices, out=out, from_files=from_files, progress=progress
        ),
        json_progress,
    )
    if not json_progress:
        _print(found)


def _print(found: "PredictBenchmark") -> None:
    from rich.console import Console

    console = Console(highlight=False)
    title = f"Prediction, {found.slices} slices, {found.threads} threads"
    console.print(_table(SPEED, title, [_speed_cells(speed) for speed in found.speeds]))
    console.print(_table(AGREEMENT, "", [_agreement_cells(speed) for speed in found.speeds]))
    console.print(MEANING)
    for speed in found.speeds:
        stages = ", ".join(f"{name} {seconds:.3f}" for name, seconds in speed.stage_seconds.items())
        console.print(f"- {speed.method}, s a slice: {stages}") if stages else None
        for note in speed.notes:
            console.print(f"- {speed.method}: {note}")
    if not found.trained:
        console.print("- The network is untrained: its labels are noise, and Dice says nothing. Give --model for it.")


def _table(heads: Sequence[str], title: str, rows: Sequence[Sequence[str]]) -> "Table":
    from rich.table import Table

    table = Table(title=title or None, title_justify="left")
    for place, head in enumerate(heads):
        table.add_column(head, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        table.add_row(*row)
    return table


def _speed_cells(speed: "Speed") -> tuple[str, ...]:
    in_process = (f"{speed.seconds:.3f}", f"{speed.processor_seconds:.2f}", f"{speed.ratio:.1f}")
    from_files = (_number(speed.seconds_from_files, ".2f"), _number(speed.ratio_from_files, ".1f"))
    return speed.method, *in_process, f"{speed.ratio_to_default:.1f}", *from_files


def _agreement_cells(speed: "Speed") -> tuple[str, ...]:
    agreement = (_number(speed.other_pixels, "d"), _number(speed.dice_with_stock, ".4f"))
    twice = _number(speed.slices_computed_twice, "d")
    return speed.method, *agreement, twice, f"{speed.load_seconds:.1f}", _number(speed.peak_memory_mb, ".0f")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
