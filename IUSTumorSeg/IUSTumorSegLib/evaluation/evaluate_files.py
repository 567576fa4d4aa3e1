"""The task that holds predictions against reference labels."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import atomic_path, check_output_folder, write_json_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from .overlap import Overlap, overlap

if TYPE_CHECKING:
    import SimpleITK as sitk

MEASURES = ("dice", "precision", "recall", "false_negative_rate")
COUNTS = ("true_positives", "false_positives", "false_negatives")
LABEL_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png")
GRID_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Evaluation:
    """The overlap of each case, by name, and each measure's mean over the cases for which it is defined."""

    overlaps: dict[str, Overlap]
    means: dict[str, float | None]


def evaluate_files(*, truth: Path, prediction: Path, out: Path, progress: Progress = silent) -> Evaluation:
    """Compare a predicted label with its reference, or every label of two folders by file name, 2D or 3D.

    Writes `metrics.csv` (a row a case: measures and counts; an undefined measure is empty) and `metrics.json` (the same
    with means over defined values and their number) into `out`. Raises `BadInput` for a missing prediction or labels on
    different grids.
    """
    pairs = _pairs(Path(truth), Path(prediction))
    check_output_folder(out)
    overlaps = {}
    for done, (name, (reference_file, predicted_file)) in enumerate(pairs.items()):
        progress("evaluate", done, len(pairs), name)
        overlaps[name] = _compare(reference_file, predicted_file)
    evaluation = Evaluation(overlaps, {measure: _mean(overlaps, measure) for measure in MEASURES})
    _write(evaluation, Path(out))
    progress("evaluate", len(pairs), len(pairs), _summary(evaluation))
    return evaluation


def _pairs(truth: Path, prediction: Path) -> dict[str, tuple[Path, Path]]:
    for path, what in ((truth, "reference label"), (prediction, "prediction")):
        if not path.exists():
            raise BadInput(f"a file or folder for the {what}", f"nothing at {path}", "check the path")
    if truth.is_dir() != prediction.is_dir():
        raise BadInput(
            "two files or two folders",
            f"{truth} and {prediction}, one of each",
            "name both as files or both as folders",
        )
    if not truth.is_dir():
        return {_name(truth): (truth, prediction)}
    references, predictions = _labels_in(truth), _labels_in(prediction)
    if not references:
        raise BadInput("reference labels", f"no image in {truth}", "name the folder that holds the labels themselves")
    if missing := sorted(set(references) - set(predictions)):
        raise BadInput(
            "a prediction for each reference label",
            f"none for {missing[0]} in {prediction}",
            "predict it or leave out its label",
        )
    return {name: (references[name], predictions[name]) for name in sorted(references)}


def _labels_in(folder: Path) -> dict[str, Path]:
    return {
        _name(path): path
        for path in sorted(folder.iterdir())
        if path.name.lower().endswith(LABEL_ENDINGS) and path.is_file()
    }


def _name(path: Path) -> str:
    ending = next((ending for ending in LABEL_ENDINGS if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)]


def _compare(reference_file: Path, predicted_file: Path) -> Overlap:
    import SimpleITK as sitk

    reference, predicted = _read(reference_file), _read(predicted_file)
    if not _same_grid(reference, predicted):
        raise BadInput(
            "reference and prediction on one grid",
            f"different grids in {reference_file} and {predicted_file}",
            "resample one onto the other",
        )
    return overlap(sitk.GetArrayViewFromImage(reference), sitk.GetArrayViewFromImage(predicted))


def _read(path: Path) -> "sitk.Image":
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise BadInput(
            "a label image", f"{path}, which is not a readable image", "convert it or check that it is whole"
        ) from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise BadInput(
            "a label with one value a pixel", f"colours in {path}", "export the label itself, not a picture of it"
        )
    return image


def _same_grid(first: "sitk.Image", second: "sitk.Image") -> bool:
    """Whether size, spacing, origin and direction agree, in 2D or 3D, to a thousandth of a millimetre and of a unit."""
    if first.GetSize() != second.GetSize():
        return False
    geometry = [(*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()) for image in (first, second)]
    return all(abs(a - b) <= GRID_TOLERANCE for a, b in zip(*geometry, strict=True))


def _mean(overlaps: dict[str, Overlap], measure: str) -> float | None:
    defined = _defined(overlaps, measure)
    return math.fsum(defined) / len(defined) if defined else None


def _defined(overlaps: dict[str, Overlap], measure: str) -> list[float]:
    values = [getattr(item, measure) for item in overlaps.values()]
    return [value for value in values if not math.isnan(value)]


def _write(evaluation: Evaluation, out: Path) -> None:
    rows = {name: _row(item) for name, item in evaluation.overlaps.items()}
    with atomic_path(out / "metrics.csv") as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ("case", *MEASURES, *COUNTS))
        writer.writeheader()
        for name, row in rows.items():
            writer.writerow({"case": name, **{key: "" if value is None else value for key, value in row.items()}})
    defined = {measure: len(_defined(evaluation.overlaps, measure)) for measure in MEASURES}
    write_json_atomic(out / "metrics.json", {"cases": rows, "mean": evaluation.means, "defined_for": defined})


def _row(item: Overlap) -> dict[str, Any]:
    measures = {measure: getattr(item, measure) for measure in MEASURES}
    return {key: None if math.isnan(value) else value for key, value in measures.items()} | {
        key: getattr(item, key) for key in COUNTS
    }


def _summary(evaluation: Evaluation) -> str:
    parts = [f"{name.replace('_', ' ')} {value:.3f}" for name, value in evaluation.means.items() if value is not None]
    return f"{len(evaluation.overlaps)} cases: {', '.join(parts)}"
