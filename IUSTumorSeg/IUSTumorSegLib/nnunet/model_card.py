"""What a model is: labels, spacing, folds, training data and licence, from the files that come with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model_folder import ModelFolder
from .opened_model import opened_model

NOT_SAID = "not said"


@dataclass(frozen=True)
class ModelCard:
    """A model's description. Texts are "not said" where its files do not say; spacing is (rows, columns) in mm."""

    name: str
    labels: dict[str, Any]
    channels: tuple[str, ...]
    configurations: dict[str, dict[str, Any]]
    folds: tuple[str, ...]
    trainer: str
    training_data: str
    training_images: int | None
    label_sources: str
    description: str
    licence: str
    reference: str
    validation_dice: dict[str, float]


def read_model_card(model: Path) -> ModelCard:
    """The card of the model in the folder or zip `model`; weights are not read. `BadInput` for what is no model."""
    with opened_model(model, with_weights=False) as found:
        return card_of(found)


def card_of(model: ModelFolder) -> ModelCard:
    """The card of a model that is open."""
    dataset = model.dataset
    channels = dataset.get("channel_names") or dataset.get("modality") or {}
    return ModelCard(
        name=model.folder.name,
        labels=dict(dataset.get("labels") or {}),
        channels=tuple(str(channels[key]) for key in sorted(channels)),
        configurations={name: _configuration(plan) for name, plan in model.plans["configurations"].items()},
        folds=tuple(model.checkpoints),
        trainer=model.folder.name.split("__")[0] if "__" in model.folder.name else NOT_SAID,
        training_data=_text(dataset, "name", fallback=str(model.plans.get("dataset_name") or NOT_SAID)),
        training_images=dataset.get("numTraining"),
        label_sources=_label_sources(dataset),
        description=_text(dataset, "description"),
        licence=_text(dataset, "licence", "license"),
        reference=_text(dataset, "reference"),
        validation_dice=_validation_dice(model),
    )


def card_text(card: ModelCard) -> str:
    """The card as lines for a person."""
    spacings = "; ".join(
        f"{name}: {' x '.join(f'{mm:g}' for mm in plan['spacing_mm'])} mm, tile {' x '.join(map(str, plan['patch']))}"
        for name, plan in card.configurations.items()
    )
    dice = ", ".join(f"fold {fold} {value:.3f}" for fold, value in card.validation_dice.items())
    images = "" if card.training_images is None else f", {card.training_images} images"
    lines = {
        "Model": card.name,
        "Labels": ", ".join(f"{value} {name}" for name, value in card.labels.items()),
        "Channels": ", ".join(card.channels),
        "Spacing": spacings,
        "Folds": ", ".join(card.folds),
        "Trainer": card.trainer,
        "Training data": card.training_data + images,
        "Labels drawn": card.label_sources,
        "Description": card.description,
        "Best moving Dice": dice or NOT_SAID,
        "Licence": card.licence,
        "Reference": card.reference,
        "Use": "research only, no medical device",
    }
    width = max(map(len, lines))
    return "\n".join(f"{head:{width}}  {text}" for head, text in lines.items())


def _configuration(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {"spacing_mm": list(plan.get("spacing") or ()), "patch": list(plan.get("patch_size") or ())}


def _text(dataset: Mapping[str, Any], *keys: str, fallback: str = NOT_SAID) -> str:
    found = next((dataset[key] for key in keys if dataset.get(key)), fallback)
    return " ".join(str(found).split())


def _label_sources(dataset: Mapping[str, Any]) -> str:
    own = dataset.get("iustumorseg")
    sources = own.get("label_sources") if isinstance(own, dict) else None
    return ", ".join(map(str, sources)) if sources else NOT_SAID


def _validation_dice(model: ModelFolder) -> dict[str, float]:
    """The best moving average of the pseudo Dice of each fold that our own training recorded."""
    found = {}
    for fold, checkpoint in model.checkpoints.items():
        record = checkpoint.parent / "training.json"
        if not record.is_file():
            continue
        try:
            value = json.loads(record.read_text(encoding="utf-8")).get("best_pseudo_dice_average")
        except (ValueError, AttributeError):
            continue
        if isinstance(value, int | float):
            found[fold] = float(value)
    return found
