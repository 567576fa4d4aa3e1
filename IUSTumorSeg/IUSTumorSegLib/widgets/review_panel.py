"""The review section: a study's cases one after another, riskiest first, with a verdict by one key."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .case_loader import CaseLoader
from .heat_map import HeatMap
from .pose_controls import PoseControls
from .reason_panel import ReasonPanel
from .review_host import ReviewHost
from .review_keys import (
    CHOOSING_A_REASON,
    REVIEWING,
    ReviewKeys,
    key_tip,
    keys_as_html,
    text_has_focus,
    with_key,
)
from .review_texts import case_html, facts_html, progress_text, verdict_given
from .review_views import ReviewViews
from .study_panel import MODULE_FOLDER, StudyPanel
from .tool_tips import enable_or_say_why
from .view_controls import ViewControls, write_keys_on_buttons

if TYPE_CHECKING:
    from ..scene.review_settings import ReviewSettings
    from ..scene.study_cases import ReviewCase
    from ..study.case_images import CaseImages
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
        self._taking_views, self._study_is_open = taking_views, study_is_open
        self._case: ReviewCase | None = None
        self._left_case = ""
        self._entered = self._suspended = False
        self.study = StudyPanel(self._study_opened, self._study_closing, self.open_case, self._update)
        self.ui.studyPlace.layout().addWidget(self.study.widget)
        self.loader = CaseLoader(self._completed)
        self.views = ReviewViews(self._follow_views, self._step, self._touch)
        self.controls = ViewControls(self.ui, self._show, self.views.set_flicker_hz)
        self.heat_map = HeatMap()
        self.poses = PoseControls(self.ui, self._pose_changed)
        self.reasons = ReasonPanel(self.ui, self._update)
        self.keys = ReviewKeys(slicer.util.mainWindow() or self.widget, self._actions())
        self._panels = self._make_panels(job_panel)
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
        if self._case is not None:
            self._show_case(self._case)
        elif left and self.session is not None:
            self._load(left)
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

    def scene_closing(self) -> None:
        """The scene's nodes are about to go."""
        self._stop(ask=False)
        if self._case is not None:
            self._say(_("The scene was closed. Double-click a case to go on with the review."))
        self._case = None
        self._left_case = ""
        if self.session is not None and self.session.unsaved is None:
            self.session.current = ""
        self._update()

    def close(self) -> None:
        """End all of it: nothing stays in the scene, on the keyboard or in the background."""
        self._stop(ask=False)
        for panel in self._panels:
            panel.close()
        self._drop_case()
        self.keys.close()
        self.study.forget()

    # Cases

    def open_case(self, case: str) -> None:
        """Show a case of the study; the present one stays where something of it is not saved and the user says so."""
        if self.session is not None and case and self._may_leave():
            self._load(case)

    def _load(self, case: str) -> None:
        session = self.session
        assert session is not None
        session.begin(case)
        self.study.mark(case)
        self._say(_("Loading {case} ...").format(case=case))
        self.loader.load(session.states[case].folder, self._loaded)
        self._update()

    def _loaded(self, images: "CaseImages | None", sentence: str) -> None:
        self._drop_case()
        if images is not None:
            sentence = self._show_images(images)
        self._say(sentence)
        session = self.session
        if session is not None:
            session.stopwatch.start()
            self._read_ahead(session)
        self._update()

    def _show_images(self, images: "CaseImages") -> str:
        """Load and show a case; returns the sentence of why that could not be done."""
        from ..scene.study_cases import load_case

        before = _nodes()
        try:
            self._case = load_case(slicer.mrmlScene, images)
            self._show_case(self._case)
        except (BadInput, Failed, ValueError, RuntimeError) as error:
            self._drop_case()
            for node in _nodes() - before:
                slicer.mrmlScene.RemoveNode(node)
            return _("{case} cannot be shown: {error}").format(case=images.name, error=error)
        return ""

    def _show_case(self, case: "ReviewCase") -> None:
        self._taking_views()
        self.views.open(case)
        scene = self.views.scene
        assert scene is not None
        candidates = case.registration.candidates if case.registration is not None else ()
        self.controls.offer(list(case.mris), scene.available_overlays())
        self.poses.offer(scene, [candidate.score for candidate in candidates])
        self.heat_map.show_case(case, scene)
        self._follow_views()
        for panel in self._panels:
            panel.show_case(case, scene)

    def _completed(self, images: "CaseImages") -> None:
        """The overlays of the case on the screen were made after it was shown."""
        from ..scene.study_cases import with_overlays_of

        scene = self.views.scene
        if self._case is None or scene is None or self._case.folder != images.folder:
            return
        self._case = with_overlays_of(self._case, images)
        scene.take_overlays(self._case)
        self.controls.offer(list(self._case.mris), scene.available_overlays())
        self.heat_map.show_case(self._case, scene)
        self.heat_map.follow()
        self._follow_views()
        self._adjustment.complete_case(self._case)

    def _drop_case(self) -> None:
        """Take the case off the screen and its nodes out of the scene."""
        from ..scene.study_cases import unload_case

        for panel in self._panels:
            panel.show_nothing()
        self.heat_map.stop()
        self.poses.offer(None, [])
        self.views.clear()
        if self._case is not None:
            unload_case(self._case)
            self._case = None

    def _stop(self, ask: bool) -> None:
        """Take everything off the screen but leave the nodes."""
        for panel in self._panels:
            if ask:
                panel.leave(may_stay=False)
            panel.show_nothing()
        if self.session is not None and self.session.unsaved is not None:
            self._save_unsaved()
        self.loader.stop()
        self.reasons.cancel()
        self.heat_map.stop()
        self.poses.offer(None, [])
        self.views.close()

    def _may_leave(self) -> bool:
        """Whether nothing of the present case is left to be saved."""
        return self._save_unsaved() and self._panels_may_leave()

    def _panels_may_leave(self) -> bool:
        return all(panel.leave() for panel in self._panels)

    def _read_ahead(self, session: "ReviewSession") -> None:
        following = session.next_case(around=True)
        if following:
            self.loader.read_ahead(session.states[following].folder)

    # Verdicts

    def give(self, verdict: str) -> None:
        """Give a verdict on the case on the screen; flagging and rejecting ask for a reason first."""
        if self._why_not(verdict) or not self._panels_may_leave() or self.loader.busy:
            return  # what was kept on leaving the panels may have made a new registration, which is being shown
        if verdict == "accept":
            self._accept()
            return
        question = _("Why is it flagged? 1 to 6, Return to type, Escape to go back.")
        if verdict == "reject":
            question = _("Why is it rejected? 1 to 6, Return to type, Escape to go back.")
        self.reasons.ask(question, lambda reasons, comment: self._write(verdict, reasons, comment))

    def undo(self) -> None:
        """Take the last verdict back and show its case."""
        session = self.session
        if session is None or not session.can_undo():
            return
        try:
            case = session.undo()
        except (BadInput, Failed) as error:
            self._say(str(error))
            return
        self.study.refresh(case)
        if case != session.current:
            self.open_case(case)
        self._say(_("Your verdict on {case} is taken back.").format(case=case))
        self._update()

    def use_candidate(self) -> bool:
        """Make the candidate on the screen the registration; says whether that was done."""
        from ..registration.by_hand import choose_candidate

        session, case, number = self.session, self._case, self.poses.candidate
        if session is None or case is None or case.folder is None or not number:
            return False
        try:
            choose_candidate(case.folder, number, self._reviewer(), case.landmarks)
        except (BadInput, Failed, OSError) as error:
            self._say(str(error))
            return False
        session.refresh(session.current)
        self.study.refresh(session.current)
        return True

    def _accept(self) -> None:
        if self.poses.candidate and not self.use_candidate():
            return
        self._write("accept", (), "")

    def _write(self, verdict: str, reasons: tuple[str, ...], comment: str) -> None:
        session = self.session
        assert session is not None
        try:
            session.give(verdict, self._reviewer(), reasons, comment)
        except (BadInput, Failed) as error:
            self._say_not_saved(error)
            return
        self._after_verdict(verdict, session)

    def _after_verdict(self, verdict: str, session: "ReviewSession") -> None:
        given = verdict_given(verdict, session.current)
        self.study.refresh(session.current)
        following = session.next_case(around=session.wanted.show in ("unreviewed", "disagreeing"))
        if following:
            self.open_case(following)
        else:
            self._say(f"{given} {_('This was the last case.')}")
        self._update()

    def _save_unsaved(self) -> bool:
        session = self.session
        if session is None or session.unsaved is None:
            return True
        try:
            session.save_unsaved()
        except (BadInput, Failed) as error:
            self._say_not_saved(error)
            return False
        self.study.refresh(session.current)
        return True

    def _say_not_saved(self, error: Exception) -> None:
        kept = _("Your verdict is kept here: press N to try again, or U to drop it.")
        self._say(f"{error} {kept}")
        self._update()

    def _why_not(self, verdict: str) -> str:
        session = self.session
        if session is None:
            return _("Open a study and a case first.")
        if self.loader.busy:
            return _("The case is being loaded.")
        if verdict == "accept" and self.poses.is_initial:
            return _("This is the pose before registration: press B to see the registration.")
        return session.why_not(verdict, self._reviewer())

    def _reviewer(self) -> str:
        return self.ui.reviewerLineEdit.text.strip()

    # The host of the panels for adjustment and correction

    def _make_panels(self, job_panel: Any) -> list[Any]:
        from .adjustment_panel import AdjustmentPanel
        from .correction_panel import CorrectionPanel

        host = ReviewHost(
            reviewer=self._reviewer,
            why_not_writable=self._why_not_writable,
            registration_changed=self._registration_changed,
            label_changed=self._label_changed,
            say=self._say,
            suspend_keys=self._suspend_keys,
            settings=lambda: self.views.settings,
            show=self._show,
            job_panel=job_panel,
        )
        self._adjustment, correction = AdjustmentPanel(host), CorrectionPanel(host)
        self.ui.adjustmentPlace.layout().addWidget(self._adjustment.widget)
        self.ui.correctionPlace.layout().addWidget(correction.widget)
        return [self._adjustment, correction]

    def _why_not_writable(self) -> str:
        return self.session.read_only if self.session is not None else _("Open a study first.")

    def _registration_changed(self) -> None:
        if self.session is not None and self.session.current:
            self._load(self.session.current)

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
        for name, verdict, text in (
            ("acceptButton", "accept", _("Accept")),
            ("flagButton", "flag", _("Flag")),
            ("rejectButton", "reject", _("Reject")),
        ):
            getattr(ui, name).text = with_key(text, verdict)
            getattr(ui, name).connect("clicked()", lambda verdict=verdict: self.give(verdict))
        for name, action, text, do in (
            ("previousButton", "previous", _("Previous"), self._previous),
            ("nextButton", "next", _("Next"), self._next),
            ("undoButton", "undo", _("Undo"), self.undo),
            ("resetViewsButton", "reset", _("Reset views"), self._reset_views),
        ):
            getattr(ui, name).text = with_key(text, action)
            getattr(ui, name).toolTip = key_tip(action)
            getattr(ui, name).connect("clicked()", do)
        ui.useCandidateButton.connect("clicked()", self._use_candidate_clicked)
        write_keys_on_buttons(ui)
        ui.reviewerLineEdit.text = str(slicer.app.userSettings().value(REVIEWER_SETTING, ""))
        ui.reviewerLineEdit.connect("textChanged(QString)", self._reviewer_typed)
        ui.reviewerLineEdit.connect("returnPressed()", lambda: self.widget.setFocus())
        ui.reviewFlickerSlider.value = self.views.flicker_hz
        ui.keysLabel.text = keys_as_html()

    def _actions(self) -> dict[str, Callable[[], None]]:
        controls, poses = self.controls, self.poses
        overlays = (
            "mri_tumor",
            "propagated",
            "corrected",
            "us_label",
            "edges",
            "agreement",
            "displacement",
            "landmarks",
        )
        actions: dict[str, Callable[[], None]] = {
            **{verdict: lambda verdict=verdict: self.give(verdict) for verdict in ("accept", "flag", "reject")},
            **{f"digit {n}": lambda n=n: self._digit(n) for n in range(1, 10)},
            **{overlay: lambda overlay=overlay: controls.toggle_overlay(overlay) for overlay in overlays},
            **{
                mode: lambda mode=mode: controls.choose_mode(mode)
                for mode in ("blend", "flicker", "checkerboard", "curtain", "side by side")
            },
            "undo": self.undo,
            "next": self._next,
            "previous": self._previous,
            "hold": self.views.hold,
            "more": lambda: controls.step(1),
            "less": lambda: controls.step(-1),
            "before": poses.toggle_before,
            "candidate": poses.next_candidate,
            "axes": controls.toggle_axes,
            "preset": controls.next_preset,
            "reset": self._reset_views,
            "escape": self._escape,
            "type": self.reasons.type,
            "help": self._toggle_help,
        }
        return {name: self._touching(action) for name, action in actions.items()}

    def _touching(self, action: Callable[[], None]) -> Callable[[], None]:
        def act() -> None:
            self._touch()
            action()

        return act

    def _touch(self) -> None:
        if self.session is not None:
            self.session.stopwatch.touch()

    def _next(self) -> None:
        self._go(self.session.next_case() if self.session is not None else "", _("This is the last case."))

    def _previous(self) -> None:
        self._go(self.session.previous_case() if self.session is not None else "", _("This is the first case."))

    def _go(self, case: str, sentence_without: str) -> None:
        if case:
            self.open_case(case)
        elif self._save_unsaved():
            self._say(sentence_without)

    def _digit(self, number: int) -> None:
        if self.reasons.asking:
            self.reasons.choose(number)
        else:
            self.poses.show_candidate(number)

    def _escape(self) -> None:
        if self.reasons.asking:
            self.reasons.cancel()
        elif text_has_focus():
            self.widget.setFocus()
        elif self.poses.candidate:
            self.poses.show_result()

    def _toggle_help(self) -> None:
        self.ui.keysGroupBox.collapsed = not self.ui.keysGroupBox.collapsed

    def _reset_views(self) -> None:
        if self.views.scene is not None:
            self.views.scene.reset_views()

    def _use_candidate_clicked(self) -> None:
        if self._may_leave() and self.use_candidate():
            self._registration_changed()

    def _reviewer_typed(self) -> None:
        slicer.app.userSettings().setValue(REVIEWER_SETTING, self._reviewer())
        self._update()

    def _step(self, steps: int) -> None:
        self.controls.step(steps)

    def _show(self, settings: "ReviewSettings") -> None:
        self.views.show(settings)
        self.heat_map.follow()
        self._follow_views()

    def _pose_changed(self) -> None:
        self.heat_map.follow()
        self._update()

    def _follow_views(self) -> None:
        legend = self.views.scene.legend() if self.views.scene is not None else []
        self.controls.follow(self.views.settings, legend)

    # The study

    def _study_opened(self, session: "ReviewSession") -> None:
        self._study_is_open(True)
        self._say(_("Press N for the riskiest case, or double-click one."))
        self._update()

    def _study_closing(self) -> bool:
        if not self._may_leave():
            return False
        self._stop(ask=False)
        self._drop_case()
        self._study_is_open(False)
        self._say("")
        return True

    # What is shown

    def _say(self, sentence: str) -> None:
        self.ui.reviewMessageLabel.text = sentence
        self.ui.reviewMessageLabel.visible = bool(sentence)

    def _update(self) -> None:
        session = self.session
        self.ui.reviewWidget.visible = session is not None
        if session is not None:
            state = session.states.get(session.current)
            self.ui.caseLabel.text = case_html(state) if state is not None else _("No case is shown yet.")
            self.ui.progressLabel.text = progress_text(session.progress(self._reviewer()))
            self.ui.factsLabel.text = self._facts(session)
            self._update_buttons(session)
        self._update_keys()

    def _update_buttons(self, session: "ReviewSession") -> None:
        for name, verdict in (("acceptButton", "accept"), ("flagButton", "flag"), ("rejectButton", "reject")):
            why_not = self._why_not(verdict)
            enable_or_say_why(getattr(self.ui, name), key_tip(verdict), [why_not] if why_not else [])
        nothing_given = [] if session.can_undo() else [_("You have given no verdict since you opened the study.")]
        enable_or_say_why(self.ui.undoButton, key_tip("undo"), nothing_given)
        first = [] if session.previous_case() else [_("This is the first case.")]
        last = [] if session.next_case() or session.unsaved else [_("This is the last case.")]
        enable_or_say_why(self.ui.previousButton, key_tip("previous"), first)
        enable_or_say_why(self.ui.nextButton, key_tip("next"), last)
        self.ui.viewsGroupBox.enabled = self.views.is_open and self._case is not None
        self.poses.follow(self._why_not("flag"))

    def _update_keys(self) -> None:
        if not self._entered or self._suspended or self.session is None:
            self.keys.enable()
        else:
            self.keys.enable(CHOOSING_A_REASON if self.reasons.asking else REVIEWING)

    def _facts(self, session: "ReviewSession") -> str:
        from ..registration.review_facts import review_facts

        case = self._case
        if case is None or self.loader.busy:
            return ""
        state = session.states.get(session.current)
        method = state.method if state is not None else ""
        scores = [s.score for s in session.states.values() if s.score is not None and s.method == method]
        return facts_html(review_facts(case.registration, scores, case.landmarks))


def _nodes() -> set[Any]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes())}
