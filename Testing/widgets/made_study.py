"""A study of small cases with images, registrations and candidates, for the tests of the review."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 24


def made_study(folder: Path, cases: int, registered: bool = True) -> Any:
    """A study of `cases` registered cases named c00, c01, ...; the last is the riskiest. Two sources, in turn."""
    from IUSTumorSegLib.study.study_folder import case_folder, create_study

    study = create_study(folder / "study", "Made")
    files = small_images(folder / "images")
    for number in range(cases):
        name = f"c{number:02d}"
        write_small_case(case_folder(study, name), name, files, f"source {number % 2}")
        if registered:
            register(case_folder(study, name), 0.95 - 0.9 * number / max(cases, 1))
    return study


def small_images(folder: Path) -> dict[str, Path]:
    """An ultrasound, an MRI and a tumour of 24 voxels a side."""
    import SimpleITK as sitk

    folder.mkdir()
    k, j, i = np.indices((SIZE,) * 3)
    inside = (i - 12) ** 2 + (j - 11) ** 2 + (k - 13) ** 2 < 25
    speckle = np.random.default_rng(5).random((SIZE,) * 3).astype(np.float32) + 0.1
    arrays = {"us": speckle + 2 * inside, "mri": speckle + inside, "tumor": inside.astype(np.uint8)}
    files = {name: folder / f"{name}.nii.gz" for name in arrays}
    for name, array in arrays.items():
        sitk.WriteImage(sitk.GetImageFromArray(array), str(files[name]))
    return files


def write_small_case(folder: Path, name: str, files: dict[str, Path], source: str) -> None:
    """The `case.json` of one case."""
    from IUSTumorSegLib.study.case import Case, Licence, write_case

    write_case(
        Case(
            case=name, patient=f"p-{name}", source=source, licence=Licence("CC0", True), us=_file(files["us"]),
            mri=(_file(files["mri"], "FLAIR"),), mri_labels=(_file(files["tumor"], "tumor"),),
        ),
        folder,
    )  # fmt: skip


def register(folder: Path, success_probability: float, shift_mm: float = 1.0) -> None:
    """A registration with three candidates, at 0, 3 and 6 mm to the right of its own pose."""
    from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration, SourceFile
    from IUSTumorSegLib.registration.registration_files import write_registration

    poses = [np.eye(4) for _ in range(3)]
    for number, pose in enumerate(poses):
        pose[0, 3] = shift_mm + 3.0 * number
    source = SourceFile(Path("image.nii.gz"), "0" * 64)
    candidates = tuple(Candidate(pose, 0.4 - 0.1 * number) for number, pose in enumerate(poses))
    judgement = Judgement("review", ("The match is weak.",), success_probability, 2.0)
    write_registration(
        Registration(
            (source,), source, np.eye(4), poses[0], "lc2", {}, "1", 0.4, judgement, candidates, None, 1.0, "cpu"
        ),
        folder,
    )


def use_contrasts(folder: Path, *names: str) -> None:
    """Give the case the same MRI under several names."""
    from IUSTumorSegLib.study.case import read_case, write_case

    case = read_case(folder)
    write_case(replace(case, mri=tuple(replace(case.mri[0], what=name) for name in names)), folder)


def _file(path: Path, what: str = "") -> Any:
    from IUSTumorSegLib.registration.registration_files import fingerprint
    from IUSTumorSegLib.study.case import CaseFile
    from IUSTumorSegLib.study.study_folder import size_and_time

    source = fingerprint(path)
    return CaseFile(source.path, source.sha256, *size_and_time(path), what=what)
