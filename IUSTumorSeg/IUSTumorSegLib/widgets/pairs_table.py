"""The table of landmark pairs with what is known of each."""

from typing import TYPE_CHECKING, Any

import qt
from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..registration.rigid_landmarks import PairErrors


def show_pairs(table: Any, errors: "list[PairErrors]") -> None:
    """One row a pair: its number, its distance now, after the fit, and of the fit to the other pairs, in mm."""
    table.setColumnCount(4)
    table.setHorizontalHeaderLabels([_("Pair"), _("Now (mm)"), _("Fitted (mm)"), _("Left out (mm)")])
    table.setRowCount(len(errors))
    for row, error in enumerate(errors):
        texts = [str(row + 1), *map(_in_mm, (error.now_mm, error.fitted_mm, error.left_out_mm))]
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            item.setToolTip(_("Left out: the distance of the pose that fits the other pairs. Large: misplaced?"))
            table.setItem(row, column, item)
    table.resizeColumnsToContents()


def _in_mm(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
