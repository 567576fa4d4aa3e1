"""A study made of cases that are at hand as images in memory, as those of an open scene are: no data set on a disk."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import atomic_path
from ..errors import BadInput, Failed
from ..file_hash import sha256_of
from ..registration.registration import Registration, SourceFile
from ..registration.registration_files import write_registration
from ..study.case import Case, CaseFile, write_case
from ..study.disk import told_if_not_written
from ..study.propagate_study import propagate_again
from ..study.study_folder import Study, add_source, case_folder, create_study, size_and_time
from .licences import UNKNOWN
from .place_files import SOURCES_FOLDER, new_case_folder

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class GivenCase:
    """A registered case. An image that lies unchanged in a file is that file's path: it is referred to and not copied.

    `mri_tumor` is a label on the MRI's grid. The sources of `registration` are filled in when it is written.
    """

    name: str
    patient: str
    us: "sitk.Image | Path"
    mri: "sitk.Image | Path"
    registration: Registration
    mri_tumor: "sitk.Image | None" = None


def study_for_given(folder: Path, source: str, source_folders: Iterable[Path]) -> Study:
    """Make a study in a new or empty folder for cases of `source`; `BadInput` where the folder is no such one.

    `source_folders` hold patients' images: they are never written to, nor are folders in them.
    """
    folder = Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("a new or empty folder for the study", f"{folder}, which holds something", "choose another")
    for other in source_folders:
        if folder.resolve().is_relative_to(Path(other).resolve()):
            raise BadInput(
                "a study outside of the images' own folders, which are never written to",
                f"{folder} inside {other}", "choose another folder",
            )  # fmt: skip
    study = create_study(folder)
    add_source(study, source, source, folder, UNKNOWN)
    return study


def write_given_case(study: Study, given: GivenCase, source: str) -> str:
    """Write a case with its registration, whole or not at all, and carry its label over.

    Returns a sentence where the label could not be carried over. Raises `Failed` where the case could not be written.
    """
    folder = case_folder(study, given.name)
    with told_if_not_written(folder), new_case_folder(folder) as partial:
        case = _placed(given, partial, source)
        write_case(case, partial)
        write_registration(_with_sources(given.registration, case, folder), partial)
    try:
        propagate_again(folder)
    except Failed as error:
        return str(error)
    return ""


def _placed(given: GivenCase, folder: Path, source: str) -> Case:
    label = () if given.mri_tumor is None else (_file(given.mri_tumor, "mri_tumor", folder, "tumor"),)
    return Case(
        case=given.name,
        patient=given.patient,
        source=source,
        licence=UNKNOWN,
        us=_file(given.us, "us", folder),
        mri=(_file(given.mri, "mri", folder),),
        mri_labels=label,
    )


def _file(image: "sitk.Image | Path", name: str, folder: Path, what: str = "") -> CaseFile:
    """Where the image is, or written as NRRD, which keeps its geometry to the last digit."""
    path = image if isinstance(image, Path) else Path(SOURCES_FOLDER) / f"{name}.nrrd"
    if not isinstance(image, Path):
        _write(image, folder / path)
    return CaseFile(path, sha256_of(folder / path), *size_and_time(folder / path), what=what)


def _write(image: "sitk.Image", path: Path) -> None:
    import SimpleITK as sitk

    with atomic_path(path) as partial:
        try:
            sitk.WriteImage(image, str(partial), useCompression=True, compressionLevel=1)
        except RuntimeError as error:
            raise Failed(f"{path} could not be written: make room on its disk, then try again.") from error


def _with_sources(registration: Registration, case: Case, folder: Path) -> Registration:
    mri = tuple(SourceFile(folder / file.path, file.sha256) for file in case.mri)
    return replace(registration, us=SourceFile(folder / case.us.path, case.us.sha256), mri=mri)
