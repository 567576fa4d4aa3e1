"""A study's folder: made, opened, its cases listed, and its sources checked before they are used."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput
from ..file_hash import sha256_of
from .case import Case, CaseFile, Licence
from .disk import told_if_not_written
from .file_lock import locked_file

SCHEMA = "iustumorseg.study/1"
STUDY_FILE, CASES_FOLDER, LOCK_FILE = "study.json", "cases", ".study.lock"


@dataclass(frozen=True)
class Study:
    """An opened study: its folder, and the name that it was given."""

    folder: Path
    name: str


def create_study(folder: Path, name: str = "") -> Study:
    """Make an empty study in `folder`; `name` is the folder's where left out. `BadInput` where one is there already."""
    folder = Path(folder).resolve()
    check_output_folder(folder)
    if (folder / STUDY_FILE).exists():
        raise BadInput("a folder that holds no study yet", f"{folder / STUDY_FILE}", "import into it, or name another")
    study = Study(folder, name or folder.name)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"schema": SCHEMA, "name": study.name, "created": created, "sources": {}}
    with told_if_not_written(folder / STUDY_FILE):
        (folder / CASES_FOLDER).mkdir(parents=True, exist_ok=True)
        write_json_atomic(folder / STUDY_FILE, content)
    return study


def open_study(folder: Path) -> Study:
    """Open the study in `folder`; `BadInput` where there is none, or one that is broken or of a newer schema."""
    folder = Path(folder).resolve()
    return Study(folder, str(read_study(folder).get("name", folder.name)))


def read_study(folder: Path) -> dict[str, Any]:
    """The content of `study.json`: name, created (ISO), and sources: {id: {dataset, path, licence}}."""
    path = Path(folder) / STUDY_FILE
    if not path.is_file():
        raise BadInput("a study folder", f"no {STUDY_FILE} in {folder}", "make one with: iustumorseg study create")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.get("schema")
    except (ValueError, AttributeError) as error:
        raise BadInput(
            f"a {STUDY_FILE}", f"{path}, which is not valid JSON", "restore it from a copy; the cases are unharmed"
        ) from error
    if schema != SCHEMA:
        raise BadInput(f"the schema {SCHEMA}", f"{schema} in {path}", "update the software")
    return content


def add_source(study: Study, source_id: str, dataset: str, path: Path, licence: Licence) -> None:
    """Note in `study.json` where cases came from; a source noted before under `source_id` is replaced."""
    source = {"dataset": dataset, "path": str(path), "licence": vars(licence)}
    with told_if_not_written(study.folder / STUDY_FILE), locked_file(study.folder / LOCK_FILE):
        content = read_study(study.folder)
        if content["sources"].get(source_id) != source:
            content["sources"][source_id] = source
            write_json_atomic(study.folder / STUDY_FILE, content)


def case_names(study: Study) -> list[str]:
    """The names of all cases, sorted."""
    cases = study.folder / CASES_FOLDER
    if not cases.is_dir():
        return []
    return sorted(entry.name for entry in cases.iterdir() if not entry.name.startswith(".") and entry.is_dir())


def case_folder(study: Study, case: str) -> Path:
    """The folder of a case, whether or not it is there."""
    return study.folder / CASES_FOLDER / case


def located(case_folder: Path, file: CaseFile) -> Path:
    """Where a file of a case is, as an absolute path; not checked."""
    return Path(case_folder) / file.path


def size_and_time(path: Path) -> tuple[int, float]:
    """Size in bytes and time of the last change in seconds since the epoch; of a folder the sum and the latest."""
    if path.is_dir():
        stats = [entry.stat() for entry in path.iterdir() if entry.is_file()]
        return sum(s.st_size for s in stats), max((s.st_mtime for s in stats), default=0.0)
    stat = path.stat()
    return stat.st_size, stat.st_mtime


def files_of(case: Case) -> list[CaseFile]:
    """Every file that a case names."""
    landmarks = [case.landmarks] if case.landmarks else []
    return [case.us, *case.mri, *case.mri_labels, *case.us_labels, *landmarks]


def check_files(case_folder: Path, case: Case, files: Iterable[CaseFile] | None = None) -> None:
    """Raise `BadInput` unless `files` (all of the case where left out) are where they were, and as they were.

    Size and time of the last change are compared first; only where they differ is the content read.
    """
    for file in files_of(case) if files is None else files:
        path = located(case_folder, file)
        if not _is_there(path):
            raise _missing(path, case.case)
        if changed_since_import(case_folder, file):
            raise BadInput(
                f"the files of case {case.case} as they were at import", f"{path}, which has changed since",
                "bring the old file back, or import the case again",
            )  # fmt: skip


def changed_since_import(case_folder: Path, file: CaseFile) -> bool:
    """Whether a file is there and differs from what was imported; its content is read only where size or time differ."""
    path = located(case_folder, file)
    try:
        found = size_and_time(path)
    except OSError:
        return False
    return found != (file.size_bytes, file.modified_s) and sha256_of(path) != file.sha256


def check_writable(study: Study) -> None:
    """Raise `BadInput` where nothing can be written into the study; it can be looked at all the same."""
    try:
        check_output_folder(study.folder)
    except BadInput as error:
        raise BadInput(
            "a study that can be written", f"{study.folder}, which is read-only",
            "change its permissions or work on a copy; study status and export-table work as it is",
        ) from error  # fmt: skip


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:  # a share that went away answers with errors of its own
        return False
    return True


def _missing(path: Path, case: str) -> BadInput:
    if path.parent.is_dir():
        return BadInput(
            f"the files of case {case} where they were at import", f"nothing at {path}",
            "it was moved or deleted: bring it back, or import the case again from its new place",
        )  # fmt: skip
    absent = next((p for p in reversed(path.parents) if not p.is_dir()), path.parent)
    return BadInput(
        f"the files of case {case} where they were at import", f"no folder {absent}",
        "connect the drive or share that holds it, or import the case again from its new place",
    )  # fmt: skip
