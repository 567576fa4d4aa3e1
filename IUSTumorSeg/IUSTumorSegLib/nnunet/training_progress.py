"""How far a training is, for whoever watches it: the curves of its folds and the time that is left."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from .training_curve import CURVE_FILE, Epoch, read_curve
from .training_record import is_complete, read_record

LAST_EPOCHS = 5


def read_fold_curves(model_folder: Path, folds: Sequence[str]) -> dict[str, list[Epoch]]:
    """The curves so far of a model's folds by their names; without those whose first epoch has not ended."""
    paths = {fold: Path(model_folder) / f"fold_{fold}" / CURVE_FILE for fold in folds}
    return {fold: read_curve(path) for fold, path in paths.items() if path.is_file()}


def ended_folds(model_folder: Path, folds: Sequence[str]) -> set[str]:
    """The folds whose training came to its end, by early stopping too."""
    return {fold for fold in folds if is_complete(read_record(Path(model_folder) / f"fold_{fold}"))}


def time_left_s(
    curves: Mapping[str, Sequence[Epoch]], folds: Sequence[str], ended: set[str], epochs_planned: int
) -> float | None:
    """Seconds to the last planned epoch of the last fold, at the pace of the last epochs; `None` before the first.

    Folds are counted one after the other, and early stopping ends them sooner: it is the most that is left.
    """
    last = [epoch.seconds for curve in curves.values() for epoch in curve[-LAST_EPOCHS:]]
    if not last:
        return None
    epochs = sum(max(0, epochs_planned - len(curves.get(fold, ()))) for fold in folds if fold not in ended)
    return epochs * statistics.median(last)


def duration_text(seconds: float) -> str:
    """A duration as a person says it, in at most two units."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{round(hours / 24)} days"
