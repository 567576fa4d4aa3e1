"""Runs whose outcome is known, for fitting the verdict: which pairs, made how, and what the engine found on them.

Right and wrong come from simulated patients (their own ultrasound, as made and disturbed; another patient's; their mirrored
MRI), and from real ones where RESECT's files are given: case 24 from disturbed starts and with disturbed images, judged by
its landmarks, and its MRI with other patients' ultrasound, which no pose can make right. Benchmark seeds are others.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.field_of_view import field_of_view_mask
from ..images.geometry import grid_center_ras
from ..images.volumes import read_volume
from .benchmark_cases import mirrored
from .disturbed_images import disturbance_of, disturbed_mri, disturbed_ultrasound
from .engine import EngineResult, register_images
from .landmarks import mean_landmark_error_mm, read_tag
from .poses import PoseSpace

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..demo.simulated_case import SimulatedCase

RIGHT_MM = 2.0
REAL_RIGHT_MM = 3.0  # mean landmark error; case 24's rigid floor is 0.83 mm and its landmarks are sparse
WRONG_ANATOMY_MM = 20.0  # stands for an error where no pose is right
CONTRASTS = ("FLAIR", "T1ce", "T2")
# What a rigid pose cannot follow limits its error, so brain shifts must be as various as in patients: seven of these seeds
# to fifty-three of the others spread them evenly over 0 to 4 mm.
LARGER_SHIFTS_MM, SMALL_SHIFTS_MM, FIRST_OF_SMALL_SHIFTS = (0.5, 4.0), (0.0, 0.5), 7120
STRENGTHS = (0.15, 0.3, 0.5)  # of disturbances: most of them are registered rightly, half of them, and the smaller part


def collect(seeds: range, out: Path, real: Path | None) -> None:
    """Run the engine on every case and append a line a run; runs already in `out` are kept."""
    known = {json.loads(line)["name"] for line in out.read_text().splitlines()} if out.exists() else set()
    with out.open("a", encoding="utf-8") as stream:
        for name, run in [*_simulated(seeds), *(_real(real) if real else [])]:
            if name not in known:
                stream.write(json.dumps({"name": name, **run()}) + "\n")
                stream.flush()
                print(name, flush=True)


def _simulated(seeds: range) -> Iterator[tuple[str, Any]]:
    for seed in seeds:
        for kind in ("own", "other", "mirrored"):
            yield f"simulated-{seed}-{kind}", lambda seed=seed, kind=kind: _run_simulated(seed, kind)
        for number in range(len(STRENGTHS)):
            yield f"simulated-{seed}-disturbed-{number}", lambda seed=seed, n=number: _run_disturbed(seed, n)


def _run_simulated(seed: int, kind: str) -> dict[str, Any]:
    case, contrast = _patient(seed), CONTRASTS[seed % 3]
    us, mri, initial = case.us, case.mris[contrast], np.eye(4)
    if kind == "other":
        us = _patient(seed - 1).us
        initial[:3, 3] = grid_center_ras(us) - grid_center_ras(mri)
    if kind == "mirrored":
        mri = mirrored(mri)
    result = register_images(us, [mri], initial)
    error = WRONG_ANATOMY_MM
    if kind == "own":
        space = result.scene.space
        error = _apart(space, result.mri_to_us_ras, case.true_mri_to_us_ras)
    return _outcome(kind, error, result)


def _run_disturbed(seed: int, number: int) -> dict[str, Any]:
    case = _patient(seed)
    rng = np.random.default_rng([seed, 18, number])
    us, mri = _disturbed(case.us, case.mris[CONTRASTS[seed % 3]], STRENGTHS[number], rng)
    result = register_images(us, [mri], np.eye(4))
    error = _apart(result.scene.space, result.mri_to_us_ras, case.true_mri_to_us_ras)
    return _outcome("disturbed", error, result)


def _disturbed(
    us: "sitk.Image", mri: "sitk.Image", strength: float, rng: np.random.Generator
) -> "tuple[sitk.Image, sitk.Image]":
    disturbance = disturbance_of(strength, rng)
    return disturbed_ultrasound(us, field_of_view_mask(us), disturbance, rng), disturbed_mri(mri, disturbance, rng)


@lru_cache(maxsize=2)
def _patient(seed: int) -> "SimulatedCase":
    from ..demo.simulated_case import simulate_case

    rng = np.random.default_rng([seed, 17])
    return simulate_case(
        seed,
        contrasts=(CONTRASTS[seed % 3],),
        brain_shift_mm=float(rng.uniform(*(LARGER_SHIFTS_MM if seed < FIRST_OF_SMALL_SHIFTS else SMALL_SHIFTS_MM))),
        navigation_mm=float(rng.uniform(3, 20)),
        navigation_deg=float(rng.uniform(1, 14)),
        mri_margin_mm=30.0,
    )


def _apart(space: PoseSpace, first: np.ndarray, second: np.ndarray) -> float:
    import torch

    poses = torch.tensor(np.stack([space.pose_of(first), space.pose_of(second)]))
    return float(space.distance_mm(poses[:1], poses[1:])[0])


def _real(folder: Path) -> Iterator[tuple[str, Any]]:
    for number in range(12):
        yield f"real-24-{number}", lambda number=number: _run_case24(folder, number)
    for number in range(12):
        yield f"real-24-disturbed-{number}", lambda number=number: _run_case24(folder, number, 0.05 * (number + 1))
    for path in sorted(folder.glob("Case*-US-before_0.5mm.nii.gz")):
        if not path.name.startswith("Case24-"):
            yield f"real-24-with-{path.name.split('-')[0]}", lambda path=path: _run_wrong_real(folder, path)


def _case24(folder: Path) -> Any:
    return read_volume(folder / "Case24-T1-on-US-grid_0.5mm.nii.gz", "MRI")


def _run_case24(folder: Path, number: int, strength: float = 0.0) -> dict[str, Any]:
    us, mri = read_volume(folder / "Case24-US-before_0.5mm.nii.gz", "ultrasound"), _case24(folder)
    if strength:
        us, mri = _disturbed(us, mri, strength, np.random.default_rng([24, 18, number]))
    landmarks = read_tag(folder / "Case24-MRI-beforeUS.tag")
    rng = np.random.default_rng([24, number])
    space = PoseSpace(grid_center_ras(us), np.eye(3), np.eye(4))
    direction = rng.standard_normal(6)
    step = np.concatenate([direction[:3] * 4.0, direction[3:] / np.linalg.norm(direction[3:]) * rng.uniform(2, 16)])
    result = register_images(us, [mri], space.mri_to_us_ras(step))
    error = mean_landmark_error_mm(landmarks, result.mri_to_us_ras)
    return _outcome("real", error, result, REAL_RIGHT_MM)


def _run_wrong_real(folder: Path, path: Path) -> dict[str, Any]:
    us, mri = read_volume(path, "ultrasound"), _case24(folder)
    initial = np.eye(4)
    initial[:3, 3] = grid_center_ras(us) - grid_center_ras(mri)
    result = register_images(us, [mri], initial)
    return _outcome("real-other", WRONG_ANATOMY_MM, result)


def _outcome(kind: str, error_mm: float, result: EngineResult, right_mm: float = RIGHT_MM) -> dict[str, Any]:
    return {"right": error_mm < right_mm, "error_mm": error_mm, "kind": kind, "features": result.judgement.features}
