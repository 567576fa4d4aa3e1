"""Landmark pairs of an adjustment: placed by clicks in the views, listed with their errors, fitted."""

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..errors import BadInput
from .pairs_table import show_pairs
from .review_host import ReviewHost
from .timers import timer
from .tool_tips import enable_or_say_why

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment


class AdjustmentPairs:
    """The buttons and the table for the landmark pairs of the adjustment that it was given."""

    def __init__(self, ui: Any, host: ReviewHost) -> None:
        self._ui, self._host = ui, host
        self._adjustment: Adjustment | None = None
        self._placed = 0
        # A point was placed, or placing ended: Slicer has to finish with it first.
        self._later = timer(0, True, self._after_change)
        ui.placePairsButton.connect("toggled(bool)", self._place_toggled)
        ui.fitPairsButton.connect("clicked()", self._fit)
        ui.removePointButton.connect("clicked()", lambda: self._change("remove_last"))
        ui.clearPairsButton.connect("clicked()", lambda: self._change("clear"))

    def begin(self, adjustment: "Adjustment") -> None:
        """Place this adjustment's pairs from now on."""
        self._adjustment = adjustment

    def end(self) -> None:
        """Have clicks and the review's keys do again what they did before."""
        self._adjustment = None
        self._later.stop()
        if self._ui.placePairsButton.checked:
            self._ui.placePairsButton.checked = False
            self._host.suspend_keys(False)

    def changed(self) -> None:
        """To be called when a point was placed, moved or taken away, or placing began or ended."""
        self._later.start()

    def show(self) -> None:
        """Bring the table, the buttons and the sentence in line with the pairs and the pose."""
        adjustment = self._adjustment
        if adjustment is None:
            return
        errors = adjustment.pair_errors()
        show_pairs(self._ui.pairsTable, errors)
        fitted = bool(errors) and errors[0].fitted_mm is not None
        enable_or_say_why(
            self._ui.fitPairsButton,
            _("Moves the MRI so that the pairs lie on each other as well as they can."),
            [] if fitted else [_("Place three pairs or more that do not lie on one line.")],
        )
        has_points = sum(adjustment.pairs.counts) > 0
        for button in (self._ui.removePointButton, self._ui.clearPairsButton):
            enable_or_say_why(button, _("Takes points away."), [] if has_points else [_("There are none.")])
        self._ui.pairsLabel.text = self._sentence(adjustment)

    def _sentence(self, adjustment: "Adjustment") -> str:
        if not self._ui.placePairsButton.checked:
            return _("Click the same place on the ultrasound and on the MRI, three times or more.")
        if adjustment.pairs.next_image == "us":
            return _("Click a place on the ultrasound.")
        return _("Now click the same place on the MRI.")

    def _place_toggled(self, on: bool) -> None:
        if self._adjustment is None:
            return
        self._host.suspend_keys(on)
        if on:
            self._placed = sum(self._adjustment.pairs.counts)
            self._adjustment.pairs.start_placing()
        else:
            self._adjustment.pairs.stop_placing()
        self.show()

    def _after_change(self) -> None:
        """Go on placing after a point; where the user ended it in Slicer, the button follows."""
        if self._adjustment is None:
            return
        pairs, button = self._adjustment.pairs, self._ui.placePairsButton
        placed = sum(pairs.counts)
        if button.checked and placed > self._placed:
            pairs.start_placing()
        elif button.checked and not pairs.placing:
            button.checked = False
        self._placed = placed
        self.show()

    def _fit(self) -> None:
        if self._adjustment is None:
            return
        self._ui.placePairsButton.checked = False
        try:
            self._adjustment.fit_to_pairs()
        except BadInput as error:
            self._host.say(str(error))
        self.show()

    def _change(self, what: str) -> None:
        if self._adjustment is not None:
            getattr(self._adjustment.pairs, what)()
