"""What a registration is: the pose, where it came from, and what is known of its quality."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ACCEPT, REVIEW, REJECT = "accept", "review", "reject"


@dataclass(frozen=True)
class Candidate:
    """A pose the search considered: `mri_to_us_ras` (4, 4) in RAS mm, and its score."""

    mri_to_us_ras: np.ndarray
    score: float


@dataclass(frozen=True)
class LandmarkErrors:
    """Mean distance in mm of `n` landmark pairs before and after registration."""

    initial_mm: float
    final_mm: float
    n: int


@dataclass(frozen=True)
class Judgement:
    """What the software believes of a registration.

    `verdict` is `accept`, `review` or `reject`; `reasons` are sentences. `predicted_error_mm` is the expected mean
    displacement over the field of view, with `error_interval_mm` for 90 %; both `None` where nothing can be said.
    """

    verdict: str
    reasons: tuple[str, ...]
    success_probability: float | None = None
    predicted_error_mm: float | None = None
    error_interval_mm: tuple[float, float] | None = None
    features: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceFile:
    """A file by its path, and the sha256 of its content (of the sorted contents for a folder)."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Registration:
    """An MRI registered rigidly to an ultrasound. Matrices are 4x4, RAS mm, and map MRI points to ultrasound points.

    `pose_samples` are registrations scattered as far as right ones with such signs of quality were from the truth.
    """

    mri: tuple[SourceFile, ...]
    us: SourceFile
    initial_mri_to_us_ras: np.ndarray
    mri_to_us_ras: np.ndarray
    method_name: str
    method_settings: dict[str, Any]
    method_version: str
    score: float
    judgement: Judgement
    candidates: tuple[Candidate, ...]
    landmarks: LandmarkErrors | None
    seconds: float
    device: str
    stage_seconds: dict[str, float] = field(default_factory=dict)
    pose_samples: tuple[np.ndarray, ...] = ()

    @property
    def verdict(self) -> str:
        """`accept`, `review` or `reject`."""
        return self.judgement.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences behind the verdict."""
        return self.judgement.reasons

    @property
    def predicted_error_mm(self) -> float | None:
        """Expected mean displacement over the field of view, in mm."""
        return self.judgement.predicted_error_mm
