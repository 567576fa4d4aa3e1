"""A registration that a person chose: one of the search's candidate poses, or a pose adjusted by hand.

The software's judgement belonged to the pose that the search preferred. It is not carried over to another one: the
probability and the expected error become unknown, and the reasons say that a person chose.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import BadInput
from ..version import VERSION
from .landmarks import Landmarks, mean_landmark_error_mm
from .registration import REVIEW, Judgement, LandmarkErrors, Registration
from .registration_files import REGISTRATION_FILE, read_registration, write_registration

MANUAL, MANUAL_REFINED = "manual", "manual + LC2"
# Pictures and figures of the former pose; its propagated label says itself which registration it came from.
MADE_FROM_THE_POSE = ("comparison.png", "diagnostics.png", "displacement.json", "thumbnail.png")


def choose_candidate(case_folder: Path, number: int, reviewer: str, landmarks: Landmarks | None = None) -> Registration:
    """Make candidate `number` (from 1, best first) of the case's `registration.json` its registration.

    Rewrites `registration.json` and `mri_to_us.tfm`; the candidates stay in their order. Pictures and figures of the
    former pose are removed. `landmarks`, where the case has them, measure the new pose's error. `BadInput` where there
    is no such candidate.
    """
    former = read_registration(Path(case_folder) / REGISTRATION_FILE)
    count = len(former.candidates)
    if not 1 <= number <= count:
        raise BadInput(f"a candidate from 1 to {count}", f"{number}", "choose one of those that the list shows")
    candidate = former.candidates[number - 1]
    chosen = replace(
        former,
        mri_to_us_ras=candidate.mri_to_us_ras,
        method_name=f"{base_method(former)} candidate {number}, chosen by hand",
        score=candidate.score,
        judgement=_of_a_person(reviewer, f"chose candidate {number} of {count}", former),
        landmarks=_errors(former, candidate.mri_to_us_ras, landmarks),
        pose_samples=(),
    )
    return _kept(chosen, Path(case_folder))


def keep_adjusted(
    case_folder: Path,
    mri_to_us_ras: np.ndarray,
    reviewer: str,
    refined: bool = False,
    score: float = 0.0,
    landmarks: Landmarks | None = None,
) -> Registration:
    """Make the 4x4 `mri_to_us_ras` (RAS mm) the case's registration: set by hand, and `refined` by LC2 from there.

    `score` is the LC2 at that pose, 0 where it was not computed. Otherwise as `choose_candidate`.
    """
    former = read_registration(Path(case_folder) / REGISTRATION_FILE)
    how = "set the pose by hand and had LC2 refine it" if refined else "set the pose by hand"
    adjusted = replace(
        former,
        mri_to_us_ras=np.asarray(mri_to_us_ras, dtype=float),
        method_name=MANUAL_REFINED if refined else MANUAL,
        method_version=VERSION,
        score=score,
        judgement=_of_a_person(reviewer, how, former),
        landmarks=_errors(former, mri_to_us_ras, landmarks),
        pose_samples=(),
    )
    return _kept(adjusted, Path(case_folder))


def base_method(registration: Registration) -> str:
    """The search's name, without what a person did since: "lc2" of "lc2 candidate 3, chosen by hand"."""
    return registration.method_name.partition(" candidate ")[0]


def _of_a_person(reviewer: str, deed: str, former: Registration) -> Judgement:
    who = reviewer.strip() or "A person"
    return Judgement(
        REVIEW,
        (
            f"{who} {deed}; the software has not judged this pose.",
            f"Its own verdict on the pose before was '{former.verdict}'.",
        ),
    )


def _errors(former: Registration, pose: np.ndarray, landmarks: Landmarks | None) -> LandmarkErrors | None:
    """The landmarks' error at the new pose; the former pose's would be wrong, so None without the landmarks."""
    if landmarks is None:
        return None
    initial = mean_landmark_error_mm(landmarks, former.initial_mri_to_us_ras)
    return LandmarkErrors(initial, mean_landmark_error_mm(landmarks, pose), len(landmarks.us_ras))


def _kept(registration: Registration, folder: Path) -> Registration:
    for name in MADE_FROM_THE_POSE:
        (folder / name).unlink(missing_ok=True)
    write_registration(registration, folder)
    return registration
