"""Buttons that say in their tool tip what they do, or why they cannot now."""

from collections.abc import Sequence
from typing import Any

from slicer.i18n import tr as _


def enable_or_say_why(button: Any, what_it_does: str, reasons: Sequence[str]) -> None:
    """Enable `button` when there is no reason against it; its tool tip says what it does, or the reasons."""
    button.enabled = not reasons
    button.toolTip = _("Not possible now: ") + " ".join(reasons) if reasons else what_it_does
