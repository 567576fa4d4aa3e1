"""The report's charts as inline SVG: they print, scale and need nothing beside them."""

import math
from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

from ..nnunet.training_curve import Epoch
from ..slices.manifest import Slice
from .findings import PatientFindings

WIDTH = 760
INK, GREY, FAINT = "#1c2530", "#66717e", "#dfe4ea"
BEFORE, AFTER, FLOOR = "#c8553d", "#1f6f8b", "#8a94a0"
DIRECTION_COLORS = {"i": "#1f6f8b", "j": "#d98e04", "k": "#7a5195"}
AREA_EDGES_MM2 = (0, 75, 150, 300, 600)


def landmark_chart(patients: Sequence[PatientFindings]) -> str:
    """Landmark error before and after registration and its floor, one line a patient."""
    left, top, row = 130, 34, 34
    height = top + row * len(patients) + 34
    largest = max(max(p.before_mm, p.after_mm) for p in patients) * 1.08
    x = _scale(0, largest, left, WIDTH - 20)
    parts = [_tick(x(value), top - 6, height - 34, f"{value:g}") for value in _ticks(largest)]
    for number, patient in enumerate(patients):
        y = top + row * (number + 0.5)
        parts += [
            _text(left - 14, y + 4, patient.name, "end"),
            _segment((x(patient.after_mm), y), (x(patient.before_mm), y), FAINT, 6),
            _segment((x(patient.floor_mm), y - 11), (x(patient.floor_mm), y + 11), FLOOR, 2),
            _dot(x(patient.before_mm), y, BEFORE),
            _dot(x(patient.after_mm), y, AFTER),
        ]
    parts.append(_text(WIDTH - 20, height - 6, "mean landmark error, mm", "end", GREY))
    parts.append(_legend([(BEFORE, "before"), (AFTER, "after"), (FLOOR, "at the true pose")], left))
    return _svg(height, parts, "Landmark error before and after registration")


def slice_chart(slices: Sequence[Slice]) -> str:
    """Number of slices by tumour area, a bar for each direction."""
    left, top, bottom = 50, 40, 230
    counts = {direction: area_counts(slices, direction) for direction in DIRECTION_COLORS}
    largest = max(1, *(n for row in counts.values() for n in row))
    y = _scale(0, largest * 1.1, bottom, top)
    group = (WIDTH - left - 20) / len(area_labels())
    parts = []
    for value in _ticks(largest * 1.1, 4):
        parts += _grid_line(left, WIDTH - 20, y(value), f"{value:g}")
    for place, label in enumerate(area_labels()):
        middle = left + group * (place + 0.5)
        parts.append(_text(middle, bottom + 20, label, "middle"))
        for offset, (direction, color) in enumerate(DIRECTION_COLORS.items()):
            count = counts[direction][place]
            bar = group / 5
            start = middle + (offset - 1.5) * bar
            parts.append(_bar(start + 1, y(count), bar - 2, bottom - y(count), color))
            parts.append(_text(start + bar / 2, y(count) - 4, str(count), "middle", GREY, 11))
    parts.append(_text(WIDTH - 20, bottom + 40, "tumour area in the slice, mm²", "end", GREY))
    parts.append(_legend([(color, f"across axis {name}") for name, color in DIRECTION_COLORS.items()], left))
    return _svg(bottom + 48, parts, "Slices by direction and tumour area")


def area_counts(slices: Sequence[Slice], direction: str) -> list[int]:
    """How many slices of a direction hold no tumour, and how many fall between `AREA_EDGES_MM2`, the last being open."""
    areas = [item.tumor_area_mm2 for item in slices if item.direction == direction]
    ranges = pairwise((*AREA_EDGES_MM2, math.inf))
    return [areas.count(0), *(sum(area > 0 and low <= area < high for area in areas) for low, high in ranges)]


def area_labels() -> list[str]:
    """Names of the ranges of `area_counts`."""
    between = [f"{low}–{high}" if low else f"under {high}" for low, high in pairwise(AREA_EDGES_MM2)]
    return ["none", *between, f"{AREA_EDGES_MM2[-1]} and more"]


def training_chart(curve: Sequence[Epoch]) -> str:
    """Training and validation loss on top, nnU-Net's pseudo Dice of the watched patient below, by epoch."""
    left, right = 60, WIDTH - 20
    x = _scale(1, max(2, len(curve)), left + 10, right - 10)
    losses = [value for epoch in curve for value in (epoch.train_loss, epoch.validation_loss)]
    low, high = min(losses), max(losses)
    pad = 0.08 * (high - low or 1)
    loss, dice = _scale(low - pad, high + pad, 190, 44), _scale(0, 1, 350, 230)
    parts = [
        _text(left, 26, "loss (cross-entropy and Dice)", "start", GREY),
        _text(left, 220, "pseudo Dice", "start", GREY),
    ]
    for value in _ticks(high - low, 4, low):
        parts += _grid_line(left, right, loss(value), f"{value:.2g}")
    for value in (0, 0.25, 0.5, 0.75, 1):
        parts += _grid_line(left, right, dice(value), f"{value:g}")
    parts += [
        _line([(x(e.epoch), loss(e.train_loss)) for e in curve], AFTER),
        _line([(x(e.epoch), loss(e.validation_loss)) for e in curve], BEFORE),
        _line([(x(e.epoch), dice(e.pseudo_dice)) for e in curve], BEFORE),
    ]
    parts += [_text(x(e.epoch), 370, str(e.epoch), "middle", GREY, 11) for e in curve]
    parts.append(_text(right, 388, "epoch", "end", GREY))
    parts.append(_legend([(AFTER, "training patients"), (BEFORE, "watched patient")], WIDTH - 330))
    return _svg(394, parts, "Training curve")


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _ticks(span: float, about: int = 6, start: float = 0.0) -> list[float]:
    """Some `about` round values from `start` over a `span`."""
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= span / about)
    return [round(step * n, 9) for n in range(math.ceil(start / step), math.floor((start + span) / step) + 1)]


def _svg(height: float, parts: list[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">'
        + "".join(parts)
        + "</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str, color: str = INK, size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}">{escape(text)}</text>'
    )


def _dot(x: float, y: float, color: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{color}"/>'


def _tick(x: float, top: float, bottom: float, label: str) -> str:
    return _segment((x, top), (x, bottom), FAINT, 1) + _text(x, bottom + 14, label, "middle", GREY, 11)


def _grid_line(left: float, right: float, y: float, label: str) -> list[str]:
    return [_segment((left, y), (right, y), FAINT, 1), _text(left - 8, y + 4, label, "end", GREY, 11)]


def _segment(start: tuple[float, float], end: tuple[float, float], color: str, width: float) -> str:
    (x1, y1), (x2, y2) = start, end
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{color}" stroke-width="{width}"/>'


def _bar(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'


def _line(points: list[tuple[float, float]], color: str) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>{dots}'


def _legend(entries: list[tuple[str, str]], left: float) -> str:
    parts, x = [], left
    for color, label in entries:
        parts.append(f'<rect x="{x:.1f}" y="6" width="12" height="12" rx="3" fill="{color}"/>')
        parts.append(_text(x + 18, 16.5, label, "start", GREY, 12))
        x += 40 + 7 * len(label)
    return "".join(parts)
