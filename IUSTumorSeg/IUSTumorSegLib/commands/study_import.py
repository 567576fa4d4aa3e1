"""`iustumorseg study create`, `import` and `fetch`."""

from pathlib import Path
from typing import Annotated

import typer

from .study import app
from .terminal import run

__all__ = ["app"]

JsonProgressOption = Annotated[
    bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
]


@app.command(epilog="Example: `iustumorseg study create gliomas --name 'Gliomas 2026'`")
def create(
    study: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.")],
    name: Annotated[str, typer.Option(help="Name of the study; the folder's name if left out.")] = "",
) -> None:
    """Make an empty study."""
    from ..study.study_folder import create_study

    made = run(lambda progress: create_study(study, name), json_progress=False)
    typer.echo(f"Study '{made.name}': {made.folder}")


@app.command("import", epilog="Example: `iustumorseg study import gliomas --dataset resect --source RESECT`")
def import_(
    study: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the study.")],
    dataset: Annotated[str, typer.Option(help="resect, resect-seg, curious, remind or folder (one folder a patient).")],
    source: Annotated[list[Path], typer.Option(help="Folder of the data set, read only; repeat for several.")],
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy images into the study instead of pointing at them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be taken; write nothing.")] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            help="folder: a CSV or YAML table instead of guesses: case, patient, centre, time_point, mri, mri_tumor, us, "
            "us_tumor, landmarks. Several MRIs are separated by ';'; the tumour lies on the first, which is registered."
        ),
    ] = None,
    write_table: Annotated[
        Path | None, typer.Option(help="folder: write the guesses to a CSV, to correct and give as --table.")
    ] = None,
    clinical: Annotated[Path | None, typer.Option(help="remind: the clinical table (.xlsx).")] = None,
    keep: Annotated[str, typer.Option(help="remind: patients to keep, COLUMN=VALUE or COLUMN=VALUE,VALUE.")] = "",
    exclude_previous_cavity: Annotated[
        bool, typer.Option("--exclude-previous-cavity", help="remind: leave patients operated on before.")
    ] = False,
    all_mri: Annotated[
        bool, typer.Option("--all-mri", help="remind: also take MRIs that no label was drawn on.")
    ] = False,
    centre: Annotated[str, typer.Option(help="folder: the hospital's name.")] = "",
    name: Annotated[str, typer.Option(help="folder: name of this source; the folder's own if left out.")] = "",
    json_progress: JsonProgressOption = False,
) -> None:
    """Bring a data set into a study; importing again adds what is new."""
    from ..datasets.import_dataset import import_dataset
    from .import_summary import print_import

    report = run(
        lambda progress: import_dataset(
            study=study, dataset=dataset, source=source, copy=copy, dry_run=dry_run, table=table,
            write_table=write_table, clinical=clinical, keep=keep, exclude_previous_cavity=exclude_previous_cavity,
            all_mri=all_mri, centre=centre, name=name, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    if not json_progress:
        print_import(report, dry_run, dataset)


@app.command(epilog="Example: `iustumorseg study fetch remind --patients 1,2,22 --out ReMIND`")
def fetch(
    dataset: Annotated[str, typer.Argument(help="remind, the one data set that can be fetched without an account.")],
    out: Annotated[Path, typer.Option(help="Folder for the DICOM files.")],
    patients: Annotated[str, typer.Option(help="Numbers or names with commas between them, or all.")] = "all",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much it would be.")] = False,
    all_series: Annotated[
        bool, typer.Option("--all-series", help="Also what an import would leave, such as intraoperative MRI.")
    ] = False,
    json_progress: JsonProgressOption = False,
) -> None:
    """Download ReMIND from the Imaging Data Commons; an interrupted download goes on."""
    from ..datasets.fetch_remind import fetch_remind

    size = run(
        lambda progress: fetch_remind(
            dataset=dataset, out=out, patients=patients, dry_run=dry_run, all_series=all_series, progress=progress
        ),
        json_progress,
    )
    if not json_progress:
        typer.echo(size.sentence)
