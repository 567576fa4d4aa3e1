"""The six sliders of an adjustment: along the ultrasound's axes, and about them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment

SLIDERS = (
    "rightSlider", "anteriorSlider", "superiorSlider", "aboutRightSlider", "aboutAnteriorSlider", "aboutSuperiorSlider",
)  # fmt: skip


class AdjustmentSliders:
    """Moves the MRI of the adjustment that it was given, and shows how far it was moved, in mm and degrees.

    A slider shows tenths; the values of the others keep what they cannot show.
    """

    def __init__(self, ui: Any) -> None:
        self._sliders = [getattr(ui, name) for name in SLIDERS]
        self._adjustment: Adjustment | None = None
        self._showing = False
        for number, slider in enumerate(self._sliders):
            slider.connect("valueChanged(double)", lambda value, number=number: self._slider_moved(number))

    def begin(self, adjustment: "Adjustment") -> None:
        """Move this adjustment's MRI from now on."""
        self._adjustment = adjustment

    def end(self) -> None:
        """Move nothing any more."""
        self._adjustment = None

    def step(self, number: int, by: float) -> None:
        """Move along or turn about one of the six by mm or degrees."""
        if self._adjustment is not None:
            self._set(number, self._adjustment.values[number] + by)

    def show(self) -> None:
        """Bring the sliders in line with the pose."""
        if self._adjustment is None:
            return
        self._showing = True
        for slider, value in zip(self._sliders, self._adjustment.values, strict=True):
            slider.value = value
        self._showing = False

    def _slider_moved(self, number: int) -> None:
        if not self._showing:
            self._set(number, self._sliders[number].value)

    def _set(self, number: int, value: float) -> None:
        if self._adjustment is not None:
            values = list(self._adjustment.values)
            values[number] = value
            self._adjustment.set_values(tuple(values))
