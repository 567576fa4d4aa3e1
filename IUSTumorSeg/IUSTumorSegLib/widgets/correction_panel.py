"""Label correction: the tumour on the ultrasound in Slicer's Segment Editor, saved with a record of where it came from."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .embedded_editor import EmbeddedEditor
from .job_panel import MODULE_FOLDER
from .review_host import ReviewHost
from .tool_tips import enable_or_say_why
from .unsaved import SAVE, STAY, ask_about_unsaved

if TYPE_CHECKING:
    from ..scene.correction import LabelCorrection
    from ..scene.study_cases import ReviewCase
    from ..study.review_pace import Stopwatch

LABEL_OVERLAYS = frozenset({"propagated", "corrected"})


class CorrectionPanel:
    """Corrects the label of the case on the screen; the case's files change only when it is saved.

    `ask` is asked what to do with a correction that is not saved.
    """

    def __init__(self, host: ReviewHost, ask: Callable[[str, bool], str] = ask_about_unsaved) -> None:
        self.widget = slicer.util.loadUI(str(MODULE_FOLDER / "Resources" / "UI" / "CorrectionPanel.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._host, self._ask = host, ask
        self._case: ReviewCase | None = None
        self._correction: LabelCorrection | None = None
        self._stopwatch: Stopwatch | None = None
        self._editor = EmbeddedEditor(self.ui.segmentEditorPlace)
        self._made: list[Any] = []
        self._overlays_before: frozenset[str] = frozenset()
        self._unsaved = self._showing = False
        self.ui.correctButton.connect("toggled(bool)", self._correct_toggled)
        self.ui.compareLabelsBox.connect("toggled(bool)", self._compare_toggled)
        self.ui.saveLabelButton.connect("clicked()", self.save)
        self.ui.discardLabelButton.connect("clicked()", self.discard)
        self.show_nothing()

    # Hooks of the review

    @property
    def correcting(self) -> bool:
        """Whether a label is open."""
        return self._correction is not None

    def show_case(self, case: "ReviewCase", review: Any) -> None:
        """A case is on the screen."""
        if case is not self._case:
            self._forget_case()
        self._case = case
        self.update()

    def complete_case(self, case: "ReviewCase") -> None:
        """The case's overlays were made after it was shown; its label and a correction go on as they are."""
        self._case = case

    def show_nothing(self) -> None:
        """No case is on the screen: let go of everything, without a question. What is not saved stays in the scene."""
        self._forget_case()
        self.update()

    def leave(self, may_stay: bool = True) -> bool:
        """Before the case is left: ask about a correction that is not saved. False where the user wants to stay."""
        correction = self._correction
        if correction is None or not (self._unsaved and correction.is_changed()):
            self._end()
            return True
        answer = self._ask(_("The corrected label of {case} is not saved.").format(case=correction.case.name), may_stay)
        if answer == STAY:
            return False
        if answer == SAVE and not self.save():
            if may_stay:
                return False
            self._leave_in_scene(correction)
        self._end()
        return True

    def close(self) -> None:
        """End the editor and take its nodes away."""
        self.show_nothing()
        self._editor.close()

    # Beginning and ending

    def begin(self) -> None:
        """Open the label in the Segment Editor."""
        if self._correction is not None or self._case is None or self._reasons_not_to_begin():
            return
        from ..scene.correction import LabelCorrection
        from ..study.review_pace import Stopwatch

        with slicer.util.tryWithErrorDisplay(_("The label cannot be corrected.")):
            self._correction = LabelCorrection(self._case, self._on_drawn)
            self._editor.open(self._correction.node, self._correction.us)
            self._stopwatch = Stopwatch()
            self._unsaved = False
            self._host.suspend_keys(True)
            settings = self._host.settings()
            self._overlays_before = settings.overlays
            self._host.show(replace(settings, overlays=settings.overlays - LABEL_OVERLAYS))
        self.update()

    def save(self) -> bool:
        """Write the label and its record into the case's folder; says whether that was done."""
        correction = self._correction
        if correction is None:
            return False
        if reason := self._why_not_save(correction):
            self._host.say(reason)
            return False
        try:
            sentence = self._save(correction)
        except (BadInput, Failed) as error:
            self._host.say(str(error))
            return False
        self._unsaved = False
        self.update()
        self._host.label_changed()
        self._host.say(sentence)
        return True

    def discard(self) -> None:
        """Drop what is not saved."""
        self._end()

    def _save(self, correction: "LabelCorrection") -> str:
        assert self._stopwatch is not None
        self._stopwatch.touch()
        saved, made = correction.save(self._host.reviewer(), self._stopwatch.seconds())
        self._made += [made] if made is not None else []
        self._stopwatch.start()
        return _(
            "Saved the corrected label: {before:.1f} to {after:.1f} ml, Dice {dice:.2f} with what it came from."
        ).format(before=saved.volume_before_ml, after=saved.volume_after_ml, dice=saved.dice)

    def _end(self) -> None:
        correction, self._correction = self._correction, None
        if correction is None:
            return
        self._editor.release()
        correction.close()
        self._showing = True
        self.ui.compareLabelsBox.checked = False
        self._showing = False
        self._host.suspend_keys(False)
        settings = self._host.settings()
        labels = self._overlays_before & LABEL_OVERLAYS
        self._host.show(replace(settings, overlays=(settings.overlays - LABEL_OVERLAYS) | labels))
        self.update()

    def _leave_in_scene(self, correction: "LabelCorrection") -> None:
        """Nothing that was drawn is lost when the disk fails and the user cannot stay."""
        self._editor.release()
        name = correction.leave_in_scene()
        self._host.say(_("The corrected label is not saved. It stays in the scene as '{name}'.").format(name=name))

    def _forget_case(self) -> None:
        from ..scene.correction import remove_segmentation

        correction = self._correction
        if correction is not None and self._unsaved and correction.is_changed():
            self._leave_in_scene(correction)
        self._end()
        for node in self._made:
            remove_segmentation(node)
        self._made = []
        self._case = None

    # What happens

    def _on_drawn(self) -> None:
        if self._stopwatch is not None:
            self._stopwatch.touch()
        if not self._unsaved:
            self._unsaved = True
            self.update()

    def _correct_toggled(self, on: bool) -> None:
        if self._showing:
            return
        if on:
            self.begin()
        elif not self.leave():
            self.update()

    def _compare_toggled(self, on: bool) -> None:
        """The propagated label beside the one that is drawn, which is always shown."""
        if self._showing or self._correction is None:
            return
        settings = self._host.settings()
        wanted = frozenset({"propagated"}) if on else frozenset()
        self._host.show(replace(settings, overlays=(settings.overlays - LABEL_OVERLAYS) | wanted))

    # What is shown

    def update(self) -> None:
        """Bring the buttons and sentences in line with what there is."""
        correction = self._correction
        self._showing = True
        self.ui.correctButton.checked = correction is not None
        self._showing = False
        enable_or_say_why(
            self.ui.correctButton,
            _("Opens the tumour's label on the ultrasound in the Segment Editor. Press again to end."),
            self._reasons_not_to_begin(),
        )
        self.ui.correctionControls.visible = correction is not None
        self.ui.correctionLabel.text = self._sentence()
        if correction is not None:
            self._show_buttons(correction)

    def _show_buttons(self, correction: "LabelCorrection") -> None:
        reason = self._why_not_save(correction)
        reason = reason or ("" if self._unsaved else _("Nothing was drawn yet."))
        enable_or_say_why(
            self.ui.saveLabelButton,
            _("Writes the corrected label, which exports take before the propagated one, and who made it of what."),
            [reason] if reason else [],
        )
        has_propagated = "propagated" in correction.case.labels
        enable_or_say_why(
            self.ui.compareLabelsBox,
            _("Shows the label that was carried over from the MRI beside the corrected one."),
            [] if has_propagated else [_("There is no propagated label.")],
        )

    def _reasons_not_to_begin(self) -> list[str]:
        if self._case is None:
            return [_("Open a case first.")]
        from ..scene.correction import reason_not_to_correct

        reason = reason_not_to_correct(self._case)
        return [reason] if reason else []

    def _why_not_save(self, correction: "LabelCorrection") -> str:
        if not correction.is_there:
            return _("The label is no longer in the scene.")
        if correction.case.folder is None:
            return _("Only a case of a study keeps its label in files.")
        if not self._host.reviewer().strip():
            return _("Type your name first.")
        return self._host.why_not_writable()

    def _sentence(self) -> str:
        """Who corrected the label that there is, and what is open now."""
        if self._case is None or self._case.folder is None:
            return ""
        from ..scene.correction import note_on_case

        note = note_on_case(self._case)
        if self._correction is None:
            return note
        state = _("Not saved.") if self._unsaved else _("Open for correction.")
        return " ".join(filter(None, [state, note]))
