"""Small line and point plots, drawn with Pillow, which Slicer ships."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .picture_parts import INK, PAPER, QUIET, font_of

if TYPE_CHECKING:
    from PIL.Image import Image

FINER = 2  # drawn this much larger and reduced, for smooth lines
FRAME = (214, 216, 216)
LEFT_PX, RIGHT_PX, TOP_PX, BOTTOM_PX = 46, 10, 30, 24
FONT_PX = 13


@dataclass(frozen=True)
class Curve:
    """Points (n,) joined by a line in `colour`, or as dots of `dot_px` where that is not 0."""

    x: np.ndarray
    y: np.ndarray
    colour: tuple[int, int, int]
    dot_px: int = 0


@dataclass(frozen=True)
class Plot:
    """A plot of `curves` between `x_range` and `y_range`, with a title; `mark_x` is a vertical line."""

    title: str
    curves: Sequence[Curve]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_ticks: Sequence[float]
    y_ticks: Sequence[float]
    mark_x: float | None = None
    notes: Sequence[tuple[float, float, str]] = field(default_factory=tuple)


def draw_plot(plot: Plot, width: int, height: int) -> "Image":
    """Draw `plot` in `width` x `height` pixels."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width * FINER, height * FINER), PAPER)
    draw = ImageDraw.Draw(image)
    frame = _Frame(plot, width, height)
    _draw_axes(draw, plot, frame)
    for curve in plot.curves:
        _draw_curve(draw, curve, frame)
    for x, y, text in plot.notes:
        draw.text((frame.x(x) + 8 * FINER, frame.y(y)), text, fill=INK, font=font_of(FONT_PX * FINER), anchor="lm")
    return image.resize((width, height), Image.Resampling.LANCZOS)


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between `low` and `high`, at most about `most`."""
    rough = (high - low) / most
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(power * f for f in (1, 2, 5, 10) if power * f >= rough)
    return [round(float(v), 10) for v in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


@dataclass(frozen=True)
class _Frame:
    """From values to pixels of the larger drawing."""

    plot: Plot
    width: int
    height: int

    def x(self, value: float) -> float:
        low, high = self.plot.x_range
        return FINER * (LEFT_PX + (value - low) / (high - low) * (self.width - LEFT_PX - RIGHT_PX))

    def y(self, value: float) -> float:
        low, high = self.plot.y_range
        return FINER * (self.height - BOTTOM_PX - (value - low) / (high - low) * (self.height - TOP_PX - BOTTOM_PX))


def _draw_axes(draw, plot: Plot, frame: _Frame) -> None:
    font, (left, right), (low, high) = font_of(FONT_PX * FINER), plot.x_range, plot.y_range
    draw.text((frame.x(left), 6 * FINER), plot.title, fill=INK, font=font_of((FONT_PX + 1) * FINER))
    for value in plot.y_ticks:
        y = frame.y(value)
        draw.line([frame.x(left), y, frame.x(right), y], fill=FRAME, width=FINER)
        draw.text((frame.x(left) - 5 * FINER, y), f"{value:g}", fill=QUIET, font=font, anchor="rm")
    for value in plot.x_ticks:
        x = frame.x(value)
        draw.line([x, frame.y(low), x, frame.y(low) + 4 * FINER], fill=QUIET, width=FINER)
        draw.text((x, frame.y(low) + 6 * FINER), f"{value:g}", fill=QUIET, font=font, anchor="mt")
    if plot.mark_x is not None:
        draw.line([frame.x(plot.mark_x), frame.y(low), frame.x(plot.mark_x), frame.y(high)], fill=QUIET, width=FINER)


def _draw_curve(draw, curve: Curve, frame: _Frame) -> None:
    points = [(frame.x(x), frame.y(y)) for x, y in zip(curve.x, curve.y, strict=True)]
    if not curve.dot_px:
        draw.line(points, fill=curve.colour, width=2 * FINER, joint="curve")
        return
    radius = curve.dot_px * FINER
    for x, y in points:
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=curve.colour)
