"""One training with nnunetv2, in this process.

nnU-Net keeps its folders in environment variables and its workers alive behind a killed parent; `training` therefore
runs this in a process of its own.
"""

import json
import math
import os
import platform
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..jobs.progress import Progress
from ..jobs.threads import let_threads_sleep
from ..version import VERSION
from .trainer_search import find_trainer
from .training import CONFIGURATION, PARENT_VARIABLE, RECORD_FILE, TrainingRequest, splits_of
from .training_curve import CURVE_FILE, Epoch, curve_of, write_curve

SCHEMA = "iustumorseg.training/1"
PACKAGES = ("nnunetv2", "torch", "numpy", "SimpleITK", "batchgeneratorsv2", "dynamic-network-architectures")
LAST_RESORT_S = 2.0


def run_training(request: TrainingRequest, progress: Progress) -> None:
    """Fingerprint, plan, preprocess and train; writes nnU-Net's files, `training_curve.csv` and `training.json`."""
    _end_with_parent()
    let_threads_sleep()
    _set_environment(request)
    from .planning import data_fingerprint, prepare_dataset

    started = time.time()
    try:
        progress("fingerprint", 0, 1, "reading the data set")
        data_sha256 = data_fingerprint(request.raw_folder)
        prepare_dataset(request.dataset, request.plans, data_sha256, progress)
        prepared = time.time()
        trainer = _make_trainer(request)
        _after_each_epoch(trainer, lambda: _report_epoch(trainer, request, progress))
        trainer.run_training()
        if request.final_validation:
            progress("validate", 0, 1, "nnU-Net's validation of the fold")
            trainer.perform_actual_validation()
        seconds = {"preparation": prepared - started, "training": time.time() - prepared}
        _write_record(trainer, request, data_sha256, seconds)
    finally:
        _end_workers()


def _set_environment(request: TrainingRequest) -> None:
    """nnU-Net's folders and worker numbers, for this process and its workers only."""
    folders = {name: Path(request.out) / name for name in ("nnUNet_preprocessed", "nnUNet_results")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    os.environ.update({name: str(folder) for name, folder in folders.items()}, nnUNet_raw=request.raw)
    # Planning takes the second for a number of threads, so a 0 has to wait for `_make_trainer`.
    os.environ.update(dict.fromkeys(("nnUNet_def_n_proc", "nnUNet_n_proc_DA"), str(max(1, request.workers))))


def _make_trainer(request: TrainingRequest) -> Any:
    import torch

    from .packed_dataset import register_packed_slices

    register_packed_slices()
    os.environ.update(nnUNet_n_proc_DA=str(request.workers))
    _seed_everything(request.seed)
    if not request.resume:
        shutil.rmtree(request.fold_folder, ignore_errors=True)
    folder = Path(request.out) / "nnUNet_preprocessed" / request.dataset
    plans = json.loads((folder / f"{request.plans}.json").read_text(encoding="utf-8"))
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    plans["continue_training"] = request.resume
    device = "cuda" if request.device == "auto" and torch.cuda.is_available() else request.device.replace("auto", "cpu")
    trainer = find_trainer(request.trainer)(plans, CONFIGURATION, request.fold, description, torch.device(device))
    _apply_numbers(trainer, request)
    _use_splits(trainer, request)
    if request.resume:
        from nnunetv2.run.run_training import maybe_load_checkpoint

        maybe_load_checkpoint(trainer, continue_training=True, validation_only=False)
    return trainer


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
    """Train on the slices of the chosen area cut-off; nnU-Net knows one splits file for each data set."""
    splits = splits_of(request)
    if splits is None:
        return
    if request.fold == "all":
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


def _report_epoch(trainer: Any, request: TrainingRequest, progress: Progress) -> None:
    curve = curve_of(trainer.logger.get_checkpoint())
    write_curve(curve, request.fold_folder / CURVE_FILE)
    progress("train", len(curve), trainer.num_epochs, _epoch_text(curve[-1], trainer.num_epochs))


def _epoch_text(epoch: Epoch, epochs: int) -> str:
    losses = f"training loss {epoch.train_loss:.3f}, validation loss {epoch.validation_loss:.3f}"
    return f"epoch {epoch.epoch} of {epochs}: {losses}, pseudo Dice {epoch.pseudo_dice:.3f}"


def _write_record(trainer: Any, request: TrainingRequest, data_sha256: str, seconds: dict[str, float]) -> None:
    curve = curve_of(trainer.logger.get_checkpoint())
    # Where no validation slice showed tumour the pseudo Dice is NaN, and no epoch the best.
    rated = [epoch for epoch in curve if not math.isnan(epoch.pseudo_dice_average)]
    best = max(rated, key=lambda epoch: epoch.pseudo_dice_average, default=None)
    train, validation = trainer.do_split()
    record = {
        "schema": SCHEMA,
        "dataset": request.dataset,
        "data_sha256": data_sha256,
        "min_area_mm2": request.min_area_mm2,
        "slices": {"train": len(train), "validation": len(validation)},
        "trainer": request.trainer,
        "plans": request.plans,
        "fold": request.fold,
        "device": str(trainer.device),
        "seed": request.seed,
        "workers": request.workers,
        "epochs_planned": trainer.num_epochs,
        "epochs_done": len(curve),
        "iterations_per_epoch": trainer.num_iterations_per_epoch,
        "best_epoch": best.epoch if best else None,
        "best_pseudo_dice_average": best.pseudo_dice_average if best else None,
        "resumed": request.resume,
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "versions": _versions(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
    }
    write_json_atomic(request.fold_folder / RECORD_FILE, record)


def _versions() -> dict[str, str]:
    own = {"iustumorseg": VERSION, "python": platform.python_version()}
    return own | {name: _version_of(name) for name in PACKAGES}


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # As Slicer builds some of them: there is a module, but no installed distribution.
        return "unknown"


def _seed_everything(seed: int) -> None:
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _end_with_parent() -> None:
    """End this process when the one that started the training is gone, however that ended (POSIX)."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent and hasattr(os, "getppid") and sys.platform != "win32":
        threading.Thread(target=_watch_parent, args=(int(parent),), daemon=True).start()


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_RESORT_S)
    os.killpg(os.getpgrp(), signal.SIGKILL)


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
