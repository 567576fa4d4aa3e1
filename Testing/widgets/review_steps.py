"""What the tests of the review do: open a study, press keys, wait for cases."""

from collections.abc import Callable
from typing import Any

KEYS = {"Escape": "Key_Escape", "Return": "Key_Return", "+": "Key_Plus", "-": "Key_Minus", "?": "Key_Question"}


class Review:
    """The module's panel on the screen, with a study's folder chosen."""

    def __init__(self, module: Any, study: Any, wait_until: Callable[..., None]) -> None:
        from PySide6 import QtWidgets

        self.module, self.panel, self.ui, self.wait_until = (
            module,
            module.reviewPanel,
            module.reviewPanel.ui,
            wait_until,
        )
        self.study = study
        self.window = module.parent.widget.wrapped
        self.window.show()
        self.window.activateWindow()
        QtWidgets.QApplication.processEvents()
        self.ui.reviewerLineEdit.text = "anna"
        self.window.setFocus()

    def open_study(self) -> "Review":
        """Open the study by its button."""
        self.panel.study.ui.studyPathLineEdit.currentPath = str(self.study.folder)
        self.panel.study.ui.openStudyButton.click()
        self.wait_until(lambda: self.panel.session is not None)
        return self

    def press(self, *keys: str) -> None:
        """Press keys one after the other on whatever has the focus, and wait for what is loaded."""
        from PySide6 import QtCore, QtTest, QtWidgets

        for key in keys:
            code = getattr(QtCore.Qt, KEYS.get(key, f"Key_{key}"))
            target = QtWidgets.QApplication.focusWidget() or self.window
            QtTest.QTest.keyClick(target, code)
            self.settle()

    def settle(self) -> None:
        """Wait until no case is being loaded."""
        self.wait_until(lambda: not self.panel.loader.busy)

    @property
    def shown(self) -> str:
        """The case on the screen, "" where there is none."""
        case = self.panel.screen.case
        return case.name if case is not None else ""

    def reviews(self, case: str) -> list[Any]:
        """The verdicts on disk."""
        from IUSTumorSegLib.study.reviews import read_reviews
        from IUSTumorSegLib.study.study_folder import case_folder

        return read_reviews(case_folder(self.study, case))

    def message(self) -> str:
        """The sentence in the review section."""
        return self.ui.reviewMessageLabel.text
