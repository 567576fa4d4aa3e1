"""DICOM files below a folder, grouped into series by their headers, whatever the folders and files are called."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput

if TYPE_CHECKING:
    import pydicom

TAGS = (
    "PatientID", "StudyInstanceUID", "StudyDescription", "Modality", "SeriesInstanceUID", "SeriesDescription",
    "SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID",
)  # fmt: skip


@dataclass(frozen=True)
class Series:
    """One DICOM series as its header describes it.

    `references` are the UIDs of the series that a segmentation names as its own; they choose an MRI and are not kept.
    """

    patient: str
    modality: str
    description: str
    study_description: str = ""
    study: str = ""
    uid: str = ""
    sop_class: str = ""
    frame_of_reference: str = ""
    references: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()


def scan_dicom(files: Iterable[Path], seen: Callable[[int], None] = lambda count: None) -> list[Series]:
    """The series among `files`, in the order of their descriptions; other files are passed over.

    `seen` is called with the number of files looked at. Raises `BadInput` where one series has two patients.
    """
    headers: dict[str, list[tuple[Path, Any]]] = {}
    for count, path in enumerate(files):
        header = _header(path)
        if header is not None and header.get("SeriesInstanceUID"):
            headers.setdefault(str(header.SeriesInstanceUID), []).append((path, header))
        seen(count + 1)
    series_of_image = {str(h.get("SOPInstanceUID")): uid for uid, group in headers.items() for _, h in group}
    series = [_series(group, series_of_image) for group in headers.values()]
    return sorted(series, key=lambda s: (s.patient, s.study_description, s.modality, s.description, s.uid))


def _header(path: Path) -> "pydicom.Dataset | None":
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with path.open("rb") as stream:
            stream.seek(128)
            if stream.read(4) != b"DICM":
                return None
        return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
    except (InvalidDicomError, EOFError, OSError) as error:
        raise BadInput("readable DICOM files", f"{path}, where {error}", "copy or download it again") from error


def _series(group: list[tuple[Path, Any]], series_of_image: dict[str, str]) -> Series:
    images = {str(header.get("SOPInstanceUID")): (path, header) for path, header in group}  # copies count once
    path, first = next(iter(images.values()))
    if len({str(header.get("PatientID", "")) for _, header in group}) > 1:
        raise BadInput("one patient in a DICOM series", f"two beside {path}", "separate the patients' files")
    return Series(
        patient=str(first.get("PatientID", "") or ""),
        modality=str(first.get("Modality", "") or ""),
        description=str(first.get("SeriesDescription", "") or ""),
        study_description=str(first.get("StudyDescription", "") or ""),
        study=str(first.get("StudyInstanceUID", "") or ""),
        uid=str(first.SeriesInstanceUID),
        sop_class=str(first.get("SOPClassUID", "") or ""),
        frame_of_reference=str(first.get("FrameOfReferenceUID", "") or ""),
        references=_references(path, series_of_image) if first.get("Modality") == "SEG" else (),
        files=tuple(file for file, _ in images.values()),
    )


def _references(path: Path, series_of_image: dict[str, str]) -> tuple[str, ...]:
    """UIDs of the series a segmentation refers to: named outright, or through the images its frames were drawn on."""
    import pydicom

    header = pydicom.dcmread(path, stop_before_pixels=True)
    named = [str(series.SeriesInstanceUID) for series in header.get("ReferencedSeriesSequence", [])]
    if named:
        return tuple(dict.fromkeys(named))
    groups = [*header.get("SharedFunctionalGroupsSequence", []), *header.get("PerFrameFunctionalGroupsSequence", [])]
    sources = [source for group in groups for derived in group.get("DerivationImageSequence", [])
               for source in derived.get("SourceImageSequence", [])]  # fmt: skip
    images = [str(source.get("ReferencedSOPInstanceUID", "")) for source in sources]
    return tuple(dict.fromkeys(series_of_image[image] for image in images if image in series_of_image))
