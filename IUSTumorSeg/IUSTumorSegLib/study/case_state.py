"""How each case of a study stands: what is registered, what was said of it, and what stands in the way."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .case import Case, read_case
from .reviews import REGISTRATION_FILE, UNREVIEWED, read_review_lines, review_state
from .study_folder import Study, case_folder, case_names

FAILURE_FILE = "failure.json"
PROPAGATED_FILE, PROVENANCE_FILE = "us_tumor_from_mri.nii.gz", "us_tumor_from_mri.json"
CORRECTED_FILE = "us_tumor_corrected.nii.gz"
DISPLACEMENT_FILE = "displacement.json"
DRAWN, CORRECTED, PROPAGATED = "us", "corrected", "propagated"


@dataclass(frozen=True)
class CaseState:
    """One case as it stands. Errors and distances in mm, None where unknown.

    `failed` is the sentence of what stands in its way, else empty. `verdict` ("accept", "review", "reject") and `reasons`
    are the software's, `review` and `reviewers` of people, with `review_note` where there is more to say. `label` is the
    best tumour label on the ultrasound, the first of `labels`: "us" (drawn on it), "corrected" or "propagated";
    `stale_label` says that a propagated one is left from an earlier registration, `stale_correction` that the corrected
    one came from such a label; `correction_note` says who corrected it. `max_displacement_mm` is of the propagated
    label's surface.
    """

    case: str
    folder: Path
    patient: str = ""
    source: str = ""
    centre: str = ""
    time_point: str = ""
    licence: str = ""
    registered: bool = False
    failed: str = ""
    method: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    success_probability: float | None = None
    predicted_error_mm: float | None = None
    initial_landmark_mm: float | None = None
    final_landmark_mm: float | None = None
    score: float | None = None
    seconds: float | None = None
    registration_sha256: str | None = None
    review: str = UNREVIEWED
    reviewers: tuple[str, ...] = ()
    review_note: str = ""
    label: str = ""
    labels: tuple[str, ...] = ()
    stale_label: bool = False
    stale_correction: bool = False
    correction_note: str = ""
    max_displacement_mm: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def waits_for_review(self) -> bool:
        """Whether a person has still to look: registered, and nobody said anything, or two disagree."""
        return self.registered and self.review in (UNREVIEWED, "disagreeing")


def read_states(study: Study) -> list[CaseState]:
    """The states of all cases, by name; a broken case is a row with its sentence and breaks no other."""
    return [read_state(case_folder(study, name)) for name in case_names(study)]


def read_state(folder: Path) -> CaseState:
    """The state of the case in `folder`."""
    folder = Path(folder)
    files = {entry.name for entry in folder.iterdir()}
    case, broken = _case(folder)
    registration, sha256, unreadable = _registration(folder, files)
    known = _of_case(case) | _of_registration(registration) | _of_reviews(folder, files, sha256)
    return CaseState(
        case=folder.name,
        folder=folder,
        registered=bool(registration),
        registration_sha256=sha256,
        failed=broken or unreadable or failure_of(folder, files),
        **_of_label(folder, files, case, sha256),
        **_of_correction(folder, files, sha256),
        **known,
    )


def failure_of(folder: Path, files: set[str] | None = None) -> str:
    """The sentence of the last failure of a case, or nothing; `files` are the names in `folder`, where known."""
    if files is not None and FAILURE_FILE not in files:
        return ""
    return str(_json(folder / FAILURE_FILE).get("sentence", ""))


def failed_step(folder: Path) -> str:
    """The step ("register", "propagate") at which a case failed last, or nothing."""
    return str(_json(folder / FAILURE_FILE).get("step", ""))


def propagated_from(folder: Path) -> str:
    """The hash of the registration that made the propagated label, empty where it is not known."""
    return str(_json(folder / PROVENANCE_FILE).get("registration_sha256", ""))


def _case(folder: Path) -> tuple[Case | None, str]:
    try:
        return read_case(folder), ""
    except BadInput as error:
        return None, str(error)
    except OSError as error:
        return None, f"The case's files cannot be read: {error.strerror}."


def _registration(folder: Path, files: set[str]) -> tuple[dict[str, Any], str | None, str]:
    """Content and hash of `registration.json`, or the sentence of why it is none."""
    from ..registration.registration_files import SCHEMA

    if REGISTRATION_FILE not in files:
        return {}, None, ""
    try:
        raw = (folder / REGISTRATION_FILE).read_bytes()
        content = json.loads(raw)
        if content["schema"] == SCHEMA and content["verdict"] and content["mri_to_us_ras"]:
            return content, hashlib.sha256(raw).hexdigest(), ""
        return {}, None, f"Its {REGISTRATION_FILE} is of the schema {content['schema']}: update the software."
    except (OSError, ValueError, KeyError, TypeError):
        return {}, None, f"Its {REGISTRATION_FILE} is broken: register the case again."


def _of_case(case: Case | None) -> dict[str, Any]:
    if case is None:
        return {}
    return {
        "patient": case.patient,
        "source": case.source,
        "centre": case.centre,
        "time_point": case.time_point,
        "licence": case.licence.name,
        "notes": case.notes,
    }


def _of_registration(content: dict[str, Any]) -> dict[str, Any]:
    if not content:
        return {}
    landmarks = content.get("landmarks") or {}
    return {
        "method": (content.get("method") or {}).get("name", ""),
        "verdict": content["verdict"],
        "reasons": tuple(content.get("reasons") or ()),
        "success_probability": content.get("success_probability"),
        "predicted_error_mm": content.get("predicted_error_mm"),
        "initial_landmark_mm": landmarks.get("initial_mm"),
        "final_landmark_mm": landmarks.get("final_mm"),
        "score": content.get("score"),
        "seconds": content.get("seconds"),
    }


def _of_reviews(folder: Path, files: set[str], sha256: str | None) -> dict[str, Any]:
    if "reviews.jsonl" not in files:
        return {}
    reviews, torn = read_review_lines(folder)
    found = review_state(reviews, sha256)
    notes = [found.note] if found.note else []
    if torn:
        notes.append(f"{len(torn)} line(s) of reviews.jsonl were cut off by a crash and do not count.")
    return {"review": found.state, "reviewers": found.reviewers, "review_note": " ".join(notes)}


def _of_label(folder: Path, files: set[str], case: Case | None, sha256: str | None) -> dict[str, Any]:
    propagated = PROPAGATED_FILE in files
    current = propagated and sha256 is not None and propagated_from(folder) == sha256
    found = {DRAWN: bool(case and case.us_tumor), CORRECTED: CORRECTED_FILE in files, PROPAGATED: current}
    displacement = _json(folder / DISPLACEMENT_FILE) if current and DISPLACEMENT_FILE in files else {}
    labels = tuple(label for label, there in found.items() if there)
    return {
        "label": labels[0] if labels else "",
        "labels": labels,
        "stale_label": propagated and not current,
        "max_displacement_mm": displacement.get("max_mm"),
    }


def _of_correction(folder: Path, files: set[str], sha256: str | None) -> dict[str, Any]:
    if CORRECTED_FILE not in files:
        return {}
    from ..labels.corrected_label import is_of_earlier_registration, note_on_corrections, read_corrections

    corrections = read_corrections(folder)
    return {
        "correction_note": note_on_corrections(corrections, sha256),
        "stale_correction": bool(corrections) and is_of_earlier_registration(corrections[-1], sha256),
    }


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
