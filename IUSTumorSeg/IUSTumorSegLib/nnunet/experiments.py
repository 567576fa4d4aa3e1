"""Experiments of many trainings that differ in their slices alone, and end in one table.

`experiment_views` says which slices each model learns from; here the models are trained, on this machine or on a Dask
cluster, and tested; `experiment_scores` makes the table. Started again, what is trained and what is predicted is kept.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput, Failed
from ..file_hash import sha256_of
from ..jobs.progress import Progress, silent
from ..slices.manifest import MANIFEST_FILE, Slice
from ..study.cluster import Where, check_where, open_client
from .experiment_kept_scores import fingerprint_of_test, kept_or_new_scores
from .experiment_scores import ModelRow, Predict, SliceScore, predict_slices, row_of, write_table
from .experiment_views import (
    CUT_OFFS_MM2,
    ReferenceSlice,
    View,
    cut_off_views,
    held_out_slices,
    is_drawn_on_ultrasound,
    label_source_views,
    slices_of_test_set,
)
from .fold_schedule import Start, parse_folds, run_side_by_side
from .raw_dataset import find_dataset
from .trainer_search import EARLY_STOPPING_TRAINER
from .training import StartedTraining, make_request
from .training_record import data_fingerprint, is_complete, read_record
from .training_request import TrainingRequest, check_request, has_begun

SETTINGS_FILE = "experiment.json"
MODELS, VIEW_FILE = "models", "splits_final.json"
HELD_OUT_NOTE = (
    "Tested on the held-out patients of each fold, by whom the best epoch was chosen too: somewhat too good for all "
    "models alike. A test set of its own (--test) avoids that."
)
TEST_SET_NOTE = "Tested on {name} by the networks of all folds together; no image of it was trained on."


@dataclass(frozen=True)
class Training:
    """How every model of an experiment is trained; see `train_network`."""

    folds: str = "all"
    trainer: str = EARLY_STOPPING_TRAINER
    epochs: int | None = None
    iterations_per_epoch: int | None = None
    validation_iterations: int | None = None
    batch_size: int | None = None
    patch_size: tuple[int, int] | None = None
    devices: tuple[str, ...] = ("auto",)
    workers: int = 0
    seed: int = 0


@dataclass(frozen=True)
class ExperimentResult:
    """The table's lines, the sentence of each model that failed, and a note on what the models were tested on."""

    rows: tuple[ModelRow, ...]
    failed: dict[str, str]
    note: str
    out: Path


@dataclass(frozen=True)
class _Experiment:
    """What stays the same while it runs."""

    kind: str
    dataset: Path
    raw: Path
    out: Path
    views: tuple[View, ...]
    folds: tuple[int, ...]
    test: tuple[ReferenceSlice, ...]
    note: str
    training: Training
    where: Where = field(default_factory=Where)


def compare_cut_offs(
    *,
    dataset: str,
    raw: Path,
    out: Path,
    cut_offs_mm2: Sequence[float] = CUT_OFFS_MM2,
    test: str | None = None,
    training: Training | None = None,
    where: Where | None = None,
    progress: Progress = silent,
    start: Start = StartedTraining,
    predict: Predict = predict_slices,
) -> ExperimentResult:
    """Train a model for each smallest tumour area (mm²) on views of one data set, and test all on the same slices.

    Those are the data set `test` (its number or name in `raw`; it must share no image with the training), else the
    held-out patients of each fold at the lowest cut-off. `out` receives the models, `table.csv`, `table.json` and
    `slices.csv`. Raises `BadInput` before any training; models that fail are named in the result and stop no other.
    """
    folder = find_dataset(raw, dataset)
    views = cut_off_views(folder, cut_offs_mm2)
    experiment = _planned("cut-offs", folder, out, views, test, training or Training(), where, lambda item: True)
    return _run(experiment, progress, start, predict)


def compare_label_sources(
    *,
    dataset: str,
    raw: Path,
    out: Path,
    min_area_mm2: float = 5.0,
    test: str | None = None,
    training: Training | None = None,
    where: Where | None = None,
    progress: Progress = silent,
    start: Start = StartedTraining,
    predict: Predict = predict_slices,
) -> ExperimentResult:
    """Train on labels from MRI, from MRI and ultrasound, and from ultrasound, and test all on the same slices.

    As `compare_cut_offs`, at one cut-off in mm²; held-out slices are those whose label was drawn on the ultrasound.
    """
    folder = find_dataset(raw, dataset)
    views = label_source_views(folder, min_area_mm2)
    experiment = _planned(
        "label-sources", folder, out, views, test, training or Training(), where, is_drawn_on_ultrasound
    )
    return _run(experiment, progress, start, predict)


