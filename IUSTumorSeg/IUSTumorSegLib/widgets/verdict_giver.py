"""Verdicts on the case on the screen: given, with a reason where one is asked for, and taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .case_loader import CaseLoader
from .case_on_screen import CaseOnScreen
from .reason_panel import ReasonPanel
from .study_panel import StudyPanel

if TYPE_CHECKING:
    from ..study.review_session import ReviewSession


class VerdictGiver:
    """Writes the verdicts of `reviewer()`. `given(verdict)` is called when one is on disk, `taken_back(case)` when one
    was withdrawn, `chosen(case_folder)` when a candidate became the registration, and `failed(sentence)` with what went
    wrong.
    """

    def __init__(
        self,
        study: StudyPanel,
        screen: CaseOnScreen,
        loader: CaseLoader,
        reasons: ReasonPanel,
        *,
        reviewer: Callable[[], str],
        given: Callable[[str], None],
        taken_back: Callable[[str], None],
        chosen: Callable[[Path], None],
        failed: Callable[[str], None],
    ) -> None:
        self._study, self._screen, self._loader, self._reasons = study, screen, loader, reasons
        self._reviewer, self._chosen, self._failed = reviewer, chosen, failed
        self._given, self._taken_back = given, taken_back

    @property
    def session(self) -> "ReviewSession | None":
        """The review of the open study."""
        return self._study.session

    def give(self, verdict: str) -> None:
        """Give a verdict on the case on the screen; flagging and rejecting ask for a reason first."""
        if self.why_not(verdict) or not self._screen.panels_may_leave() or self._loader.busy:
            return  # what was kept on leaving the panels may have made a new registration, which is being shown
        if verdict == "accept":
            self._accept()
            return
        question = _("Why is it flagged? 1 to 6, Return to type, Escape to go back.")
        if verdict == "reject":
            question = _("Why is it rejected? 1 to 6, Return to type, Escape to go back.")
        self._reasons.ask(question, lambda reasons, comment: self._write(verdict, reasons, comment))

    def why_not(self, verdict: str) -> str:
        """Why a verdict cannot be given now, or nothing."""
        session = self.session
        if session is None:
            return _("Open a study and a case first.")
        if self._loader.busy:
            return _("The case is being loaded.")
        if verdict == "accept" and self._screen.poses.is_initial:
            return _("This is the pose before registration: press B to see the registration.")
        return session.why_not(verdict, self._reviewer())

    def undo(self) -> None:
        """Take the last verdict back."""
        session = self.session
        if session is None or not session.can_undo():
            return
        try:
            case = session.undo()
        except (BadInput, Failed) as error:
            self._failed(str(error))
            return
        self._study.refresh(case)
        self._taken_back(case)

    def use_candidate(self) -> None:
        """Make the candidate on the screen the registration."""
        if self.may_leave():
            self._choose_candidate()

    def may_leave(self) -> bool:
        """Whether nothing of the present case is left to be saved."""
        return self.save_unsaved() and self._screen.panels_may_leave()

    def save_unsaved(self) -> bool:
        """Write the verdict that could not be written before; False where it still cannot."""
        session = self.session
        if session is None or session.unsaved is None:
            return True
        try:
            session.save_unsaved()
        except (BadInput, Failed) as error:
            self._say_not_saved(error)
            return False
        self._study.refresh(session.current)
        return True

    def _accept(self) -> None:
        if self._screen.poses.candidate and not self._choose_candidate():
            return
        self._write("accept", (), "")

    def _choose_candidate(self) -> bool:
        """Make the candidate on the screen the registration, and have its label follow; says whether that was done."""
        from ..registration.by_hand import choose_candidate

        session, case, number = self.session, self._screen.case, self._screen.poses.candidate
        if session is None or case is None or case.folder is None or not number:
            return False
        try:
            choose_candidate(case.folder, number, self._reviewer(), case.landmarks)
        except (BadInput, Failed, OSError) as error:
            self._failed(str(error))
            return False
        session.refresh(session.current)
        self._study.refresh(session.current)
        self._chosen(case.folder)
        return True

    def _write(self, verdict: str, reasons: tuple[str, ...], comment: str) -> None:
        session = self.session
        assert session is not None
        try:
            session.give(verdict, self._reviewer(), reasons, comment)
        except (BadInput, Failed) as error:
            self._say_not_saved(error)
            return
        self._study.refresh(session.current)
        self._given(verdict)

    def _say_not_saved(self, error: Exception) -> None:
        kept = _("Your verdict is kept here: press N to try again, or U to drop it.")
        self._failed(f"{error} {kept}")
