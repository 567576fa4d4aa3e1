"""`iustumorseg`: the command line."""

from pathlib import Path
from typing import Annotated

import typer

from ..version import VERSION
from .benchmarks import app as benchmark_app
from .experiment import app as experiment_app
from .experiment import print_trained, size_of
from .study_import import app as study_app
from .terminal import names, numbers, run

app = typer.Typer(
    name="iustumorseg", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    help="MRI-ultrasound registration and brain-tumour segmentation on intra-operative ultrasound. No medical device.",
)  # fmt: skip
app.add_typer(benchmark_app, name="benchmark")
app.add_typer(experiment_app, name="experiment")
app.add_typer(study_app, name="study")

JsonProgressOption = Annotated[
    bool, typer.Option("--json-progress", help="Print one JSON object a line instead of a bar.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random; one seed, one result.")]


def main() -> None:
    """Entry point of the console script."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"iustumorseg {VERSION}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


@app.command(
    epilog="Example: `iustumorseg register --mri FLAIR.nii.gz --us US.nii.gz --landmarks case.tag --out case1`"
)
def register(
    mri: Annotated[
        list[Path],
        typer.Option(help="MRI: a file or a DICOM folder. Repeat for further contrasts in one frame of reference."),
    ],
    us: Annotated[Path, typer.Option(help="Ultrasound volume.")],
    out: Annotated[Path, typer.Option(help="Folder for registration.json, mri_to_us.tfm and comparison.png.")],
    mri_tumor: Annotated[Path | None, typer.Option(help="Tumour label on the MRI; centres the picture.")] = None,
    landmarks: Annotated[
        Path | None, typer.Option(help="MNI tag file with MRI and ultrasound points; measures the error.")
    ] = None,
    initial: Annotated[Path | None, typer.Option(help="Transform to start from (.tfm), MRI to ultrasound.")] = None,
    method: Annotated[str, typer.Option(help="lc2 or mattes.")] = "lc2",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    dof: Annotated[str, typer.Option(help="rigid, or affine where held-out parts of the ultrasound say so.")] = "rigid",
    local: Annotated[
        bool, typer.Option("--local", help="Refine from the start only, within some millimetres.")
    ] = False,
    border: Annotated[
        bool, typer.Option("--border", help="Check where the ultrasound disagrees with the tumour's border.")
    ] = False,
    seed: SeedOption = 0,
    json_progress: JsonProgressOption = False,
) -> None:
    """Register an MRI rigidly to an ultrasound, with a verdict."""
    from ..registration.register_files import register_files
    from .summaries import print_registration

    result = run(
        lambda progress: register_files(
            mri=mri, us=us, out=out, mri_tumor=mri_tumor, landmarks=landmarks, initial=initial, method=method,
            device=device, seed=seed, local=local, dof=dof, border=border, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    if not json_progress:
        print_registration(result, out)


@app.command(
    epilog="Example: `iustumorseg propagate --registration registration.json --label tumor.nii.gz --us US.nii.gz --out out.nii`"
)
def propagate(
    registration: Annotated[Path, typer.Option(help="registration.json")],
    label: Annotated[Path, typer.Option(help="Tumour label on the MRI, a file or a DICOM SEG.")],
    us: Annotated[Path, typer.Option(help="Ultrasound volume; the label is written on its grid.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    certainty: Annotated[
        bool,
        typer.Option("--certainty", help="Also write a soft label and one with a certain core and a possible rim."),
    ] = False,
    json_progress: JsonProgressOption = False,
) -> None:
    """Carry an MRI tumour label over to the ultrasound."""
    from ..labels.propagate_files import propagate_files

    run(
        lambda progress: propagate_files(
            registration=registration, label=label, us=us, out=out, certainty=certainty, progress=progress
        ),
        json_progress,
    )
    if not json_progress:
        typer.echo(f"Label on the ultrasound's grid: {out}")


@app.command(epilog="Example: `iustumorseg export STUDY --dataset 501_Brain --out nnUNet_raw --min-area 0,5,15,25,35`")
def export(
    dataset: Annotated[str, typer.Option(help="Number and name of the data set, as 501_Brain.")],
    out: Annotated[Path, typer.Option(help="Folder nnUNet_raw.")],
    study_or_table: Annotated[
        Path | None, typer.Argument(metavar="[STUDY_OR_CSV]", help="Folder of a study, or a table as in --cases.")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            help="CSV: case, patient, us, us_tumor, and where known label_source, verdict, predicted_error_mm, source, "
            "time_point, displacement_mm."
        ),
    ] = None,
    min_area: Annotated[
        str, typer.Option(help="Smallest tumour areas in mm²; the lowest is written, each is a split.")
    ] = "0",
    verdicts: Annotated[
        str, typer.Option(help="Of a study: accepted, flagged, unreviewed ... (accepted if left out).")
    ] = "",
    labels: Annotated[str, typer.Option(help="us, corrected, propagated: the first that a case has.")] = "",
    time_points: Annotated[str, typer.Option(help="before, during, after; all if left out.")] = "",
    max_displacement_mm: Annotated[
        float | None, typer.Option(help="Leave propagated labels that may be displaced by more.")
    ] = None,
    directions: Annotated[str, typer.Option(help="Axes of the ultrasound's grid to cut across.")] = "i,j,k",
    folds: Annotated[int, typer.Option(help="Folds; a patient is in one only.")] = 5,
    empty_share: Annotated[float, typer.Option(help="Share of slices without tumour, from 0 to below 1.")] = 0.0,
    file_ending: Annotated[str, typer.Option(help=".nii.gz, or .nii: larger and faster.")] = ".nii.gz",
    json_progress: JsonProgressOption = False,
) -> None:
    """Cut labelled ultrasound volumes into 2D slices for nnU-Net."""
    from ..slices.export import export_slices
    from .export_summary import print_export

    areas = numbers(min_area, "smallest areas in mm²")
    given = cases or study_or_table
    is_study = given is not None and cases is None and given.suffix != ".csv"
    result = run(
        lambda progress: export_slices(
            cases=None if is_study else given, study=given if is_study else None, dataset=dataset, out=out,
            verdicts=names(verdicts), labels=names(labels), time_points=names(time_points),
            max_displacement_mm=max_displacement_mm, min_area_mm2=areas, folds=folds, directions=names(directions),
            empty_share=empty_share, file_ending=file_ending, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    if not json_progress:
        print_export(result)


@app.command(
    epilog="Example: `iustumorseg train --dataset 501 --raw nnUNet_raw --out networks --devices cuda:0,cuda:1`"
)
def train(
    dataset: Annotated[str, typer.Option(help="Number or name of the data set.")],
    raw: Annotated[Path, typer.Option(help="Folder nnUNet_raw.")],
    out: Annotated[Path, typer.Option(help="Folder for nnUNet_preprocessed and nnUNet_results.")],
    fold: Annotated[
        str, typer.Option(help="all (each fold), or numbers such as 0,1, or whole: one network on every slice.")
    ] = "all",
    trainer: Annotated[
        str, typer.Option(help="nnU-Net trainer: DA5 with early stopping, or nnUNetTrainerIUSSmall on a processor.")
    ] = "nnUNetTrainerWithESandDA5",
    epochs: Annotated[int | None, typer.Option(help="Epochs; the trainer's own number if left out.")] = None,
    devices: Annotated[
        str,
        typer.Option("--devices", "--device", help="auto, cpu, cuda, or GPUs such as cuda:0,cuda:1: a fold on each."),
    ] = "auto",
    batch_size: Annotated[int | None, typer.Option(help="Slices a batch; as planned if left out.")] = None,
    patch_size: Annotated[str, typer.Option(help="Rows and columns, as 256,256; as planned if left out.")] = "",
    seed: SeedOption = 0,
    min_area: Annotated[
        float | None, typer.Option(help="One of the export's cut-offs in mm²; the lowest if left out.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that augment slices beside each training.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was interrupted; trained folds are kept.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a training that was begun.")] = False,
    memory_check: Annotated[
        bool,
        typer.Option("--memory-check/--no-memory-check", help="Refuse what the GPU's free memory is too small for."),
    ] = True,
    json_progress: JsonProgressOption = False,
) -> None:
    """Train nnU-Net's 2D configuration on a data set of slices."""
    from ..nnunet.fold_schedule import train_folds

    patch = size_of(patch_size)
    trained = run(
        lambda progress: train_folds(
            dataset=dataset, raw=raw, out=out, folds=fold, trainer=trainer, epochs=epochs, devices=names(devices),
            batch_size=batch_size, patch_size=patch, seed=seed, min_area_mm2=min_area, workers=workers, resume=resume,
            overwrite=overwrite, check_memory=memory_check, progress=progress,
        ),
        json_progress,
    )  # fmt: skip
    if not json_progress:
        print_trained(trained)


