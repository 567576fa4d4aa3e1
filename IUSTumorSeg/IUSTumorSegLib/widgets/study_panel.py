"""Open a study's folder: its cases as a table, and which of them are asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import BadInput
from .scene_study import SceneStudy
from .study_table import StudyTable, state_texts
from .tool_tips import enable_or_say_why

if TYPE_CHECKING:
    from ..study.case_state import CaseState
    from ..study.review_queue import QueueFilter
    from ..study.review_session import ReviewSession

MODULE_FOLDER = Path(__file__).resolve().parents[2]
FOLDER_SETTING = "IUSTumorSeg/StudyFolder"
# Reading goes on between the window's own events, for so long at a time.
STEP_S = 0.03


class StudyPanel:
    """The study's folder and table. `opened(session)`, `asked_for(case)` and `filtered()` are called.

    `closing()` says whether the study may be closed.
    """

    def __init__(
        self,
        opened: "Callable[[ReviewSession], None]",
        closing: Callable[[], bool],
        asked_for: Callable[[str], None],
        filtered: Callable[[], None],
    ) -> None:
        self.widget = slicer.util.loadUI(str(MODULE_FOLDER / "Resources" / "UI" / "StudyPanel.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.session: ReviewSession | None = None
        self._opened, self._closing, self._asked_for, self._filtered = opened, closing, asked_for, filtered
        self._table = StudyTable(self.ui.studyTable)
        self._reading: Iterator[tuple[int, int]] | None = None
        self._left_out: list[str] = []
        self._timer = qt.QTimer()
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._read_on)
        self.scene_study = SceneStudy(
            self.ui.sceneCasesButton,
            begun=self._writing,
            written=self._show_progress,
            ended=self._written,
            stopped=self._not_written,
        )
        self._fill_combo_boxes()
        self._connect()
        self.show_nothing("")

    def _connect(self) -> None:
        ui = self.ui
        ui.studyPathLineEdit.currentPath = str(slicer.app.userSettings().value(FOLDER_SETTING, ""))
        ui.studyPathLineEdit.connect("currentPathChanged(QString)", self._update_buttons)
        ui.openStudyButton.connect("clicked()", self.open)
        ui.closeStudyButton.connect("clicked()", self._close_clicked)
        ui.studyTable.connect("cellDoubleClicked(int,int)", self._double_clicked)
        ui.reviewStateComboBox.connect("currentIndexChanged(int)", self._choose_filter)
        ui.sourceComboBox.connect("currentIndexChanged(int)", self._choose_filter)
        ui.filterLineEdit.connect("textChanged(QString)", self.refilter)

    def open(self) -> None:
        """Read the study in the chosen folder, between the window's events."""
        from ..study.study_folder import open_study

        if not self.close():
            return
        try:
            study = open_study(Path(self.ui.studyPathLineEdit.currentPath))
            self._reading = self._read(study)
            slicer.app.userSettings().setValue(FOLDER_SETTING, str(study.folder))
            self._show_reading(True)
            self._timer.start()
        except (BadInput, OSError) as error:
            self.show_nothing(str(error))

    def close(self) -> bool:
        """Close the study, unless something of it is to be saved first; says whether it is closed."""
        if self.session is not None and not self._closing():
            return False
        self.forget()
        self._filtered()
        return True

    def forget(self) -> None:
        """Close the study without asking, and stop reading one."""
        self._timer.stop()
        self.scene_study.stop()
        self._reading = None
        self.session = None
        self.show_nothing("")

    def refresh(self, case: str) -> None:
        """Show how a case stands now."""
        if self.session is not None:
            self._table.update(self.session.states[case])
            self.refilter()

    def mark(self, case: str) -> None:
        """Show which case is on the screen."""
        self.refilter()
        self._table.mark(case)

    def show_nothing(self, sentence: str) -> None:
        """No study is open, for this reason."""
        self._table.clear()
        self._show_reading(False)
        self.ui.studyCasesWidget.visible = False
        self._say(sentence)
        self._update_buttons()

    def refilter(self) -> None:
        """Have the table show what is asked for; the case on the screen stays in sight."""
        session = self.session
        if session is None:
            return
        cases = {state.case for state in session.states.values() if self._wanted().takes(state)} | {session.current}
        shown = self._table.filter(cases, self.ui.filterLineEdit.text.strip())
        self.ui.shownLabel.text = _("{shown} of {total} cases shown").format(shown=shown, total=len(session.states))

    def _read(self, study: Any) -> Iterator[tuple[int, int]]:
        """Read the cases one by one; yields how far it is, and at the end has made the session."""
        from ..study.case_state import read_state
        from ..study.review_session import ReviewSession
        from ..study.study_folder import case_folder, case_names

        names = case_names(study)
        states: list[CaseState] = []
        for number, name in enumerate(names, start=1):
            states.append(read_state(case_folder(study, name)))
            yield number, len(names)
        self.session = ReviewSession(study, states)

    def _read_on(self) -> None:
        started = monotonic()
        try:
            while self._reading is not None and monotonic() - started < STEP_S:
                self._show_progress(*next(self._reading))
        except StopIteration:
            self._end_reading()
        except OSError as error:
            self._timer.stop()
            self._reading = None
            self.show_nothing(_("The study cannot be read any more: {error}").format(error=error))

    def _end_reading(self) -> None:
        self._timer.stop()
        self._reading = None
        session = self.session
        assert session is not None
        self._show_reading(False)
        self.ui.studyCasesWidget.visible = True
        states = list(session.states.values())
        self._table.fill(states)
        self._offer_sources(sorted({state.source for state in states if state.source}))
        sentence = _("Study {name}: {n} cases.").format(name=session.study.name, n=len(states))
        if session.read_only:
            sentence += " " + _("It is read-only: you can look, but give no verdicts. {why}").format(
                why=session.read_only
            )
        self._say(" ".join([sentence, *self._left_out]))
        self._left_out = []
        self._choose_filter()
        self._update_buttons()
        self._opened(session)

    def _writing(self) -> None:
        self._show_reading(True)
        self._say(_("The scene's cases are being written."))
        self._update_buttons()

    def _written(self, folder: Path, left_out: list[str]) -> None:
        """The scene's cases are in a study: open it."""
        self._left_out = left_out
        self.ui.studyPathLineEdit.currentPath = str(folder)
        self.open()

    def _not_written(self, why: str) -> None:
        self._show_reading(False)
        self._say(why)
        self._update_buttons()

    def _fill_combo_boxes(self) -> None:
        from ..study.review_queue import FILTERS

        self._filters = FILTERS
        self.ui.reviewStateComboBox.addItems([state_texts()[name] for name in FILTERS])
        self._sources: list[str] = []
        self._offer_sources([])

    def _offer_sources(self, sources: list[str]) -> None:
        self._sources = ["", *sources]
        self.ui.sourceComboBox.clear()
        self.ui.sourceComboBox.addItems([_("all sources"), *sources])

    def _wanted(self) -> "QueueFilter":
        from ..study.review_queue import QueueFilter

        source = self.ui.sourceComboBox.currentIndex
        return QueueFilter(
            self._filters[self.ui.reviewStateComboBox.currentIndex], self._sources[source] if source > 0 else ""
        )

    def _choose_filter(self) -> None:
        if self.session is not None:
            self.session.wanted = self._wanted()
            self.refilter()
            self._filtered()

    def _double_clicked(self, row: int, column: int) -> None:
        self._asked_for(self._table.case_at(row))

    def _close_clicked(self) -> None:
        self.close()

    def _show_progress(self, done: int, total: int) -> None:
        self.ui.studyProgressBar.setRange(0, total)
        self.ui.studyProgressBar.setValue(done)

    def _show_reading(self, reading: bool) -> None:
        self.ui.studyProgressBar.visible = reading
        if reading:
            self.ui.studyProgressBar.setRange(0, 0)

    def _say(self, sentence: str) -> None:
        self.ui.studyLabel.text = sentence
        self.ui.studyLabel.visible = bool(sentence)

    def _update_buttons(self) -> None:
        has_path = bool(self.ui.studyPathLineEdit.currentPath.strip())
        reasons = [] if has_path else [_("Choose the folder of a study first.")]
        if self.scene_study.busy:
            reasons = [_("The scene's cases are being written.")]
        enable_or_say_why(self.ui.openStudyButton, _("Reads the study and lists its cases."), reasons)
        self.ui.closeStudyButton.visible = self.session is not None or self.scene_study.busy