def _planned(
    kind: str,
    dataset: Path,
    out: Path,
    views: Sequence[View],
    test: str | None,
    training: Training,
    where: Where | None,
    is_asked: Callable[[Slice], bool],
) -> _Experiment:
    where = where or Where()
    check_where(where)
    check_output_folder(out)
    folds = tuple(int(fold) for fold in parse_folds(training.folds, len(views[0].splits)) if fold != "all")
    if not folds or max(folds) >= len(views[0].splits):
        raise BadInput(f"folds from 0 to {len(views[0].splits) - 1}, or all", training.folds, "choose among them")
    if test is None:
        slices, note = held_out_slices(dataset, folds, is_asked), HELD_OUT_NOTE
    else:
        test_set = find_dataset(dataset.parent, test)
        slices, note = slices_of_test_set(test_set, dataset), TEST_SET_NOTE.format(name=test_set.name)
    if not slices:
        raise BadInput("slices to test on", "none with a reference label", "name a test set, or choose more folds")
    return _Experiment(
        kind, dataset, dataset.parent, Path(out), tuple(views), folds, tuple(slices), note, training, where
    )


def _run(experiment: _Experiment, progress: Progress, start: Start, predict: Predict) -> ExperimentResult:
    requests = {view.name: _requests(experiment, view) for view in experiment.views}
    for of_view in requests.values():
        _check_view(of_view)
    _keep_settings(experiment)
    failed = _train_all(experiment, requests, progress, start)
    scores: dict[str, list[SliceScore]] = {}
    rows, test_sha256 = [], fingerprint_of_test(experiment.test)
    for done, (name, of_view) in enumerate(requests.items()):
        if name in failed:
            continue
        progress("test", done, len(requests), f"testing {name}")
        scores[name] = kept_or_new_scores(
            of_view[0].model_folder, experiment.folds, experiment.test, test_sha256, predict,
            experiment.training.devices[0], Path(str(of_view[0].splits)).parent,
        )  # fmt: skip
        rows.append(row_of(name, [read_record(request.fold_folder) or {} for request in of_view], scores[name]))
    if not rows:
        raise Failed("No model could be trained. " + " ".join(f"{name}: {text}" for name, text in failed.items()))
    write_table(rows, scores, experiment.note, experiment.out)
    progress("test", len(requests), len(requests), f"{len(rows)} models tested on {len(experiment.test)} slices")
    return ExperimentResult(tuple(rows), failed, experiment.note, experiment.out)


def _requests(experiment: _Experiment, view: View) -> list[TrainingRequest]:
    """The trainings of a view's folds; its splits file is written when the experiment starts."""
    folder = _view_folder(experiment, view)
    training = {key: value for key, value in asdict(experiment.training).items() if key not in ("folds", "devices")}
    return [
        make_request(
            dataset=experiment.dataset.name, raw=experiment.raw, out=experiment.out, fold=fold, plans=None,
            min_area_mm2=None, device="auto", resume=False, final_validation=False, check_memory=True,
            splits=folder / VIEW_FILE, results=folder / "nnUNet_results", **training,
        )
        for fold in experiment.folds
    ]  # fmt: skip


def _view_folder(experiment: _Experiment, view: View) -> Path:
    return experiment.out / MODELS / view.name.replace(" ", "_").replace("+", "_and_")


def _check_view(requests: Sequence[TrainingRequest]) -> None:
    # The views were checked as they were made; their files are not there yet.
    check_request(replace(requests[0], splits=None))


