"""How a case is shown in a review: its modes, overlays and colours, and when flickering shows which image."""

from dataclasses import dataclass, field
from typing import Any

from .comparison import ComparisonSettings, SlicePane
from .display import COLORS, PRESETS
from .overlay_images import EDGE_COLOR, VIRIDIS
from .overlay_strokes import ARROWS_LONGER, DISPLACEMENT_COLORS, LANDMARK_COLOR

MODES = ("blend", "flicker", "checkerboard", "curtain", "side by side")
LABEL_OVERLAYS = ("mri_tumor", "propagated", "corrected", "us_label")
OVERLAYS = (*LABEL_OVERLAYS, "edges", "agreement", "displacement", "landmarks")
DEFAULT_OVERLAYS = frozenset({"mri_tumor", "corrected"})
PHASES, AXES = ("us", "mri"), ("us", "mri")
FLICKER_HZ = (1.0, 6.0)


@dataclass(frozen=True)
class ReviewPanes:
    """The views of a review, each in the order axial, sagittal, coronal: `mri` for side by side, where there are any."""

    us: list[SlicePane]
    mri: list[SlicePane] = field(default_factory=list)
    three_d_view: Any = None


@dataclass(frozen=True)
class ReviewSettings:
    """How a case is shown.

    `blend`: opacity of the MRI, 0 to 1. `phase`: what flickering shows now, "us" or "mri". `field_mm`: side of a
    checkerboard's field. `curtain`: its place as a fraction of the view's width. `axes`: whose axes the slices follow,
    "us" or "mri". `overlays`: of `OVERLAYS`. `preset`: of `display.PRESETS`. `contrast`: of the MRI; "" is the first.
    """

    mode: str = "blend"
    blend: float = 0.5
    phase: str = "us"
    field_mm: float = 12.0
    curtain: float = 0.5
    axes: str = "us"
    overlays: frozenset[str] = DEFAULT_OVERLAYS
    preset: str = "grey"
    contrast: str = ""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("mode", self.mode, MODES),
            ("phase", self.phase, PHASES),
            ("axes", self.axes, AXES),
            ("preset", self.preset, tuple(PRESETS)),
            *(("overlay", overlay, OVERLAYS) for overlay in self.overlays),
        ):
            if value not in known:
                raise ValueError(f"unknown {name} '{value}'; known: {', '.join(known)}")

    def comparison(self) -> ComparisonSettings:
        """The same for the views that show the ultrasound."""
        if self.mode == "flicker":
            return ComparisonSettings("blend", blend=float(self.phase == "mri"))
        if self.mode == "side by side":
            return ComparisonSettings("blend", blend=0.0)
        return ComparisonSettings(self.mode, self.blend, self.field_mm, self.curtain)


def flicker_phase(elapsed_s: float, frequency_hz: float) -> str:
    """What flickering shows `elapsed_s` seconds after it began: "us", then "mri", `frequency_hz` times a second.

    The frequency is kept within 1 and 6 Hz.
    """
    low, high = FLICKER_HZ
    return PHASES[int(2 * min(max(frequency_hz, low), high) * elapsed_s) % 2]


LEGEND = {
    "mri_tumor": [(COLORS["mri_tumor"], "Tumour drawn on the MRI")],
    "propagated": [(COLORS["us_tumor_from_mri"], "Tumour carried over from the MRI")],
    "corrected": [(COLORS["us_tumor_corrected"], "Tumour corrected on the ultrasound")],
    "us_label": [(COLORS["truth"], "Tumour drawn on the ultrasound")],
    "edges": [(EDGE_COLOR, "Edges of the MRI")],
    "agreement": [
        (tuple(VIRIDIS[-1]), "The MRI explains 60 % or more of the ultrasound here"),
        (tuple(VIRIDIS[0]), "It explains nothing here"),
    ],
    "displacement": [
        (DISPLACEMENT_COLORS[0], f"Surface displaced by less than 1 mm (arrows {ARROWS_LONGER:g} times as long)"),
        (DISPLACEMENT_COLORS[1], "1 to 2 mm"),
        (DISPLACEMENT_COLORS[2], "More than 2 mm"),
    ],
    "landmarks": [(LANDMARK_COLOR, "Landmark: circle on the ultrasound, cross on the MRI")],
}
