"""The tasks that a window or a terminal can start, by name, and how one is run from a request."""

import importlib
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .progress import Progress

TASKS = {
    "register": "IUSTumorSegLib.registration.register_files:register_files",
    "propagate": "IUSTumorSegLib.labels.propagate_files:propagate_files",
    "export": "IUSTumorSegLib.slices.export:export_slices",
    "train": "IUSTumorSegLib.nnunet.training:train_network",
    "train-folds": "IUSTumorSegLib.nnunet.fold_schedule:train_folds",
    "predict": "IUSTumorSegLib.nnunet.prediction:predict_files",
    "evaluate": "IUSTumorSegLib.evaluation.evaluate_files:evaluate_files",
    "study-import": "IUSTumorSegLib.datasets.import_dataset:import_dataset",
    "study-fetch": "IUSTumorSegLib.datasets.fetch_remind:fetch_remind",
    "study-register": "IUSTumorSegLib.study.register_study:register_study",
    "study-propagate": "IUSTumorSegLib.study.propagate_study:propagate_study",
    "study-status": "IUSTumorSegLib.study.study_status:study_status",
    "study-table": "IUSTumorSegLib.study.study_status:export_review_table",
    "simulate": "IUSTumorSegLib.demo.case_files:simulate_files",
    "demo": "IUSTumorSegLib.demo.chain:run_demo",
}


def run_task(name: str, arguments: dict[str, Any], progress: Progress) -> Any:
    """Run the task `name` with `arguments` as they come out of JSON: texts become paths where the task asks for paths.

    Raises `BadInput` for an unknown task or argument, and whatever the task raises.
    """
    task = find_task(name)
    return task(**_typed(task, arguments), progress=progress)


def find_task(name: str) -> Callable[..., Any]:
    """The function behind a task's name; its module is imported only now."""
    if name not in TASKS:
        raise BadInput(f"one of the tasks {', '.join(sorted(TASKS))}", f"'{name}'", "correct the request")
    module, _, function = TASKS[name].partition(":")
    return getattr(importlib.import_module(module), function)


def _typed(task: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    known = {n: p.annotation for n, p in inspect.signature(task).parameters.items() if n != "progress"}
    if unknown := set(arguments) - set(known):
        raise BadInput(f"arguments among {', '.join(sorted(known))}", ", ".join(sorted(unknown)), "correct the request")
    return {key: _as_type(value, known[key]) for key, value in arguments.items()}


def _as_type(value: Any, hint: Any) -> Any:
    parts = typing.get_args(hint)
    if isinstance(value, str) and (hint is Path or (_is_optional(hint) and Path in parts)):
        return Path(value)
    if isinstance(value, list) and parts and typing.get_origin(hint) in (list, tuple):
        return [_as_type(item, parts[0]) for item in value]
    return value


def _is_optional(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)
