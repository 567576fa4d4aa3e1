"""The task that trains a network: nnunetv2 in a process of its own, watched and ended from here."""

import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, Cancelled, Failed
from ..jobs.child_process import Job, start_job
from ..jobs.progress import Progress, silent
from .end_with_parent import PARENT_VARIABLE
from .raw_dataset import find_dataset
from .trainer_search import SMALL_TRAINER
from .training_curve import CURVE_FILE
from .training_record import RECORD_FILE, read_record
from .training_request import FULL_PLANS, SMALL_PLANS, WHOLE, TrainingRequest, check_begun, check_request

CANCEL_GRACE_S = 2.0
POLL_S = 0.1
VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained fold and where its files are; `record` is what `training.json` says."""

    model_folder: Path
    fold: int | str
    curve: Path
    record: dict[str, Any]


def train_network(
    *,
    dataset: str,
    raw: Path,
    out: Path,
    fold: int | str = 0,
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
    device: str = "cpu",
    workers: int = 0,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    final_validation: bool = False,
    check_memory: bool = True,
    own_process: bool = True,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Train nnU-Net's 2D configuration on a fold (or "all": every slice) of the data set `dataset` in `raw`.

    `out` receives `nnUNet_preprocessed` and `nnUNet_results` (or `results` the latter's content); the fold's folder in it
    also holds `training_curve.csv` and `training.json`, both written after every epoch. `plans` are `IUSSmallPlans` for
    the small trainer and nnU-Net's own otherwise; `batch_size` and `patch_size` (rows, columns; rounded up to what the
    network can halve) take the place of theirs. `min_area_mm2` chooses one of the export's area cut-offs (the lowest if
    None), `splits` any other file of folds. `workers` augment slices beside the training (0: within it). A training that
    was begun is gone on with by `resume`, on the same data only, or replaced by `overwrite`; `final_validation` runs
    nnU-Net's validation at the end; `check_memory` refuses what a GPU's free memory is not enough for.

    Runs in a child process unless `own_process` is false: ended with all its workers, within seconds, when this one is
    cancelled or killed. Raises `BadInput` before any training and `Failed` with the child's last sentence.
    """
    request = make_request(
        dataset=dataset, raw=raw, out=out, fold=fold, trainer=trainer, plans=plans, min_area_mm2=min_area_mm2,
        epochs=epochs, iterations_per_epoch=iterations_per_epoch, validation_iterations=validation_iterations,
        batch_size=batch_size, patch_size=patch_size, splits=splits, results=results, device=device, workers=workers,
        seed=seed, resume=resume, final_validation=final_validation, check_memory=check_memory,
    )  # fmt: skip
    check_request(request)
    check_begun(request, overwrite)
    if own_process:
        _train_in_child(request, overwrite, progress)
    else:
        from .run_training import run_training

        run_training(request, progress)
    return trained_network(request)


def make_request(
    *,
    dataset: str,
    raw: Path,
    out: Path,
    fold: int | str,
    trainer: str,
    plans: str | None,
    patch_size: tuple[int, int] | None,
    splits: Path | None,
    results: Path | None,
    **numbers: Any,
) -> TrainingRequest:
    """The request that `train_network`'s arguments stand for; `BadInput` for an unknown data set or fold."""
    return TrainingRequest(
        dataset=find_dataset(raw, dataset).name,
        raw=str(Path(raw).resolve()),
        out=str(Path(out).resolve()),
        fold=as_fold(fold),
        trainer=trainer,
        plans=plans or (SMALL_PLANS if trainer == SMALL_TRAINER else FULL_PLANS),
        patch_size=tuple(patch_size) if patch_size else None,  # type: ignore[arg-type]
        splits=str(Path(splits).resolve()) if splits else None,
        results=str(Path(results).resolve()) if results else None,
        **numbers,
    )


def trained_network(request: TrainingRequest) -> TrainedNetwork:
    """What a training that has ended left."""
    record = read_record(request.fold_folder)
    if record is None:
        raise Failed(f"The training left no {RECORD_FILE} in {request.fold_folder}.")
    return TrainedNetwork(request.model_folder, request.fold, request.fold_folder / CURVE_FILE, record)


