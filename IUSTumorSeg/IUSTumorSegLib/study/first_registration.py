"""The registration that a person makes of a case which the software could not register, or has not."""

from pathlib import Path

import numpy as np

from ..registration.by_hand import MANUAL, MANUAL_REFINED
from ..registration.landmarks import Landmarks, mean_landmark_error_mm
from ..registration.registration import REVIEW, Judgement, LandmarkErrors, Registration, SourceFile
from ..registration.registration_files import write_registration
from ..version import VERSION
from .case import CaseFile, read_case
from .case_state import FAILURE_FILE, failed_step
from .study_folder import located


def keep_first(
    case_folder: Path,
    mri_to_us_ras: np.ndarray,
    reviewer: str,
    refined: bool = False,
    score: float = 0.0,
    landmarks: Landmarks | None = None,
) -> Registration:
    """Make the 4x4 `mri_to_us_ras` (RAS mm) the registration of a case that has none, as `by_hand.keep_adjusted` does.

    It starts from where the files lie. What the case said of a registration that failed is removed.
    """
    folder = Path(case_folder)
    case = read_case(folder)
    pose = np.asarray(mri_to_us_ras, dtype=float)
    how = "set the pose by hand and had LC2 refine it" if refined else "set the pose by hand"
    reason = f"{reviewer.strip() or 'A person'} {how}; the case had not been registered before."
    registration = Registration(
        mri=tuple(_source(folder, file) for file in case.mri_to_register()),
        us=_source(folder, case.us),
        initial_mri_to_us_ras=np.eye(4),
        mri_to_us_ras=pose,
        method_name=MANUAL_REFINED if refined else MANUAL,
        method_settings={},
        method_version=VERSION,
        score=score,
        judgement=Judgement(REVIEW, (reason,)),
        candidates=(),
        landmarks=_errors(landmarks, pose),
        seconds=0.0,
        device="cpu",
    )
    write_registration(registration, folder)
    if failed_step(folder) == "register":
        (folder / FAILURE_FILE).unlink(missing_ok=True)
    return registration


def _source(folder: Path, file: CaseFile) -> SourceFile:
    return SourceFile(located(folder, file), file.sha256)


def _errors(landmarks: Landmarks | None, pose: np.ndarray) -> LandmarkErrors | None:
    if landmarks is None:
        return None
    initial = mean_landmark_error_mm(landmarks, np.eye(4))
    return LandmarkErrors(initial, mean_landmark_error_mm(landmarks, pose), len(landmarks.us_ras))