@app.command(epilog="Example: `iustumorseg predict --model MODEL.zip --input US.nii.gz --out us_tumor.nii.gz`")
def predict(
    model: Annotated[Path, typer.Option(help="Folder or zip of a trained nnU-Net model.")],
    input: Annotated[Path | None, typer.Option(help="A 2D image, a volume, or a folder of images.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file for one image, else a folder.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Print what the model is, and predict nothing.")] = False,
    directions: Annotated[
        str,
        typer.Option(
            help="Of a volume's slices: axes of its grid i, j, k, or axial, coronal, sagittal; fused by mean."
        ),
    ] = "i,j,k",
    folds: Annotated[str, typer.Option(help="all for an ensemble, or numbers such as 0,1.")] = "all",
    mirror: Annotated[bool, typer.Option("--mirror", help="Average over mirrored slices: 4 times the time.")] = False,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write probabilities as well.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(help="Label what is more probably tumour than this; the likeliest class if left out."),
    ] = None,
    min_component_mm3: Annotated[float, typer.Option(help="Volumes: leave out smaller connected parts.")] = 0.0,
    min_component_mm2: Annotated[float, typer.Option(help="2D images: leave out smaller connected parts.")] = 0.0,
    pixel_spacing: Annotated[
        float | None, typer.Option(help="Size of a 2D image's pixel in mm, where the file does not say it (PNG).")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto (f32 on a processor, f16 on a GPU), f32, bf16 or f16.")] = "auto",
    engine: Annotated[str, typer.Option(help="auto, torch or openvino.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    json_progress: JsonProgressOption = False,
) -> None:
    """Segment the tumour on ultrasound with a trained model."""
    from .predict import predict_command

    predict_command(
        model, input, out, card, json_progress,
        directions=names(directions), folds=None if folds == "all" else names(folds), mirroring=mirror,
        probabilities=probabilities, threshold=threshold, min_component_mm3=min_component_mm3,
        min_component_mm2=min_component_mm2, pixel_spacing_mm=pixel_spacing, precision=precision, engine=engine,
        device=device,
    )  # fmt: skip


@app.command(epilog="Example: `iustumorseg evaluate --truth labels --prediction predictions --out evaluation`")
def evaluate(
    truth: Annotated[Path, typer.Option(help="Reference label or folder of labels.")],
    prediction: Annotated[Path, typer.Option(help="Predicted label or folder of labels, by the same names.")],
    out: Annotated[Path, typer.Option(help="Folder for metrics.csv and metrics.json.")],
    json_progress: JsonProgressOption = False,
) -> None:
    """Compare predictions with reference labels: Dice, precision, recall, false negative rate."""
    from ..evaluation.evaluate_files import evaluate_files
    from .summaries import print_means

    result = run(
        lambda progress: evaluate_files(truth=truth, prediction=prediction, out=out, progress=progress), json_progress
    )
    if not json_progress:
        print_means(result.means, len(result.overlaps))


@app.command(epilog="Example: `iustumorseg simulate --seed 3 --contrast FLAIR --contrast T1ce --out patient3`")
def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the simulated case and its truth.json.")],
    seed: SeedOption = 0,
    contrast: Annotated[list[str] | None, typer.Option(help="FLAIR, T1ce, T2 or T1; repeat for several.")] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Coarser and smaller, as shipped with the Slicer module.")
    ] = False,
    json_progress: JsonProgressOption = False,
) -> None:
    """Simulate a patient: MRI, tumour label and ultrasound, with the truth beside them."""
    from ..demo.case_files import simulate_files

    run(
        lambda progress: simulate_files(
            out=out, seed=seed, contrasts=tuple(contrast or ["FLAIR"]), small=small, progress=progress
        ),
        json_progress,
    )
    if not json_progress:
        typer.echo(f"Simulated case {seed}: {out}")


@app.command(epilog="Example: `iustumorseg demo --out demo-output`")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("demo-output"),
    patients: Annotated[int, typer.Option(help="Simulated patients, the last held out of the training.")] = 6,
    json_progress: JsonProgressOption = False,
) -> None:
    """Run the whole chain on simulated patients and write a report."""
    from ..demo.chain import run_demo

    result = run(lambda progress: run_demo(out=out, patients=patients, progress=progress), json_progress)
    if not json_progress:
        typer.echo(result.farewell)
