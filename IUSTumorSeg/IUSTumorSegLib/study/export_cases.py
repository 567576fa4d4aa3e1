"""Which cases of a study go into an export, with which label, and why the others do not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadInput
from ..slices.case_table import CaseForExport
from .case import Case, read_case
from .case_state import CORRECTED, CORRECTED_FILE, DRAWN, PROPAGATED, PROPAGATED_FILE, CaseState, read_states
from .study_folder import Study, located

LABELS = (DRAWN, CORRECTED, PROPAGATED)


@dataclass(frozen=True)
class ExportChoice:
    """The cases for an export, the sentence of why each other case was left, and the licences of those taken.

    `not_commercial` names the sources among them whose licence forbids commercial use, or does not say.
    """

    cases: tuple[CaseForExport, ...]
    left: dict[str, str] = field(default_factory=dict)
    licences: dict[str, str] = field(default_factory=dict)
    not_commercial: tuple[str, ...] = ()


def choose_for_export(
    study: Study,
    verdicts: Sequence[str] = ("accepted",),
    labels: Sequence[str] = LABELS,
    time_points: Sequence[str] | None = None,
    max_displacement_mm: float | None = None,
) -> ExportChoice:
    """Choose the cases of a study, each with the first of `labels` that it has.

    `verdicts` are states of review ("accepted", "unreviewed" ...); they are asked of a propagated label alone, since one
    drawn or corrected on the ultrasound does not depend on a registration, except that a rejected case is left with a
    corrected one too. `time_points` keeps "before", "during" or "after". `max_displacement_mm` bounds the expected
    displacement of a propagated label's surface; where that is not known the case is left.
    """
    _check(labels)
    taken, left, licences, restricted = [], {}, {}, set()
    for state in read_states(study):
        label, reason = _label_for(state, verdicts, labels, time_points, max_displacement_mm)
        if not label:
            left[state.case] = reason
            continue
        case = read_case(state.folder)
        taken.append(_for_export(case, state, label))
        licences[case.source] = case.licence.name
        if not case.licence.commercial_use:
            restricted.add(case.source)
    return ExportChoice(tuple(taken), left, licences, tuple(sorted(restricted)))


def _label_for(
    state: CaseState,
    verdicts: Sequence[str],
    labels: Sequence[str],
    time_points: Sequence[str] | None,
    max_displacement_mm: float | None,
) -> tuple[str, str]:
    """The label to take, and where there is none the reason."""
    if not state.patient:
        return "", state.failed
    if time_points and state.time_point not in time_points:
        return "", f"its time point is {state.time_point or 'not known'}"
    label = next((wanted for wanted in labels if wanted in state.labels), "")
    if not label:
        return "", _no_label(state, labels)
    if label == CORRECTED and state.review == "rejected" and "rejected" not in verdicts:
        return "", "its registration was rejected"
    if label == PROPAGATED:
        reason = _reason_against_propagated(state, verdicts, max_displacement_mm)
        return ("", reason) if reason else (label, "")
    return label, ""


def _no_label(state: CaseState, labels: Sequence[str]) -> str:
    if state.stale_label and PROPAGATED in labels:
        return "its propagated label is of an earlier registration: propagate again"
    return f"it has no label among {', '.join(labels)}"


def _reason_against_propagated(state: CaseState, verdicts: Sequence[str], max_displacement_mm: float | None) -> str:
    if state.review not in verdicts:
        return f"its registration is {state.review}"
    if max_displacement_mm is None:
        return ""
    if state.max_displacement_mm is None:
        return "how far its label may be displaced is not known"
    if state.max_displacement_mm > max_displacement_mm:
        return f"its label may be displaced by {state.max_displacement_mm:.1f} mm"
    return ""


def _for_export(case: Case, state: CaseState, label: str) -> CaseForExport:
    return CaseForExport(
        case=case.case,
        patient=case.patient,
        us=located(state.folder, case.us),
        us_tumor=_label_path(case, state.folder, label),
        label_source=label,
        verdict=state.review,
        predicted_error_mm=state.predicted_error_mm,
    )


def _label_path(case: Case, folder: Path, label: str) -> Path:
    if label == DRAWN:
        assert case.us_tumor is not None
        return located(folder, case.us_tumor)
    return folder / {CORRECTED: CORRECTED_FILE, PROPAGATED: PROPAGATED_FILE}[label]


def _check(labels: Sequence[str]) -> None:
    if unknown := [label for label in labels if label not in LABELS]:
        raise BadInput(f"labels among {', '.join(LABELS)}", f"'{unknown[0]}'", "choose among them")
