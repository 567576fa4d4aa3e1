"""Look at files before a case points at them: what cannot be read is named now, not in the middle of a night's run."""

import hashlib
import re
from pathlib import Path

from ..errors import BadInput
from ..images.dicom import is_secondary_capture, secondary_capture_affine
from .proposal import DICOM_SERIES, FILE, Found, ProposedCase


def check_case(proposed: ProposedCase) -> None:
    """Raise `BadInput` where an image or label of a case is no readable volume, or its landmarks are no tag file.

    Only headers are read, and check sums that lie beside a file (RESECT's `.md5`) are compared; DICOM is read as a whole
    when it is converted, but an ultrasound's place in space is looked for now.
    """
    from ..registration.landmarks import read_tag

    for found in (proposed.us, *proposed.mri, *proposed.mri_labels, *proposed.us_labels):
        if found.form == FILE:
            _check_header(found.paths[0])
            _check_md5(found.paths[0])
    if proposed.us.form == DICOM_SERIES:
        _check_place(proposed.us)
    if proposed.landmarks:
        read_tag(proposed.landmarks.paths[0])


def is_empty_mask(path: Path) -> bool:
    """Whether a mask holds nothing but zeros, which means that nobody annotated; `BadInput` where it cannot be read."""
    import SimpleITK as sitk

    try:
        mask = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path) from error
    return not sitk.GetArrayViewFromImage(mask).any()


def without_empty(labels: tuple[Found, ...]) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """The labels that hold something, and a note that names those that do not."""
    empty = [label for label in labels if label.form == FILE and is_empty_mask(label.paths[0])]
    note = f"Not annotated (a mask of zeros only): {', '.join(label.paths[0].name for label in empty)}."
    return tuple(label for label in labels if label not in empty), (note,) if empty else ()


def _check_header(path: Path) -> None:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path) from error
    if reader.GetDimension() != 3 or min(reader.GetSize()) < 2:
        size = " x ".join(map(str, reader.GetSize()))
        raise BadInput("a 3D volume", f"{size} voxels in {path}", "give the whole volume")


def _unreadable(path: Path) -> BadInput:
    return BadInput("a readable volume", f"{path}, which is none", "copy it from its archive again")


def _check_md5(path: Path) -> None:
    beside = path.with_name(path.name + ".md5")
    stated = re.search(r"\b[0-9a-f]{32}\b", beside.read_text(errors="replace").lower()) if beside.is_file() else None
    if stated and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != stated[0]:
        raise BadInput("a file that is as its .md5 says", f"another content in {path}", "download it again")


def _check_place(us: Found) -> None:
    """An ultrasound in one multi-frame object must say where its frames lie."""
    import pydicom

    header = pydicom.dcmread(us.paths[0], stop_before_pixels=True)
    if len(us.paths) == 1 and is_secondary_capture(header):
        secondary_capture_affine(header, us.paths[0])
