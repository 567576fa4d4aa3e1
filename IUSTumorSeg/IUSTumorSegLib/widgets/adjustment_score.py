"""How far an adjusted pose lies from its start and how well the images agree there, told while the hand moves."""

from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .timers import timer

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment

FOLLOW_MS, FETCH_MS = 200, 5


class AdjustmentScore:
    """Has score and heat map computed in a thread, and says in a label what came of it."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self._adjustment: Adjustment | None = None
        self._follow = timer(FOLLOW_MS, True, self.ask)
        self._fetch = timer(FETCH_MS, False, self._fetch_agreement)

    def begin(self, adjustment: "Adjustment") -> None:
        """Tell of this adjustment from now on."""
        self._adjustment = adjustment
        self._follow.start()

    def end(self) -> None:
        """Ask for nothing any more."""
        self._adjustment = None
        self._follow.stop()
        self._fetch.stop()

    def follow(self) -> None:
        """The pose changed: ask soon, and not for every pixel of a drag."""
        if not self._follow.active:
            self._follow.start()

    def ask(self) -> None:
        """Have the agreement at the present pose computed."""
        if self._adjustment is not None:
            self._adjustment.ask_agreement()
            self._fetch.start()

    def show(self) -> None:
        """Say what is known of the present pose."""
        adjustment = self._adjustment
        if adjustment is None:
            return
        sentences = [_("Moved by {mm:.1f} mm in the mean.").format(mm=adjustment.moved_mm)]
        if adjustment.score is not None and not self._fetch.active and not self._follow.active:
            sentences.append(_("The MRI explains {now:.1f} % of the ultrasound").format(now=100 * adjustment.score))
            if adjustment.start_score is not None:
                sentences[-1] += _(", at the start {start:.1f} %").format(start=100 * adjustment.start_score)
            sentences[-1] += "."
        self._label.text = " ".join(sentences)

    def _fetch_agreement(self) -> None:
        if self._adjustment is None or not self._adjustment.fetch_agreement():
            self._fetch.stop()
            self.show()
