"""A study of one or two cases with real images, and what can be done to it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.registration.registration import Judgement, Registration
from IUSTumorSegLib.registration.registration_files import fingerprint, read_registration, write_registration
from IUSTumorSegLib.study.case import Case, CaseFile, Licence, read_case, write_case
from IUSTumorSegLib.study.reviews import Review, append_review, registration_sha256
from IUSTumorSegLib.study.stand_in import stand_in_registration
from IUSTumorSegLib.study.study_folder import Study, case_folder, create_study, size_and_time

DEMO_CASE = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"


def case_file(path: Path, what: str = "", **more: str) -> CaseFile:
    source = fingerprint(Path(path))
    return CaseFile(source.path, source.sha256, *size_and_time(Path(path)), what=what, **more)


def coarse_demo_study(folder: Path, images: Path) -> Study:
    """A study of the one case that is shipped with the module, with every second voxel of its images in `images`."""
    study = create_study(folder, "Demo")
    images.mkdir()
    for name in ("us", "mri_flair", "mri_tumor"):
        coarse = sitk.Shrink(sitk.ReadImage(str(DEMO_CASE / f"{name}.nii.gz")), [2, 2, 2])
        sitk.WriteImage(coarse, str(images / f"{name}.nii.gz"))
    case = Case(
        case="demo-1",
        patient="1",
        source="demo",
        licence=Licence("CC0", True),
        us=case_file(images / "us.nii.gz"),
        mri=(case_file(images / "mri_flair.nii.gz", "FLAIR"),),
        mri_labels=(case_file(images / "mri_tumor.nii.gz", "tumor"),),
        landmarks=case_file(DEMO_CASE / "landmarks.tag"),
    )
    write_case(case, case_folder(study, case.case))
    return study


def change_case(folder: Path, **changes) -> Case:
    case = replace(read_case(folder), **changes)
    write_case(case, folder)
    return case


def register(folder: Path, verdict: str = "accept", error_mm: float = 1.5) -> str:
    """A stand-in registration with this verdict and expected error; returns its hash."""
    stand_in_registration(folder)
    path = folder / "registration.json"
    content = json.loads(path.read_text()) | {"verdict": verdict, "predicted_error_mm": error_mm}
    path.write_text(json.dumps(content))
    return registration_sha256(folder)


def identity_registration(folder: Path, samples: int = 0) -> Registration:
    """A registration that leaves everything where it is, with pose samples that are shifted by 1, 2, ... mm in R."""
    stand_in_registration(folder)
    shifts = [np.eye(4) for _ in range(samples)]
    for number, matrix in enumerate(shifts, start=1):
        matrix[0, 3] = number
    registration = replace(
        read_registration(folder / "registration.json"),
        mri_to_us_ras=np.eye(4),
        pose_samples=tuple(shifts),
        judgement=Judgement("accept", ("Nothing moved.",), 0.9, 1.0),
    )
    write_registration(registration, folder)
    return registration


def review(folder: Path, verdict: str, reviewer: str = "anna", seconds: float = 20.0) -> None:
    sha256 = registration_sha256(folder) or ""
    append_review(folder, Review(verdict, reviewer, "2026-05-04T10:00:00+00:00", seconds, ("Seen.",), "", sha256))


def fill(disk: Path) -> None:
    """Write onto a disk until nothing more fits."""
    with pytest.raises(OSError, match="No space"):
        (disk / "filler").write_bytes(bytes(1 << 20))
