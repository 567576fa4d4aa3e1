"""A study whose cases have the size of RESECT's: smooth noise in files as an importer leaves them, and registrations."""

from dataclasses import replace
from pathlib import Path
from typing import Any


def resect_sized_study(folder: Path, cases: int) -> Any:
    """A study of `cases` registered cases with propagated labels; all name the same images."""
    import SimpleITK as sitk

    from IUSTumorSegLib.registration.registration_files import write_registration
    from IUSTumorSegLib.scene.review_benchmark import resect_sized_case
    from IUSTumorSegLib.study.case import Case, Licence, write_case
    from IUSTumorSegLib.study.propagate_study import propagate_case
    from IUSTumorSegLib.study.study_folder import case_folder, create_study

    study = create_study(folder / "study", "RESECT-sized")
    made = resect_sized_case()
    files = {}
    for name, image in {"us": made.us, "mri": made.mris[0][1], "tumor": made.mri_tumor}.items():
        files[name] = folder / f"{name}.nii.gz"
        sitk.WriteImage(image, str(files[name]))
    for number in range(cases):
        name = f"case-{number:03d}"
        case = Case(
            case=name, patient=name, source="made", licence=Licence("CC0", True), us=_file(files["us"]),
            mri=(_file(files["mri"], "FLAIR"),), mri_labels=(_file(files["tumor"], "tumor"),),
        )  # fmt: skip
        write_case(case, case_folder(study, name))
        write_registration(replace(made.registration, score=0.1 + 0.001 * number), case_folder(study, name))
        propagate_case(case_folder(study, name))
    return study


def _file(path: Path, what: str = "") -> Any:
    from IUSTumorSegLib.registration.registration_files import fingerprint
    from IUSTumorSegLib.study.case import CaseFile
    from IUSTumorSegLib.study.study_folder import size_and_time

    source = fingerprint(path)
    return CaseFile(source.path, source.sha256, *size_and_time(path), what=what)
