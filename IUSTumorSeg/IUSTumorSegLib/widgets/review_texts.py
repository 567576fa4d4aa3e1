"""What the review section says, as sentences and small pieces of HTML."""

from html import escape
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .study_table import SIGNS, state_texts

if TYPE_CHECKING:
    from ..study.case_state import CaseState
    from ..study.review_session import Progress


def progress_text(progress: "Progress") -> str:
    """As in "37 of 180, about 22 min left"."""
    count = _("{done} of {total}").format(done=progress.done, total=progress.total)
    if progress.seconds_left is None or progress.done >= progress.total:
        return count
    minutes = round(progress.seconds_left / 60)
    left = _("about {minutes} min left").format(minutes=minutes) if minutes else _("less than a minute left")
    return f"{count}, {left}"


def case_html(state: "CaseState") -> str:
    """The case's name, and what people said of it."""
    sign, color = SIGNS[state.review]
    who = f" ({escape(', '.join(state.reviewers))})" if state.reviewers else ""
    said = f'<span style="color:{color}">{sign}</span> {escape(state_texts()[state.review])}{who}'
    notes = [state.review_note, _stale(state)]
    return f"<b>{escape(state.case)}</b>&nbsp; {said}" + "".join(f"<br>{escape(note)}" for note in notes if note)


def facts_html(facts: list[Any]) -> str:
    """`registration.review_facts.Fact`s, one a line."""
    return "".join(f"<p><b>{escape(_(fact.title))}:</b> {escape(fact.sentence)}</p>" for fact in facts)


def verdict_given(verdict: str, case: str) -> str:
    """What was written."""
    words = {"accept": _("Accepted: {case}."), "flag": _("Flagged: {case}."), "reject": _("Rejected: {case}.")}
    return words[verdict].format(case=case)


def _stale(state: "CaseState") -> str:
    return _("Its label was carried over by an earlier registration: propagate it again.") if state.stale_label else ""
