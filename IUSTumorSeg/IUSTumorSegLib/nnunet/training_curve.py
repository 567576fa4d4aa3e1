"""How a training went, epoch by epoch: nnU-Net's own numbers in `training_curve.csv`."""

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from ..atomic_files import atomic_path
from ..errors import BadInput

CURVE_FILE = "training_curve.csv"


@dataclass(frozen=True)
class Epoch:
    """One epoch, counted from 1, as nnU-Net logged it; `pseudo_dice_average` is what checkpoints are chosen by."""

    epoch: int
    train_loss: float
    validation_loss: float
    pseudo_dice: float
    pseudo_dice_average: float
    learning_rate: float
    seconds: float


COLUMNS = tuple(field.name for field in fields(Epoch))


def curve_of(log: dict[str, list[Any]]) -> list[Epoch]:
    """The finished epochs in the log of nnU-Net's logger (`logger.get_checkpoint()`)."""
    return [
        Epoch(
            epoch=number + 1,
            train_loss=float(log["train_losses"][number]),
            validation_loss=float(log["val_losses"][number]),
            pseudo_dice=float(log["mean_fg_dice"][number]),
            pseudo_dice_average=float(log["ema_fg_dice"][number]),
            learning_rate=float(log["lrs"][number]),
            seconds=float(end - log["epoch_start_timestamps"][number]),
        )
        for number, end in enumerate(log["epoch_end_timestamps"])
    ]


def write_curve(curve: list[Epoch], path: Path) -> None:
    """Write the curve as CSV, whole or not at all."""
    with atomic_path(Path(path)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(astuple(epoch) for epoch in curve)


def read_curve(path: Path) -> list[Epoch]:
    """Read what `write_curve` wrote, also of a training that is still going on."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(
            f"a training's {CURVE_FILE}", f"nothing at {path}", "name the folder of a training with a finished epoch"
        )
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            Epoch(int(row["epoch"]), *(float(row[column]) for column in COLUMNS[1:])) for row in csv.DictReader(stream)
        ]
