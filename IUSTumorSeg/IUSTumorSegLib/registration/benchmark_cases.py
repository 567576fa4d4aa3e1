"""The benchmark's cases: simulated patients, how far each start lies from the truth, and pairs that belong to two people.

`benchmark_cases.json` lists the seeds, the brain shifts and the starts. One patient has one direction and one turn of
its start, so a start 20 mm away is the one 10 mm away carried on: distances and methods are compared on the same cases.
"""

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..demo.deformation import offset_about

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..demo.simulated_case import SimulatedCase
    from ..demo.template import Template

CASES_FILE = Path(__file__).with_name("benchmark_cases.json")
# Where simulated files stand; not the identity, so that nothing can gain from preferring it.
NAVIGATION_MM, NAVIGATION_DEG = 6.0, 5.0
OTHER_PATIENT, MIRRORED = "other patient", "mirrored MRI"


@dataclass(frozen=True)
class BenchmarkCase:
    """A simulated patient, and its start relative to the truth: `direction` and `axis` are unit vectors in RAS."""

    seed: int
    brain_shift_mm: float
    direction: tuple[float, float, float]
    axis: tuple[float, float, float]
    degrees: float


@dataclass(frozen=True)
class Pair:
    """What a method is given, and the truth, `None` where the images are of two patients (or one is mirrored).

    `mri_tumor` is for measuring what an error means at the tumour; no method sees it.
    """

    us: "sitk.Image"
    mris: "list[sitk.Image]"
    initial_mri_to_us_ras: np.ndarray
    true_mri_to_us_ras: np.ndarray | None
    mri_tumor: "sitk.Image | None" = None


def load_cases(path: Path = CASES_FILE) -> list[BenchmarkCase]:
    """The cases in the repository, always in one order."""
    rows = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [
        BenchmarkCase(r["seed"], r["brain_shift_mm"], tuple(r["direction"]), tuple(r["axis"]), r["degrees"])
        for r in rows
    ]


def contrasts_of(number: int, contrasts: tuple[str, ...], two: bool) -> tuple[str, ...]:
    """The contrasts given with case `number`: one after the other in turn, with `two` also the next one."""
    first = contrasts[number % len(contrasts)]
    return (first, contrasts[(number + 1) % len(contrasts)]) if two else (first,)


def right_pair(case: BenchmarkCase, contrasts: tuple[str, ...], distance_mm: float) -> Pair:
    """A patient's MRI and ultrasound, `distance_mm` from the truth."""
    simulated = _simulated(case, contrasts)
    truth = simulated.true_mri_to_us_ras
    start = _start(case, simulated, distance_mm) @ truth
    return Pair(simulated.us, _mris(simulated, contrasts), start, truth, simulated.mri_tumor)


def wrong_pair_kind(number: int) -> str:
    """What is wrong with wrong pair `number`: three are of two patients, the fourth is mirrored."""
    return MIRRORED if number % 4 == 3 else OTHER_PATIENT


def wrong_pair(
    number: int, cases: list[BenchmarkCase], contrasts: tuple[str, ...], distance_mm: float
) -> tuple[BenchmarkCase, Pair]:
    """Wrong pair `number`, and the case that its ultrasound is of.

    The ultrasound lies on the MRI where navigation would put it, had the wrong image been loaded: where it would lie on
    its own patient's, `distance_mm` off.
    """
    case = cases[number % len(cases)]
    mirror = wrong_pair_kind(number) == MIRRORED
    scanned = case if mirror else cases[(number + 1 + number // len(cases)) % len(cases)]
    mris = _mris(_simulated(case, contrasts), contrasts)
    theirs = _simulated(scanned, contrasts if mirror else ())
    initial = _start(scanned, theirs, distance_mm) @ theirs.true_mri_to_us_ras
    return scanned, Pair(theirs.us, [mirrored(mri) for mri in mris] if mirror else mris, initial, None)


def mirrored(image: "sitk.Image") -> "sitk.Image":
    """The image of a mirrored head: voxels in reverse along the first axis, standing where they stood.

    SimpleITK's `Flip` alone also turns the axis around, which leaves the head as it was.
    """
    import SimpleITK as sitk

    flipped = sitk.Flip(image, [True, False, False])
    flipped.CopyInformation(image)
    return flipped


def _start(case: BenchmarkCase, simulated: "SimulatedCase", distance_mm: float) -> np.ndarray:
    """What displaces the truth (4, 4), in the ultrasound's world, about the centre of the field of view."""
    direction = np.array(case.direction) / np.linalg.norm(case.direction)
    axis = np.array(case.axis) / np.linalg.norm(case.axis)
    centre = simulated.truth.true_mri_to_us_ras @ np.append(simulated.truth.navigation_centre_ras, 1.0)
    return offset_about(centre[:3], distance_mm * direction, axis, case.degrees)


def _mris(simulated: "SimulatedCase", contrasts: tuple[str, ...]) -> "list[sitk.Image]":
    import SimpleITK as sitk

    # As `read_volume` would hand them over.
    return [sitk.Cast(simulated.mris[name], sitk.sitkFloat32) for name in contrasts]


@lru_cache(maxsize=3)
def _simulated(case: BenchmarkCase, contrasts: tuple[str, ...]) -> "SimulatedCase":
    from ..demo.simulated_case import simulate_case

    return simulate_case(
        case.seed, contrasts=contrasts, brain_shift_mm=case.brain_shift_mm, navigation_mm=NAVIGATION_MM,
        navigation_deg=NAVIGATION_DEG, template=_template(),
    )  # fmt: skip


@cache
def _template() -> "Template":
    from ..demo.template import load_template

    return load_template()
