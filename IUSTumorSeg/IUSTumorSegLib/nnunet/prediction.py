"""Segment files: 2D images, 3D volumes and folders of both, each with a record of the model that did it.

`load_predictor` makes a model ready, `lean_predictor` segments a slice, `volume_prediction` a volume. Here images are
read and checked before any work, and labels, probabilities and records are written.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..slices.cut import DIRECTIONS
from ..version import VERSION
from .lean_predictor import LeanPredictor, foreground_probability, label_of, predict_slice
from .load_predictor import Means, load_predictor
from .volume_prediction import Prediction, as_prediction, check_direction_names, predict_volume

if TYPE_CHECKING:
    import SimpleITK as sitk

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png")
CHANNEL_ENDING = "_0000"
SCHEMA = "iustumorseg.prediction/1"
# A folder is not read before the model is: its size only decides how the network is prepared.
SLICES_OF_DICOM = 300
# Of red, green and blue, as ITU-R BT.601 weighs them.
LUMINANCE = (0.299, 0.587, 0.114)
# Grey with transparency, colours, colours with transparency.
MOST_COMPONENTS = 4


@dataclass(frozen=True)
class Wishes:
    """What the label of each image shall be made of, beside the model."""

    directions: tuple[str, ...] = DIRECTIONS
    threshold: float | None = None
    min_component_mm2: float = 0.0
    min_component_mm3: float = 0.0
    pixel_spacing_mm: float | None = None
    probabilities: bool = False


def predict_files(
    *,
    model: Path,
    input: Path,
    out: Path,
    probabilities: bool = False,
    directions: Sequence[str] = DIRECTIONS,
    folds: Sequence[int | str] | None = None,
    mirroring: bool = False,
    precision: str = "auto",
    engine: str = "auto",
    threshold: float | None = None,
    min_component_mm2: float = 0.0,
    min_component_mm3: float = 0.0,
    pixel_spacing_mm: float | None = None,
    device: str = "auto",
    progress: Progress = silent,
) -> list[Path]:
    """Segment a file or every image of a folder, 3D volumes and 2D images alike; returns the labels' files.

    `model` is a folder or a zip. `out` is an image file for one input, else a folder in which each label takes its
    image's name (without nnU-Net's channel number). Labels lie on their image's grid, and `<name>.json` beside each
    says what made it; `probabilities` adds `<name>_probability.nii.gz`. A folder of DICOM files is one volume.
    `directions` are for volumes; `pixel_spacing_mm` is for 2D images that do not say theirs (PNG). Connected parts
    below `min_component_mm2` (2D images) or `min_component_mm3` (volumes) are left out. Raises `BadInput` before any
    work for what is no model, no image, or no grey-value one.
    """
    wishes = Wishes(tuple(directions), threshold, min_component_mm2, min_component_mm3, pixel_spacing_mm, probabilities)
    _check(wishes)
    files = _outputs(Path(input), Path(out))
    slices = {source: _slice_count(source) for source in files}
    flat = {source: count == 1 for source, count in slices.items()}
    _check_components(wishes, flat)
    for label in files.values():
        check_output_folder(label.parent)
    progress("predict", 0, 1, "loading the model")
    means = Means(mirroring, device, precision, engine, sum(slices.values()))
    predictor = load_predictor(model, folds, means)
    for number, (source, target) in enumerate(files.items()):
        part = _part(progress, number, len(files), source.name)
        _predict_file(source, target, predictor, wishes, flat[source], part)
    for note in predictor.all_notes:
        progress("predict", 1, 1, note)
    return list(files.values())


def read_grey_2d(path: Path) -> np.ndarray:
    """Pixels (rows, columns) of a 2D image; of a coloured one the brightness. `BadInput` for anything else."""
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path) from error
    pixels = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() >= 3:
        pixels = np.rint(pixels[..., :3] @ np.array(LUMINANCE)).astype(np.uint8)
    if pixels.ndim != 2:
        raise BadInput("a 2D image", f"{pixels.ndim} dimensions in {path}", "name a folder of 2D images")
    return pixels


def _check(wishes: Wishes) -> None:
    check_direction_names(wishes.directions)
    if wishes.threshold is not None and not 0 < wishes.threshold < 1:
        raise BadInput("a threshold between 0 and 1", f"{wishes.threshold:g}", "choose a probability, such as 0.5")
    for what, value in (("mm²", wishes.min_component_mm2), ("mm³", wishes.min_component_mm3)):
        if not (np.isfinite(value) and value >= 0):
            raise BadInput(f"a smallest component of 0 {what} or more", f"{value:g}", "choose a size")
    spacing = wishes.pixel_spacing_mm
    if spacing is not None and not (np.isfinite(spacing) and spacing > 0):
        raise BadInput("a pixel spacing above 0 mm", f"{spacing:g}", "give the size of a pixel")


def _check_components(wishes: Wishes, flat: dict[Path, bool]) -> None:
    for source, is_2d in flat.items():
        given = (wishes.min_component_mm2, wishes.min_component_mm3)
        if any(given) and not given[0 if is_2d else 1]:
            wanted, other = ("mm²", "mm³") if is_2d else ("mm³", "mm²")
            raise BadInput(
                f"a smallest component in {wanted} for the {'2D image' if is_2d else 'volume'} {source}",
                f"one in {other}",
                f"give it in {wanted} too",
            )


def _predict_file(
    source: Path, target: Path, predictor: LeanPredictor, wishes: Wishes, is_2d: bool, progress: Progress
) -> None:
    from ..images.volumes import read_volume, write_volume

    started, redone = time.monotonic(), predictor.redone
    if is_2d:
        prediction = _predict_image(_read_2d(source, wishes.pixel_spacing_mm), predictor, wishes)
        progress("predict", 1, 1, source.name)
    else:
        prediction = predict_volume(
            read_volume(source, "ultrasound"),
            predictor,
            directions=wishes.directions,
            threshold=wishes.threshold,
            progress=progress,
        )
    label = _without_small(prediction.label, wishes, is_2d)
    if wishes.probabilities:
        write_volume(prediction.probability, target.with_name(f"{_stem(target)}_probability.nii.gz"))
    write_volume(label, target)
    record = _record(predictor, wishes, is_2d) | {
        "slices_computed_twice": predictor.redone - redone,
        "seconds": round(time.monotonic() - started, 3),
    }
    write_json_atomic(target.with_name(f"{_stem(target)}.json"), record)


def _predict_image(image: "sitk.Image", predictor: LeanPredictor, wishes: Wishes) -> Prediction:
    import SimpleITK as sitk

    found = predict_slice(predictor, sitk.GetArrayFromImage(image), image.GetSpacing())
    by_threshold = wishes.threshold is not None
    label = label_of(predictor, found.probabilities, wishes.threshold) if by_threshold else found.label
    return as_prediction(label, foreground_probability(predictor, found.probabilities), image)


def _without_small(label: "sitk.Image", wishes: Wishes, is_2d: bool) -> "sitk.Image":
    import SimpleITK as sitk

    from .components import without_small_components

    smallest = wishes.min_component_mm2 if is_2d else wishes.min_component_mm3
    if not smallest:
        return label
    kept = sitk.GetImageFromArray(without_small_components(sitk.GetArrayFromImage(label), label.GetSpacing(), smallest))
    kept.CopyInformation(label)
    return kept


def _record(predictor: LeanPredictor, wishes: Wishes, is_2d: bool) -> dict[str, Any]:
    """What made a label; nothing that names a patient or a place."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "model": predictor.model,
        "directions": None if is_2d else list(wishes.directions),
        "mirroring": bool(predictor.mirror_axes),
        "precision": predictor.precision,
        "engine": predictor.engine,
        "device": predictor.device,
        "threshold": wishes.threshold,
        "min_component_mm2" if is_2d else "min_component_mm3": (
            wishes.min_component_mm2 if is_2d else wishes.min_component_mm3
        ),
        "pixel_spacing_mm": wishes.pixel_spacing_mm if is_2d else None,
        "notes": predictor.all_notes,
    }


