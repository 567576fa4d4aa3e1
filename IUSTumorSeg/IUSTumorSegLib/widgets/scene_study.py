"""The scene's own registered pairs, written into a study beside the window so that they can be reviewed as a queue."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .background import Background
from .tool_tips import enable_or_say_why

if TYPE_CHECKING:
    from ..scene.cases import CaseNodes
    from ..study.study_folder import Study

SOURCE = "scene"


class SceneStudy:
    """Behind `button`. `begun()` is called before the first case, `written(done, total)` after each, and at the end
    `ended(folder, sentences)` with what was left out; or `stopped(sentence)` with why it could not begin or go on.
    """

    def __init__(
        self,
        button: Any,
        *,
        begun: Callable[[], None],
        written: Callable[[int, int], None],
        ended: Callable[[Path, list[str]], None],
        stopped: Callable[[str], None],
    ) -> None:
        self._button = button
        self._begun, self._written, self._ended, self._stopped = begun, written, ended, stopped
        self._background = Background()
        self._study: Study | None = None
        self._waiting: list[tuple[CaseNodes, str, str]] = []
        self._reasons_to_wait: list[str] = []
        self._total = 0
        self._sentences: list[str] = []
        button.connect("clicked()", self._clicked)
        self.update()

    @property
    def busy(self) -> bool:
        """Whether cases are being written."""
        return self._study is not None

    def follow(self, reasons_to_wait: list[str]) -> None:
        """The scene has changed, or it changes at the moment for these reasons: a pose may only be shown for a while."""
        self._reasons_to_wait = reasons_to_wait
        self.update()

    def update(self) -> None:
        """Say whether the scene has something to review."""
        from ..scene.scene_study import has_registered_pair

        reasons = [_("The scene's cases are being written.")] if self.busy else self._reasons_to_wait
        if not reasons and not has_registered_pair(slicer.mrmlScene):
            reasons = [_("Register an MRI to an ultrasound in the scene first.")]
        what = _("Writes the pairs that are registered in the scene into a study, and opens it as a queue.")
        enable_or_say_why(self._button, what, reasons)

    def begin(self, folder: Path) -> None:
        """Write the scene's pairs into a study in a new or empty folder, one after the other."""
        from ..datasets.given_case import study_for_given
        from ..scene.scene_study import named_apart, registered_pairs, source_folders

        pairs = registered_pairs(slicer.mrmlScene)
        try:
            self._study = study_for_given(folder, SOURCE, source_folders(pairs))
        except (BadInput, Failed, OSError) as error:
            self._stopped(str(error))
            return
        named = zip(pairs, named_apart(pairs), strict=True)
        self._waiting = [(pair, name, patient) for pair, (name, patient) in named]
        self._total, self._sentences = len(pairs), []
        self._begun()
        self._next()
        self.update()

    def scene_closing(self) -> None:
        """What was not yet written is about to go."""
        if self._study is not None:
            done, folder = self._total - len(self._waiting), self._study.folder
            self.stop()
            sentence = _("The scene was closed: {done} of its {total} cases are in {folder}, which can be opened.")
            self._stopped(sentence.format(done=done, total=self._total, folder=folder))

    def stop(self) -> None:
        """Write no further case; the one that is being written becomes whole."""
        self._background.stop()
        self._waiting = []
        self._study = None
        self.update()

    def _clicked(self) -> None:
        title = _("Choose a new or empty folder for the study of the scene's cases")
        folder = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), title)
        if folder:
            self.begin(Path(folder))

    def _next(self) -> None:
        """Take the next pair out of the scene, and have it written beside the window."""
        from ..datasets.given_case import write_given_case
        from ..scene.scene_study import given_case

        study = self._study
        assert study is not None
        self._written(self._total - len(self._waiting), self._total)
        while self._waiting:
            pair, name, patient = self._waiting.pop(0)
            try:
                given = given_case(pair, name, patient, Path(slicer.app.temporaryPath))
            except BadInput as error:
                self._sentences.append(f"{name}: {error}")
                continue
            work = partial(write_given_case, study, given, SOURCE)
            self._background.ask(work, self._case_written, expected=(BadInput, Failed, OSError))
            return
        self._end(study)

    def _case_written(self, sentence: str | None, error: Exception | None) -> None:
        if error is not None or sentence:
            self._sentences.append(str(error or sentence))
        self._next()

    def _end(self, study: "Study") -> None:
        self._study = None
        self.update()
        self._ended(study.folder, self._sentences)
