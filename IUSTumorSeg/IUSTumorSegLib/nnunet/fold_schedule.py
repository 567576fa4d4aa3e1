"""Train several folds: one after the other, or side by side with one on each GPU.

A fold that fails stops no other. Started again with `resume`, what is trained is kept and the rest is gone on with.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadInput, Failed
from ..jobs.progress import Progress, silent
from .trainer_search import SMALL_TRAINER
from .training import POLL_S, StartedTraining, TrainedNetwork, make_request, trained_network
from .training_record import is_complete, read_record
from .training_request import NNUNETS_FOLDS, WHOLE, TrainingRequest, check_begun, check_request, has_begun, splits_of

EACH, ON_EVERYTHING = "all", "whole"

Start = Callable[[TrainingRequest, bool], Any]


def train_folds(
    *,
    dataset: str,
    raw: Path,
    out: Path,
    folds: str = EACH,
    trainer: str = SMALL_TRAINER,
    plans: str | None = None,
    min_area_mm2: float | None = None,
    epochs: int | None = None,
    iterations_per_epoch: int | None = None,
    validation_iterations: int | None = None,
    batch_size: int | None = None,
    patch_size: tuple[int, int] | None = None,
    splits: Path | None = None,
    results: Path | None = None,
    devices: Sequence[str] = ("auto",),
    workers: int = 0,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    final_validation: bool = False,
    check_memory: bool = True,
    progress: Progress = silent,
    start: Start = StartedTraining,
) -> list[TrainedNetwork]:
    """Train the folds "0", "0,1", "all" (each of the data set's) or "whole" (one network on every slice).

    Each of `devices` ("cuda:0", "cuda:1") trains one fold at a time. With `resume`, folds that are trained are kept,
    those that were begun gone on with, and the others started. The other arguments are `train_network`'s. Progress of a
    fold carries its number as `fold`. Raises `BadInput` before any training; where folds failed, `Failed` when the
    others are through; and `Cancelled`, with all trainings ended.
    """
    first = make_request(
        dataset=dataset, raw=raw, out=out, fold=0, trainer=trainer, plans=plans, min_area_mm2=min_area_mm2,
        epochs=epochs, iterations_per_epoch=iterations_per_epoch, validation_iterations=validation_iterations,
        batch_size=batch_size, patch_size=patch_size, splits=splits, results=results, device="auto", workers=workers,
        seed=seed, resume=False, final_validation=final_validation, check_memory=check_memory,
    )  # fmt: skip
    _check_devices(devices)
    requests = [replace(first, fold=fold) for fold in parse_folds(folds, _fold_count(first))]
    waiting = _to_train(requests, resume, overwrite)
    for request in waiting:
        check_request(replace(request, device=devices[0]))
        check_begun(request, overwrite)
    failed: dict[int | str, str] = {}

    def note(request: TrainingRequest, sentence: str) -> None:
        if sentence:
            failed[request.fold] = sentence

    run_side_by_side(waiting, devices, overwrite, lambda request: _of_fold(progress, request.fold), note, start)
    if failed:
        sentences = " ".join(f"Fold {fold}: {sentence}" for fold, sentence in failed.items())
        raise Failed(f"{len(failed)} of {len(requests)} folds failed, any others are trained. {sentences}")
    return [trained_network(request) for request in requests]


def parse_folds(text: str, count: int) -> list[int | str]:
    """The folds in "0", "0,1", "all" or "whole", of `count` that there are; `BadInput` for anything else."""
    text = str(text).strip()
    if text == EACH:
        return list(range(count))
    if text == ON_EVERYTHING:
        return [WHOLE]
    numbers = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise BadInput('folds as 0, 0,1, "all" or "whole"', f"'{text}'", "choose one of them")
    return list(dict.fromkeys(int(part) for part in numbers))


def run_side_by_side(
    requests: Sequence[TrainingRequest],
    devices: Sequence[str],
    overwrite: bool,
    progress_of: Callable[[TrainingRequest], Progress],
    ended: Callable[[TrainingRequest, str], None],
    start: Start,
) -> None:
    """Do the trainings, one at a time on each device; `ended` hears of each with the sentence if it failed, else ""."""
    waiting = list(requests)
    at_work: dict[str, tuple[TrainingRequest, Any]] = {}
    try:
        while waiting or at_work:
            for device in [name for name in devices if name not in at_work][: len(waiting)]:
                request = waiting.pop(0)
                at_work[device] = request, start(replace(request, device=device), overwrite)
            for device, (request, training) in list(at_work.items()):
                if not training.tell(progress_of(request)):
                    del at_work[device]
                    ended(request, _sentence_of_end(training))
            time.sleep(POLL_S)
    finally:
        _end_all([training for _, training in at_work.values()])


def _sentence_of_end(training: Any) -> str:
    try:
        training.check_end()
    except Failed as error:
        return str(error)
    finally:
        training.end()
    return ""


def _end_all(trainings: Sequence[Any]) -> None:
    """End trainings at once: one after the other, each with its grace, would take too long."""
    threads = [threading.Thread(target=training.end) for training in trainings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _of_fold(progress: Progress, fold: int | str) -> Progress:
    def tell(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        progress(stage, done, total, f"fold {fold}: {message}", **(more | {"fold": fold}))

    return tell


def _to_train(requests: Sequence[TrainingRequest], resume: bool, overwrite: bool) -> list[TrainingRequest]:
    if not resume:
        return list(requests)
    if overwrite:
        raise BadInput("either resume or overwrite", "both", "leave one out")
    left = [request for request in requests if not is_complete(read_record(request.fold_folder), request.epochs)]
    return [replace(request, resume=has_begun(request)) for request in left]


def _fold_count(request: TrainingRequest) -> int:
    splits = splits_of(request)
    return NNUNETS_FOLDS if splits is None else len(splits)


def _check_devices(devices: Sequence[str]) -> None:
    if not devices or len(set(devices)) < len(devices):
        raise BadInput("different devices, such as cuda:0,cuda:1", ", ".join(devices) or "none", "name each once")
