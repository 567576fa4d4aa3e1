"""The task that trains a network: nnunetv2 in a process of its own, watched and ended from here."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder
from ..errors import BadInput, Cancelled, Failed
from ..jobs.child_process import Job, start_job
from ..jobs.progress import Progress, silent
from ..slices.folds import Split, check_splits
from ..slices.manifest import MANIFEST_FILE, read_manifest
from .raw_dataset import find_dataset, splits_path
from .trainer_search import SMALL_TRAINER, trainer_module
from .training_curve import CURVE_FILE

FULL_PLANS = "nnUNetPlans"
SMALL_PLANS = "IUSSmallPlans"
CONFIGURATION = "2d"
DEVICES = ("auto", "cpu", "cuda")
RECORD_FILE = "training.json"
PARENT_VARIABLE = "IUSTUMORSEG_TRAINING_PARENT"
CANCEL_GRACE_S = 2.0


@dataclass(frozen=True)
class TrainingRequest:
    """All that one training depends on; `None` leaves a number to the trainer. `raw` and `out` are absolute."""

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

    @property
    def raw_folder(self) -> Path:
        """The data set's folder in `nnUNet_raw`."""
        return Path(self.raw) / self.dataset

    @property
    def model_folder(self) -> Path:
        """nnU-Net's folder of the model: plans.json, dataset.json and a folder a fold."""
        return Path(self.out) / "nnUNet_results" / self.dataset / f"{self.trainer}__{self.plans}__{CONFIGURATION}"

    @property
    def fold_folder(self) -> Path:
        """Checkpoints, curve, record and nnU-Net's log of this fold."""
        return self.model_folder / f"fold_{self.fold}"


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
    device: str = "cpu",
    workers: int = 0,
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    final_validation: bool = False,
    own_process: bool = True,
    progress: Progress = silent,
) -> TrainedNetwork:
    """Train nnU-Net's 2D configuration on a fold (or "all") of the data set `dataset` in `raw`.

    `out` receives `nnUNet_preprocessed` and `nnUNet_results`; the fold's folder in the latter also holds
    `training_curve.csv`, written after every epoch, and `training.json`. `plans` are `IUSSmallPlans` for the small
    trainer and nnU-Net's own otherwise; `min_area_mm2` chooses one of the export's area cut-offs (the lowest if None);
    `workers` augment slices beside the training (0: within it). A training that was begun is gone on with by `resume`,
    or replaced by `overwrite`; `final_validation` runs nnU-Net's validation at the end.

    Runs in a child process unless `own_process` is false: ended with all its workers, within seconds, when this one is
    cancelled or killed. Raises `BadInput` before anything is written and `Failed` with the child's last sentence.
    """
    request = TrainingRequest(
        dataset=find_dataset(raw, dataset).name,
        raw=str(Path(raw).resolve()),
        out=str(Path(out).resolve()),
        fold=_as_fold(fold),
        trainer=trainer,
        plans=plans or (SMALL_PLANS if trainer == SMALL_TRAINER else FULL_PLANS),
        min_area_mm2=min_area_mm2,
        epochs=epochs,
        iterations_per_epoch=iterations_per_epoch,
        validation_iterations=validation_iterations,
        device=device,
        workers=workers,
        seed=seed,
        resume=resume,
        final_validation=final_validation,
    )
    _check(request, overwrite)
    if own_process:
        _train_in_child(request, overwrite, progress)
    else:
        from .run_training import run_training

        run_training(request, progress)
    record = json.loads((request.fold_folder / RECORD_FILE).read_text(encoding="utf-8"))
    return TrainedNetwork(request.model_folder, request.fold, request.fold_folder / CURVE_FILE, record)


def splits_of(request: TrainingRequest) -> list[Split] | None:
    """The folds of the chosen area cut-off; `None` where the data set brings none and nnU-Net makes its own."""
    path = splits_path(request.raw_folder, request.min_area_mm2)
    return json.loads(path.read_text(encoding="utf-8")) if path else None


def _check(request: TrainingRequest, overwrite: bool) -> None:
    for what, value, known in (
        ("plans", request.plans, (SMALL_PLANS, FULL_PLANS)),
        ("a device", request.device, DEVICES),
    ):
        if value not in known:
            raise BadInput(f"{what} among {', '.join(known)}", f"'{value}'", "choose one of them")
    for what in ("epochs", "iterations_per_epoch", "validation_iterations"):
        if (value := getattr(request, what)) is not None and value < 1:
            raise BadInput(f"{what} of 1 or more", f"{value}", "give a larger number or none")
    trainer_module(request.trainer)
    _check_folds(request)
    check_output_folder(Path(request.out))
    _check_begun(request, overwrite)


def _check_folds(request: TrainingRequest) -> None:
    splits = splits_of(request)
    if splits is None:
        return
    if request.fold != "all" and request.fold >= len(splits):  # type: ignore[operator]
        raise BadInput(f"a fold from 0 to {len(splits) - 1}, or all", f"{request.fold}", "choose one of them")
    manifest = request.raw_folder / MANIFEST_FILE
    if manifest.is_file():
        check_splits(splits, {item.name: item.patient for item in read_manifest(manifest)})


def _check_begun(request: TrainingRequest, overwrite: bool) -> None:
    begun = any(request.fold_folder.glob("checkpoint_*.pth"))
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


def _train_in_child(request: TrainingRequest, overwrite: bool, progress: Progress) -> None:
    log = Path(request.out) / "logs" / f"train_{request.dataset}_{request.trainer}_fold_{request.fold}.log"
    arguments = asdict(request) | {"overwrite": overwrite, "own_process": False}
    with tempfile.TemporaryDirectory(prefix="iustumorseg-") as folder:
        file = Path(folder) / "request.json"
        file.write_text(json.dumps({"task": "train", "arguments": arguments}), encoding="utf-8")
        job = start_job([sys.executable, "-m", "IUSTumorSegLib.jobs", str(file)], log, _child_environment(os.environ))
        try:
            last = _follow(job, progress)
        finally:
            if job.running:
                job.cancel(CANCEL_GRACE_S)
    if job.exit_code == 130:
        raise Cancelled(last)
    if job.exit_code != 0:
        raise Failed(f"{last or f'The training ended with exit code {job.exit_code}.'} The log is {log}.")


def _follow(job: Job, progress: Progress) -> str:
    """Hand the child's progress on until it ends; returns its last message."""
    message = ""
    while True:
        ended = not job.running
        for event in job.poll():
            message = event.get("message") or message
            if event["stage"] not in ("done", "error"):
                progress(event["stage"], event.get("done", 0), event.get("total", 0), event.get("message", ""))
        if ended:
            return message
        time.sleep(0.1)


def _child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    # The child finds this library where this process has it, and ends when this process does.
    library = str(Path(__file__).resolve().parents[2])
    paths = [library, *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths), PARENT_VARIABLE: str(os.getpid())}


def _as_fold(fold: int | str) -> int | str:
    if fold == "all" or str(fold).isdecimal():
        return "all" if fold == "all" else int(fold)
    raise BadInput('a fold as a number from 0, or "all"', f"'{fold}'", "choose one of them")
