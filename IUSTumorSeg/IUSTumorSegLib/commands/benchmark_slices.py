"""`iustumorseg benchmark slices`."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Failed
from .benchmark import app
from .terminal import run

if TYPE_CHECKING:
    from rich.table import Table

    from ..jobs.progress import Progress
    from ..nnunet.slices_benchmark import Measure


@app.command(epilog="Example: `iustumorseg benchmark slices --slices-per-case 32`")
def slices(
    slices_per_case: Annotated[int, typer.Option(help="Slices of each of the three made cases.")] = 96,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Write, preprocess and load slices beside SimpleITK and nnU-Net's own way, on a scaled-down set."""
    from rich.console import Console

    measures = run(lambda progress: _measured(slices_per_case, progress), json_progress)
    if json_progress:
        return
    console = Console(highlight=False)
    console.print(measures_table(measures))
    console.print("The slices are equal to nnU-Net's own in every bit of image, label and properties.")


def measures_table(measures: "list[Measure]") -> "Table":
    """Ours, the plain way, and how many times as good."""
    from rich.table import Table

    table = Table(title="Slices, one process")
    for head in ("What", "Ours", "Plain way", "Ratio", "Goal"):
        table.add_column(head, justify="left" if head in ("What", "Goal") else "right")
    for found in measures:
        plain = "-" if found.plain is None else f"{found.plain:.4g}"
        ratio = "-" if found.ratio is None else f"{found.ratio:.1f} x"
        table.add_row(found.what, f"{found.ours:.4g} {found.unit}", plain, ratio, found.goal or "-")
    return table


def _measured(slices_per_case: int, progress: "Progress") -> "list[Measure]":
    from ..nnunet.slices_benchmark import benchmark_slices

    measures, equal = benchmark_slices(slices_per_case=slices_per_case, progress=progress)
    if not equal:
        raise Failed("Slices differ from nnU-Net's own: the measurement is worth nothing.")
    return measures
