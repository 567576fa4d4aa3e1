"""The keys that move the MRI while the adjustment has the focus."""

from collections.abc import Callable
from typing import Any

import qt

# Key, number of the slider, direction. As seen in the axial view: the patient's right is on the left.
KEYS = (
    ("Alt+Left", 0, 1), ("Alt+Right", 0, -1), ("Alt+Up", 1, 1), ("Alt+Down", 1, -1),
    ("Alt+PgUp", 2, 1), ("Alt+PgDown", 2, -1), ("Ctrl+Up", 3, 1), ("Ctrl+Down", 3, -1),
    ("Ctrl+PgUp", 4, 1), ("Ctrl+PgDown", 4, -1), ("Ctrl+Left", 5, -1), ("Ctrl+Right", 5, 1),
)  # fmt: skip
STEP, SHIFT_STEP = 0.1, 1.0  # mm or degrees; with Shift the larger one


class AdjustmentKeys:
    """Keys of a widget that act while it, and nothing else of the window, has the focus, until `close`.

    `step` is called with the number of one of the six sliders and by how much, in mm or degrees.
    """

    def __init__(
        self, widget: Any, step: Callable[[int, float], None], undo: Callable[[], None], redo: Callable[[], None]
    ) -> None:
        self._widget = widget
        self.shortcuts = [self._shortcut("Ctrl+Z", undo), self._shortcut("Ctrl+Y", redo)]
        for key, number, direction in KEYS:
            for modifier, size in (("", STEP), ("Shift+", SHIFT_STEP)):
                by = direction * size
                self.shortcuts.append(self._shortcut(modifier + key, lambda n=number, by=by: step(n, by)))

    def close(self) -> None:
        """Take the keys away."""
        for shortcut in self.shortcuts:
            shortcut.setParent(None)
            shortcut.deleteLater()
        self.shortcuts = []

    def _shortcut(self, key: str, act: Callable[[], None]) -> Any:
        shortcut = qt.QShortcut(qt.QKeySequence(key), self._widget)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.connect("activated()", act)
        return shortcut
