"""What the keys of a review do, and the buttons that do the same."""

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from .case_on_screen import CaseOnScreen
from .queue_walk import QueueWalk
from .reason_panel import ReasonPanel
from .review_keys import key_tip, text_has_focus, with_key
from .verdict_giver import VerdictGiver
from .view_controls import MODE_BUTTONS, OVERLAY_BUTTONS

VERDICT_BUTTONS = {"accept": "acceptButton", "flag": "flagButton", "reject": "rejectButton"}


class ReviewActions:
    """The actions of `review_keys.review_keys`; `panel` is the widget of the review, `ui` its parts."""

    def __init__(
        self,
        panel: Any,
        ui: Any,
        walk: QueueWalk,
        verdicts: VerdictGiver,
        screen: CaseOnScreen,
        reasons: ReasonPanel,
    ) -> None:
        self._panel, self._ui = panel, ui
        self._walk, self._verdicts, self._screen, self._reasons = walk, verdicts, screen, reasons

    def by_name(self, touch: Callable[[], None]) -> dict[str, Callable[[], None]]:
        """Each action by its name; `touch()` is called before it."""
        actions = self._of_the_queue() | self._of_the_views()
        return {name: _touching(touch, action) for name, action in actions.items()}

    def connect_buttons(self) -> None:
        """Write the keys on the buttons of the verdicts and of the queue, and have them do what the keys do."""
        texts = {"accept": _("Accept"), "flag": _("Flag"), "reject": _("Reject")}
        for verdict, name in VERDICT_BUTTONS.items():
            self._connect(name, verdict, texts[verdict], lambda verdict=verdict: self._verdicts.give(verdict))
        for name, action, text, act in (
            ("previousButton", "previous", _("Previous"), self._walk.previous),
            ("nextButton", "next", _("Next"), self._walk.next),
            ("undoButton", "undo", _("Undo"), self._verdicts.undo),
            ("resetViewsButton", "reset", _("Reset views"), self._screen.reset_views),
        ):
            self._connect(name, action, text, act)
        self._ui.useCandidateButton.connect("clicked()", self._verdicts.use_candidate)

    def _connect(self, button: str, action: str, text: str, act: Callable[[], None]) -> None:
        getattr(self._ui, button).text = with_key(text, action)
        getattr(self._ui, button).toolTip = key_tip(action)
        getattr(self._ui, button).connect("clicked()", act)

    def _of_the_queue(self) -> dict[str, Callable[[], None]]:
        verdicts = self._verdicts
        return {
            **{verdict: lambda verdict=verdict: verdicts.give(verdict) for verdict in VERDICT_BUTTONS},
            **{f"digit {n}": lambda n=n: self._digit(n) for n in range(1, 10)},
            "undo": verdicts.undo,
            "next": self._walk.next,
            "previous": self._walk.previous,
            "escape": self._escape,
            "type": self._reasons.type,
            "help": self._toggle_help,
        }

    def _of_the_views(self) -> dict[str, Callable[[], None]]:
        controls, poses = self._screen.controls, self._screen.poses
        return {
            **{overlay: lambda overlay=overlay: controls.toggle_overlay(overlay) for overlay in OVERLAY_BUTTONS},
            **{mode: lambda mode=mode: controls.choose_mode(mode) for mode in MODE_BUTTONS},
            "hold": self._screen.views.hold,
            "more": lambda: controls.step(1),
            "less": lambda: controls.step(-1),
            "before": poses.toggle_before,
            "candidate": poses.next_candidate,
            "axes": controls.toggle_axes,
            "preset": controls.next_preset,
            "reset": self._screen.reset_views,
        }

    def _digit(self, number: int) -> None:
        if self._reasons.asking:
            self._reasons.choose(number)
        else:
            self._screen.poses.show_candidate(number)

    def _escape(self) -> None:
        if self._reasons.asking:
            self._reasons.cancel()
        elif text_has_focus():
            self._panel.setFocus()
        elif self._screen.poses.candidate:
            self._screen.poses.show_result()

    def _toggle_help(self) -> None:
        self._ui.keysGroupBox.collapsed = not self._ui.keysGroupBox.collapsed


def _touching(touch: Callable[[], None], action: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        touch()
        action()

    return act
