"""The buttons and sliders that say how a review shows a case."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .review_keys import key_tip, with_key
from .tool_tips import enable_or_say_why

if TYPE_CHECKING:
    from ..scene.review_settings import ReviewSettings

MODE_BUTTONS = {
    "blend": "blendModeButton",
    "flicker": "flickerModeButton",
    "checkerboard": "checkerboardModeButton",
    "curtain": "curtainModeButton",
    "side by side": "sideBySideModeButton",
}
MODE_SLIDERS = {
    "blend": ("reviewBlendLabel", "reviewBlendSlider"),
    "flicker": ("reviewFlickerLabel", "reviewFlickerSlider"),
    "checkerboard": ("reviewFieldLabel", "reviewFieldSlider"),
    "curtain": ("reviewCurtainLabel", "reviewCurtainSlider"),
}
OVERLAY_BUTTONS = {
    "mri_tumor": "mriTumorOverlayButton",
    "propagated": "propagatedOverlayButton",
    "corrected": "correctedOverlayButton",
    "us_label": "usLabelOverlayButton",
    "edges": "edgesOverlayButton",
    "agreement": "agreementOverlayButton",
    "displacement": "displacementOverlayButton",
    "landmarks": "landmarksOverlayButton",
}
# One press of + or -, or one notch of the wheel, in the slider's own unit.
STEPS = {"blend": 5.0, "flicker": 0.5, "checkerboard": 1.0, "curtain": 2.0}


class ViewControls:
    """The controls of `ui`. `show(settings)` and `set_flicker_hz` are called when the user moves one."""

    def __init__(
        self, ui: Any, show: "Callable[[ReviewSettings], None]", set_flicker_hz: Callable[[float], None]
    ) -> None:
        self.ui = ui
        self._show = show
        self._settings: ReviewSettings | None = None
        self._available: tuple[str, ...] = ()
        self._contrasts: list[str] = []
        self._updating = False
        self._modes = {mode: getattr(ui, name) for mode, name in MODE_BUTTONS.items()}
        self._overlays = {overlay: getattr(ui, name) for overlay, name in OVERLAY_BUTTONS.items()}
        self._presets = [("grey", _("Grey")), ("warm", _("Warm")), ("contrast", _("More contrast"))]
        ui.presetComboBox.addItems([text for _name, text in self._presets])
        for mode, button in self._modes.items():
            button.toolTip = key_tip(mode)
            button.connect("clicked()", lambda mode=mode: self.choose_mode(mode))
        for overlay, button in self._overlays.items():
            button.connect("clicked()", lambda overlay=overlay: self.toggle_overlay(overlay))
        for slider in (ui.reviewBlendSlider, ui.reviewFieldSlider, ui.reviewCurtainSlider):
            slider.connect("valueChanged(double)", self._slid)
        ui.reviewFlickerSlider.connect("valueChanged(double)", set_flicker_hz)
        ui.presetComboBox.connect("currentIndexChanged(int)", self._preset_chosen)
        ui.presetComboBox.toolTip = key_tip("preset")
        ui.contrastComboBox.connect("currentIndexChanged(int)", self._contrast_chosen)
        ui.axesButton.connect("clicked()", self.toggle_axes)
        ui.axesButton.toolTip = key_tip("axes")

    def offer(self, contrasts: list[str], overlays: tuple[str, ...]) -> None:
        """The MRI contrasts and the overlays that the case on the screen has."""
        self._updating = True
        self._available = overlays
        self.ui.contrastComboBox.clear()
        self.ui.contrastComboBox.addItems([contrast or _("MRI") for contrast in contrasts])
        self._contrasts = contrasts
        self.ui.contrastComboBox.enabled = len(contrasts) > 1
        missing = [_("This case has nothing to show for it.")]
        for overlay, button in self._overlays.items():
            enable_or_say_why(button, key_tip(overlay), [] if overlay in overlays else missing)
        self._updating = False

    def follow(self, settings: "ReviewSettings", legend: list[Any]) -> None:
        """Have the controls stand as the views do."""
        self._updating = True
        self._settings = settings
        self._modes[settings.mode].checked = True
        for mode, names in MODE_SLIDERS.items():
            for name in names:
                getattr(self.ui, name).visible = mode == settings.mode
        self.ui.reviewBlendSlider.value = 100 * settings.blend
        self.ui.reviewFieldSlider.value = settings.field_mm
        self.ui.reviewCurtainSlider.value = 100 * settings.curtain
        for overlay, button in self._overlays.items():
            button.checked = overlay in settings.overlays and overlay in self._available
        self.ui.axesButton.checked = settings.axes == "mri"
        self.ui.presetComboBox.setCurrentIndex([name for name, _text in self._presets].index(settings.preset))
        if settings.contrast in self._contrasts:
            self.ui.contrastComboBox.setCurrentIndex(self._contrasts.index(settings.contrast))
        self.ui.legendLabel.text = "<br>".join(_legend_line(*entry) for entry in legend)
        self.ui.legendLabel.visible = bool(legend)
        self._updating = False

    def choose_mode(self, mode: str) -> None:
        """Show the images in one of the modes."""
        self._change(mode=mode)

    def toggle_overlay(self, overlay: str) -> None:
        """Show or hide an overlay; nothing happens where the case has none such."""
        if self._settings is not None and overlay in self._available:
            self._change(overlays=self._settings.overlays ^ {overlay})

    def toggle_axes(self) -> None:
        """Lay the slices along the other image's axes."""
        if self._settings is not None:
            self._change(axes="us" if self._settings.axes == "mri" else "mri")

    def next_preset(self) -> None:
        """The next way to colour the ultrasound."""
        self.ui.presetComboBox.setCurrentIndex((self.ui.presetComboBox.currentIndex + 1) % len(self._presets))

    def step(self, steps: int) -> None:
        """Move the slider of the mode."""
        mode = self._settings.mode if self._settings is not None else ""
        if mode in MODE_SLIDERS:
            slider = getattr(self.ui, MODE_SLIDERS[mode][1])
            slider.value = min(slider.maximum, max(slider.minimum, slider.value + steps * STEPS[mode]))

    def _slid(self) -> None:
        self._change(
            blend=self.ui.reviewBlendSlider.value / 100,
            field_mm=self.ui.reviewFieldSlider.value,
            curtain=self.ui.reviewCurtainSlider.value / 100,
        )

    def _preset_chosen(self, index: int) -> None:
        self._change(preset=self._presets[index][0])

    def _contrast_chosen(self, index: int) -> None:
        if 0 <= index < len(self._contrasts):
            self._change(contrast=self._contrasts[index] if index else "")

    def _change(self, **changes: Any) -> None:
        if not self._updating and self._settings is not None:
            self._show(replace(self._settings, **changes))


def write_keys_on_buttons(ui: Any) -> None:
    """Write each key on its button."""
    for action, name in {**MODE_BUTTONS, **OVERLAY_BUTTONS, "axes": "axesButton"}.items():
        button = getattr(ui, name)
        button.text = with_key(button.text, action)


def _legend_line(color: tuple[float, float, float], meaning: str) -> str:
    red, green, blue = (round(255 * channel) for channel in color)
    return f'<span style="color:#{red:02x}{green:02x}{blue:02x}">\u25a0</span> {_(meaning)}'
