"""The question before something unsaved is left behind."""

import qt
import slicer
from slicer.i18n import tr as _

SAVE, DISCARD, STAY = "save", "discard", "stay"


def ask_about_unsaved(text: str, may_stay: bool) -> str:
    """Ask whether to save, discard or (where that is possible) stay; returns `SAVE`, `DISCARD` or `STAY`.

    A window that was closed without an answer means to stay, or to save where staying is not possible.
    """
    buttons = qt.QMessageBox.Save | qt.QMessageBox.Discard
    if may_stay:
        buttons = buttons | qt.QMessageBox.Cancel
    answer = slicer.util.messageBox(
        text, windowTitle=_("Not saved"), icon=qt.QMessageBox.Question, standardButtons=buttons
    )
    if answer == qt.QMessageBox.Discard:
        return DISCARD
    return SAVE if answer == qt.QMessageBox.Save or not may_stay else STAY
