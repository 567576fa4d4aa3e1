"""Ultrasound against MRI: our layout, the modes' buttons and sliders, and the user's own layout given back."""

from collections.abc import Callable
from typing import Any

import slicer

from ..scene.comparison import Comparison, ComparisonSettings, SlicePane
from ..scene.layout import SLICE_VIEW_NAMES, add_comparison_layout


class ComparisonLayout:
    """Our layout on the screen, from `enter` to `leave`."""

    def __init__(self) -> None:
        self._former: int | None = None
        self._ours: int | None = None

    def enter(self) -> list[SlicePane]:
        """Show our layout; returns its slice views."""
        manager = slicer.app.layoutManager()
        self._ours = add_comparison_layout(manager.layoutLogic().GetLayoutNode())
        if manager.layout != self._ours:
            self._former = manager.layout
            manager.setLayout(self._ours)
        return [_pane(manager.sliceWidget(name)) for name in SLICE_VIEW_NAMES]

    def leave(self) -> None:
        """Give back the layout that the user had, unless the user has chosen another one since."""
        manager = slicer.app.layoutManager()
        if self._former is not None and manager is not None and manager.layout == self._ours:
            manager.setLayout(self._former)
        self._former = None


class ComparisonPanel:
    """The controls of the comparison. `ui` holds the buttons and sliders of the module's .ui file."""

    def __init__(self, ui: Any, mode_chosen: Callable[[str], None]) -> None:
        self.ui = ui
        self._mode_chosen = mode_chosen
        self._layout = ComparisonLayout()
        self._comparison: Comparison | None = None
        self._buttons = {"blend": ui.blendButton, "checkerboard": ui.checkerboardButton, "curtain": ui.curtainButton}
        for button in self._buttons.values():
            button.connect("clicked()", self._choose_mode)
        for slider in (ui.blendSlider, ui.fieldSlider, ui.curtainSlider):
            slider.connect("valueChanged(double)", self.refresh)
        self.show_mode("blend")

    @property
    def running(self) -> bool:
        """Whether the comparison is on the screen."""
        return self._comparison is not None

    def start(self, compare: Callable[[list[SlicePane]], Comparison]) -> None:
        """Show our layout, and in its views what `compare` attaches; another pair takes the place of the first."""
        panes = self._layout.enter()
        try:
            self._detach()
            self._comparison = compare(panes)
        finally:
            if self._comparison is None:
                self._layout.leave()
        self.refresh()

    def stop(self) -> None:
        """Take the comparison off the views and give the user's layout back."""
        if self._comparison is not None:
            self._detach()
            self._layout.leave()

    def settings(self) -> ComparisonSettings:
        """How the buttons and sliders stand."""
        return ComparisonSettings(
            mode=self._mode(),
            blend=self.ui.blendSlider.value / 100,
            field_mm=self.ui.fieldSlider.value,
            curtain=self.ui.curtainSlider.value / 100,
        )

    def show_mode(self, mode: str) -> None:
        """Press the button of a mode and show only its slider."""
        self._buttons[mode].checked = True
        for name, label, slider in (
            ("blend", self.ui.blendLabel, self.ui.blendSlider),
            ("checkerboard", self.ui.fieldLabel, self.ui.fieldSlider),
            ("curtain", self.ui.curtainLabel, self.ui.curtainSlider),
        ):
            label.visible = slider.visible = name == mode
        self.refresh()

    def refresh(self) -> None:
        """Have the views follow the controls."""
        if self._comparison is not None:
            self._comparison.show(self.settings())

    def _detach(self) -> None:
        if self._comparison is not None:
            self._comparison.detach()
            self._comparison = None

    def _mode(self) -> str:
        return next(name for name, button in self._buttons.items() if button.checked)

    def _choose_mode(self) -> None:
        self.show_mode(self._mode())
        self._mode_chosen(self._mode())


def _pane(slice_widget: Any) -> SlicePane:
    view = slice_widget.sliceView()
    return SlicePane(
        slice_logic=slice_widget.sliceLogic(),
        renderer=view.renderWindow().GetRenderers().GetFirstRenderer(),
        request_render=view.scheduleRender,
    )
