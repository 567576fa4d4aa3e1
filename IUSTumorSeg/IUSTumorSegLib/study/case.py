"""`case.json`: one ultrasound of one patient, with the images and labels that belong to it and where they came from."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..errors import BadInput

SCHEMA = "iustumorseg.case/1"
CASE_FILE = "case.json"


@dataclass(frozen=True)
class Licence:
    """The terms under which a source may be used; `name` as the field writes it ("CC BY 4.0"), "" where unknown."""

    name: str
    commercial_use: bool | None = None
    url: str = ""


@dataclass(frozen=True)
class CaseFile:
    """An image, a label or a table of a case, as it was at import.

    `path` is absolute for a source left in its place, relative to the case's folder for a copy. `size_bytes` and
    `modified_s` (seconds since the epoch) tell quickly whether a file changed, `sha256` surely; a DICOM folder has those
    of all its files. `what` is its contrast ("FLAIR"), its structure ("tumor") or empty; `drawn_by` says who made a label
    ("expert", "algorithm", "simulation" or empty: unknown); `on` names the image on whose grid a label lies, by `what` of
    an MRI.
    """

    path: Path
    sha256: str
    size_bytes: int
    modified_s: float
    what: str = ""
    drawn_by: str = ""
    on: str = ""


@dataclass(frozen=True)
class Case:
    """One ultrasound volume and all that is known for it; two ultrasounds of a patient are two cases.

    `case` is the folder's name; `patient` keeps a patient in one fold; `time_point` is "before", "during" or "after"
    resection, or empty. `register_with` names the MRI contrasts (`what` of `mri`) that registration takes. `us_labels`
    and `mri_labels` are everything drawn on them, the tumour among them (`what == "tumor"`). `notes` are sentences.
    """

    case: str
    patient: str
    source: str
    licence: Licence
    us: CaseFile
    mri: tuple[CaseFile, ...] = ()
    mri_labels: tuple[CaseFile, ...] = ()
    us_labels: tuple[CaseFile, ...] = ()
    landmarks: CaseFile | None = None
    centre: str = ""
    time_point: str = ""
    register_with: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def mri_tumor(self) -> CaseFile | None:
        """The tumour drawn on an MRI, or None."""
        return _tumor(self.mri_labels)

    @property
    def us_tumor(self) -> CaseFile | None:
        """The tumour drawn on the ultrasound itself, or None."""
        return _tumor(self.us_labels)

    def mri_to_register(self) -> tuple[CaseFile, ...]:
        """The MRI files that registration takes, in the order of `register_with`; all where it is empty."""
        by_contrast = {file.what: file for file in self.mri}
        return tuple(by_contrast[contrast] for contrast in self.register_with) or self.mri


def _tumor(labels: tuple[CaseFile, ...]) -> CaseFile | None:
    return next((label for label in labels if label.what == "tumor"), None)


def write_case(case: Case, folder: Path) -> None:
    """Write `case.json` into the case's folder, whole or not at all."""
    write_json_atomic(Path(folder) / CASE_FILE, {"schema": SCHEMA} | _fields(case))


def read_case(folder: Path) -> Case:
    """Read the `case.json` of a case's folder; `BadInput` for a missing, broken or newer one."""
    path = Path(folder) / CASE_FILE
    if not path.is_file():
        raise BadInput(f"a {CASE_FILE}", f"nothing at {path}", "import the case again")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.pop("schema", None)
    except (ValueError, AttributeError, TypeError) as error:
        raise BadInput(f"a {CASE_FILE}", f"{path}, which is not valid JSON", "import the case again") from error
    if schema != SCHEMA:
        raise BadInput(f"the schema {SCHEMA}", f"{schema} in {path}", "update the software or import the case again")
    try:
        return _case(content)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"a complete {CASE_FILE}", f"{path}, where {error} is missing or wrong", "import the case again"
        ) from error


def _fields(case: Case) -> dict[str, Any]:
    return {
        "case": case.case,
        "patient": case.patient,
        "source": case.source,
        "centre": case.centre,
        "time_point": case.time_point,
        "licence": vars(case.licence),
        "us": _file_fields(case.us),
        "mri": [_file_fields(file) for file in case.mri],
        "mri_labels": [_file_fields(file) for file in case.mri_labels],
        "us_labels": [_file_fields(file) for file in case.us_labels],
        "landmarks": case.landmarks and _file_fields(case.landmarks),
        "register_with": list(case.register_with),
        "notes": list(case.notes),
    }


def _file_fields(file: CaseFile) -> dict[str, Any]:
    return vars(file) | {"path": str(file.path)}


def _case(content: dict[str, Any]) -> Case:
    landmarks = content.pop("landmarks")
    several: dict[str, Any] = {
        name: tuple(map(_file, content.pop(name))) for name in ("mri", "mri_labels", "us_labels")
    } | {name: tuple(content.pop(name)) for name in ("register_with", "notes")}
    return Case(
        licence=Licence(**content.pop("licence")),
        us=_file(content.pop("us")),
        landmarks=_file(landmarks) if landmarks else None,
        **several,
        **content,
    )


def _file(content: dict[str, Any]) -> CaseFile:
    return CaseFile(**content | {"path": Path(content["path"])})
