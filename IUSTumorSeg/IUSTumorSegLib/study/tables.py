"""A study as CSV: one row a case to look at, one row a case and reviewer for statistics."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..atomic_files import atomic_path
from .case_state import CaseState
from .reviews import Review, read_reviews, standing_reviews

STATE_COLUMNS = (
    "case", "patient", "source", "centre", "time_point", "licence", "registered", "failed", "method", "verdict",
    "success_probability", "predicted_error_mm", "initial_landmark_mm", "final_landmark_mm", "seconds", "review",
    "reviewers", "review_note", "label", "stale_label", "stale_correction", "max_displacement_mm", "reasons",
)  # fmt: skip
REVIEW_COLUMNS = (
    "case", "patient", "source", "centre", "time_point", "state", "verdict", "reviewer", "when", "seconds", "reasons",
    "comment", "of_this_registration", "software_verdict", "success_probability", "predicted_error_mm",
    "initial_landmark_mm", "final_landmark_mm", "label", "failed",
)  # fmt: skip


def write_state_table(states: Sequence[CaseState], path: Path) -> None:
    """Write one row a case; distances in mm, times in s, several sentences in one cell with spaces between them."""
    _write(path, STATE_COLUMNS, [{name: _cell(getattr(state, name)) for name in STATE_COLUMNS} for state in states])


def write_review_table(states: Sequence[CaseState], path: Path) -> None:
    """Write one row for each case and reviewer whose verdict counts, and one without a reviewer for every other case.

    `state` is what the verdicts come to, `verdict` and `seconds` are the reviewer's. A verdict on an earlier registration
    is a row with `of_this_registration` False.
    """
    _write(path, REVIEW_COLUMNS, [row for state in states for row in _review_rows(state)])


def _review_rows(state: CaseState) -> list[dict[str, Any]]:
    reviews = read_reviews(state.folder)
    hashes = dict.fromkeys(review.registration_sha256 for review in reviews)
    standing = [
        review for sha256 in hashes for review in standing_reviews(reviews, sha256).values()
    ]  # fmt: skip
    common = {
        "case": state.case, "patient": state.patient, "source": state.source, "centre": state.centre,
        "time_point": state.time_point, "state": state.review, "software_verdict": state.verdict,
        "success_probability": _cell(state.success_probability), "predicted_error_mm": _cell(state.predicted_error_mm),
        "initial_landmark_mm": _cell(state.initial_landmark_mm), "final_landmark_mm": _cell(state.final_landmark_mm),
        "label": state.label, "failed": state.failed,
    }  # fmt: skip
    return [common | _review_cells(review, state) for review in standing] or [common]


def _review_cells(review: Review, state: CaseState) -> dict[str, Any]:
    return {
        "verdict": review.verdict,
        "reviewer": review.reviewer,
        "when": review.when,
        "seconds": round(review.seconds, 1),
        "reasons": _cell(review.reasons),
        "comment": " ".join(review.comment.split()),
        "of_this_registration": review.registration_sha256 == (state.registration_sha256 or ""),
    }


def _cell(value: Any) -> Any:
    if isinstance(value, tuple):
        return " ".join(value)
    return "" if value is None else value


def _write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with atomic_path(Path(path)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
