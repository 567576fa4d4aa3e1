"""The folder of a trained model as nnU-Net leaves it, checked before it is used."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput

CHECKPOINTS = ("checkpoint_best.pth", "checkpoint_final.pth")
EXPECTED = f"plans.json, dataset.json and fold_0/{CHECKPOINTS[0]} or fold_0/{CHECKPOINTS[1]}"
GET_AGAIN = "get the model from its source again"
# nnU-Net imports what these names lead to and calls it. A prefix would not do: torch.nn.functional.torch.os is a way out.
NETWORKS = re.compile(r"dynamic_network_architectures\.architectures\.unet\.(PlainConv|ResidualEncoder|Residual)UNet")
LAYERS = re.compile(
    r"torch\.nn\.(modules\.(conv|instancenorm|batchnorm|normalization|dropout|activation)\.)?"
    r"((Conv|InstanceNorm|BatchNorm|Dropout)[123]d|Dropout|GroupNorm|(Leaky)?ReLU|PReLU|ELU|GELU|SiLU|Mish)"
)
STEPS = {
    "preprocessor_name": re.compile(r"DefaultPreprocessor"),
    "resampling_fn_data": re.compile(r"resample_\w+"),
    "resampling_fn_seg": re.compile(r"resample_\w+"),
    "resampling_fn_probabilities": re.compile(r"resample_\w+"),
}
NORMALIZATION = re.compile(r"[A-Za-z0-9]+Normalization")


@dataclass(frozen=True)
class ModelFolder:
    """A model's plans, its data set's description, and one checkpoint for each fold that is used."""

    folder: Path
    plans: dict[str, Any]
    dataset: dict[str, Any]
    checkpoints: dict[str, Path]


def find_model(folder: Path, folds: Sequence[int | str] | None = None) -> ModelFolder:
    """The model in `folder`, with the wanted folds (all that are there if None; "all" counts only where no other is).

    The best checkpoint of a fold is taken, else the final one. `BadInput` says what was expected and what was found.
    """
    folder = Path(folder)
    checkpoints = _checkpoints(folder)
    if not checkpoints or not all((folder / name).is_file() for name in ("plans.json", "dataset.json")):
        raise BadInput(
            EXPECTED, f"{_content(folder)} in {folder}", "name the folder trainer__plans__2d of a trained model"
        )
    wanted = [str(fold) for fold in folds] if folds else _default_folds(checkpoints)
    if missing := [fold for fold in wanted if fold not in checkpoints]:
        found = f"folds {', '.join(checkpoints)} in {folder}"
        raise BadInput(f"a checkpoint of fold {missing[0]}", found, "choose among the folds that are there")
    plans, dataset = _read(folder / "plans.json"), _read(folder / "dataset.json")
    _check_names(plans, folder)
    if len(dataset.get("channel_names", dataset.get("modality", {}))) != 1:
        raise BadInput(
            "a model for one grey-value image",
            f"several channels in {folder / 'dataset.json'}",
            "choose a model for ultrasound",
        )
    return ModelFolder(folder, plans, dataset, {fold: checkpoints[fold] for fold in wanted})


def _checkpoints(folder: Path) -> dict[str, Path]:
    found = {}
    for fold in sorted(folder.glob("fold_*")):
        files = [fold / name for name in CHECKPOINTS if (fold / name).is_file()]
        if files:
            found[fold.name.removeprefix("fold_")] = files[0]
    return found


def _default_folds(checkpoints: dict[str, Path]) -> list[str]:
    return [fold for fold in checkpoints if fold != "all"] or ["all"]


def _content(folder: Path) -> str:
    if not folder.is_dir():
        return "no such folder"
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in folder.iterdir())
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "nothing"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"nnU-Net's {path.name}", f"{path}, which is not JSON", GET_AGAIN) from error
    if not isinstance(content, dict):
        raise BadInput(f"nnU-Net's {path.name}", f"{path}, which is a list", GET_AGAIN)
    return content


def _check_names(plans: dict[str, Any], folder: Path) -> None:
    """nnU-Net imports and calls what the plans name: let it be networks, layers and steps of its own only."""
    configurations = plans.get("configurations")
    if not isinstance(configurations, dict) or not all(isinstance(one, dict) for one in configurations.values()):
        raise BadInput("nnU-Net's plans with their configurations", f"none in {folder / 'plans.json'}", GET_AGAIN)
    named = [(plans.get("label_manager"), re.compile("LabelManager"))]
    for configuration in configurations.values():
        named += [(configuration.get(key), allowed) for key, allowed in STEPS.items()]
        named += [(name, NORMALIZATION) for name in configuration.get("normalization_schemes") or ()]
        named += _named_in_architecture(configuration.get("architecture") or {})
    for name, allowed in named:
        if name is not None and not allowed.fullmatch(str(name)):
            found = f"'{name}' in {folder / 'plans.json'}"
            raise BadInput("networks, layers and steps that nnU-Net itself brings", found, "use a model of that kind")


def _named_in_architecture(architecture: dict[str, Any]) -> list[tuple[Any, re.Pattern[str]]]:
    arguments = architecture.get("arch_kwargs", {})
    layers = [(arguments.get(key), LAYERS) for key in architecture.get("_kw_requires_import", ())]
    return [(architecture.get("network_class_name"), NETWORKS), *layers]
