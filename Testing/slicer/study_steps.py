"""A study made of the demo case, for the tests in the real application."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration
from IUSTumorSegLib.registration.registration_files import fingerprint, write_registration
from IUSTumorSegLib.study.case import Case, CaseFile, Licence, write_case
from IUSTumorSegLib.study.study_folder import case_folder, create_study, size_and_time


def demo_study(folder: Path, demo: Path, cases: int) -> Any:
    """A study whose cases demo-1, demo-2, ... are all the demo case; the last is the riskiest."""
    study = create_study(folder / "study", "Demo")
    true_pose = np.array(json.loads((demo / "truth.json").read_text(encoding="utf-8"))["true_mri_to_us_ras"])
    for number in range(1, cases + 1):
        name = f"demo-{number}"
        case = Case(
            case=name,
            patient=name,
            source="demo",
            licence=Licence("CC0", True),
            us=_file(demo / "us.nii.gz"),
            mri=(_file(demo / "mri_flair.nii.gz", "FLAIR"),),
            mri_labels=(_file(demo / "mri_tumor.nii.gz", "tumor"),),
            landmarks=_file(demo / "landmarks.tag"),
        )
        write_case(case, case_folder(study, name))
        write_registration(_registration(case, true_pose, 1.0 - 0.2 * number), case_folder(study, name))
    return study


def _registration(case: Case, pose: np.ndarray, success_probability: float) -> Registration:
    """A registration at a pose (4x4, RAS mm), with a second candidate 3 mm beside it."""
    beside = pose.copy()
    beside[0, 3] += 3.0
    judgement = Judgement("review", ("The match is weaker than usual.",), success_probability, 2.0)
    candidates = (Candidate(pose, 0.34), Candidate(beside, 0.31))
    mri, us = fingerprint(case.mri[0].path), fingerprint(case.us.path)
    return Registration((mri,), us, np.eye(4), pose, "lc2", {}, "1", 0.34, judgement, candidates, None, 1.0, "cpu")


def _file(path: Path, what: str = "") -> CaseFile:
    source = fingerprint(path)
    return CaseFile(source.path, source.sha256, *size_and_time(path), what=what)
