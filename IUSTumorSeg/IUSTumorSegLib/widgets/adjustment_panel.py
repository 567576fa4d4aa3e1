"""Manual adjustment: sliders and keys, Slicer's handle, landmark pairs and LC2 from the present pose, with undo."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .job_panel import MODULE_FOLDER
from .pairs_table import show_pairs
from .review_host import ReviewHost
from .tool_tips import enable_or_say_why
from .torch_installation import torch_is_installed
from .unsaved import SAVE, STAY, ask_about_unsaved

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment
    from ..scene.review import ReviewScene
    from ..scene.study_cases import ReviewCase

SLIDERS = (
    "rightSlider", "anteriorSlider", "superiorSlider", "aboutRightSlider", "aboutAnteriorSlider", "aboutSuperiorSlider",
)  # fmt: skip
# Key, number of the slider, direction. As seen in the axial view: the patient's right is on the left.
KEYS = (
    ("Alt+Left", 0, 1), ("Alt+Right", 0, -1), ("Alt+Up", 1, 1), ("Alt+Down", 1, -1),
    ("Alt+PgUp", 2, 1), ("Alt+PgDown", 2, -1), ("Ctrl+Up", 3, 1), ("Ctrl+Down", 3, -1),
    ("Ctrl+PgUp", 4, 1), ("Ctrl+PgDown", 4, -1), ("Ctrl+Left", 5, -1), ("Ctrl+Right", 5, 1),
)  # fmt: skip
STEP, SHIFT_STEP = 0.1, 1.0  # mm or degrees; with Shift the larger one
FOLLOW_MS, REST_MS, FETCH_MS = 200, 400, 5


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
        self._showing = self._has_torch = False
        self._refining: int | None = None
        self._placed = 0
        self._follow = _timer(FOLLOW_MS, True, self._ask_agreement)
        self._rest = _timer(REST_MS, True, self._settle)
        self._fetch = _timer(FETCH_MS, False, self._fetch_agreement)
        self._pairs_later = _timer(0, True, self._after_pairs_changed)
        self._timers = (self._follow, self._rest, self._fetch, self._pairs_later)
        self._sliders = [getattr(self.ui, name) for name in SLIDERS]
        self._shortcuts = self._make_shortcuts()
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
            self._ask_agreement()

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
        for timer in self._timers:
            timer.stop()
        for shortcut in self._shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self._shortcuts = []

    # Beginning and ending

    def begin(self) -> None:
        """Put the handle over the MRI, from the pose that is shown now."""
        if self._adjustment is not None or self._case is None or self._review is None or self._case.transform is None:
            return
        from ..scene.adjustment import Adjustment

        with slicer.util.tryWithErrorDisplay(_("The pose cannot be adjusted.")):
            self._has_torch = torch_is_installed()
            self._adjustment = Adjustment(self._case, self._review, self._on_moved, self._pairs_later.start)
            self._follow.start()
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
        self._stop_placing()
        if self._refining is not None and self._host.job_panel.pid == self._refining:
            self._host.job_panel.cancel()
        adjustment.remove(back)
        for timer in self._timers:
            timer.stop()
        self.update()

    def _stop_placing(self) -> None:
        if self.ui.placePairsButton.checked:
            self.ui.placePairsButton.checked = False
            self._host.suspend_keys(False)

    # The pose

    def _on_moved(self) -> None:
        """The pose changed, by whatever way: the sliders follow, and soon the score."""
        self.update()
        self._rest.start()
        if not self._follow.active:
            self._follow.start()

    def _slider_moved(self, number: int) -> None:
        if not self._showing and self._adjustment is not None:
            values = list(self._adjustment.values)
            values[number] = self._sliders[number].value
            self._adjustment.set_values(tuple(values))

    def step(self, number: int, by: float) -> None:
        """Move along or turn about one of the six by mm or degrees."""
        if self._adjustment is not None:
            values = list(self._adjustment.values)
            values[number] += by
            self._adjustment.set_values(tuple(values))

    def undo(self) -> None:
        """One step back."""
        if self._adjustment is not None:
            self._adjustment.undo()

    def redo(self) -> None:
        """Again what was undone."""
        if self._adjustment is not None:
            self._adjustment.redo()

    def _settle(self) -> None:
        if self._adjustment is not None:
            self._adjustment.settle()
            self.update()

    # The score and the heat map

    def _ask_agreement(self) -> None:
        if self._adjustment is not None:
            self._adjustment.ask_agreement()
            self._fetch.start()

    def _fetch_agreement(self) -> None:
        if self._adjustment is None or not self._adjustment.fetch_agreement():
            self._fetch.stop()
            self._show_text()

    # Landmark pairs

    def _place_toggled(self, on: bool) -> None:
        if self._adjustment is None or self._showing:
            return
        self._host.suspend_keys(on)
        if on:
            self._placed = sum(self._adjustment.pairs.counts)
            self._adjustment.pairs.start_placing()
        else:
            self._adjustment.pairs.stop_placing()
        self._show_pairs()

    def _after_pairs_changed(self) -> None:
        """A point was placed, or placing ended: Slicer has finished with it by now."""
        adjustment = self._adjustment
        if adjustment is None:
            return
        placed = sum(adjustment.pairs.counts)
        if self.ui.placePairsButton.checked and placed > self._placed:
            adjustment.pairs.start_placing()
        elif self.ui.placePairsButton.checked and not adjustment.pairs.placing:
            self.ui.placePairsButton.checked = False
        self._placed = placed
        self._show_pairs()

    def _fit(self) -> None:
        if self._adjustment is None:
            return
        self.ui.placePairsButton.checked = False
        try:
            self._adjustment.fit_to_pairs()
        except BadInput as error:
            self._host.say(str(error))
        self._show_pairs()

    def _change_pairs(self, what: str) -> None:
        if self._adjustment is not None:
            getattr(self._adjustment.pairs, what)()

    # LC2 from here

    def refine(self) -> None:
        """Have LC2 refine the present pose in a child process."""
        adjustment, job_panel = self._adjustment, self._host.job_panel
        if adjustment is None or job_panel.busy:
            return
        job_panel.run(
            _("Refining {case} from here").format(case=adjustment.case.name),
            prepare=adjustment.refinement_request,
            take_over=lambda result: self._refined(adjustment, result),
        )
        self._refining = job_panel.pid
        self.update()

    def _refined(self, adjustment: "Adjustment", result: Path) -> str:
        self._refining = None
        if adjustment is not self._adjustment:
            return _("Refined, but the adjustment has ended since. Nothing was changed.")
        moved_mm = adjustment.take_refinement(result)
        return _("LC2 moved the pose by {mm:.1f} mm. Look at it, then keep it or undo.").format(mm=moved_mm)

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
            self._show_values()
            self._show_pairs()

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
            self._reasons_not_to_refine(),
        )
        reason = self._why_not_keep(adjustment)
        enable_or_say_why(
            self.ui.keepPoseButton, _("Makes this pose the case's registration."), [reason] if reason else []
        )
        self.ui.discardPoseButton.toolTip = _("Goes back to the registration.")

    def _reasons_not_to_refine(self) -> list[str]:
        if self._host.job_panel.busy:
            return [_("A job is running: wait for it or cancel it.")]
        return [] if self._has_torch else [_("Install PyTorch first.")]

    def _why_not_keep(self, adjustment: "Adjustment") -> str:
        if not adjustment.is_changed:
            return _("The pose is the one that it began with.")
        if adjustment.case.folder is None:
            return _("Only a case of a study keeps its registration in files.")
        if not self._host.reviewer().strip():
            return _("Type your name first.")
        return self._host.why_not_writable()

    def _show_values(self) -> None:
        if self._adjustment is None:
            return
        self._showing = True
        for slider, value in zip(self._sliders, self._adjustment.values, strict=True):
            slider.value = value
        self._showing = False
        self._show_text()

    def _show_text(self) -> None:
        adjustment = self._adjustment
        if adjustment is None:
            return
        sentences = [_("Moved by {mm:.1f} mm in the mean.").format(mm=adjustment.moved_mm)]
        if adjustment.score is not None and not self._fetch.active and not self._follow.active:
            sentences.append(_("The MRI explains {now:.1f} % of the ultrasound").format(now=100 * adjustment.score))
            if adjustment.start_score is not None:
                sentences[-1] += _(", at the start {start:.1f} %").format(start=100 * adjustment.start_score)
            sentences[-1] += "."
        self.ui.adjustmentLabel.text = " ".join(sentences)

    def _show_pairs(self) -> None:
        adjustment = self._adjustment
        if adjustment is None:
            return
        errors = adjustment.pair_errors()
        show_pairs(self.ui.pairsTable, errors)
        fitted = bool(errors) and errors[0].fitted_mm is not None
        enable_or_say_why(
            self.ui.fitPairsButton,
            _("Moves the MRI so that the pairs lie on each other as well as they can."),
            [] if fitted else [_("Place three pairs or more that do not lie on one line.")],
        )
        has_points = sum(adjustment.pairs.counts) > 0
        for button in (self.ui.removePointButton, self.ui.clearPairsButton):
            enable_or_say_why(button, _("Takes points away."), [] if has_points else [_("There are none.")])
        self.ui.pairsLabel.text = self._pairs_sentence(adjustment)

    def _pairs_sentence(self, adjustment: "Adjustment") -> str:
        if not self.ui.placePairsButton.checked:
            return _("Click the same place on the ultrasound and on the MRI, three times or more.")
        if adjustment.pairs.next_image == "us":
            return _("Click a place on the ultrasound.")
        return _("Now click the same place on the MRI.")

    # Connections

    def _connect(self) -> None:
        ui = self.ui
        ui.adjustButton.connect("toggled(bool)", self._adjust_toggled)
        for number, slider in enumerate(self._sliders):
            slider.connect("valueChanged(double)", lambda value, number=number: self._slider_moved(number))
        for button, act in (
            (ui.undoPoseButton, self.undo),
            (ui.redoPoseButton, self.redo),
            (ui.refineButton, self.refine),
            (ui.keepPoseButton, self.keep),
            (ui.discardPoseButton, self.discard),
            (ui.fitPairsButton, self._fit),
            (ui.removePointButton, lambda: self._change_pairs("remove_last")),
            (ui.clearPairsButton, lambda: self._change_pairs("clear")),
        ):
            button.connect("clicked()", act)
        ui.placePairsButton.connect("toggled(bool)", self._place_toggled)

    def _adjust_toggled(self, on: bool) -> None:
        if self._showing:
            return
        if on:
            self.begin()
        elif not self.leave():
            self.update()

    def _make_shortcuts(self) -> list[Any]:
        shortcuts = [self._shortcut("Ctrl+Z", self.undo), self._shortcut("Ctrl+Y", self.redo)]
        for key, number, direction in KEYS:
            for modifier, size in (("", STEP), ("Shift+", SHIFT_STEP)):
                by = direction * size
                shortcuts.append(self._shortcut(modifier + key, lambda n=number, by=by: self.step(n, by)))
        return shortcuts

    def _shortcut(self, key: str, act: Callable[[], None]) -> Any:
        """A key that acts while this panel, and nothing else of the window, has the focus."""
        shortcut = qt.QShortcut(qt.QKeySequence(key), self.widget)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", act)
        return shortcut


def _timer(milliseconds: int, once: bool, act: Callable[[], None]) -> Any:
    timer = qt.QTimer()
    timer.setSingleShot(once)
    timer.setInterval(milliseconds)
    timer.connect("timeout()", act)
    return timer
