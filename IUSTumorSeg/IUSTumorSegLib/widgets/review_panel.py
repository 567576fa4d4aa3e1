"""The review section: a study's cases one after another, riskiest first, with a verdict by one key."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from .case_loader import CaseLoader
from .case_on_screen import CaseOnScreen
from .label_carrier import LabelCarrier
from .queue_walk import QueueWalk
from .reason_panel import ReasonPanel
from .review_actions import ReviewActions
from .review_host import ReviewHost
from .review_keys import CHOOSING_A_REASON, REVIEWING, ReviewKeys, keys_as_html
from .review_status import ReviewStatus
from .source_check import SourceCheck
from .study_panel import MODULE_FOLDER, StudyPanel
from .verdict_giver import VerdictGiver
from .view_controls import write_keys_on_buttons

if TYPE_CHECKING:
    from ..study.review_session import ReviewSession

REVIEWER_SETTING = "IUSTumorSeg/Reviewer"


class ReviewPanel:
    """From construction to `close`; its keys and views are there from `enter` to `exit`.

    `taking_views` is called before our layout is shown, so that whoever else shows something in it can stop;
    `study_is_open(bool)` when a study was opened or closed.
    """

    def __init__(self, job_panel: Any, taking_views: Callable[[], None], study_is_open: Callable[[bool], None]) -> None:
        self.widget = slicer.util.loadUI(str(MODULE_FOLDER / "Resources" / "UI" / "ReviewPanel.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._study_is_open = study_is_open
        self._left_case = ""
        self._entered = self._suspended = False
        self.study = StudyPanel(self._study_opened, self._study_closing, self._asked_for, self._filtered)
        self.ui.studyPlace.layout().addWidget(self.study.widget)
        self.screen = CaseOnScreen(self.ui, taking_views, self._touch, self._update)
        self.views = self.screen.views
        self.loader = CaseLoader(self.screen.complete)
        self.labels = LabelCarrier(self._carried, lambda: not self.loader.busy)
        self.reasons = ReasonPanel(self.ui, self._update)
        self._verdicts = VerdictGiver(
            self.study, self.screen, self.loader, self.reasons,
            reviewer=self._reviewer, given=self._given, taken_back=self._taken_back, chosen=self.labels.carry,
            failed=self._failed,
        )  # fmt: skip
        self._sources = SourceCheck(self._update)
        self._walk = QueueWalk(
            self.study, self.loader, self.screen, self._verdicts, self._say, self._sources.check, self._update
        )
        self._status = ReviewStatus(self.ui, self.study, self.screen, self.loader, self._verdicts, self._sources)
        self._actions = ReviewActions(self.widget, self.ui, self._walk, self._verdicts, self.screen, self.reasons)
        self.keys = ReviewKeys(slicer.util.mainWindow() or self.widget, self._actions.by_name(self._touch))
        self._make_panels(job_panel)
        self._connect()
        self._say("")
        self._update()

    @property
    def session(self) -> "ReviewSession | None":
        """The review of the open study."""
        return self.study.session

    # Life cycle

    def enter(self) -> None:
        """The module comes on the screen: the case that was left is shown again."""
        self._entered = True
        left, self._left_case = self._left_case, ""
        if self.screen.case is not None:
            self.screen.show(self.screen.case)
        elif left and self.session is not None:
            self._walk.load(left)
        self._update()

    def exit(self) -> None:
        """The module leaves the screen: the user's layout comes back, the case's nodes stay."""
        self._entered = False
        if self.loader.busy and self.session is not None:
            self._left_case = self.session.current
        self._stop(ask=True)
        self._update()

    def release_views(self) -> None:
        """Somebody else wants the views: the case's nodes stay."""
        self._stop(ask=True)
        self._update()

    def scene_changed(self, reasons_to_wait: list[str]) -> None:
        """Something was registered in the scene, or another scene came; or the scene is in use for these reasons."""
        self.study.scene_study.follow(reasons_to_wait)

    def scene_closing(self) -> None:
        """The scene's nodes are about to go."""
        self.study.scene_study.scene_closing()
        self._stop(ask=False)
        if self.screen.case is not None:
            self._say(_("The scene was closed. Double-click a case to go on with the review."))
        self.screen.case = None
        self._left_case = ""
        if self.session is not None and self.session.unsaved is None:
            self.session.current = ""
        self._update()

    def close(self) -> None:
        """End all of it: nothing stays in the scene, on the keyboard or in the background."""
        self._stop(ask=False)
        for panel in self.screen.panels:
            panel.close()
        self.screen.drop()
        self.labels.stop()
        self.keys.close()
        self.study.forget()

    def _stop(self, ask: bool) -> None:
        """Take everything off the screen but leave the nodes."""
        self.screen.release_panels(ask)
        self._verdicts.save_unsaved()
        self.loader.stop()
        self._sources.stop()
        self.reasons.cancel()
        self.screen.close_views()

    # The study and its queue

    def _study_opened(self, session: "ReviewSession") -> None:
        self._study_is_open(True)
        self._say(_("Press N for the riskiest case, or double-click one."))
        self._update()

    def _study_closing(self) -> bool:
        if not self._verdicts.may_leave():
            return False
        self._stop(ask=False)
        self.screen.drop()
        self._study_is_open(False)
        self._say("")
        return True

    def _asked_for(self, case: str) -> None:
        self._walk.open(case)

    def _filtered(self) -> None:
        """Other cases are asked for, or the study was just read: the next one is another."""
        self._walk.read_ahead()
        self._update()

    def _given(self, verdict: str) -> None:
        self._walk.after_verdict(verdict)

    def _taken_back(self, case: str) -> None:
        self._walk.after_undo(case)

    def _carried(self, folder: Path, sentence: str) -> None:
        """The label of a case follows its pose now, or could not, and the sentence says why."""
        session = self.session
        if session is None or folder.name not in session.states or session.states[folder.name].folder != folder:
            return
        session.refresh(folder.name)
        self.study.refresh(folder.name)
        if folder.name == session.current and self.screen.case is not None:
            self._show_anew(folder.name)
        if sentence:
            self._say(sentence)
        self._update()

    def _show_anew(self, case: str) -> None:
        if self.views.is_open:
            self._walk.open(case)
        else:  # somebody else has the views: it is read again on coming back
            self.screen.drop()
            self._left_case = case

    def _failed(self, sentence: str) -> None:
        self._say(sentence)
        self._update()

    # The panels for adjustment and correction

    def _make_panels(self, job_panel: Any) -> None:
        from .adjustment_panel import AdjustmentPanel
        from .correction_panel import CorrectionPanel

        host = ReviewHost(
            reviewer=self._reviewer,
            why_not_writable=self._why_not_writable,
            registration_changed=self._walk.reload,
            label_changed=self._label_changed,
            say=self._say,
            suspend_keys=self._suspend_keys,
            settings=lambda: self.views.settings,
            show=self.screen.change,
            job_panel=job_panel,
        )
        adjustment, correction = AdjustmentPanel(host), CorrectionPanel(host)
        self.ui.adjustmentPlace.layout().addWidget(adjustment.widget)
        self.ui.correctionPlace.layout().addWidget(correction.widget)
        self.screen.panels = (adjustment, correction)

    def _why_not_writable(self) -> str:
        return self.session.read_only if self.session is not None else _("Open a study first.")

    def _label_changed(self) -> None:
        if self.session is not None and self.session.current:
            self.session.refresh(self.session.current)
            self.study.refresh(self.session.current)
            self._update()

    def _suspend_keys(self, on: bool) -> None:
        self._suspended = on
        self._update_keys()

    # Controls

    def _connect(self) -> None:
        ui = self.ui
        self._actions.connect_buttons()
        write_keys_on_buttons(ui)
        ui.reviewerLineEdit.text = str(slicer.app.userSettings().value(REVIEWER_SETTING, ""))
        ui.reviewerLineEdit.connect("textChanged(QString)", self._reviewer_typed)
        ui.reviewerLineEdit.connect("returnPressed()", lambda: self.widget.setFocus())
        ui.reviewFlickerSlider.value = self.views.flicker_hz
        ui.keysLabel.text = keys_as_html()

    def _reviewer(self) -> str:
        return self.ui.reviewerLineEdit.text.strip()

    def _reviewer_typed(self) -> None:
        slicer.app.userSettings().setValue(REVIEWER_SETTING, self._reviewer())
        self._update()

    def _touch(self) -> None:
        if self.session is not None:
            self.session.stopwatch.touch()

    # What is shown

    def _say(self, sentence: str) -> None:
        self._status.say(sentence)

    def _update(self) -> None:
        self._status.update(self._reviewer())
        self._update_keys()

    def _update_keys(self) -> None:
        if not self._entered or self._suspended or self.session is None:
            self.keys.enable()
        else:
            self.keys.enable(CHOOSING_A_REASON if self.reasons.asking else REVIEWING)
