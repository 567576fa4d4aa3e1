"""Segment ultrasound volumes and images with a trained model.

A volume is cut as it was for training, each slice goes through nnU-Net's own preprocessing, sliding window and export,
and the slices' probabilities are put back onto the volume's grid. nnU-Net given the whole volume would normalise it as
one; the network learned from slices normalised one by one.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import check_output_folder
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..jobs.threads import let_threads_sleep
from ..slices.cut import DIRECTIONS, check_directions, grey_values, in_plane_spacing, plane, plane_count, put_plane

if TYPE_CHECKING:
    import SimpleITK as sitk

IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".png")
CHANNEL_ENDING = "_0000"
# nnU-Net's reader gives a 2D image this many times its larger spacing as the distance to a slice that is not there.
NO_NEIGHBOR = 999


@dataclass(frozen=True)
class Prediction:
    """A label (uint8, the model's label values) and the probability of tumour (float32, 0 to 1) on the image's grid."""

    label: "sitk.Image"
    probability: "sitk.Image"


def predict_volume(
    us: "sitk.Image",
    model_folder: Path,
    *,
    directions: Sequence[str] = DIRECTIONS,
    folds: Sequence[int | str] | None = None,
    mirroring: bool = False,
    device: str = "cpu",
    progress: Progress = silent,
) -> Prediction:
    """Segment a 3D ultrasound slice by slice in `directions`, fused by the mean of their probabilities.

    `folds` (all of the model's if None) are an ensemble, as nnU-Net makes one. Each slice's result is that of
    `nnUNetPredictor` for the exported slice. Slices without any signal are background.
    """
    return _segment_volume(
        us, load_model(model_folder, folds, mirroring, device), check_directions(directions), progress
    )


def predict_files(
    *,
    model: Path,
    input: Path,
    out: Path,
    probabilities: bool = False,
    directions: Sequence[str] = DIRECTIONS,
    folds: Sequence[int | str] | None = None,
    mirroring: bool = False,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[Path]:
    """Segment a file or every image of a folder, 3D volumes and 2D images alike; returns the labels' files.

    `out` is an image file for one input, else a folder in which each label takes its image's name (without nnU-Net's
    channel number). Labels lie on their image's grid; `probabilities` adds `<name>_probability.nii.gz`. A folder of
    DICOM files is one volume. Raises `BadInput` for a folder that is no model and for what is no image.
    """
    directions = check_directions(directions)
    files = _outputs(Path(input), Path(out))
    for label in files.values():
        check_output_folder(label.parent)
    predictor = load_model(model, folds, mirroring, device)
    for number, (source, target) in enumerate(files.items()):
        _predict_file(
            source, target, predictor, directions, probabilities, _part(progress, number, len(files), source.name)
        )
    return list(files.values())


def load_model(
    folder: Path, folds: Sequence[int | str] | None = None, mirroring: bool = False, device: str = "cpu"
) -> Any:
    """An `nnUNetPredictor` of the model in `folder`, made without running any code that comes with it."""
    let_threads_sleep()
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from .checkpoints import load_checkpoint
    from .model_folder import find_model
    from .trainer_search import find_trainer

    model = find_model(folder, folds)
    checkpoints = [load_checkpoint(path) for path in model.checkpoints.values()]
    plans = PlansManager(model.plans)
    configuration = plans.get_configuration(checkpoints[0]["init_args"]["configuration"])
    if len(configuration.patch_size) != 2:
        raise BadInput("a model of nnU-Net's 2D configuration", f"a 3D one in {folder}", "choose a 2D model")
    trainer = find_trainer(checkpoints[0]["trainer_name"])
    heads = plans.get_label_manager(model.dataset).num_segmentation_heads
    channels = determine_num_input_channels(plans, configuration, model.dataset)
    network = trainer.build_network_architecture(plans, configuration, channels, heads, enable_deep_supervision=False)
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    chosen = torch.device("cuda" if on_gpu else "cpu")
    # Its constructor prints that it keeps results in main memory.
    with contextlib.redirect_stdout(None):
        predictor = nnUNetPredictor(use_mirroring=mirroring, device=chosen, allow_tqdm=False)
    predictor.manual_initialization(
        network,
        plans,
        configuration,
        [checkpoint["network_weights"] for checkpoint in checkpoints],
        model.dataset,
        trainer.__name__,
        checkpoints[0].get("inference_allowed_mirroring_axes"),
    )
    return predictor


def slice_probabilities(predictor: Any, pixels: np.ndarray, spacing: tuple[float, float]) -> np.ndarray:
    """Class probabilities, shape (classes, rows, columns), of one slice of pixels (rows, columns).

    `spacing` in mm is horizontal, then vertical. A slice without any signal is background.
    """
    import torch
    from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape

    if not pixels.any():
        return _background(predictor, pixels.shape)
    plans, configuration = predictor.plans_manager, predictor.configuration_manager
    properties = {"spacing": [NO_NEIGHBOR * max(spacing), spacing[1], spacing[0]]}
    preprocessor = configuration.preprocessor_class(verbose=False)
    image = pixels[None, None].astype(np.float32)
    data, _, properties = preprocessor.run_case_npy(
        image, None, properties, plans, configuration, predictor.dataset_json
    )
    logits = predictor.predict_logits_from_preprocessed_data(torch.from_numpy(data))
    _, probabilities = convert_predicted_logits_to_segmentation_with_correct_shape(
        logits,
        plans,
        configuration,
        predictor.label_manager,
        properties,
        True,
        num_threads_torch=torch.get_num_threads(),
    )
    return probabilities[:, 0]


def _segment_volume(us: "sitk.Image", predictor: Any, directions: Sequence[str], progress: Progress) -> Prediction:
    import SimpleITK as sitk

    grey = grey_values(sitk.GetArrayViewFromImage(us))
    total = sum(plane_count(grey, direction) for direction in directions)
    summed = np.zeros((predictor.label_manager.num_segmentation_heads, *grey.shape), dtype=np.float32)
    done = 0
    for direction in directions:
        spacing = in_plane_spacing(us, direction)
        for index in range(plane_count(grey, direction)):
            progress("predict", done, total, f"slices across {direction}")
            pixels = plane(grey, direction, index)
            found = (
                slice_probabilities(predictor, pixels, spacing)
                if pixels.any()
                else _background(predictor, pixels.shape)
            )
            for whole, part in zip(summed, found, strict=True):
                put_plane(whole, direction, index, plane(whole, direction, index) + part)
            done += 1
    progress("predict", total, total, f"{total} slices")
    return _as_prediction(predictor, summed / len(directions), us)


def _background(predictor: Any, shape: tuple[int, ...]) -> np.ndarray:
    probabilities = np.zeros((predictor.label_manager.num_segmentation_heads, *shape), dtype=np.float32)
    if not predictor.label_manager.has_regions:
        probabilities[0] = 1
    return probabilities


def _as_prediction(predictor: Any, probabilities: np.ndarray, reference: "sitk.Image") -> Prediction:
    """Label and tumour probability from class probabilities, shape (classes, *image), on the grid of `reference`."""
    import SimpleITK as sitk

    labels = predictor.label_manager
    tumor = probabilities.max(axis=0) if labels.has_regions else 1 - probabilities[0]
    images = [labels.convert_probabilities_to_segmentation(probabilities).astype(np.uint8), tumor.astype(np.float32)]
    label, probability = (sitk.GetImageFromArray(array) for array in images)
    for image in (label, probability):
        image.CopyInformation(reference)
    return Prediction(label, probability)


def _predict_file(
    source: Path, target: Path, predictor: Any, directions: Sequence[str], probabilities: bool, progress: Progress
) -> None:
    from ..images.volumes import read_volume, write_volume

    if _is_2d(source):
        import SimpleITK as sitk

        image = sitk.ReadImage(str(source))
        if not np.isfinite(sitk.GetArrayViewFromImage(image)).all():
            raise BadInput("finite values in the image", f"NaN or infinite pixels in {source}", "export it again")
        found = slice_probabilities(predictor, sitk.GetArrayFromImage(image), image.GetSpacing())
        prediction = _as_prediction(predictor, found, image)
        progress("predict", 1, 1, source.name)
    else:
        prediction = _segment_volume(read_volume(source, "ultrasound"), predictor, directions, progress)
    if probabilities:
        write_volume(prediction.probability, target.with_name(f"{_stem(target)}_probability.nii.gz"))
    write_volume(prediction.label, target)


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


def _is_2d(path: Path) -> bool:
    import SimpleITK as sitk

    if path.is_dir():
        return False
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise BadInput(
            "an image", f"{path}, which is not a readable one", "convert it or check that it is whole"
        ) from error
    if reader.GetNumberOfComponents() != 1:
        raise BadInput("a grey-value image", f"colours in {path}", "convert it to grey")
    return reader.GetDimension() == 2


def _part(progress: Progress, number: int, count: int, name: str) -> Progress:
    """Progress of one file among several, as a share of all of them."""

    def report(stage: str, done: int = 0, total: int = 0, message: str = "") -> None:
        progress(stage, number * total + done, count * total, f"{name}: {message}" if count > 1 else message)

    return report
