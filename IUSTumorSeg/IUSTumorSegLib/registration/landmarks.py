"""Corresponding points in MRI and ultrasound, in MNI tag files as RESECT ships them."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic_files import write_text_atomic
from ..errors import BadInput
from ..images.geometry import transform_points


@dataclass(frozen=True)
class Landmarks:
    """Pairs of points: `mri_ras` and `us_ras`, each of shape (n, 3), RAS mm."""

    mri_ras: np.ndarray
    us_ras: np.ndarray


def read_tag(path: Path) -> Landmarks:
    """Read an MNI tag file of two volumes: each row holds MRI x y z, then ultrasound x y z."""
    path = Path(path)
    if not path.is_file():
        raise BadInput("a landmarks file", f"nothing at {path}", "check the path")
    text = path.read_text(encoding="utf-8", errors="replace")
    if "MNI Tag Point File" not in text:
        raise BadInput("an MNI tag file (.tag)", f"another format in {path}", "export the landmarks as .tag")
    rows = [_six_numbers(line) for line in text.partition("Points")[2].splitlines()]
    pairs = np.array([row for row in rows if row])
    if not len(pairs):
        raise BadInput("landmark pairs", f"none in {path}", "check that the file holds six numbers a row")
    return Landmarks(pairs[:, :3], pairs[:, 3:])


def write_tag(landmarks: Landmarks, path: Path, comment: str = "MRI-US landmarks") -> None:
    """Write `landmarks` as an MNI tag file of two volumes."""
    pairs = np.hstack([landmarks.mri_ras, landmarks.us_ras])
    rows = "\n".join(' {:.6f} {:.6f} {:.6f} {:.6f} {:.6f} {:.6f} ""'.format(*row) for row in pairs)
    write_text_atomic(path, f"MNI Tag Point File\nVolumes = 2;\n% {comment}\n\nPoints =\n{rows};\n")


def landmark_errors_mm(landmarks: Landmarks, mri_to_us_ras: np.ndarray) -> np.ndarray:
    """Distance in mm of each MRI landmark, moved by `mri_to_us_ras`, from its ultrasound landmark; shape (n,)."""
    return np.linalg.norm(transform_points(mri_to_us_ras, landmarks.mri_ras) - landmarks.us_ras, axis=1)


def mean_landmark_error_mm(landmarks: Landmarks, mri_to_us_ras: np.ndarray) -> float:
    """Mean target registration error over the landmarks, in mm."""
    return float(landmark_errors_mm(landmarks, mri_to_us_ras).mean())


def fit_rigid(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """4x4 rigid matrix that moves `source` onto `target` (both (n, 3)) with least squares (Arun 1987)."""
    from_center, to_center = source.mean(axis=0), target.mean(axis=0)
    u, _, vt = np.linalg.svd((source - from_center).T @ (target - to_center))
    handedness = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    matrix = np.eye(4)
    matrix[:3, :3] = vt.T @ handedness @ u.T
    matrix[:3, 3] = to_center - matrix[:3, :3] @ from_center
    return matrix


def _six_numbers(line: str) -> list[float] | None:
    numbers = re.findall(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?", line.split('"')[0])
    return [float(n) for n in numbers[:6]] if len(numbers) >= 6 else None
