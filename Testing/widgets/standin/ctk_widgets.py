"""The ctk widgets that our .ui files use, made of Qt's own."""

from PySide6 import QtCore, QtWidgets
from PySide6.QtCore import Property, Signal


class ctkCollapsibleButton(QtWidgets.QGroupBox):
    """A titled section that folds."""

    contentsCollapsed = Signal(bool)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._collapsed = False
        self._hidden_before: list[QtWidgets.QWidget] = []

    def childEvent(self, event: QtCore.QChildEvent) -> None:
        """A .ui file may fold the section before its content is there."""
        super().childEvent(event)
        if event.added() and self._collapsed and event.child().isWidgetType():
            event.child().setVisible(False)

    def _is_collapsed(self) -> bool:
        return self._collapsed

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly)
        if collapsed:
            self._hidden_before = [child for child in children if child.isHidden()]
        for child in children:
            child.setVisible(not collapsed and child not in self._hidden_before)
        self.contentsCollapsed.emit(collapsed)

    collapsed = Property(bool, _is_collapsed, _set_collapsed)
    text = Property(str, QtWidgets.QGroupBox.title, QtWidgets.QGroupBox.setTitle)


class ctkCollapsibleGroupBox(ctkCollapsibleButton):
    """As ctkCollapsibleButton."""


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider and a spin box with one floating-point value."""

    valueChanged = Signal(float)
    STEPS = 1000

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = QtWidgets.QSlider(QtCore.Qt.Horizontal, self)
        self._slider.setRange(0, self.STEPS)
        self._spin = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spin)
        self._slider.valueChanged.connect(self._slider_moved)
        self._spin.valueChanged.connect(self._spin_changed)

    def setValue(self, value: float) -> None:
        """Set the value, cut to the range."""
        self._spin.setValue(value)

    def _slider_moved(self, step: int) -> None:
        if self._slider.hasFocus():
            self._spin.setValue(self._low() + (self._high() - self._low()) * step / self.STEPS)

    def _spin_changed(self, value: float) -> None:
        self._show_on_slider(value)
        self.valueChanged.emit(value)

    def _show_on_slider(self, value: float) -> None:
        span = self._high() - self._low()
        self._slider.setValue(round(self.STEPS * (value - self._low()) / span) if span else 0)

    def _low(self) -> float:
        return self._spin.minimum()

    def _high(self) -> float:
        return self._spin.maximum()

    def _set_low(self, value: float) -> None:
        self._spin.setMinimum(value)
        self._show_on_slider(self._spin.value())

    def _set_high(self, value: float) -> None:
        self._spin.setMaximum(value)
        self._show_on_slider(self._spin.value())

    value = Property(float, lambda self: self._spin.value(), setValue)
    minimum = Property(float, _low, _set_low)
    maximum = Property(float, _high, _set_high)
    decimals = Property(int, lambda self: self._spin.decimals(), lambda self, n: self._spin.setDecimals(n))
    singleStep = Property(float, lambda self: self._spin.singleStep(), lambda self, s: self._spin.setSingleStep(s))
    pageStep = Property(float, lambda self: 10 * self._spin.singleStep(), lambda self, s: None)
    suffix = Property(str, lambda self: self._spin.suffix(), lambda self, s: self._spin.setSuffix(s))
    prefix = Property(str, lambda self: self._spin.prefix(), lambda self, s: self._spin.setPrefix(s))


class ctkPathLineEdit(QtWidgets.QWidget):
    """A path that is typed or browsed for."""

    currentPathChanged = Signal(str)
    Files, Dirs = 1, 2

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._edit = QtWidgets.QLineEdit(self)
        self._filters = 0
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._edit)
        layout.addWidget(QtWidgets.QToolButton(self, text="..."))
        self._edit.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        """Set the path."""
        self._edit.setText(path)

    def _set_filters(self, filters: int) -> None:
        self._filters = filters

    currentPath = Property(str, lambda self: self._edit.text(), setCurrentPath)
    filters = Property(int, lambda self: self._filters, _set_filters)


CTK_WIDGETS = {
    cls.__name__: cls for cls in (ctkCollapsibleButton, ctkCollapsibleGroupBox, ctkSliderWidget, ctkPathLineEdit)
}
