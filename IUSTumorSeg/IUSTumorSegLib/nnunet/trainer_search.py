"""Find a trainer class by its name, importing the one module that holds it.

nnU-Net's own search imports every trainer it ships. One of them imports torchvision; where that does not match torch,
the search ends there, in training and in prediction.
"""

import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

from ..errors import BadInput

OWN_MODULE = "IUSTumorSegLib.nnunet.trainers.ius_trainers"
SMALL_TRAINER = "nnUNetTrainerIUSSmall"
EARLY_STOPPING_TRAINER = "nnUNetTrainerWithESandDA5"


def find_trainer(name: str) -> Any:
    """The trainer class `name`: ours, or one that nnU-Net ships. `BadInput` where there is none."""
    return getattr(importlib.import_module(trainer_module(name)), name)


def trainer_module(name: str) -> str:
    """The module that defines the trainer `name`, found by reading sources; imports neither torch nor nnU-Net."""
    for source, module in _candidates():
        if re.search(rf"^class {re.escape(name)}\b", source.read_text(encoding="utf-8"), re.MULTILINE):
            return module
    raise BadInput(
        "a trainer of IUSTumorSeg or nnU-Net",
        f"'{name}'",
        f"use {SMALL_TRAINER}, {EARLY_STOPPING_TRAINER} or nnUNetTrainer",
    )


def _candidates() -> list[tuple[Path, str]]:
    own = Path(__file__).parent / "trainers" / "ius_trainers.py"
    specification = importlib.util.find_spec("nnunetv2")
    if specification is None or not specification.submodule_search_locations:
        raise BadInput(
            "nnU-Net (package nnunetv2)", "no such package in this Python", "install it with 'pip install nnunetv2'"
        )
    package = Path(next(iter(specification.submodule_search_locations)))
    sources = sorted((package / "training" / "nnUNetTrainer").rglob("*.py"))
    return [(own, OWN_MODULE)] + [(path, _module_name(path, package)) for path in sources]


def _module_name(path: Path, package: Path) -> str:
    return ".".join(("nnunetv2", *path.relative_to(package).with_suffix("").parts))
