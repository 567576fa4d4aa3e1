"""`iustumorseg benchmark predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .benchmark import app
from .terminal import run

if TYPE_CHECKING:
    from ..nnunet.predict_benchmark import PredictBenchmark, Speed

HEADS = ("Predictor", "s a slice", "x one slice", "x from files", "Other pixels", "Dice with nnU-Net", "Twice", "Load s",
         "Peak MB")  # fmt: skip


@app.command(epilog="Example: `iustumorseg benchmark predict --model MODEL --images slices --slices 20`")
def predict(
    model: Annotated[
        Path | None, typer.Option(help="Model folder; an untrained network of nnU-Net's default size if left out.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of 2D images; simulated slices if left out.")] = None,
    slices: Annotated[int, typer.Option(help="How many.")] = 4,
    out: Annotated[Path | None, typer.Option(help="JSON file to write.")] = None,
    from_files: Annotated[
        bool, typer.Option(help="Also time nnU-Net's predict_from_files, as its own command runs it.")
    ] = True,
    memory: Annotated[bool, typer.Option(help="Measure the peak memory of each predictor in a process.")] = True,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Time prediction beside nnU-Net's own predictor, slice by slice, without mirroring."""
    from ..nnunet.predict_benchmark import benchmark_predict

    found = run(
        lambda progress: benchmark_predict(
            model=model, images=images, slices=slices, out=out, from_files=from_files, memory=memory, progress=progress
        ),
        json_progress,
    )
    if not json_progress:
        _print(found)


def _print(found: "PredictBenchmark") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    table = Table(
        title=f"Prediction, {found.slices} slices, {found.threads} threads, no mirroring", title_justify="left"
    )
    for place, head in enumerate(HEADS):
        table.add_column(head, justify="left" if place == 0 else "right")
    for speed in found.speeds:
        table.add_row(*_cells(speed))
    console.print(table)
    for speed in found.speeds:
        stages = ", ".join(f"{name} {seconds:.3f}" for name, seconds in speed.stage_seconds.items())
        console.print(f"- {speed.method}, s a slice: {stages}") if stages else None
        for note in speed.notes:
            console.print(f"- {speed.method}: {note}")
    if not found.trained:
        console.print("- The network is untrained: its labels are noise, and Dice says nothing. Give --model for it.")


def _cells(speed: "Speed") -> tuple[str, ...]:
    counts = [speed.other_pixels, speed.slices_computed_twice]
    other, twice = ("-" if count is None else str(count) for count in counts)
    files = "-" if speed.ratio_to_files is None else f"{speed.ratio_to_files:.1f}"
    dice = "-" if speed.dice_with_stock is None else f"{speed.dice_with_stock:.4f}"
    load = f"{speed.load_seconds:.1f}" if speed.load_seconds else "-"
    peak = "-" if speed.peak_memory_mb is None else f"{speed.peak_memory_mb:.0f}"
    return speed.method, f"{speed.seconds:.3f}", f"{speed.ratio:.1f}", files, other, dice, twice, load, peak
