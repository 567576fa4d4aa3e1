"""Manual adjustment: sliders and keys, Slicer's handle, landmark pairs and LC2 from the present pose, with undo."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .adjustment_keys import AdjustmentKeys
from .adjustment_pairs import AdjustmentPairs
from .adjustment_refinement import AdjustmentRefinement
from .adjustment_score import AdjustmentScore
from .adjustment_sliders import AdjustmentSliders
from .job_panel import MODULE_FOLDER
from .review_host import ReviewHost
from .timers import timer
from .tool_tips import enable_or_say_why
from .unsaved import SAVE, STAY, ask_about_unsaved

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment
    from ..scene.review import ReviewScene
    from ..scene.study_cases import ReviewCase

REST_MS = 400


class AdjustmentPanel:
    """Moves the MRI of the case on the screen; what it makes counts when it is kept.

    `ask` is asked what to do with a pose that is not kept.
    """

    def __init__(self, host: ReviewHost, ask: Callable[[str, bool], str] = ask_about_unsaved) -> None:
        self.widget = slicer.util.loadUI(str(MODULE_FOLDER / "Resources" / "UI" / "AdjustmentPanel.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._host, self._ask = host, ask
        self._case: ReviewCase | None = None
        self._review: ReviewScene | None = None
        self._adjustment: Adjustment | None = None
        self._showing = False
        self._sliders = AdjustmentSliders(self.ui)
        self._score = AdjustmentScore(self.ui.adjustmentLabel)
        self._pairs = AdjustmentPairs(self.ui, host)
        self._refinement = AdjustmentRefinement(host)
        self._parts = (self._sliders, self._score, self._pairs, self._refinement)
        self._keys = AdjustmentKeys(self.widget, self._sliders.step, self.undo, self.redo)
        self._rest = timer(REST_MS, True, self._settle)
        self._connect()
        self.show_nothing()

    # Hooks of the review

    @property
    def adjusting(self) -> bool:
        """Whether a pose is being adjusted."""
        return self._adjustment is not None

    def show_case(self, case: "ReviewCase", review: "ReviewScene") -> None:
        """A case is on the screen."""
        self._end(back=False)
        self._case, self._review = case, review
        self.update()

    def complete_case(self, case: "ReviewCase") -> None:
        """What the case's heat map is computed from was made after it was shown; an adjustment goes on."""
        self._case = case
        if self._adjustment is None:
            self.update()
        else:
            self._adjustment.take_inputs(case.agreement_inputs)
            self._score.ask()

    def show_nothing(self) -> None:
        """No case is on the screen: let go of everything, without a question."""
        self._end(back=False)
        self._case = self._review = None
        self.update()

    def leave(self, may_stay: bool = True) -> bool:
        """Before the case is left: ask about a pose that is not kept. False where the user wants to stay."""
        if self._adjustment is None or not self._adjustment.is_changed:
            self._end()
            return True
        text = _("The pose adjusted by hand is not kept as the registration. Keep it?")
        answer = self._ask(text, may_stay)
        if answer == STAY or (answer == SAVE and not self.keep() and may_stay):
            return False
        self._end()
        return True

    def close(self) -> None:
        """End timers, keys, nodes and the refinement."""
        self.show_nothing()
        self._keys.close()

    # Beginning and ending

    def begin(self) -> None:
        """Put the handle over the MRI, from the pose that is shown now."""
        if self._adjustment is not None or self._case is None or self._review is None or self._case.transform is None:
            return
        from ..scene.adjustment import Adjustment

        with slicer.util.tryWithErrorDisplay(_("The pose cannot be adjusted.")):
            self._adjustment = Adjustment(self._case, self._review, self._on_moved, self._pairs.changed)
            for part in self._parts:
                part.begin(self._adjustment)
        self.update()

    def keep(self) -> bool:
        """Make the pose the case's registration; says whether that was done."""
        adjustment = self._adjustment
        if adjustment is None:
            return False
        if reason := self._why_not_keep(adjustment):
            self._host.say(reason)
            return False
        try:
            with slicer.util.WaitCursor():
                about_the_label = adjustment.keep(self._host.reviewer())
        except (BadInput, Failed) as error:
            self._host.say(str(error))
            return False
        self._end(back=False)
        self._host.registration_changed()
        self._host.say(_("The adjusted pose is the registration now. {label}").format(label=about_the_label))
        return True

    def discard(self) -> None:
        """Go back to the registration."""
        self._end()

    def _end(self, back: bool = True) -> None:
        adjustment, self._adjustment = self._adjustment, None
        if adjustment is None:
            return
        self._rest.stop()
        for part in self._parts:
            part.end()
        adjustment.remove(back)
        self.update()

    # The pose

    def undo(self) -> None:
        """One step back."""
        if self._adjustment is not None:
            self._adjustment.undo()

    def redo(self) -> None:
        """Again what was undone."""
        if self._adjustment is not None:
            self._adjustment.redo()

    def refine(self) -> None:
        """Have LC2 refine the present pose in a child process."""
        self._refinement.start()
        self.update()

    def _on_moved(self) -> None:
        """The pose changed, by whatever way: the sliders follow, and soon the score."""
        self._rest.start()
        self._score.follow()
        self.update()

    def _settle(self) -> None:
        if self._adjustment is not None:
            self._adjustment.settle()
            self.update()

    # What is shown

    def update(self) -> None:
        """Bring the buttons, sliders and sentences in line with what there is."""
        adjustment = self._adjustment
        self._showing = True
        self.ui.adjustButton.checked = adjustment is not None
        self._showing = False
        enable_or_say_why(
            self.ui.adjustButton,
            _("Moves the MRI by handle, sliders, keys or landmarks. Press again to end."),
            self._reasons_not_to_begin(),
        )
        self.ui.adjustmentControls.visible = adjustment is not None
        if adjustment is not None:
            self._show_buttons(adjustment)
            self._sliders.show()
            self._score.show()
            self._pairs.show()

    def _reasons_not_to_begin(self) -> list[str]:
        if self._case is None:
            return [_("Open a case first.")]
        if self._case.transform is None:
            return [_("The case has no MRI.")]
        return []

    def _show_buttons(self, adjustment: "Adjustment") -> None:
        enable_or_say_why(
            self.ui.undoPoseButton,
            _("One step back (Ctrl+Z)."),
            [] if adjustment.can_undo else [_("Nothing to undo.")],
        )
        enable_or_say_why(
            self.ui.redoPoseButton,
            _("Again what was undone (Ctrl+Y)."),
            [] if adjustment.can_redo else [_("Nothing to redo.")],
        )
        enable_or_say_why(
            self.ui.refineButton,
            _("Lets LC2 find the best pose near this one, in the background."),
            self._refinement.reasons_against(),
        )
        reason = self._why_not_keep(adjustment)
        enable_or_say_why(
            self.ui.keepPoseButton, _("Makes this pose the case's registration."), [reason] if reason else []
        )
        self.ui.discardPoseButton.toolTip = _("Goes back to the registration.")

    def _why_not_keep(self, adjustment: "Adjustment") -> str:
        if not adjustment.is_changed:
            return _("The pose is the one that it began with.")
        if adjustment.case.folder is None:
            return _("Only a case of a study keeps its registration in files.")
        if not self._host.reviewer().strip():
            return _("Type your name first.")
        return self._host.why_not_writable()

    # Connections

    def _connect(self) -> None:
        ui = self.ui
        ui.adjustButton.connect("toggled(bool)", self._adjust_toggled)
        for button, act in (
            (ui.undoPoseButton, self.undo),
            (ui.redoPoseButton, self.redo),
            (ui.refineButton, self.refine),
            (ui.keepPoseButton, self.keep),
            (ui.discardPoseButton, self.discard),
        ):
            button.connect("clicked()", act)

    def _adjust_toggled(self, on: bool) -> None:
        if self._showing:
            return
        if on:
            self.begin()
        elif not self.leave():
            self.update()
