"""Which cases an export takes: of a table, or of a study with what people said of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput
from .case_table import CaseForExport, read_case_table

if TYPE_CHECKING:
    from ..study.export_cases import ExportChoice
    from ..study.study_folder import Study

ACCEPTED = ("accepted",)
LABELS = ("us", "corrected", "propagated")


@dataclass(frozen=True)
class ChosenCases:
    """The cases to export, the reason why each other one was left, and the terms of use ("" where not known)."""

    cases: tuple[CaseForExport, ...]
    left: dict[str, str] = field(default_factory=dict)
    licence: str = ""


@dataclass(frozen=True)
class CaseFilter:
    """What is wanted of a case; an empty sequence or None asks nothing.

    `verdicts` are the states of review in a study, the column `verdict` in a table; a study's are `ACCEPTED` where none
    is given. `labels` ("us", "corrected", "propagated") in the order in which they are preferred. A label whose surface
    may be displaced by more than `max_displacement_mm`, or nobody knows by how much, is left; one drawn on the
    ultrasound has no displacement.
    """

    verdicts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    time_points: tuple[str, ...] = ()
    max_displacement_mm: float | None = None


def choose_from_table(path: Path, wanted: CaseFilter) -> ChosenCases:
    """The cases of a table (CSV) that pass; `BadInput` where none does."""
    table = read_case_table(path)
    left = {case.case: reason for case in table if (reason := _reason_to_leave(case, wanted))}
    return _some(ChosenCases(tuple(case for case in table if case.case not in left), left), f"of {path}")


def choose_from_study(folder: Path, wanted: CaseFilter) -> ChosenCases:
    """The cases of a study that pass, each with its best label; `BadInput` where none does."""
    from ..study.export_cases import choose_for_export
    from ..study.study_folder import open_study

    study = open_study(folder)
    found = choose_for_export(
        study, wanted.verdicts or ACCEPTED, wanted.labels or LABELS, wanted.time_points or None,
        wanted.max_displacement_mm,
    )  # fmt: skip
    chosen = _some(ChosenCases(_with_facts(study, found), dict(found.left)), f"of the study {study.name}")
    return replace(chosen, licence=_licence(study, chosen.cases))


def _some(chosen: ChosenCases, of_what: str) -> ChosenCases:
    if chosen.cases:
        return chosen
    if not chosen.left:
        raise BadInput("cases to export", f"none {of_what}", "import cases first")
    reasons = "; ".join(f"{count} x {reason}" for reason, count in Counter(chosen.left.values()).most_common(3))
    raise BadInput(
        "at least one case that passes", f"none of the {len(chosen.left)} cases {of_what} ({reasons})",
        "review cases first, or widen the choice of verdicts, labels and time points",
    )  # fmt: skip


def _with_facts(study: "Study", found: "ExportChoice") -> tuple[CaseForExport, ...]:
    """The study's cases with source, time point and displacement, which go into the manifest."""
    from ..study.case_state import read_state
    from ..study.study_folder import case_folder

    cases = []
    for case in found.cases:
        state = read_state(case_folder(study, case.case))
        displacement_mm = state.max_displacement_mm if case.label_source == "propagated" else None
        cases.append(replace(case, source=state.source, time_point=state.time_point, displacement_mm=displacement_mm))
    return tuple(cases)


def _licence(study: "Study", cases: Sequence[CaseForExport]) -> str:
    from ..datasets.licences import combined, non_commercial_sentence
    from ..study.case import read_case
    from ..study.study_folder import case_folder

    found = [read_case(case_folder(study, case.case)) for case in cases]
    names = combined(case.licence for case in found).name or "unknown"
    return f"{names}. {non_commercial_sentence(found)}".strip()


def _reason_to_leave(case: CaseForExport, wanted: CaseFilter) -> str:
    if wanted.verdicts and case.verdict not in wanted.verdicts:
        return f"its verdict is {case.verdict or 'not known'}"
    if wanted.labels and case.label_source not in wanted.labels:
        return f"its label is from {case.label_source or 'an unknown source'}"
    if wanted.time_points and case.time_point not in wanted.time_points:
        return f"its time point is {case.time_point or 'not known'}"
    return _too_uncertain(case, wanted.max_displacement_mm)


def _too_uncertain(case: CaseForExport, max_displacement_mm: float | None) -> str:
    if max_displacement_mm is None or case.label_source == "us":
        return ""
    if case.displacement_mm is None:
        return "how far its label may be displaced is not known"
    if case.displacement_mm > max_displacement_mm:
        return f"its label may be displaced by {case.displacement_mm:.1f} mm"
    return ""
