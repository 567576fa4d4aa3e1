"""One training with nnunetv2, in this process.

nnU-Net keeps its folders in environment variables and its workers alive behind a killed parent; `training` therefore
runs this in a process of its own.
"""

import json
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from ..errors import BadInput, Failed
from ..jobs.progress import Progress
from ..jobs.threads import let_threads_sleep
from ..study.disk import is_disk_full
from ..study.file_lock import Busy, locked_file
from ..study.run import duration
from .end_with_parent import end_with_parent, killed_at_once
from .memory_estimate import advice, check_memory
from .training_curve import CURVE_FILE, Epoch, curve_of, write_curve
from .training_record import (
    FINISHED,
    RUNNING,
    STOPPED_EARLY,
    begun_record,
    check_same_data,
    data_hashes,
    read_record,
    write_record,
)
from .training_request import CONFIGURATION, WHOLE, TrainingRequest, splits_of

EPOCHS_FOR_PACE = 5


def run_training(request: TrainingRequest, progress: Progress) -> None:
    """Fingerprint, plan, preprocess and train; writes nnU-Net's files, `training_curve.csv` and `training.json`."""
    end_with_parent()
    let_threads_sleep()
    _set_environment(request)
    started = time.time()
    try:
        with _said_of_machine(request), alone_on_fold(request):
            data, former = _check_data(request, progress)
            _prepare(request, data["data_sha256"], progress)
            prepared = time.time()
            with killed_at_once():
                trainer = _make_trainer(request)
            _train(trainer, begun_record(request, data, trainer, former), request, prepared - started, progress)
    finally:
        _end_workers()


@contextmanager
def alone_on_fold(request: TrainingRequest) -> Iterator[None]:
    """Keep other trainings away from this fold's folder; `BadInput` where one is at work."""
    name = f".{request.dataset}__{request.model_folder.name}__fold_{request.fold}.lock"
    try:
        with locked_file(request.results_folder / name, wait=False):
            yield
    except Busy as error:
        raise BadInput(
            "a fold that no other process trains",
            f"a training at work in {request.fold_folder}",
            "wait for its end, or cancel it",
        ) from error


def _check_data(request: TrainingRequest, progress: Progress) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What is trained on; a training that is resumed must have been begun with it."""
    progress("fingerprint", 0, 1, "reading the data set")
    data, former = data_hashes(request), read_record(request.fold_folder)
    if request.resume:
        check_same_data(former, data)
    return data, former


def _prepare(request: TrainingRequest, data_sha256: str, progress: Progress) -> None:
    """Plans and preprocessed slices; trainings that start side by side take turns, and the first does it for all."""
    with killed_at_once():
        from .planning import prepare_dataset, write_resized_plans

    folder = request.preprocessed_folder
    progress("plan", 0, 1, "looking for preprocessed slices, or waiting for another training to make them")
    with locked_file(folder.parent / f".{request.dataset}.lock"):
        prepare_dataset(request.dataset, request.plans, data_sha256, progress)
        if request.plans_name != request.plans:
            write_resized_plans(folder, request.plans, request.plans_name, request.patch_size, request.batch_size)


def _train(
    trainer: Any, begun: dict[str, Any], request: TrainingRequest, preparation_s: float, progress: Progress
) -> None:
    started = time.time()

    def record(state: str) -> list[Epoch]:
        curve = curve_of(trainer.logger.get_checkpoint())
        seconds = {"preparation": preparation_s, "training": time.time() - started}
        write_record(begun, curve, state, seconds, request.fold_folder)
        return curve

    def report_epoch() -> None:
        curve = record(RUNNING)
        write_curve(curve, request.fold_folder / CURVE_FILE)
        left_s = _left_s(curve, trainer.num_epochs)
        text = _epoch_text(curve[-1], trainer.num_epochs, left_s)
        progress(
            "train", len(curve), trainer.num_epochs, text, fold=request.fold, epoch=asdict(curve[-1]), left_s=left_s
        )

    record(RUNNING)
    _after_each_epoch(trainer, report_epoch)
    trainer.run_training()
    if request.final_validation:
        progress("validate", 0, 1, "nnU-Net's validation of the fold")
        trainer.perform_actual_validation()
    record(FINISHED if trainer.current_epoch >= trainer.num_epochs else STOPPED_EARLY)


def _set_environment(request: TrainingRequest) -> None:
    """nnU-Net's folders and worker numbers, for this process and its workers only."""
    folders = {"nnUNet_preprocessed": request.preprocessed_folder.parent, "nnUNet_results": request.results_folder}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    os.environ.update({name: str(folder) for name, folder in folders.items()}, nnUNet_raw=request.raw)
    # Planning takes the second for a number of threads, so a 0 has to wait for `_make_trainer`.
    os.environ.update(dict.fromkeys(("nnUNet_def_n_proc", "nnUNet_n_proc_DA"), str(max(1, request.workers))))


