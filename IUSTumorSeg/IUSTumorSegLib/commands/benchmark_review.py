"""`iustumorseg benchmark review`: how long a reviewer waits for our part of a change on the screen."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .benchmark import app
from .terminal import run

if TYPE_CHECKING:
    from rich.table import Table

    from ..scene.review_benchmark import ChangeTime


@app.command(epilog="Example: `iustumorseg benchmark review --repeats 30 --out benchmark-review.json`")
def review(
    repeats: Annotated[int, typer.Option(min=3, help="How often each change is timed.")] = 30,
    view_px: Annotated[int, typer.Option(min=100, help="Width and height of each of the three views.")] = 600,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Time each change of slice, mode, overlay and pose in the review with a pair of RESECT's size."""
    from ..atomic_files import write_json_atomic
    from ..scene.review_benchmark import GOAL_MS, benchmark_review

    times = run(lambda progress: benchmark_review(repeats, view_px, progress), json_progress)
    if out is not None:
        write_json_atomic(out, {"goal_ms": GOAL_MS, "changes": [asdict(time) for time in times]})
    if not json_progress:
        from rich.console import Console

        Console(highlight=False).print(times_table(times, GOAL_MS))


def times_table(times: "list[ChangeTime]", goal_ms: float) -> "Table":
    """Median and 95th percentile of each change beside the goal."""
    from rich.table import Table

    table = Table(title="Own work for a change in the review, in ms, without Slicer's rendering", title_justify="left")
    for place, head in enumerate(("Change", "Median", "95th percentile", "CPU median", "Goal", "Met")):
        table.add_column(head, justify="left" if place == 0 else "right")
    for time in times:
        figures = [f"{ms:.1f}" for ms in (time.median_ms, time.p95_ms, time.cpu_median_ms)]
        table.add_row(time.change, *figures, f"{goal_ms:.0f}", "yes" if time.met else "no")
    return table
