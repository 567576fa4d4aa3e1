"""Why a case is flagged or rejected: six reasons by key or button, or one that is typed."""

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from ..study.review_queue import REASONS


def reason_texts() -> tuple[str, ...]:
    """The reasons in the user's language, in the order of the keys; what is written is `REASONS`."""
    return (
        _("wrong anatomy"),
        _("tilted"),
        _("shifted"),
        _("brain shift"),
        _("poor ultrasound"),
        _("wrong data"),
    )


class ReasonPanel:
    """The frame with the reasons, hidden until `ask`. `chosen(reason, comment)` is called once, or nothing is."""

    def __init__(self, ui: Any, opened_or_closed: Callable[[], None]) -> None:
        self.ui = ui
        self._opened_or_closed = opened_or_closed
        self._chosen: Callable[[tuple[str, ...], str], None] | None = None
        for number, text in enumerate(reason_texts(), start=1):
            button = getattr(ui, f"reason{number}Button")
            button.text = f"{number}  {text}"
            button.connect("clicked()", lambda number=number: self.choose(number))
        ui.reasonLineEdit.connect("returnPressed()", self._typed)
        ui.reasonCancelButton.connect("clicked()", self.cancel)
        ui.reasonFrame.visible = False

    @property
    def asking(self) -> bool:
        """Whether a reason is waited for."""
        return self._chosen is not None

    def ask(self, question: str, chosen: Callable[[tuple[str, ...], str], None]) -> None:
        """Show the reasons. `chosen` gets the reason in a tuple, or none and what was typed."""
        self._chosen = chosen
        self.ui.reasonLabel.text = question
        self.ui.reasonLineEdit.clear()
        self.ui.reasonFrame.visible = True
        self._opened_or_closed()

    def choose(self, number: int) -> None:
        """Take the reason of a key."""
        if 1 <= number <= len(REASONS):
            self._end((REASONS[number - 1],), "")

    def type(self) -> None:
        """Put the cursor into the text field; there already, take what was typed."""
        if self.ui.reasonLineEdit.hasFocus():
            self._typed()
        else:
            self.ui.reasonLineEdit.setFocus()

    def cancel(self) -> None:
        """Give no verdict after all."""
        self._close()

    def _typed(self) -> None:
        text = self.ui.reasonLineEdit.text.strip()
        if text:
            self._end((), text)

    def _end(self, reasons: tuple[str, ...], comment: str) -> None:
        chosen = self._chosen
        if chosen is not None:
            self._close()
            chosen(reasons, comment)

    def _close(self) -> None:
        self._chosen = None
        self.ui.reasonLineEdit.clearFocus()
        self.ui.reasonFrame.visible = False
        self._opened_or_closed()
