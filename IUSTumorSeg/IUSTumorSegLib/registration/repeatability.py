"""The command `benchmark repeatability`: one real pair registered from many starts, and whether all end at one place.

A registration that depends on where it started is not to be believed, and landmarks say how far the common end is from
what people marked. Starts are drawn by a seed: directions uniform on the sphere, turned by up to 10 degrees.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput
from ..images.volumes import read_volume
from ..jobs.progress import Progress, silent
from .landmarks import mean_landmark_error_mm, read_tag
from .poses import PoseSpace

SCHEMA = "iustumorseg.repeatability/1"
SUMMARY_FILE = "repeatability.json"
LARGEST_TURN_DEG = 10.0


@dataclass(frozen=True)
class Repeat:
    """One registration: distance of its start, mm of its end from the middle end, landmark errors in mm, verdict."""

    distance_mm: float
    apart_mm: float
    start_landmark_mm: float | None
    end_landmark_mm: float | None
    verdict: str
    seconds: float


def benchmark_repeatability(
    *,
    mri: list[Path],
    us: Path,
    out: Path,
    landmarks: Path | None = None,
    starts: int = 30,
    distances: tuple[float, ...] = (5.0, 10.0, 15.0),
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[Repeat]:
    """Register `mri` to `us` from `starts` poses, `distances` mm in turn from where the files stand; writes a JSON file.

    The middle end is the one with the smallest median distance to all others, over the field of view.
    """
    from .engine import register_images
    from .search import SearchSettings

    check_output_folder(out)
    if starts < 2 or not distances:
        raise BadInput("two starts or more, and a distance", f"{starts} and {len(distances)}", "correct the options")
    images = [read_volume(path, "MRI") for path in mri]
    ultrasound = read_volume(us, "ultrasound")
    marks = read_tag(landmarks) if landmarks else None
    space = _space(ultrasound)
    results = []
    for number, initial in enumerate(_starts(space, starts, distances, seed)):
        progress("benchmark", number, starts, f"Registering from start {number + 1} of {starts}")
        result = register_images(ultrasound, images, initial, SearchSettings(device=device))
        errors = [mean_landmark_error_mm(marks, m) if marks else None for m in (initial, result.mri_to_us_ras)]
        results.append((result, errors))
    apart = _apart_from_the_middle(space, [result.mri_to_us_ras for result, _ in results])
    repeats = [
        Repeat(
            distance_mm=distances[n % len(distances)],
            apart_mm=round(float(apart[n]), 3),
            start_landmark_mm=errors[0],
            end_landmark_mm=errors[1],
            verdict=result.judgement.verdict,
            seconds=round(sum(result.seconds.values()), 2),
        )
        for n, (result, errors) in enumerate(results)
    ]
    write_json_atomic(Path(out) / SUMMARY_FILE, {"schema": SCHEMA, "repeats": [vars(repeat) for repeat in repeats]})
    return repeats


def _space(us) -> PoseSpace:
    from ..images.field_of_view import without_interpolation
    from .pyramid import field_of_view_points

    points = field_of_view_points(without_interpolation(us)[1])
    return PoseSpace(points.mean(axis=0), np.cov(points.T), np.eye(4))


def _starts(space: PoseSpace, count: int, distances: tuple[float, ...], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    matrices = []
    for number in range(count):
        direction, axis = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
        turn = axis * rng.uniform(0, LARGEST_TURN_DEG)
        matrices.append(space.mri_to_us_ras(np.concatenate([turn, direction * distances[number % len(distances)]])))
    return matrices


def _apart_from_the_middle(space: PoseSpace, matrices: list[np.ndarray]) -> np.ndarray:
    """Distance in mm (n,), over the field of view, of each registration from the one in their middle."""
    import torch

    poses = torch.tensor(np.array([space.pose_of(matrix) for matrix in matrices]))
    apart = torch.stack([space.distance_mm(poses, pose[None]) for pose in poses]).numpy()
    return apart[np.median(apart, axis=1).argmin()]
