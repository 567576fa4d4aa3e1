"""What a person chooses for a training, and what there is to choose from; asked by a window, so no torch is needed."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .fold_schedule import EACH, ON_EVERYTHING, parse_folds
from .memory_estimate import (
    GIB,
    Gpu,
    fitting_batch,
    fitting_patch,
    planned_bytes,
    training_bytes,
)
from .trainer_search import EARLY_STOPPING_TRAINER, SMALL_TRAINER
from .training import make_request
from .training_request import CONFIGURATION, NNUNETS_FOLDS, TrainingRequest, splits_of

TRAINERS = (EARLY_STOPPING_TRAINER, "nnUNetTrainer", SMALL_TRAINER)
DEVICES = ("auto", "cpu", "cuda")
# nnU-Net's own number; more rarely help a 2D network.
MOST_WORKERS = 12


@dataclass(frozen=True)
class TrainingChoices:
    """A training as chosen; `None` leaves a number to the trainer or the plans. `folds` as `train_folds` takes them."""

    dataset: str
    raw: Path
    out: Path
    folds: str = EACH
    trainer: str = EARLY_STOPPING_TRAINER
    device: str = "auto"
    epochs: int | None = None
    batch_size: int | None = None
    patch_size: tuple[int, int] | None = None
    start_anew: bool = False


@dataclass(frozen=True)
class MemoryNeed:
    """GPU memory in bytes for a training, `free` of the GPU it would run on, `None` on a processor.

    Where it does not fit, `batch_size` or `patch_size` would.
    """

    needed: int
    free: int | None
    batch_size: int | None = None
    patch_size: tuple[int, int] | None = None

    @property
    def fits(self) -> bool:
        """Whether the GPU has enough, or none is asked for."""
        return self.free is None or self.needed <= self.free


def dataset_names(raw: Path) -> list[str]:
    """The data sets in a folder nnUNet_raw, sorted; empty where there is no such folder."""
    return sorted(path.parent.name for path in Path(raw).glob("Dataset*/dataset.json"))


def fold_texts(choices: TrainingChoices) -> list[str]:
    """What `folds` may be for the data set: all of them, each, and one network on every slice."""
    try:
        splits = splits_of(request_of(choices))
    except BadInput:
        return []
    count = NNUNETS_FOLDS if splits is None else len(splits)
    return [EACH, *map(str, range(count)), ON_EVERYTHING]


def fold_names(choices: TrainingChoices) -> list[str]:
    """The folds that will be trained, as their folders are named; `BadInput` where the data set has no such fold."""
    count = max(1, len(fold_texts(choices)) - 2)
    return [str(fold) for fold in parse_folds(choices.folds, count)]


def request_of(choices: TrainingChoices) -> TrainingRequest:
    """The request for the choices' first fold; `BadInput` for an unknown data set."""
    return make_request(
        dataset=choices.dataset, raw=choices.raw, out=choices.out, fold=0, trainer=choices.trainer, plans=None,
        min_area_mm2=None, epochs=choices.epochs, iterations_per_epoch=None, validation_iterations=None,
        batch_size=choices.batch_size, patch_size=choices.patch_size, splits=None, results=None, device=choices.device,
        workers=0, seed=0, resume=False, final_validation=False, check_memory=True,
    )  # fmt: skip


def task_arguments(choices: TrainingChoices, gpus: Sequence[Gpu] = ()) -> dict[str, Any]:
    """The arguments of the task `train-folds`, as JSON can hold them. What was begun is gone on with, or begun anew."""
    on_gpu = choices.device.startswith("cuda") or (choices.device == "auto" and len(gpus) > 0)
    return {
        "dataset": choices.dataset,
        "raw": str(choices.raw),
        "out": str(choices.out),
        "folds": choices.folds,
        "trainer": choices.trainer,
        "epochs": choices.epochs,
        "batch_size": choices.batch_size,
        "patch_size": list(choices.patch_size) if choices.patch_size else None,
        "devices": [choices.device],
        "workers": min(MOST_WORKERS, max(0, (os.cpu_count() or 1) - 2)) if on_gpu else 0,
        "resume": not choices.start_anew,
        "overwrite": choices.start_anew,
    }


def memory_need(choices: TrainingChoices, gpus: Sequence[Gpu]) -> MemoryNeed:
    """The GPU memory that the training takes, and what would fit where it does not.

    By nnU-Net's plans where they are made already, and else what nnU-Net plans for. `gpus` as the driver shows them.
    """
    request = request_of(choices)
    free = None if choices.device == "cpu" or not gpus else gpus[0].free
    plans_file = request.preprocessed_folder / f"{request.plans}.json"
    if not plans_file.is_file():
        return MemoryNeed(planned_bytes(plans_file, request.plans), free)
    plans = json.loads(plans_file.read_text(encoding="utf-8"))
    own = {"batch_size": choices.batch_size, "patch_size": choices.patch_size}
    configuration = plans["configurations"][CONFIGURATION] | {name: value for name, value in own.items() if value}
    needed = training_bytes(configuration)
    if free is None or needed <= free:
        return MemoryNeed(needed, free)
    return MemoryNeed(needed, free, fitting_batch(configuration, free), fitting_patch(configuration, free))


def memory_sentence(need: MemoryNeed) -> str:
    """What a person should know of a training's memory."""
    about = f"About {need.needed / GIB:.1f} GiB"
    if need.free is None:
        return f"{about} of GPU memory would be needed; on the processor it takes many times as long."
    if need.fits:
        return f"{about} of GPU memory needed, {need.free / GIB:.1f} GiB free."
    if need.batch_size:
        return f"{about} of GPU memory needed, {need.free / GIB:.1f} GiB free: a batch of {need.batch_size} would fit."
    if need.patch_size:
        rows, columns = need.patch_size
        return f"{about} of GPU memory needed, {need.free / GIB:.1f} GiB free: a patch of {rows} x {columns} would fit."
    return f"{about} of GPU memory needed, {need.free / GIB:.1f} GiB free: train on the processor or another machine."