def _outputs(source: Path, out: Path) -> dict[Path, Path]:
    """The file of the label for each image to segment."""
    if not source.exists():
        raise BadInput("an ultrasound image or a folder of them", f"nothing at {source}", "check the path")
    images = sorted(path for path in source.iterdir() if _is_image(path)) if source.is_dir() else []
    if not images:
        return {source: out if _is_image(out) else out / f"{_stem(source)}.nii.gz"}
    targets = {image: out / f"{_stem(image)}.nii.gz" for image in images}
    if len(set(targets.values())) < len(targets):
        raise BadInput(
            "images of one channel with different names", f"several for one label in {source}", "rename them"
        )
    return targets


def _is_image(path: Path) -> bool:
    return path.name.lower().endswith(IMAGE_ENDINGS)


def _stem(path: Path) -> str:
    ending = next((ending for ending in IMAGE_ENDINGS if path.name.lower().endswith(ending)), "")
    return path.name[: len(path.name) - len(ending)].removesuffix(CHANNEL_ENDING)


def _slice_count(path: Path) -> int:
    """1 for a 2D image, about how many slices a volume has; `BadInput` for what is no image, or has colours."""
    import SimpleITK as sitk

    if path.is_dir():
        return SLICES_OF_DICOM
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path) from error
    is_2d, components = reader.GetDimension() == 2, reader.GetNumberOfComponents()
    if components != 1 and not (is_2d and components <= MOST_COMPONENTS):
        raise _coloured(path, components)
    if components != 1:
        _read_2d(path, None)
    return 1 if is_2d else sum(reader.GetSize())


def _read_2d(path: Path, spacing_mm: float | None) -> "sitk.Image":
    """A 2D image as grey values; one that was saved in colours but holds grey is taken as the grey one."""
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path) from error
    if (components := image.GetNumberOfComponentsPerPixel()) > 1:
        pixels = sitk.GetArrayViewFromImage(image)[..., : components - 1 if components in (2, 4) else components]
        if (pixels != pixels[..., :1]).any():
            raise _coloured(path, components)
        image = sitk.VectorIndexSelectionCast(image, 0)
    if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
        raise BadInput("finite values in the image", f"NaN or infinite pixels in {path}", "export it again")
    if spacing_mm is not None:
        image.SetSpacing((spacing_mm, spacing_mm))
    return image


def _unreadable(path: Path) -> BadInput:
    return BadInput("an image", f"{path}, which is not a readable one", "convert it or check that it is whole")


def _coloured(path: Path, components: int) -> BadInput:
    found = f"colours in {path} ({components} channels)"
    return BadInput("a grey-value image, one channel as the model has", found, "convert it to grey")


def _part(progress: Progress, number: int, count: int, name: str) -> Progress:
    """Progress of one file among several, as a share of all of them."""

    def report(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        text = f"{name}: {message}" if count > 1 else message
        progress(stage, number * total + done, count * total, text, **more)

    return report
