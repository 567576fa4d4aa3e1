"""The methods that the benchmark compares, each from images and a start to a pose, and how far it is from the truth."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..images.field_of_view import field_of_view_mask
from ..images.geometry import transform_points
from ..labels.surface import label_surface
from .benchmark_cases import Pair
from .engine import EngineResult, register_images
from .lc2 import patch_grid
from .mattes import register_mattes
from .parallel import one_thread_each
from .pyramid import field_of_view_points, ultrasound_level
from .refinement import settle
from .search import COARSE_MM, FINE_MM, Scene, SearchSettings, prepare

# Enough for the local search to travel 20 mm where the metric leads it: its steps shrink from 1 mm to 0.25 mm.
LOCAL_STEPS = {COARSE_MM: (40, 1.0), FINE_MM: (24, 0.5)}


@dataclass(frozen=True)
class TumorDisplacement:
    """What an error means at the tumour: mean displacement of its surface, `true_mm`, against the truth.

    `per_mm` (samples): the same under each pose sample, per mm that the sample displaces the field of view (RMS).
    """

    true_mm: float
    per_mm: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """What a method returned: the pose (4, 4), the signs its verdict rests on, and seconds by stage.

    `features` is `None` where the method has no verdict, `tumor` where it has no pose samples: see `TumorDisplacement`.
    """

    mri_to_us_ras: np.ndarray
    features: dict[str, float] | None
    stage_seconds: dict[str, float] = field(default_factory=dict)
    tumor: TumorDisplacement | None = None


def full_lc2(pair: Pair, device: str) -> Outcome:
    """The engine, as the command `register` runs it."""
    settings = SearchSettings(device=device)
    result = register_images(pair.us, pair.mris, pair.initial_mri_to_us_ras, settings)
    return Outcome(result.mri_to_us_ras, result.judgement.features, result.seconds, _at_tumor(pair, result))


def _at_tumor(pair: Pair, result: EngineResult) -> TumorDisplacement | None:
    import torch

    if pair.mri_tumor is None or pair.true_mri_to_us_ras is None:
        return None
    surface = label_surface(pair.mri_tumor)
    share = surface.areas_mm2 / surface.areas_mm2.sum()

    def mean_mm(other: np.ndarray) -> float:
        apart = transform_points(other - result.mri_to_us_ras, surface.points_ras)
        return float(share @ np.linalg.norm(apart, axis=1))

    space = result.scene.space
    poses = torch.tensor(np.array([space.pose_of(m) for m in (result.mri_to_us_ras, *result.pose_samples)]))
    field_mm = space.distance_mm(poses[1:], poses[:1]).numpy()
    ratios = [mean_mm(m) / mm for m, mm in zip(result.pose_samples, field_mm, strict=True)]
    return TumorDisplacement(round(mean_mm(pair.true_mri_to_us_ras), 4), tuple(round(float(r), 4) for r in ratios))


def local_lc2(pair: Pair, device: str) -> Outcome:
    """Plain local LC2: climbs from the start at 2.5 and 1.5 mm and settles; no search, no thin echoes, no verdict."""
    import torch

    started = time.perf_counter()
    scene = plain_scene(prepare(pair.us, pair.mris, pair.initial_mri_to_us_ras, device))
    prepared = time.perf_counter()
    # A hair off the start, where the prior's distance has a derivative.
    poses = torch.full((1, 6), 1e-3, device=device)
    with one_thread_each():
        for spacing_mm, (steps, first_step) in LOCAL_STEPS.items():
            poses = scene.ascend(spacing_mm, poses[:, :6], steps, first_step)
        with torch.inference_mode():
            pose = settle(lambda p: scene.lc2(FINE_MM, p, spread=True), poses[0, :6], seed=0)
    seconds = {"prepare": prepared - started, "climb": time.perf_counter() - prepared}
    return Outcome(scene.space.mri_to_us_ras(pose.cpu().numpy()), None, seconds)


def plain_scene(scene: Scene) -> Scene:
    """The same images with what the LC2 papers use at every level: brightness, MRI intensity and its gradient."""
    levels = {mm: ultrasound_level(scene.us, scene.mask, mm) for mm in scene.grids}
    grids = {mm: patch_grid(level, 2, str(scene.mri.values.device)) for mm, level in levels.items()}
    return replace(scene, mri_with_thin=scene.mri, grids=grids)


def mattes(pair: Pair, device: str) -> Outcome:
    """SimpleITK's mutual information on the first contrast, as `register --method mattes` runs it; always on the CPU.

    Where it gives up, the start is its result.
    """
    del device
    started = time.perf_counter()
    initial = pair.initial_mri_to_us_ras
    try:
        matrix, _ = register_mattes(pair.us, pair.mris[0], field_of_view_mask(pair.us), initial)
    except RuntimeError:
        matrix = initial
    return Outcome(matrix, None, {"search": time.perf_counter() - started})


METHODS: dict[str, Callable[[Pair, str], Outcome]] = {"lc2": full_lc2, "local-lc2": local_lc2, "mattes": mattes}


def mean_displacement_mm(pair: Pair, mri_to_us_ras: np.ndarray, other_mri_to_us_ras: np.ndarray) -> float:
    """Mean distance in mm, over the field of view, between where two registrations find the ultrasound in the MRI."""
    points = field_of_view_points(field_of_view_mask(pair.us))
    first, second = (transform_points(np.linalg.inv(m), points) for m in (mri_to_us_ras, other_mri_to_us_ras))
    return float(np.linalg.norm(first - second, axis=1).mean())