def as_fold(fold: int | str) -> int | str:
    """A fold's number, or "all"; `BadInput` for anything else."""
    if fold == WHOLE or str(fold).isdecimal():
        return WHOLE if fold == WHOLE else int(fold)
    raise BadInput('a fold as a number from 0, or "all"', f"'{fold}'", "choose one of them")


class StartedTraining:
    """A training in its child process: told on without waiting, and ended with all its workers."""

    def __init__(self, request: TrainingRequest, overwrite: bool) -> None:
        self.request = request
        self._message = ""
        self._folder = tempfile.TemporaryDirectory(prefix="iustumorseg-")
        self._job = _start(request, overwrite, Path(self._folder.name))

    def tell(self, progress: Progress) -> bool:
        """Hand on the progress since the last call; whether the training is still at work."""
        running = self._job.running
        for event in self._job.poll():
            stage, message = event.pop("stage"), event.pop("message", "")
            self._message = message or self._message
            if stage not in ("done", "error"):
                progress(stage, event.pop("done", 0), event.pop("total", 0), message, **event)
        return running

    def check_end(self) -> None:
        """Raise what ended the training, if anything did: `Cancelled`, `BadInput` or `Failed`."""
        code = self._job.exit_code
        if code == 130:
            raise Cancelled(self._message)
        if code == 2:
            raise _refusal(self._message)
        if code != 0:
            sentence = self._message if code == 1 else ""
            raise Failed(f"{sentence or _sudden_end(code)} The log is {self._job.log_path}.")

    def end(self) -> None:
        """End the training if it runs, and clean up."""
        if self._job.running:
            self._job.cancel(CANCEL_GRACE_S)
        self._folder.cleanup()


def _train_in_child(request: TrainingRequest, overwrite: bool, progress: Progress) -> None:
    training = StartedTraining(request, overwrite)
    try:
        while training.tell(progress):
            time.sleep(POLL_S)
        training.check_end()
    finally:
        training.end()


def _start(request: TrainingRequest, overwrite: bool, folder: Path) -> Job:
    log = Path(request.out) / "logs" / f"train_{request.dataset}_{request.trainer}_fold_{request.fold}.log"
    arguments = asdict(request) | {"overwrite": overwrite, "own_process": False}
    file = folder / "request.json"
    file.write_text(json.dumps({"task": "train", "arguments": arguments}), encoding="utf-8")
    environment = _child_environment(os.environ, request.device)
    return start_job([sys.executable, "-m", "IUSTumorSegLib.jobs", str(file)], log, environment)


def _sudden_end(code: int | None) -> str:
    if code is not None and code < 0:
        return f"The training was ended by signal {-code}, often for want of memory; resume it."
    return f"The training ended with exit code {code}."


def _refusal(sentence: str) -> Exception:
    """The child's `BadInput` once more, of which its last message is the sentence."""
    parts = re.fullmatch(r"Expected (.*?), but found (.*): (.*)\.", sentence, re.DOTALL)
    if parts is None:
        return Failed(sentence)
    expected, found, action = parts.groups()
    return BadInput(expected, found, action)


def _child_environment(environment: Mapping[str, str], device: str) -> dict[str, str]:
    # The child finds this library where this process has it, and ends when this process does.
    library = str(Path(__file__).resolve().parents[2])
    paths = [library, *filter(None, [environment.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), PARENT_VARIABLE: str(os.getpid())}
    return {**environment, **own, **_only_gpu(environment, device)}


def _only_gpu(environment: Mapping[str, str], device: str) -> dict[str, str]:
    """nnU-Net takes the first GPU that it sees: let it see the chosen one alone, of those that this process may use."""
    if ":" not in device:
        return {}
    number = int(device.partition(":")[2])
    visible = [name.strip() for name in environment.get(VISIBLE_GPUS, "").split(",") if name.strip()]
    if visible and number >= len(visible):
        found = f"{VISIBLE_GPUS}={environment[VISIBLE_GPUS]}"
        raise BadInput(f"a GPU number {number}", found, "choose among the GPUs that this process may use")
    return {VISIBLE_GPUS: visible[number] if visible else str(number)}
