"""The command `study register`: every case that is not registered yet, on this machine or a cluster."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BadInput
from ..jobs.progress import Progress, silent
from .case import Case, CaseFile, read_case
from .cluster import Where, check_where
from .run import RunResult, Task, alone, remove_leftovers, run_cases
from .study_folder import (
    Study,
    case_folder,
    case_names,
    changed_since_import,
    check_files,
    check_writable,
    located,
    open_study,
)
from .thumbnails import thumbnail

REGISTRATION_FILE, TRANSFORM_FILE = "registration.json", "mri_to_us.tfm"
UP_TO_DATE = "registered already"


def register_study(
    *,
    study: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    slurm: Path | None = None,
    only: list[str] | None = None,
    redo: bool = False,
    method: str = "lc2",
    device: str = "auto",
    task: Task | None = None,
    progress: Progress = silent,
) -> RunResult:
    """Register the cases of the study in `study` that have no registration of their files yet; with `redo`, all.

    `only` names cases. `workers`, `scheduler` and `slurm` say where, see `cluster.Where`; `task` does one case, given its
    folder. Raises `BadInput` before any work; a case that fails is noted in its `failure.json`.
    """
    where = Where(workers, scheduler, slurm)
    check_where(where)
    _check_method(method, device)
    opened = open_study(study)
    check_writable(opened)
    names = chosen_cases(opened, only)
    task = task or functools.partial(register_case, method=method, device=device)
    with alone(opened):
        remove_leftovers(opened, names)
        progress("check", 0, len(names), f"Looking which of {len(names)} cases are to be registered")
        missing = names if redo else [name for name in names if not is_registered(case_folder(opened, name))]
        done, failed = run_cases(opened, missing, task, "register", where, progress)
    return RunResult(done, failed, {name: UP_TO_DATE for name in names if name not in set(missing)})


def register_case(folder: Path, method: str = "lc2", device: str = "auto") -> None:
    """Register one case of a study; its earlier registration goes first, so files of two never lie side by side."""
    from ..registration.register_files import register_files

    case = read_case(folder)
    _check_complete(case)
    check_files(folder, case, inputs_of(case))
    (folder / REGISTRATION_FILE).unlink(missing_ok=True)
    register_files(
        mri=[located(folder, file) for file in case.mri_to_register()],
        us=located(folder, case.us),
        out=folder,
        mri_tumor=_located(folder, case.mri_tumor),
        landmarks=_located(folder, case.landmarks),
        method=method,
        device=device,
    )
    thumbnail(folder)


def is_registered(folder: Path) -> bool:
    """Whether the case has a whole registration of the files it names now. Files that are not there are not asked for."""
    try:
        content = json.loads((folder / REGISTRATION_FILE).read_bytes())
        registered = [content["us"]["sha256"], *(mri["sha256"] for mri in content["mri"])]
        case = read_case(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if registered != [case.us.sha256, *(mri.sha256 for mri in case.mri_to_register())]:
        return False
    return _transform_belongs(folder, content) and not any(changed_since_import(folder, f) for f in inputs_of(case))


def inputs_of(case: Case) -> list[CaseFile]:
    """The files that a registration reads."""
    return [case.us, *case.mri_to_register(), *(file for file in (case.mri_tumor, case.landmarks) if file)]


def chosen_cases(study: Study, only: Sequence[str] | None) -> list[str]:
    """The cases named in `only`, all where it names none; `BadInput` for a name that is no case."""
    names = case_names(study)
    if unknown := sorted(set(only or ()) - set(names)):
        raise BadInput(f"cases of the study {study.name}", f"'{unknown[0]}'", "study status lists them")
    if not names:
        raise BadInput("a study with cases", f"none in {study.folder}", "import some: iustumorseg study import")
    return [name for name in names if not only or name in only]


def _check_method(method: str, device: str) -> None:
    from ..registration.register_files import DEVICES, METHODS

    for what, value, choices in (("method", method, METHODS), ("device", device, DEVICES)):
        if value not in choices:
            raise BadInput(f"a {what} among {', '.join(choices)}", f"'{value}'", "choose one of them")


def _check_complete(case: Case) -> None:
    if not case.mri_to_register():
        raise BadInput("an MRI to register", f"none in case {case.case}", "import the case again with its MRI")


def _located(folder: Path, file: CaseFile | None) -> Path | None:
    return located(folder, file) if file else None


def _transform_belongs(folder: Path, content: dict[str, Any]) -> bool:
    """Whether `mri_to_us.tfm` is there and, where it is the younger file, holds the same matrix."""
    from ..registration.transform_files import read_transform

    transform, registration = folder / TRANSFORM_FILE, folder / REGISTRATION_FILE
    try:
        if transform.stat().st_mtime <= registration.stat().st_mtime:
            return True
        return bool(np.allclose(read_transform(transform), content["mri_to_us_ras"], atol=1e-4))
    except (OSError, BadInput, KeyError, ValueError):
        return False