def _make_trainer(request: TrainingRequest) -> Any:
    import torch

    from .packed_dataset import register_packed_slices
    from .trainer_search import find_trainer

    register_packed_slices()
    os.environ.update(nnUNet_n_proc_DA=str(request.workers))
    _seed_everything(request.seed)
    folder = request.preprocessed_folder
    plans = json.loads((folder / f"{request.plans_name}.json").read_text(encoding="utf-8"))
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    device = torch.device(_device(request.device))
    if device.type == "cuda" and request.check_memory:
        _check_gpu(plans["configurations"][CONFIGURATION], description, request.device)
    if not request.resume:
        shutil.rmtree(request.fold_folder, ignore_errors=True)
    plans["continue_training"] = request.resume
    trainer = find_trainer(request.trainer)(plans, CONFIGURATION, request.fold, description, device)
    _apply_numbers(trainer, request)
    _use_splits(trainer, request)
    if request.resume:
        from nnunetv2.run.run_training import maybe_load_checkpoint

        maybe_load_checkpoint(trainer, continue_training=True, validation_only=False)
    if not trainer.was_initialized:
        trainer.initialize()
    return trainer


def _device(name: str) -> str:
    """The type of device, of which nnU-Net takes the first that this process sees."""
    import torch

    kind = name.partition(":")[0]
    if kind == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise BadInput("a GPU that PyTorch can use", "none", "train on the processor (device cpu), or install CUDA")
    return kind


def _check_gpu(configuration: dict[str, Any], description: dict[str, Any], name: str) -> None:
    import torch

    free, _ = torch.cuda.mem_get_info(0)
    check_memory(configuration, len(description["channel_names"]), len(description["labels"]), free, name)


@contextmanager
def _said_of_machine(request: TrainingRequest) -> Iterator[None]:
    """Turn a full disk and used-up memory into `Failed`, with what to do."""
    try:
        yield
    except (BadInput, Failed):
        raise
    except (OSError, RuntimeError, MemoryError) as error:
        if is_disk_full(error, request.results_folder):
            raise Failed(
                f"The disk that holds {request.out} is full: free some space and resume the training; "
                "an epoch is lost at most."
            ) from error
        if _is_out_of_memory(error):
            raise Failed(out_of_memory_sentence(request)) from error
        raise


def _is_out_of_memory(error: BaseException) -> bool:
    import torch

    # The processor's allocator raises a plain RuntimeError.
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


def out_of_memory_sentence(request: TrainingRequest) -> str:
    """What happened, and which batch or patch would fit into what the GPU has."""
    import torch

    plans_file = request.preprocessed_folder / f"{request.plans_name}.json"
    configuration = json.loads(plans_file.read_text(encoding="utf-8"))["configurations"][CONFIGURATION]
    patch, batch = configuration["patch_size"], configuration["batch_size"]
    what = f"batches of {batch} patches of {patch[0]} x {patch[1]}"
    if request.device == "cpu" or not torch.cuda.is_available():
        return f"The memory was not enough for {what}: train with a smaller --batch-size or --patch-size."
    # What another program took is out of reach, and the estimate was too low: stay a quarter below.
    free = int(0.75 * torch.cuda.mem_get_info(0)[0] + 0.75 * torch.cuda.memory_reserved(0))
    return f"The GPU's memory was not enough for {what}: {advice(configuration, free)}."


def _apply_numbers(trainer: Any, request: TrainingRequest) -> None:
    wanted = {
        "num_epochs": request.epochs,
        "num_iterations_per_epoch": request.iterations_per_epoch,
        "num_val_iterations_per_epoch": request.validation_iterations,
    }
    for name, value in wanted.items():
        if value is not None:
            setattr(trainer, name, value)


def _use_splits(trainer: Any, request: TrainingRequest) -> None:
    """Train on the slices of the chosen view; nnU-Net knows one splits file for each data set."""
    splits = splits_of(request)
    if splits is None:
        return
    if request.fold == WHOLE:
        everything = sorted({name for split in splits for name in split["val"]})
        trainer.do_split = lambda: (list(everything), list(everything))
    else:
        split = splits[int(request.fold)]
        trainer.do_split = lambda: (list(split["train"]), list(split["val"]))


def _after_each_epoch(trainer: Any, then: Callable[[], None]) -> None:
    """Call `then` when an epoch is over, whichever class the trainer is."""
    on_epoch_end = trainer.on_epoch_end

    def on_epoch_end_and_then() -> None:
        on_epoch_end()
        then()

    trainer.on_epoch_end = on_epoch_end_and_then


def _left_s(curve: list[Epoch], epochs: int) -> float:
    """Seconds until the last epoch ends, at the pace of the last few; early stopping may come sooner."""
    recent = [epoch.seconds for epoch in curve[-EPOCHS_FOR_PACE:]]
    return round((epochs - len(curve)) * sum(recent) / len(recent), 1)


def _epoch_text(epoch: Epoch, epochs: int, left_s: float) -> str:
    losses = f"training loss {epoch.train_loss:.3f}, validation loss {epoch.validation_loss:.3f}"
    left = f", at most {duration(left_s)} left" if left_s else ""
    return f"epoch {epoch.epoch} of {epochs}: {losses}, pseudo Dice {epoch.pseudo_dice:.3f}{left}"


def _seed_everything(seed: int) -> None:
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _end_workers() -> None:
    """Leave no augmentation or export worker behind."""
    import multiprocessing

    workers = multiprocessing.active_children()
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(1.0)
        if worker.is_alive():
            worker.kill()
