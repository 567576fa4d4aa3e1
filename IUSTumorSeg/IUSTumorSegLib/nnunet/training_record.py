"""`training.json`: what a network was trained on, with what, and how far it came. It names no person and no place.

It is written when a training starts and after every epoch, so a killed training has one too.
"""

import hashlib
import json
import math
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..errors import BadInput
from ..file_hash import sha256_of
from ..slices.manifest import MANIFEST_FILE
from ..version import VERSION
from .training_curve import Epoch
from .training_request import TrainingRequest, splits_file_of

SCHEMA = "iustumorseg.training/1"
RECORD_FILE = "training.json"
RUNNING, FINISHED, STOPPED_EARLY = "running", "finished", "stopped early"
PACKAGES = ("nnunetv2", "torch", "numpy", "SimpleITK", "batchgeneratorsv2", "dynamic-network-architectures")
DECISIVE = {"data_sha256": "images and labels", "splits_sha256": "folds"}


def data_hashes(request: TrainingRequest) -> dict[str, str | None]:
    """SHA-256 of all that is trained on: images with labels, dataset.json, folds and manifest (None where missing)."""
    raw = request.raw_folder
    return {
        "data_sha256": data_fingerprint(raw),
        "dataset_json_sha256": _file_sha256(raw / "dataset.json"),
        "splits_sha256": _file_sha256(splits_file_of(request)),
        "manifest_sha256": _file_sha256(raw / MANIFEST_FILE),
    }


def data_fingerprint(dataset_folder: Path) -> str:
    """SHA-256 over the names and contents of a raw data set's images and labels."""
    digest = hashlib.sha256()
    for path in sorted(path for name in ("imagesTr", "labelsTr") for path in (dataset_folder / name).iterdir()):
        digest.update(f"{path.parent.name}/{path.name}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def read_record(fold_folder: Path) -> dict[str, Any] | None:
    """The record of a training, `None` where there is none that can be read."""
    try:
        content = json.loads((Path(fold_folder) / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_complete(record: Mapping[str, Any] | None, epochs: int | None = None) -> bool:
    """Whether the training came to its end, and not with fewer than `epochs` planned."""
    if record is None or record.get("state") not in (FINISHED, STOPPED_EARLY):
        return False
    return epochs is None or record["state"] == STOPPED_EARLY or record.get("epochs_planned", 0) >= epochs


def check_same_data(record: Mapping[str, Any] | None, data: Mapping[str, str | None]) -> None:
    """Raise `BadInput` where a training would be resumed on other slices or folds than it was begun with."""
    changed = [what for key, what in DECISIVE.items() if record and key in record and record[key] != data[key]]
    if changed:
        raise BadInput(
            "the slices that the training was begun with",
            f"other {' and '.join(changed)} in the data set",
            "export the former ones again, or start the training anew (overwrite)",
        )


def begun_record(
    request: TrainingRequest, data: Mapping[str, str | None], trainer: Any, former: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The part of the record that is known when a training starts; `former` is of the training that is resumed."""
    train, validation = trainer.do_split()
    now = _now()
    return {
        "schema": SCHEMA,
        "state": RUNNING,
        "dataset": request.dataset,
        **data,
        "min_area_mm2": request.min_area_mm2,
        "slices": {"train": len(train), "validation": len(validation)},
        "trainer": request.trainer,
        "plans": request.plans_name,
        "patch_size": [int(side) for side in trainer.configuration_manager.patch_size],
        "batch_size": int(trainer.configuration_manager.batch_size),
        "fold": request.fold,
        "device": request.device if request.device.startswith("cuda") else str(trainer.device),
        "seed": request.seed,
        "workers": request.workers,
        # Workers draw their own random numbers, and a GPU adds in any order.
        "repeatable": request.workers == 0 and trainer.device.type == "cpu" and not request.resume,
        "epochs_planned": trainer.num_epochs,
        "iterations_per_epoch": trainer.num_iterations_per_epoch,
        "patience": getattr(trainer, "patience", None),
        "resumed": request.resume,
        "began": former["began"] if request.resume and former and "began" in former else now,
        "versions": versions(),
        "machine": _machine(trainer.device),
        "process": os.getpid(),
    }


def write_record(
    begun: Mapping[str, Any], curve: list[Epoch], state: str, seconds: Mapping[str, float], fold_folder: Path
) -> None:
    """Write the record of a training that has come as far as `curve`."""
    # Where no validation slice showed tumour the pseudo Dice is NaN, and no epoch the best.
    rated = [epoch for epoch in curve if not math.isnan(epoch.pseudo_dice_average)]
    best = max(rated, key=lambda epoch: epoch.pseudo_dice_average, default=None)
    progress = {
        "state": state,
        "epochs_done": len(curve),
        "best_epoch": best.epoch if best else None,
        "best_pseudo_dice_average": best.pseudo_dice_average if best else None,
        "updated": _now(),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    write_json_atomic(fold_folder / RECORD_FILE, {**begun, **progress})


def versions() -> dict[str, str]:
    """Versions of this library, Python and the packages that a training's numbers depend on."""
    own = {"iustumorseg": VERSION, "python": platform.python_version()}
    return own | {name: _version_of(name) for name in PACKAGES}


def _machine(device: Any) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()}
    if device.type == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda}
    return found


def _version_of(package: str) -> str:
    # A window loads this module, and would wait for that one.
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        # As Slicer builds some of them: there is a module, but no installed distribution.
        return "unknown"


def _file_sha256(path: Path | None) -> str | None:
    return sha256_of(path) if path is not None and path.is_file() else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