def _keep_settings(experiment: _Experiment) -> None:
    """Write what the experiment is, or `BadInput` where the folder holds another one."""
    settings = {
        "experiment": experiment.kind,
        "dataset": experiment.dataset.name,
        "data_sha256": data_fingerprint(experiment.dataset),
        "manifest_sha256": sha256_of(experiment.dataset / MANIFEST_FILE),
        "test_slices": len(experiment.test),
        "training": json.loads(json.dumps(asdict(experiment.training))),
    }
    del settings["training"]["devices"]
    path = experiment.out / SETTINGS_FILE
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key, value in settings.items() if found.get(key) != value]
        other += [f"choice of slices for {view.name}" for view in experiment.views if _is_other(experiment, view)]
        if other:
            raise BadInput(
                f"the experiment that was begun in {experiment.out}",
                f"another {' and '.join(name.replace('_', ' ') for name in other)}",
                "give the former settings, or name another --out",
            )
    for view in experiment.views:
        write_json_atomic(_view_folder(experiment, view) / VIEW_FILE, list(view.splits))
    write_json_atomic(path, settings)


def _is_other(experiment: _Experiment, view: View) -> bool:
    """Whether the folder holds a model of the view's name that learns from other slices."""
    path = _view_folder(experiment, view) / VIEW_FILE
    return path.is_file() and json.loads(path.read_text(encoding="utf-8")) != list(view.splits)


def _train_all(
    experiment: _Experiment, requests: Mapping[str, Sequence[TrainingRequest]], progress: Progress, start: Start
) -> dict[str, str]:
    """Train what is not trained yet; returns the sentence of each view of which a fold failed."""
    name_of = {request: name for name, of_view in requests.items() for request in of_view}
    left = [r for r in name_of if not is_complete(read_record(r.fold_folder), r.epochs)]
    done = len(name_of) - len(left)
    progress("models", done, len(name_of), f"{done} of {len(name_of)} networks are trained")
    failed: dict[str, str] = {}

    def note(request: TrainingRequest, sentence: str) -> None:
        nonlocal done
        done += 1
        if sentence:
            failed[name_of[request]] = f"fold {request.fold}: {sentence}"
        text = f"{done} of {len(name_of)} networks done, {name_of[request]} fold {request.fold} the latest"
        progress("models", done, len(name_of), text)

    if left and experiment.where == Where():
        _train_here(experiment, left, lambda request: _named(progress, name_of[request], request.fold), note, start)
    elif left:
        _train_on_cluster(experiment, left, progress, note, start)
    return failed


def _train_here(
    experiment: _Experiment,
    left: Sequence[TrainingRequest],
    progress_of: Callable[[TrainingRequest], Progress],
    note: Callable[[TrainingRequest, str], None],
    start: Start,
) -> None:
    original = {replace(request, resume=has_begun(request)): request for request in left}
    run_side_by_side(
        list(original), experiment.training.devices, False,
        lambda request: progress_of(original[request]), lambda request, text: note(original[request], text), start,
    )  # fmt: skip


def _train_on_cluster(
    experiment: _Experiment,
    left: Sequence[TrainingRequest],
    progress: Progress,
    note: Callable[[TrainingRequest, str], None],
    start: Start,
) -> None:
    """Train on Dask's workers, a network at a time on each."""
    from distributed import as_completed

    device = experiment.training.devices[0]
    with open_client(experiment.where) as client:
        while not client.nthreads():
            progress("wait", 0, 0, "Waiting for a worker")
            time.sleep(0.5)
        request_of = {client.submit(train_one, request, device, start, pure=False): request for request in left}
        try:
            for future in as_completed(list(request_of), loop=client.loop):
                note(request_of[future], _sentence_of(future))
        finally:
            client.cancel(list(request_of))


def train_one(request: TrainingRequest, device: str, start: Start) -> str:
    """What a Dask worker does: one training in a child process; returns the sentence of its failure, or nothing."""
    sentences: list[str] = []
    # A worker that was killed may have left a checkpoint.
    request = replace(request, resume=has_begun(request))
    run_side_by_side([request], [device], False, lambda _: silent, lambda _, text: sentences.append(text), start)
    return sentences[0]


def _sentence_of(future: Any) -> str:
    if future.status == "cancelled":
        raise Failed("The Dask scheduler went away: start it and this command again; what is trained is kept.")
    error = future.exception()
    return future.result() if error is None else str(error) or type(error).__name__


def _named(progress: Progress, name: str, fold: int | str) -> Progress:
    def tell(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        progress(stage, done, total, f"{name}, fold {fold}: {message}", **(more | {"model": name}))

    return tell
