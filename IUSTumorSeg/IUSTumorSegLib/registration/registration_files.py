"""`registration.json` and `mri_to_us.tfm`: a registration on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import BadInput
from ..file_hash import sha256_of
from .registration import Candidate, Judgement, LandmarkErrors, Registration, SourceFile
from .transform_files import write_transform

SCHEMA = "iustumorseg.registration/1"
REGISTRATION_FILE = "registration.json"
TRANSFORM_FILE = "mri_to_us.tfm"


def write_registration(registration: Registration, folder: Path) -> None:
    """Write `registration.json` and `mri_to_us.tfm` into `folder`, each whole or not at all; the JSON last."""
    write_transform(registration.mri_to_us_ras, folder / TRANSFORM_FILE)
    write_json_atomic(folder / REGISTRATION_FILE, registration_as_dict(registration))


def read_registration(path: Path) -> Registration:
    """Read `registration.json`; `BadInput` for a missing, broken or newer file."""
    path = Path(path)
    if not path.is_file():
        raise BadInput("a registration.json", f"nothing at {path}", "register first")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        schema = content.get("schema")
    except (ValueError, AttributeError) as error:
        raise BadInput("a registration.json", f"{path}, which is not valid JSON", "register again") from error
    if schema != SCHEMA:
        raise BadInput(f"the schema {SCHEMA}", f"{schema} in {path}", "update the software or register again")
    try:
        return registration_from_dict(content)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            "a complete registration.json", f"{path}, where {error} is missing or wrong", "register again"
        ) from error


def fingerprint(path: Path) -> SourceFile:
    """Path and sha256 of a file, or of all files of a folder in the order of their names."""
    return SourceFile(path.resolve(), sha256_of(path))


def registration_as_dict(registration: Registration) -> dict[str, Any]:
    """What `registration.json` holds."""
    judgement = registration.judgement
    landmarks = registration.landmarks
    return {
        "schema": SCHEMA,
        "mri": [_source(s) for s in registration.mri],
        "us": _source(registration.us),
        "initial_mri_to_us_ras": registration.initial_mri_to_us_ras.tolist(),
        "mri_to_us_ras": registration.mri_to_us_ras.tolist(),
        "method": {
            "name": registration.method_name,
            "settings": registration.method_settings,
            "version": registration.method_version,
        },
        "score": registration.score,
        "verdict": judgement.verdict,
        "reasons": list(judgement.reasons),
        "success_probability": judgement.success_probability,
        "predicted_error_mm": judgement.predicted_error_mm,
        "predicted_error_interval_mm": judgement.error_interval_mm,
        "features": judgement.features,
        "candidates": [{"mri_to_us_ras": c.mri_to_us_ras.tolist(), "score": c.score} for c in registration.candidates],
        "landmarks": landmarks
        and {"initial_mm": landmarks.initial_mm, "final_mm": landmarks.final_mm, "n": landmarks.n},
        "seconds": registration.seconds,
        "stage_seconds": registration.stage_seconds,
        "device": registration.device,
        "pose_samples": [np.round(sample, 6).tolist() for sample in registration.pose_samples],
    }


def _source(source: SourceFile) -> dict[str, str]:
    return {"path": str(source.path), "sha256": source.sha256}


def registration_from_dict(content: dict[str, Any]) -> Registration:
    """The registration of what `registration.json` holds; `KeyError`, `TypeError` or `ValueError` where it is not whole."""
    interval = content.get("predicted_error_interval_mm")
    landmarks = content.get("landmarks")
    return Registration(
        mri=tuple(SourceFile(Path(s["path"]), s["sha256"]) for s in content["mri"]),
        us=SourceFile(Path(content["us"]["path"]), content["us"]["sha256"]),
        initial_mri_to_us_ras=_matrix(content["initial_mri_to_us_ras"]),
        mri_to_us_ras=_matrix(content["mri_to_us_ras"]),
        method_name=content["method"]["name"],
        method_settings=content["method"]["settings"],
        method_version=content["method"]["version"],
        score=content["score"],
        judgement=Judgement(
            content["verdict"], tuple(content["reasons"]), content["success_probability"], content["predicted_error_mm"],
            tuple(interval) if interval else None, content["features"],
        ),
        candidates=tuple(Candidate(_matrix(c["mri_to_us_ras"]), c["score"]) for c in content["candidates"]),
        landmarks=LandmarkErrors(**landmarks) if landmarks else None,
        seconds=content["seconds"],
        device=content["device"],
        stage_seconds=content.get("stage_seconds", {}),
        pose_samples=tuple(_matrix(rows) for rows in content.get("pose_samples", [])),
    )  # fmt: skip


def _matrix(rows: list[list[float]]) -> np.ndarray:
    matrix = np.array(rows, dtype=float)
    if matrix.shape != (4, 4):
        raise ValueError("a 4x4 matrix")
    return matrix
