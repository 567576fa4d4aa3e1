"""`iustumorseg experiment`: many trainings that differ in their slices alone, and one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import BadInput
from .terminal import EXIT_BAD_INPUT, EXIT_FAILED, names, numbers, run

if TYPE_CHECKING:
    from rich.table import Table

    from ..nnunet.experiment_scores import ModelRow
    from ..nnunet.experiments import ExperimentResult, Training
    from ..nnunet.training import TrainedNetwork
    from ..study.cluster import Where

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown",
    help="Train models that differ in their slices alone, test them on the same slices, and compare them in a table.",
)  # fmt: skip

DatasetOption = Annotated[str, typer.Option(help="Number or name of the data set.")]
RawOption = Annotated[Path, typer.Option(help="Folder nnUNet_raw.")]
OutOption = Annotated[Path, typer.Option(help="Folder for the models and the table; the same again goes on.")]
TestOption = Annotated[
    str | None,
    typer.Option(help="Data set to test on, of other patients; the held-out patients of each fold if left out."),
]
FoldOption = Annotated[str, typer.Option(help="all (each fold), or numbers such as 0,1.")]
TrainerOption = Annotated[str, typer.Option(help="nnU-Net trainer.")]
EpochsOption = Annotated[int | None, typer.Option(help="Epochs; the trainer's own number if left out.")]
IterationsOption = Annotated[int | None, typer.Option(help="Steps an epoch; the trainer's own number if left out.")]
DevicesOption = Annotated[
    str,
    typer.Option("--devices", "--device", help="auto, cpu, cuda, or GPUs such as cuda:0,cuda:1: a training on each."),
]
BatchOption = Annotated[int | None, typer.Option(help="Slices a batch; as planned if left out.")]
PatchOption = Annotated[str, typer.Option(help="Rows and columns, as 256,256; as planned if left out.")]
DaOption = Annotated[int, typer.Option("--augmenters", help="Processes that augment slices beside each training.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random; one seed, one result.")]
WorkersOption = Annotated[
    int | None, typer.Option(help="Trainings side by side on this machine, by Dask; one after the other if left out.")
]
SchedulerOption = Annotated[
    str | None, typer.Option(help="A Dask scheduler's address, tcp://HOST:8786; start its workers with --nthreads 1.")
]
SlurmOption = Annotated[
    Path | None,
    typer.Option(help="YAML file: cluster (SLURM, PBS, LSF ...), jobs, options (cores, memory, queue ...)."),
]
JsonProgressOption = Annotated[
    bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
]


@app.command(
    "cut-offs",
    epilog="Example: `iustumorseg experiment cut-offs --dataset 501 --raw nnUNet_raw --test 502 --out areas`",
)
def cut_offs(
    dataset: DatasetOption,
    raw: RawOption,
    out: OutOption,
    min_area: Annotated[str, typer.Option(help="Smallest tumour areas in mm², a model for each.")] = (
        "0,5,15,25,35,70,100,200,300"
    ),
    test: TestOption = None,
    fold: FoldOption = "all",
    trainer: TrainerOption = "nnUNetTrainerWithESandDA5",
    epochs: EpochsOption = None,
    iterations: IterationsOption = None,
    devices: DevicesOption = "auto",
    batch_size: BatchOption = None,
    patch_size: PatchOption = "",
    augmenters: DaOption = 0,
    seed: SeedOption = 0,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = None,
    json_progress: JsonProgressOption = False,
) -> None:
    """Train a model for each smallest tumour area, on views of one data set."""
    from ..nnunet.experiments import compare_cut_offs

    areas = numbers(min_area, "smallest areas in mm²")
    how = _training(fold, trainer, epochs, iterations, devices, batch_size, patch_size, augmenters, seed)
    result = run(
        lambda progress: compare_cut_offs(
            dataset=dataset, raw=raw, out=out, cut_offs_mm2=areas, test=test, training=how,
            where=_where(workers, scheduler, slurm), progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    _end(result, json_progress)


@app.command(
    "label-sources",
    epilog="Example: `iustumorseg experiment label-sources --dataset 501 --raw nnUNet_raw --min-area 5 --out sources`",
)
def label_sources(
    dataset: DatasetOption,
    raw: RawOption,
    out: OutOption,
    min_area: Annotated[float, typer.Option(help="Smallest tumour area in mm².")] = 5.0,
    test: TestOption = None,
    fold: FoldOption = "all",
    trainer: TrainerOption = "nnUNetTrainerWithESandDA5",
    epochs: EpochsOption = None,
    iterations: IterationsOption = None,
    devices: DevicesOption = "auto",
    batch_size: BatchOption = None,
    patch_size: PatchOption = "",
    augmenters: DaOption = 0,
    seed: SeedOption = 0,
    workers: WorkersOption = None,
    scheduler: SchedulerOption = None,
    slurm: SlurmOption = None,
    json_progress: JsonProgressOption = False,
) -> None:
    """Train on labels from MRI, from MRI and ultrasound, and from ultrasound."""
    from ..nnunet.experiments import compare_label_sources

    how = _training(fold, trainer, epochs, iterations, devices, batch_size, patch_size, augmenters, seed)
    result = run(
        lambda progress: compare_label_sources(
            dataset=dataset, raw=raw, out=out, min_area_mm2=min_area, test=test, training=how,
            where=_where(workers, scheduler, slurm), progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    _end(result, json_progress)


def models_table(rows: "Sequence[ModelRow]") -> "Table":
    """A line for each model."""
    from rich.table import Table

    table = Table(title="Models, on the same test slices", title_justify="left")
    heads = ("Model", "Slices", "Epochs", "Dice", "95 % (patients)", "Precision", "Recall", "FNR", "Tested on")
    for head in heads:
        table.add_column(head, justify="left" if head in ("Model", "Tested on") else "right")
    for row in rows:
        interval = "-" if row.dice_low is None else f"{row.dice_low:.3f} to {row.dice_high:.3f}"
        table.add_row(
            row.model, f"{row.train_slices:.0f}", f"{row.epochs:.0f}", f"{row.dice:.3f}", interval,
            *map(_share, (row.precision, row.recall, row.false_negative_rate)),
            f"{row.test_slices} slices of {row.test_patients} patients",
        )  # fmt: skip
    return table


def print_trained(networks: "Sequence[TrainedNetwork]") -> None:
    """Print where the model is, and how each fold ended."""
    typer.echo(f"Model: {networks[0].model_folder}")
    for network in networks:
        record = network.record
        best = record["best_pseudo_dice_average"]
        text = "no epoch with tumour in the validation" if best is None else f"best moving pseudo Dice {best:.3f}"
        typer.echo(f"Fold {network.fold}: {record['state']} after {record['epochs_done']} epochs, {text}")
        typer.echo(f"  Training curve: {network.curve}")


def size_of(text: str) -> tuple[int, int] | None:
    """Rows and columns from a text such as "256,256", `None` from an empty one; exits with 2 for anything else."""
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    if not parts:
        return None
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        return int(parts[0]), int(parts[1])
    typer.echo(BadInput("a patch as rows and columns", f"'{text}'", "write, for example, 256,256"), err=True)
    raise typer.Exit(EXIT_BAD_INPUT)


def _training(
    fold: str, trainer: str, epochs: int | None, iterations: int | None, devices: str, batch_size: int | None,
    patch_size: str, augmenters: int, seed: int,
) -> "Training":  # fmt: skip
    from ..nnunet.experiments import Training

    return Training(
        folds=fold, trainer=trainer, epochs=epochs, iterations_per_epoch=iterations, devices=names(devices),
        batch_size=batch_size, patch_size=size_of(patch_size), workers=augmenters, seed=seed,
    )  # fmt: skip


def _where(workers: int | None, scheduler: str | None, slurm: Path | None) -> "Where":
    from ..study.cluster import Where

    return Where(workers, scheduler, slurm)


def _end(result: "ExperimentResult", json_progress: bool) -> None:
    if not json_progress:
        from rich.console import Console

        console = Console(highlight=False)
        console.print(models_table(result.rows))
        console.print(result.note)
        console.print(f"Written: {result.out}/table.csv, table.json, slices.csv", markup=False)
    for name, sentence in result.failed.items():
        typer.echo(f"{name} failed: {sentence}", err=True)
    if result.failed:
        raise typer.Exit(EXIT_FAILED)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
