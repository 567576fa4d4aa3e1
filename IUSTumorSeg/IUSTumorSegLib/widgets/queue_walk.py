"""From case to case of a study: opened by name, next and previous, and on to the next one after a verdict."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from .case_loader import CaseLoader
from .case_on_screen import CaseOnScreen
from .review_texts import verdict_given
from .study_panel import StudyPanel
from .verdict_giver import VerdictGiver

if TYPE_CHECKING:
    from ..study.case_images import CaseImages
    from ..study.review_session import ReviewSession


class QueueWalk:
    """Has `loader` read the case that is wanted and `screen` show it. `say(sentence)` gets what is to be told.

    `shown(case_folder)` is called when a case is on the screen, `changed()` then and when one begins to be read.
    """

    def __init__(
        self,
        study: StudyPanel,
        loader: CaseLoader,
        screen: CaseOnScreen,
        verdicts: VerdictGiver,
        say: Callable[[str], None],
        shown: Callable[[Path], None],
        changed: Callable[[], None],
    ) -> None:
        self._study, self._loader, self._screen, self._verdicts = study, loader, screen, verdicts
        self._say, self._shown, self._changed = say, shown, changed

    @property
    def session(self) -> "ReviewSession | None":
        """The review of the open study."""
        return self._study.session

    def open(self, case: str) -> None:
        """Show a case of the study; the present one stays where something of it is not saved and the user says so."""
        if self.session is not None and case and self._verdicts.may_leave():
            self.load(case)

    def load(self, case: str) -> None:
        """Show a case of the study, whatever is on the screen."""
        session = self.session
        assert session is not None
        session.begin(case)
        self._study.refresh(case)
        self._study.mark(case)
        self._say(_("Loading {case} ...").format(case=case))
        self._loader.load(session.states[case].folder, self._loaded)
        self._changed()

    def reload(self) -> None:
        """Show the present case as its files are now."""
        if self.session is not None and self.session.current:
            self.load(self.session.current)

    def next(self) -> None:
        """The case after the present one."""
        self._go(self.session.next_case() if self.session is not None else "", _("This is the last case."))

    def previous(self) -> None:
        """The case before the present one."""
        self._go(self.session.previous_case() if self.session is not None else "", _("This is the first case."))

    def after_verdict(self, verdict: str) -> None:
        """A verdict on the present case is on disk: on to the next one."""
        session = self.session
        assert session is not None
        given = verdict_given(verdict, session.current)
        following = session.next_case(around=session.wanted.show in ("unreviewed", "disagreeing"))
        if following:
            self.open(following)
        else:
            self._say(f"{given} {_('This was the last case.')}")
        self._changed()

    def after_undo(self, case: str) -> None:
        """The verdict on `case` was taken back: back to it."""
        if self.session is not None and case != self.session.current:
            self.open(case)
        self._say(_("Your verdict on {case} is taken back.").format(case=case))
        self._changed()

    def read_ahead(self) -> None:
        """Have the case that will be wanted next read in the background; the first one where none is shown yet."""
        session = self.session
        following = session.next_case(around=True) if session is not None else ""
        if session is not None and following:
            self._loader.read_ahead(session.states[following].folder)

    def _go(self, case: str, sentence_without: str) -> None:
        if case:
            self.open(case)
        elif self._verdicts.save_unsaved():
            self._say(sentence_without)

    def _loaded(self, images: "CaseImages | None", sentence: str) -> None:
        self._screen.drop()
        if images is not None:
            sentence = self._screen.show_images(images)
        self._say(sentence)
        session = self.session
        if session is not None:
            session.stopwatch.start()
            self.read_ahead()
        if self._screen.case is not None and self._screen.case.folder is not None:
            self._shown(self._screen.case.folder)
        self._changed()
