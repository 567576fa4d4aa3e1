"""`iustumorseg benchmark repeatability`."""

from pathlib import Path
from typing import Annotated

import typer

from .benchmark import app
from .terminal import numbers, run


@app.command(
    epilog="Example: `iustumorseg benchmark repeatability --mri T1.nii.gz --us US.nii.gz --landmarks case.tag --out repeats`"
)
def repeatability(
    mri: Annotated[list[Path], typer.Option(help="MRI; repeat for further contrasts in one frame of reference.")],
    us: Annotated[Path, typer.Option(help="Ultrasound volume.")],
    landmarks: Annotated[Path | None, typer.Option(help="MNI tag file with MRI and ultrasound points.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for repeatability.json.")] = Path("benchmark-repeatability"),
    starts: Annotated[int, typer.Option(help="Registrations, each from a start of its own.")] = 30,
    distances: Annotated[
        str, typer.Option(help="How far the starts lie from the given pose, in mm, in turn.")
    ] = "5,10,15",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
    ] = False,
) -> None:
    """Register one real pair from many starts: do they all end at one place, and how far from the landmarks?"""
    import numpy as np

    from ..registration.repeatability import benchmark_repeatability

    far = tuple(numbers(distances, "distances in mm"))
    repeats = run(
        lambda progress: benchmark_repeatability(
            mri=mri, us=us, out=out, landmarks=landmarks, starts=starts, distances=far, device=device, progress=progress
        ),
        json_progress,
    )
    if json_progress:
        return
    apart = np.array([repeat.apart_mm for repeat in repeats])
    typer.echo(
        f"{len(repeats)} starts at {distances} mm. From their middle: {np.mean(apart <= 0.1):.0%} within 0.1 mm, "
        f"{np.mean(apart <= 0.5):.0%} within 0.5 mm, farthest {apart.max():.2f} mm."
    )
    ends = [repeat.end_landmark_mm for repeat in repeats if repeat.end_landmark_mm is not None]
    if ends:
        typer.echo(f"Mean landmark error {np.mean(ends):.2f} mm ({min(ends):.2f} to {max(ends):.2f}).")
    verdicts = [repeat.verdict for repeat in repeats]
    counts = ", ".join(f"{name} {verdicts.count(name)}" for name in ("accept", "review", "reject"))
    typer.echo(f"Verdicts: {counts}. Median {np.median([repeat.seconds for repeat in repeats]):.1f} s.")
