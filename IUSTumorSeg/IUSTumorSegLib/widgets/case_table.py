"""The table of the scene's cases with a tick for each."""

from collections.abc import Callable, Sequence
from typing import Any

import qt
from slicer.i18n import tr as _

COLUMNS = ("Ultrasound", "Tumour label")


class CaseTable:
    """Cases (`scene.logic.CaseNodes`) with a tick each in a QTableWidget; `changed` is called when a tick changes."""

    def __init__(self, table: Any, changed: Callable[[], None]) -> None:
        self._table = table
        self._cases: list[Any] = []
        self._changed = changed
        self._filling = False
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels([_(name) for name in COLUMNS])
        table.horizontalHeader().setStretchLastSection(True)
        table.verticalHeader().visible = False
        table.connect("itemChanged(QTableWidgetItem*)", self._item_changed)

    def show(self, cases: Sequence[Any]) -> None:
        """List these cases; one that was there before keeps its tick, a new one is ticked."""
        unticked = {case.us.GetID() for case in self._cases} - {case.us.GetID() for case in self.ticked()}
        self._cases = list(cases)
        self._filling = True
        self._table.setRowCount(len(self._cases))
        for row, case in enumerate(self._cases):
            self._fill_row(row, case, case.us.GetID() not in unticked)
        self._table.resizeColumnsToContents()
        self._filling = False
        self._changed()

    def ticked(self) -> list[Any]:
        """The cases to export."""
        rows = (row for row in range(len(self._cases)) if self._table.item(row, 0).checkState() == qt.Qt.Checked)
        return [self._cases[row] for row in rows]

    def _fill_row(self, row: int, case: Any, ticked: bool) -> None:
        first = qt.QTableWidgetItem(case.us.GetName())
        first.setFlags(qt.Qt.ItemIsEnabled | qt.Qt.ItemIsUserCheckable)
        first.setCheckState(qt.Qt.Checked if ticked else qt.Qt.Unchecked)
        self._table.setItem(row, 0, first)
        self._table.setItem(row, 1, qt.QTableWidgetItem(case.us_tumor.GetName()))

    def _item_changed(self) -> None:
        if not self._filling:
            self._changed()
