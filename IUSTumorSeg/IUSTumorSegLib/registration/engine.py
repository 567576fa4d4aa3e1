"""The engine: images in, a judged registration out. What the command, the benchmark and the review window all call."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..jobs.freed_memory import keep_freed_memory
from ..jobs.progress import Progress, silent
from .quality import quality_features
from .registration import Candidate, Judgement
from .search import Found, Scene, SearchSettings, prepare, search
from .uncertainty import bootstrap_poses, scaled_to
from .verdict import judge, right_error_quantiles_mm

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class EngineResult:
    """A registration with what is known of it.

    `mri_to_us_ras` (4, 4) and `candidates`, best first, in RAS mm; `score` is LC2 at the finest level; `pose_samples`
    are registrations (4, 4) scattered in the bootstrap's directions, as far as right ones like this were off; `seconds`
    by stage. `scene` and `found` are what pictures and further questions need.
    """

    mri_to_us_ras: np.ndarray
    score: float
    judgement: Judgement
    candidates: tuple[Candidate, ...]
    pose_samples: tuple[np.ndarray, ...]
    seconds: dict[str, float]
    scene: Scene
    found: Found


def register_images(
    us: "sitk.Image",
    mris: "list[sitk.Image]",
    initial_mri_to_us_ras: np.ndarray,
    settings: SearchSettings = SearchSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> EngineResult:
    """Register one MRI contrast, or several in one frame of reference, to `us` from the given start."""
    started = time.perf_counter()
    keep_freed_memory()
    progress("prepare", 0, 1, "Preparing the images")
    scene = prepare(us, mris, initial_mri_to_us_ras, settings.device)
    prepared = time.perf_counter()
    found = search(scene, settings, progress)
    progress("judge", 0, 1, "Measuring how far the result can be trusted")
    searched = time.perf_counter()
    drawn = bootstrap_poses(scene, found.poses[0], settings.seed)
    judgement = judge(quality_features(scene, found, drawn, settings.seed))
    errors_mm = right_error_quantiles_mm(judgement.features, len(drawn))
    samples = scaled_to(errors_mm, drawn, found.poses[0], scene.space)
    seconds = {"prepare": prepared - started, **found.seconds, "judge": time.perf_counter() - searched}
    candidates = [
        Candidate(scene.space.mri_to_us_ras(p), float(s)) for p, s in zip(found.poses, found.scores, strict=True)
    ]
    return EngineResult(
        candidates[0].mri_to_us_ras,
        found.lc2,
        judgement,
        tuple(candidates),
        tuple(scene.space.mri_to_us_ras(p) for p in samples),
        {stage: round(value, 3) for stage, value in seconds.items()},
        scene,
        found,
    )
