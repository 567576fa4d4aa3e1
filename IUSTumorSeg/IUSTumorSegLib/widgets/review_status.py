"""How the review stands, as the panel says it: the case, its facts, the progress, and which buttons can be pressed."""

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .case_loader import CaseLoader
from .case_on_screen import CaseOnScreen
from .review_actions import VERDICT_BUTTONS
from .review_keys import key_tip
from .review_texts import case_html, facts_html, progress_text
from .source_check import SourceCheck
from .study_panel import StudyPanel
from .tool_tips import enable_or_say_why
from .verdict_giver import VerdictGiver

if TYPE_CHECKING:
    from ..study.review_session import ReviewSession


class ReviewStatus:
    """Brings the labels and buttons of `ui` in line with the review, whenever `update` is called."""

    def __init__(
        self,
        ui: Any,
        study: StudyPanel,
        screen: CaseOnScreen,
        loader: CaseLoader,
        verdicts: VerdictGiver,
        sources: SourceCheck,
    ) -> None:
        self._ui, self._study, self._screen, self._loader, self._verdicts = ui, study, screen, loader, verdicts
        self._sources = sources

    def say(self, sentence: str) -> None:
        """Show a sentence below the buttons; none for ""."""
        self._ui.reviewMessageLabel.text = sentence
        self._ui.reviewMessageLabel.visible = bool(sentence)

    def update(self, reviewer: str) -> None:
        """Show how the review of `reviewer` stands."""
        session = self._study.session
        self._ui.reviewWidget.visible = session is not None
        if session is None:
            return
        state = session.states.get(session.current)
        self._ui.caseLabel.text = case_html(state) if state is not None else _("No case is shown yet.")
        self._ui.progressLabel.text = progress_text(session.progress(reviewer))
        self._ui.factsLabel.text = self._facts(session)
        self._update_verdict_buttons()
        self._update_queue_buttons(session)
        self._ui.viewsGroupBox.enabled = self._screen.views.is_open and self._screen.case is not None
        self._screen.poses.follow(self._verdicts.why_not("flag"))

    def _update_verdict_buttons(self) -> None:
        for verdict, name in VERDICT_BUTTONS.items():
            why_not = self._verdicts.why_not(verdict)
            enable_or_say_why(getattr(self._ui, name), key_tip(verdict), [why_not] if why_not else [])

    def _update_queue_buttons(self, session: "ReviewSession") -> None:
        nothing_given = [] if session.can_undo() else [_("You have given no verdict since you opened the study.")]
        enable_or_say_why(self._ui.undoButton, key_tip("undo"), nothing_given)
        first = [] if session.previous_case() else [_("This is the first case.")]
        last = [] if session.next_case() or session.unsaved else [_("This is the last case.")]
        enable_or_say_why(self._ui.previousButton, key_tip("previous"), first)
        enable_or_say_why(self._ui.nextButton, key_tip("next"), last)

    def _facts(self, session: "ReviewSession") -> str:
        from ..registration.review_facts import Fact, review_facts

        case = self._screen.case
        if case is None or self._loader.busy:
            return ""
        state = session.states[session.current]
        scores = [s.score for s in session.states.values() if s.score is not None and s.method == state.method]
        return facts_html(
            [Fact("Files", note) for note in self._sources.notes_on(state.folder)]
            + review_facts(case.registration, scores, case.landmarks)
            + ([Fact("Corrected label", state.correction_note)] if state.correction_note else [])
        )
