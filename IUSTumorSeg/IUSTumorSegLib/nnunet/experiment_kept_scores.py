"""Scores are kept beside their model, so that an experiment that is started again predicts nothing twice."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..evaluation.overlap import Overlap
from ..file_hash import sha256_of
from ..version import VERSION
from .experiment_scores import Predict, SliceScore, score_model
from .experiment_views import ReferenceSlice
from .model_folder import CHECKPOINTS

SCORES_FILE = "scores.json"


def kept_or_new_scores(
    model: Path,
    folds: Sequence[int],
    test: Sequence[ReferenceSlice],
    test_sha256: str,
    predict: Predict,
    device: str,
    folder: Path,
) -> list[SliceScore]:
    """The model's scores on `test`: those in `folder` where the same networks were tested on the same, else new ones.

    `test_sha256` is `fingerprint_of_test(test)`. New scores are kept in `folder`.
    """
    tested = {"version": VERSION, "test_sha256": test_sha256, "networks": _networks(model, folds)}
    kept = _read(folder / SCORES_FILE, tested)
    if kept is not None:
        return kept
    scores = score_model(model, folds, test, predict, device)
    write_json_atomic(folder / SCORES_FILE, {**tested, "scores": [asdict(score) for score in scores]})
    return scores


def fingerprint_of_test(test: Sequence[ReferenceSlice]) -> str:
    """SHA-256 over the test slices' names, patients, folds, images and labels."""
    digest = hashlib.sha256()
    for item in test:
        digest.update(f"{item.name}\n{item.patient}\n{item.fold}\n".encode())
        for path in (*item.files.images, item.files.label):
            digest.update(sha256_of(path).encode())
    return digest.hexdigest()


def _networks(model: Path, folds: Sequence[int]) -> dict[str, str]:
    """SHA-256 of what the model's labels depend on: its plans, and of each fold the checkpoint that is used."""
    used = [model / "plans.json"]
    for fold in folds:
        used += [path for name in CHECKPOINTS if (path := model / f"fold_{fold}" / name).is_file()][:1]
    return {path.relative_to(model).as_posix(): sha256_of(path) for path in used if path.is_file()}


def _read(path: Path, tested: dict[str, Any]) -> list[SliceScore] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if any(content.get(key) != value for key, value in tested.items()):
            return None
        return [SliceScore(one["slice"], one["patient"], Overlap(**one["overlap"])) for one in content["scores"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
