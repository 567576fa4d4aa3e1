"""What one training depends on, and everything that can be found wrong with it before any work."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..atomic_files import check_output_folder
from ..errors import BadInput
from ..slices.folds import Split, check_splits
from ..slices.manifest import MANIFEST_FILE, read_manifest
from .raw_dataset import list_slices, splits_path
from .trainer_search import trainer_module

FULL_PLANS = "nnUNetPlans"
SMALL_PLANS = "IUSSmallPlans"
CONFIGURATION = "2d"
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
# Beside the numbers of folds: nnU-Net's training on every slice, without validation on others.
WHOLE = "all"
# As many as nnU-Net makes where a data set brings no folds of its own.
NNUNETS_FOLDS = 5
SMALLEST_PATCH, SMALLEST_BATCH = 16, 2


@dataclass(frozen=True)
class TrainingRequest:
    """All that one training depends on; `None` leaves a number to the trainer or the plans. Paths are absolute.

    `results` takes the model in the place of `out`'s own nnUNet_results, and `splits` is a file of folds in the place of
    the data set's: so several trainings share one preprocessed data set. `patch_size` is rows and columns.
    """

    dataset: str
    raw: str
    out: str
    fold: int | str
    trainer: str
    plans: str
    min_area_mm2: float | None
    epochs: int | None
    iterations_per_epoch: int | None
    validation_iterations: int | None
    device: str
    workers: int
    seed: int
    resume: bool
    final_validation: bool
    batch_size: int | None = None
    patch_size: tuple[int, int] | None = None
    splits: str | None = None
    results: str | None = None
    check_memory: bool = True

    @property
    def raw_folder(self) -> Path:
        """The data set's folder in `nnUNet_raw`."""
        return Path(self.raw) / self.dataset

    @property
    def preprocessed_folder(self) -> Path:
        """The data set's folder in `nnUNet_preprocessed`."""
        return Path(self.out) / "nnUNet_preprocessed" / self.dataset

    @property
    def results_folder(self) -> Path:
        """`nnUNet_results`."""
        return Path(self.results) if self.results else Path(self.out) / "nnUNet_results"

    @property
    def plans_name(self) -> str:
        """The name of the plans to train with: another one than `plans` where patch or batch are one's own."""
        patch = f"_p{self.patch_size[0]}x{self.patch_size[1]}" if self.patch_size else ""
        return self.plans + patch + (f"_b{self.batch_size}" if self.batch_size else "")

    @property
    def model_folder(self) -> Path:
        """nnU-Net's folder of the model: plans.json, dataset.json and a folder a fold."""
        return self.results_folder / self.dataset / f"{self.trainer}__{self.plans_name}__{CONFIGURATION}"

    @property
    def fold_folder(self) -> Path:
        """Checkpoints, curve, record and nnU-Net's log of this fold."""
        return self.model_folder / f"fold_{self.fold}"


def check_request(request: TrainingRequest) -> None:
    """Raise `BadInput` for settings, folds or an output that cannot be used; writes nothing."""
    if request.plans not in (SMALL_PLANS, FULL_PLANS):
        raise BadInput(f"plans among {SMALL_PLANS}, {FULL_PLANS}", f"'{request.plans}'", "choose one of them")
    if not DEVICE.fullmatch(request.device):
        raise BadInput("a device as auto, cpu, cuda or cuda:1", f"'{request.device}'", "choose one of them")
    for what in ("epochs", "iterations_per_epoch", "validation_iterations"):
        if (value := getattr(request, what)) is not None and value < 1:
            raise BadInput(f"{what} of 1 or more", f"{value}", "give a larger number or none")
    _check_size(request)
    trainer_module(request.trainer)
    _check_folds(request)
    check_output_folder(Path(request.out))
    check_output_folder(request.results_folder)


def check_begun(request: TrainingRequest, overwrite: bool) -> None:
    """Raise `BadInput` where a training would be lost, or is to be resumed that was not begun."""
    begun = has_begun(request)
    if request.resume and overwrite:
        raise BadInput("either resume or overwrite", "both", "leave one out")
    if request.resume and not begun:
        raise BadInput("a training to resume", f"no checkpoint in {request.fold_folder}", "start it without resume")
    if begun and not (request.resume or overwrite):
        raise BadInput(
            "no training of this fold yet",
            f"checkpoints in {request.fold_folder}",
            "resume it, overwrite it or choose another output",
        )


def has_begun(request: TrainingRequest) -> bool:
    """Whether there is a checkpoint of this fold to go on from."""
    return any(request.fold_folder.glob("checkpoint_*.pth"))


def splits_file_of(request: TrainingRequest) -> Path | None:
    """The file of the folds that are trained on; `None` where nnU-Net makes its own."""
    return Path(request.splits) if request.splits else splits_path(request.raw_folder, request.min_area_mm2)


def splits_of(request: TrainingRequest) -> list[Split] | None:
    """The folds of the chosen view on the slices; `None` where the data set brings none and nnU-Net makes its own."""
    path = splits_file_of(request)
    if path is None:
        return None
    try:
        splits = json.loads(path.read_text(encoding="utf-8"))
        well_formed = all(isinstance(split[side], list) for split in splits for side in ("train", "val"))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _no_splits(path) from error
    if not well_formed or not splits:
        raise _no_splits(path)
    return splits


def _no_splits(path: Path) -> BadInput:
    return BadInput("folds with the names of slices to train and to validate on", f"none in {path}", "export again")


def _check_size(request: TrainingRequest) -> None:
    if request.batch_size is not None and request.batch_size < SMALLEST_BATCH:
        raise BadInput(f"a batch of {SMALLEST_BATCH} or more", f"{request.batch_size}", "give a larger one or none")
    patch = request.patch_size
    if patch is not None and (len(patch) != 2 or min(patch) < SMALLEST_PATCH):
        found = " x ".join(map(str, patch))
        raise BadInput(f"a patch of two sides of {SMALLEST_PATCH} pixels or more", found, "give two, such as 256,256")


def _check_folds(request: TrainingRequest) -> None:
    splits = splits_of(request)
    if splits is None:
        _check_nnunets_own_folds(request)
        return
    if request.fold != WHOLE and int(request.fold) >= len(splits):
        raise BadInput(f"a fold from 0 to {len(splits) - 1}, or all", f"{request.fold}", "choose one of them")
    manifest = request.raw_folder / MANIFEST_FILE
    if manifest.is_file():
        check_splits(splits, {item.name: item.patient for item in read_manifest(manifest)})
    _check_sides(splits, request.fold)


def _check_sides(splits: list[Split], fold: int | str) -> None:
    chosen = enumerate(splits) if fold == WHOLE else [(int(fold), splits[int(fold)])]
    for number, split in chosen:
        for names, what in ((split["train"], "train"), (split["val"], "validate")):
            if not names:
                raise BadInput(
                    f"slices to {what} on in fold {number}", "none", "lower the area cut-off or export fewer folds"
                )


def _check_nnunets_own_folds(request: TrainingRequest) -> None:
    slices = len(list_slices(request.raw_folder))
    if slices < NNUNETS_FOLDS:
        raise BadInput(
            f"at least {NNUNETS_FOLDS} slices where the data set brings no folds",
            f"{slices} in {request.raw_folder.name}",
            "add slices, or a splits_final.json with fewer folds",
        )
    if request.fold != WHOLE and int(request.fold) >= NNUNETS_FOLDS:
        raise BadInput(f"a fold from 0 to {NNUNETS_FOLDS - 1}, or all", f"{request.fold}", "choose one of them")
