"""How well the models of an experiment segment one common test set, slice by slice and in a table."""

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import atomic_path, write_json_atomic
from ..errors import BadInput
from ..evaluation.evaluate_files import MEASURES
from ..evaluation.overlap import Overlap, overlap
from ..evaluation.patient_bootstrap import clustered_mean
from ..slices.nifti_slice import read_slice_file
from .experiment_views import ReferenceSlice
from .raw_dataset import SliceFiles

TABLE_SCHEMA = "iustumorseg.experiment/1"
SLICES_FILE, TABLE_FILE, RECORD_FILE = "slices.csv", "table.csv", "table.json"

# The labels (rows, columns) that the networks of some folds of a model together give to slices.
Predict = Callable[[Path, Sequence[int | str], Sequence[SliceFiles], str], Iterator[np.ndarray]]


@dataclass(frozen=True)
class SliceScore:
    """One model's overlap with the reference on one slice."""

    slice: str
    patient: str
    overlap: Overlap


@dataclass(frozen=True)
class ModelRow:
    """A model in the table: slices and patients it learned from and epochs it took (means over folds), and its scores.

    `dice_low` and `dice_high` are the ends of the 95 % bootstrap interval over patients, `None` with fewer than two.
    """

    model: str
    train_slices: float
    epochs: float
    best_pseudo_dice_average: float | None
    test_slices: int
    test_patients: int
    dice: float
    dice_low: float | None
    dice_high: float | None
    precision: float | None
    recall: float | None
    false_negative_rate: float | None


def predict_slices(
    model: Path, folds: Sequence[int | str], slices: Sequence[SliceFiles], device: str
) -> Iterator[np.ndarray]:
    """Labels of slices, by the lean predictor."""
    from .lean_predictor import predict_slice
    from .load_predictor import Means, load_predictor

    predictor = load_predictor(model, folds, Means(device=device.partition(":")[0], slices=len(slices)))
    for files in slices:
        pixels, spacing_mm = read_pixels(files.images[0])
        yield predict_slice(predictor, pixels, spacing_mm).label


def score_model(
    model: Path, folds: Sequence[int | str], test: Sequence[ReferenceSlice], predict: Predict, device: str
) -> list[SliceScore]:
    """Predict every test slice, with the network of its own fold or with all of `folds`, and compare with its label."""
    scores = []
    for fold in dict.fromkeys(item.fold for item in test):
        items = [item for item in test if item.fold == fold]
        labels = predict(model, folds if fold is None else [fold], [item.files for item in items], device)
        for item, label in zip(items, labels, strict=True):
            reference, _ = read_pixels(item.files.label)
            scores.append(SliceScore(item.name, item.patient, overlap(reference, label)))
    return scores


def row_of(model: str, records: Sequence[Mapping[str, Any]], scores: Sequence[SliceScore]) -> ModelRow:
    """The model's line in the table, from the records of its folds' trainings and its scores."""
    patients = [score.patient for score in scores]
    means = {
        measure: clustered_mean([getattr(score.overlap, measure) for score in scores], patients) for measure in MEASURES
    }
    dice = means["dice"]
    if dice is None:
        raise BadInput("slices to test on", "none", "choose another test set")
    averages = [record["best_pseudo_dice_average"] for record in records]
    known = [value for value in averages if value is not None]
    return ModelRow(
        model=model,
        train_slices=_mean([record["slices"]["train"] for record in records]),
        epochs=_mean([record["epochs_done"] for record in records]),
        best_pseudo_dice_average=_mean(known) if known else None,
        test_slices=len(scores),
        test_patients=dice.patients,
        dice=dice.mean,
        dice_low=dice.low,
        dice_high=dice.high,
        **{measure: found.mean if (found := means[measure]) else None for measure in MEASURES[1:]},
    )


def write_table(rows: Sequence[ModelRow], scores: Mapping[str, Sequence[SliceScore]], note: str, out: Path) -> None:
    """Write `table.csv`, `table.json` and `slices.csv` (a row for each model and slice) into `out`, each whole."""
    heads = [field.name for field in fields(ModelRow)]
    _write_csv(out / TABLE_FILE, heads, ([_cell(getattr(row, head)) for head in heads] for row in rows))
    _write_csv(
        out / SLICES_FILE,
        ["model", "slice", "patient", *MEASURES],
        (
            [model, score.slice, score.patient, *(_cell(getattr(score.overlap, measure)) for measure in MEASURES)]
            for model, found in scores.items()
            for score in found
        ),
    )
    content = {"schema": TABLE_SCHEMA, "note": note, "models": [asdict(row) for row in rows]}
    write_json_atomic(out / RECORD_FILE, content)


def read_pixels(path: Path) -> tuple[np.ndarray, tuple[float, float]]:
    """Pixels (rows, columns) and spacing in mm, horizontal then vertical, of a 2D image."""
    if path.name.endswith((".nii", ".nii.gz")) and (found := read_slice_file(path)):
        return found
    import SimpleITK as sitk

    image = sitk.ReadImage(str(path))
    if image.GetDimension() != 2:
        raise BadInput("a 2D image", f"{image.GetDimension()} dimensions in {path}", "export the data set again")
    return sitk.GetArrayFromImage(image), image.GetSpacing()


def _write_csv(path: Path, heads: Sequence[str], rows: Any) -> None:
    with atomic_path(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(heads)
        writer.writerows(rows)


def _cell(value: Any) -> Any:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
