"""One HTML page of a study that needs nothing beside it: figures by source, what waits for review, and every case."""

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from ..atomic_files import write_text_atomic
from ..jobs.progress import Progress, silent
from .case_state import CaseState
from .study_folder import Study
from .summary import SourceSummary, summaries
from .thumbnails import thumbnail

PAGE_TEMPLATE = Path(__file__).with_name("status_page.html")
SOURCE_HEADS = (
    "Source", "Cases", "Patients", "Registered", "Failed", "Waiting", "Accepted", "Flagged", "Rejected", "Disagreeing",
    "Excluded", "Labelled", "Error, mm",
)  # fmt: skip
CASE_HEADS = (
    "", "Case", "Patient", "Source", "Time", "Verdict", "Error, mm", "Landmarks, mm", "Review", "Label", "Notes",
)  # fmt: skip


def write_status_page(study: Study, states: Sequence[CaseState], path: Path, progress: Progress = silent) -> None:
    """Write the page; thumbnails that are missing are made and kept with their cases."""
    rows = []
    for number, state in enumerate(states):
        if number % 20 == 0:
            progress("page", number, len(states), "Writing the page")
        rows.append(_case_row(state))
    waiting = [state for state in states if state.waits_for_review]
    page = Template(PAGE_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(study.name),
        waiting=len(waiting),
        cases=len(states),
        failed=sum(bool(state.failed) for state in states),
        source_table=_table("sources", SOURCE_HEADS, [_source_row(summary) for summary in summaries(states)]),
        case_table=_table("cases", CASE_HEADS, rows),
    )
    write_text_atomic(Path(path), page)


def source_cells(summary: SourceSummary) -> list[str]:
    """The cells of a source under `SOURCE_HEADS`, as texts."""
    counts = (
        summary.cases, summary.patients, summary.registered, summary.failed, summary.waiting, summary.accepted,
        summary.flagged, summary.rejected, summary.disagreeing,
    )  # fmt: skip
    rate = "-" if summary.exclusion_rate is None else f"{100 * summary.exclusion_rate:.0f} %"
    return [
        summary.source or "-", *map(str, counts), rate, str(summary.labelled), millimetres(summary.median_error_mm)
    ]  # fmt: skip


def notes_of(state: CaseState) -> str:
    """Everything that a person should know of a case, in sentences: what failed first, then reviews, then reasons."""
    stale = "Its propagated label is of an earlier registration." if state.stale_label else ""
    earlier = "Its corrected label came from an earlier registration." if state.stale_correction else ""
    return " ".join(filter(None, [state.failed, state.review_note, stale, earlier, *state.reasons, *state.notes]))


def millimetres(value: float | None) -> str:
    """A length in mm with one decimal, or a dash."""
    return "-" if value is None else f"{value:.1f}"


def _source_row(summary: SourceSummary) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in source_cells(summary)) + "</tr>"


def _case_row(state: CaseState) -> str:
    landmarks = "-"
    if state.final_landmark_mm is not None:
        landmarks = f"{millimetres(state.initial_landmark_mm)} to {millimetres(state.final_landmark_mm)}"
    review = state.review + (f" ({', '.join(state.reviewers)})" if state.reviewers else "")
    texts = (
        state.case, state.patient, state.source, state.time_point, state.verdict or ("failed" if state.failed else "-"),
        millimetres(state.predicted_error_mm), landmarks, review if state.registered else "-", state.label or "-",
        notes_of(state),
    )  # fmt: skip
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    kinds = (
        f"{state.verdict or 'none'} {'waiting' if state.waits_for_review else ''} {'failed' if state.failed else ''}"
    )
    return f'<tr class="{escape(kinds)}"><td>{_picture(state)}</td>{cells}</tr>'


def _picture(state: CaseState) -> str:
    png = thumbnail(state.folder)
    if png is None:
        return ""
    return f'<img loading="lazy" alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'


def _table(name: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>\n{"".join(rows)}\n</tbody></table>'
