"""Made studies and a task in the place of registration, to measure and to test what surrounds it."""

import os
import time
from pathlib import Path

import numpy as np

from ..registration.registration import Candidate, Judgement, LandmarkErrors, Registration, SourceFile
from ..version import VERSION
from .case import Case, CaseFile, Licence, read_case, write_case
from .study_folder import Study, case_folder, create_study, located, size_and_time

CANDIDATES, POSE_SAMPLES = 1, 64  # as many as registrations by LC2 hold, so the files are as large
VERDICTS = ("accept", "accept", "review", "reject")


def made_study(folder: Path, cases: int) -> Study:
    """A study of `cases` cases, two a patient, from three sources; their images are a few bytes that are no image."""
    study = create_study(folder, "Made")
    images = folder / "images"
    images.mkdir()
    for number in range(cases):
        name = f"case-{number:04d}"
        write_case(_made_case(name, number, images), case_folder(study, name))
    return study


def stand_in_registration(folder: Path, seconds: float = 0.0) -> None:
    """Wait `seconds` and write a registration as large as a real one; its pose and its figures follow the case's name."""
    from ..registration.registration_files import write_registration

    case = read_case(folder)
    time.sleep(seconds)
    write_registration(_made_registration(folder, case), folder)


def stand_in_that_does_nothing(folder: Path) -> None:
    """Leave the case as it is."""


def _made_case(name: str, number: int, images: Path) -> Case:
    files = {}
    for what in ("us", "mri", "tumor"):
        path = images / f"{name}-{what}.nii.gz"
        path.write_bytes(f"{name} {what}".encode())
        files[what] = path
    return Case(
        case=name,
        patient=f"patient-{number // 2:04d}",
        source=f"source-{number % 3}",
        licence=Licence("CC BY 4.0", True),
        us=_made_file(files["us"]),
        mri=(_made_file(files["mri"], "FLAIR"),),
        mri_labels=(_made_file(files["tumor"], "tumor"),),
        time_point=("before", "after")[number % 2],
    )


def _made_file(path: Path, what: str = "") -> CaseFile:
    from ..registration.registration_files import fingerprint

    source = fingerprint(path)
    return CaseFile(source.path, source.sha256, *size_and_time(path), what=what)


def _made_registration(folder: Path, case: Case) -> Registration:
    random = np.random.default_rng(list(case.case.encode()))
    poses = [_pose(random) for _ in range(1 + CANDIDATES + POSE_SAMPLES)]
    verdict = VERDICTS[random.integers(len(VERDICTS))]
    error_mm = round(float(random.uniform(0.5, 4)), 2)
    return Registration(
        mri=tuple(SourceFile(located(folder, file), file.sha256) for file in case.mri_to_register()),
        us=SourceFile(located(folder, case.us), case.us.sha256),
        initial_mri_to_us_ras=np.eye(4),
        mri_to_us_ras=poses[0],
        method_name="lc2",
        method_settings={"stand-in": True, "process": os.getpid()},
        method_version=VERSION,
        score=round(float(random.uniform(0.1, 0.4)), 3),
        judgement=Judgement(verdict, ("A stand-in: nothing was registered.",), 0.8, error_mm, (0.4, 6.0), {}),
        candidates=tuple(Candidate(pose, 0.2) for pose in poses[1 : 1 + CANDIDATES]),
        landmarks=LandmarkErrors(5.0, error_mm, 15),
        seconds=0.0,
        device="cpu",
        pose_samples=tuple(poses[1 + CANDIDATES :]),
    )


def _pose(random: np.random.Generator) -> np.ndarray:
    pose = np.eye(4)
    pose[:3] += random.normal(0, 0.01, (3, 4))
    return pose
