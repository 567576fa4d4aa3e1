"""The table of a study's cases."""

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..study.case_state import CaseState

THUMBNAIL_PX = (48, 36)
# A sign and a colour for each state: either is enough to tell them apart. Okabe and Ito's colours, dark enough to read.
SIGNS = {
    "unreviewed": ("\u25cb", "#666666"),
    "accepted": ("\u2713", "#00795A"),
    "flagged": ("\u2691", "#A36A00"),
    "rejected": ("\u2717", "#C24E00"),
    "disagreeing": ("\u2260", "#A8568C"),
}
VERDICT_SIGNS = {"accept": ("\u2713", "#00795A"), "review": ("?", "#A36A00"), "reject": ("\u2717", "#C24E00")}


def state_texts() -> dict[str, str]:
    """The review states in the user's language."""
    return {
        "unreviewed": _("unreviewed"),
        "accepted": _("accepted"),
        "flagged": _("flagged"),
        "rejected": _("rejected"),
        "disagreeing": _("disagreeing"),
        "all": _("all cases"),
    }


def verdict_texts() -> dict[str, str]:
    """The software's verdicts in the user's language."""
    return {"accept": _("accept"), "review": _("look"), "reject": _("reject"), "": ""}


def label_texts() -> dict[str, str]:
    """The labels on an ultrasound in the user's language."""
    return {"us": _("drawn"), "corrected": _("corrected"), "propagated": _("carried over"), "": ""}


class StudyTable:
    """The rows of a QTableWidget, one for each `CaseState`; sorted by a click, filtered by `filter`."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._rows: dict[str, Any] = {}
        headings = [_("Case"), _("Review"), _("Verdict"), _("Right %"), _("Error mm"), _("Label"), _("Source")]
        table.setColumnCount(len(headings))
        table.setHorizontalHeaderLabels(headings)
        table.setIconSize(qt.QSize(*THUMBNAIL_PX))
        table.verticalHeader().visible = False
        table.horizontalHeader().setStretchLastSection(True)

    def fill(self, states: "list[CaseState]") -> None:
        """Show these cases and no others."""
        self._table.setSortingEnabled(False)
        self._table.setRowCount(0)
        self._table.setRowCount(len(states))
        self._rows = {}
        for row, state in enumerate(states):
            items = [qt.QTableWidgetItem() for _column in range(self._table.columnCount)]
            for column, item in enumerate(items):
                self._table.setItem(row, column, item)
            self._rows[state.case] = items
            _write(items, state)
        self._table.resizeColumnsToContents()
        self._table.setSortingEnabled(True)

    def update(self, state: "CaseState") -> None:
        """Show how a case stands now."""
        if state.case in self._rows:
            sorted_now = self._table.sortingEnabled
            self._table.setSortingEnabled(False)
            _write(self._rows[state.case], state)
            self._table.setSortingEnabled(sorted_now)

    def filter(self, cases: set[str], text: str) -> int:
        """Show only these cases, and of them those with `text` in their row; returns how many."""
        shown = 0
        for case, items in self._rows.items():
            wanted = case in cases and (not text or any(text.lower() in item.text().lower() for item in items))
            self._table.setRowHidden(items[0].row(), not wanted)
            shown += wanted
        return shown

    def mark(self, case: str) -> None:
        """Select a case's row and bring it into sight."""
        if case in self._rows:
            self._table.selectRow(self._rows[case][0].row())
            self._table.scrollToItem(self._rows[case][0])

    def case_at(self, row: int) -> str:
        """The case of a row."""
        return self._table.item(row, 0).text()

    def clear(self) -> None:
        """Show nothing."""
        self._rows = {}
        self._table.setRowCount(0)


def _write(items: list[Any], state: "CaseState") -> None:
    sign, color = SIGNS[state.review]
    verdict_sign, verdict_color = VERDICT_SIGNS.get(state.verdict, ("", ""))
    _put(items[0], state.case, tip=state.failed or _facts(state))
    _put(items[1], f"{sign} {state_texts()[state.review]}", color, state.review_note or ", ".join(state.reviewers))
    if state.failed:
        _put(items[2], _("! failed"), "#C24E00", state.failed)
    else:
        _put(
            items[2], f"{verdict_sign} {verdict_texts()[state.verdict]}".strip(), verdict_color, " ".join(state.reasons)
        )
    _put(items[3], None if state.success_probability is None else round(100 * state.success_probability))
    _put(items[4], None if state.predicted_error_mm is None else round(state.predicted_error_mm, 1))
    _put(items[5], _label(state), tip="\n".join(filter(None, [_stale(state), state.correction_note])))
    _put(items[6], state.source)
    thumbnail = state.folder / "thumbnail.png"
    if thumbnail.is_file():
        items[0].setIcon(qt.QIcon(str(thumbnail)))


def _put(item: Any, value: str | float | None, color: str = "", tip: str = "") -> None:
    """A number as such, so that it sorts as one."""
    item.setData(qt.Qt.DisplayRole, "" if value is None else value)
    item.setToolTip(tip)
    if color:
        item.setForeground(qt.QBrush(qt.QColor(color)))


def _facts(state: "CaseState") -> str:
    return "; ".join(filter(None, [state.patient, state.centre, state.time_point, *state.notes]))


def _label(state: "CaseState") -> str:
    return label_texts().get(state.label, state.label) + (" *" if state.stale_label or state.stale_correction else "")


def _stale(state: "CaseState") -> str:
    sentences = []
    if state.stale_label:
        sentences.append(_("* carried over by an earlier registration: propagate again"))
    if state.stale_correction:
        sentences.append(_("* corrected before the case was registered again: look at it once more"))
    return "\n".join(sentences)
