"""The views of a review: our layout, the case in it, flickering, and the mouse."""

from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

import qt
import slicer

from .review_keys import ReleaseFilter
from .review_layout import ReviewLayout
from .view_mouse import ViewMouse

if TYPE_CHECKING:
    from ..scene.review import ReviewScene
    from ..scene.review_settings import ReviewSettings
    from ..scene.study_cases import ReviewCase

FLICKER_HZ = 2.0


class ReviewViews:
    """Shows a case from `open` to `close`. `changed` is called when settings were changed from within the views.

    `turned(steps)` is called when the wheel is turned with Shift, `touched` whenever the mouse is used.
    """

    def __init__(self, changed: Callable[[], None], turned: Callable[[int], None], touched: Callable[[], None]) -> None:
        self.scene: ReviewScene | None = None
        self._settings: ReviewSettings | None = None
        self.flicker_hz = FLICKER_HZ
        self._changed, self._turned, self._touched = changed, turned, touched
        self._layout = ReviewLayout()
        self._mouse: ViewMouse | None = None
        self._held = ReleaseFilter()
        self._flicker_since = 0.0
        self._timer = qt.QTimer()
        self._timer.connect("timeout()", self._flicker)

    @property
    def settings(self) -> "ReviewSettings":
        """How cases are shown; kept from case to case."""
        from ..scene.review_settings import ReviewSettings

        if self._settings is None:
            self._settings = ReviewSettings()
        return self._settings

    @property
    def is_open(self) -> bool:
        """Whether a case is in the views."""
        return self.scene is not None

    def open(self, case: "ReviewCase") -> None:
        """Show a case in our layout; another one takes its place."""
        from ..scene.review import ReviewScene

        if self.scene is None:
            panes = self._layout.enter()
            self.scene = ReviewScene(slicer.mrmlScene, panes)
            self._mouse = ViewMouse(panes.us, self._curtain, self._drag_curtain, self._turned, self._touched)
        contrast = self.settings.contrast if self.settings.contrast in case.mris else ""
        self._settings = replace(self.settings, contrast=contrast)
        self._layout.show(self.settings.mode)
        self.scene.open(case, self.settings)
        self._start_flickering()

    def show(self, settings: "ReviewSettings") -> None:
        """Change how the case is shown; the same again lets flickering go on by itself after it was done by hand."""
        new_mode = settings.mode != self.settings.mode or settings == self.settings
        self._settings = settings
        if self.scene is None:
            return
        if new_mode:
            self._layout.show(settings.mode)
        self.scene.show(settings)
        if new_mode:
            self._start_flickering()

    def set_flicker_hz(self, frequency_hz: float) -> None:
        """How often ultrasound and MRI take turns a second."""
        self.flicker_hz = frequency_hz
        if self._timer.isActive():
            self._start_flickering()

    def hold(self) -> None:
        """The flicker key is held: the MRI; the ultrasound when it is let go."""
        if self.scene is None or self._held.watching:
            return
        self.show(replace(self.settings, mode="flicker"))
        self._timer.stop()
        self.scene.show_phase("mri")
        self._held.watch(qt.Qt.Key_J, self._let_go)
        self._changed()

    def clear(self) -> None:
        """Take the case out of the views; our layout stays."""
        self._stop_flickering()
        if self.scene is not None:
            self.scene.close()

    def close(self) -> None:
        """Take the case out of the views and give the user's layout back."""
        self.clear()
        if self._mouse is not None:
            self._mouse.close()
        self._layout.leave()
        self.scene = self._mouse = None

    def _start_flickering(self) -> None:
        self._stop_flickering()
        if self.settings.mode == "flicker":
            self._flicker_since = monotonic()
            self._timer.start(round(500 / self.flicker_hz))

    def _stop_flickering(self) -> None:
        self._timer.stop()
        if self._held.watching:
            self._held.stop()

    def _flicker(self) -> None:
        from ..scene.review_settings import flicker_phase

        if self.scene is not None:
            self.scene.show_phase(flicker_phase(monotonic() - self._flicker_since, self.flicker_hz))

    def _let_go(self) -> None:
        if self.scene is not None:
            self.scene.show_phase("us")

    def _curtain(self) -> float | None:
        return self.settings.curtain if self.settings.mode == "curtain" else None

    def _drag_curtain(self, pane: int, x_px: float) -> None:
        if self.scene is not None:
            self.show(replace(self.settings, curtain=self.scene.curtain_at(pane, x_px)))
            self._changed()
