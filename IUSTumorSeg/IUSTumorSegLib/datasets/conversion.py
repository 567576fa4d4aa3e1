"""DICOM read once into compressed NIfTI, which keeps voxels and geometry and no word of the header."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..images.dicom import read_dicom_files, read_dicom_seg
from ..images.volumes import write_volume
from .proposal import DICOM_SEG, FILE, Found

if TYPE_CHECKING:
    import SimpleITK as sitk

DETACHED_HEADERS = (".mhd", ".nhdr", ".hdr")


class Conversions:
    """The conversions of one patient, in a hidden folder of the study while its cases are written.

    The cases of a patient share them as hard links where the disk has such, so an MRI is read and stored once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._done: dict[tuple[Path, ...], Path] = {}

    def __enter__(self) -> "Conversions":
        return self

    def __exit__(self, *error: object) -> None:
        self.forget()

    def forget(self) -> None:
        """Remove the folder; the cases keep their links or copies."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._done.clear()

    def converted(self, found: Found) -> Path:
        """The NIfTI file of a DICOM series, a DICOM SEG (on the grid of its MRI) or an image of header and data."""
        if found.paths not in self._done:
            self._folder.mkdir(parents=True, exist_ok=True)
            target = self._folder / f"{len(self._done)}.nii.gz"
            write_volume(self._read(found), target)
            self._done[found.paths] = target
        return self._done[found.paths]

    def _read(self, found: Found) -> "sitk.Image":
        if found.form == DICOM_SEG:
            grid = self._image(self.converted(Found(found.grid, form="DICOM series"))) if found.grid else None
            return read_dicom_seg(found.paths[0], grid)
        if found.form == FILE:
            return self._image(found.paths[0])
        return _smallest_type(read_dicom_files(found.paths))

    def _image(self, path: Path) -> "sitk.Image":
        import SimpleITK as sitk

        return sitk.ReadImage(str(path))


def needs_conversion(found: Found) -> bool:
    """Whether a file cannot stay as it is: DICOM, or a header whose voxels lie in another file."""
    return found.form != FILE or found.paths[0].suffix.lower() in DETACHED_HEADERS


def link_or_copy(file: Path, target: Path) -> None:
    """Put a conversion at `target` without storing it twice where the disk allows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copy2(file, target)


def _smallest_type(image: "sitk.Image") -> "sitk.Image":
    """`image` with whole numbers stored as such: 8-bit ultrasound stays 8-bit."""
    import numpy as np
    import SimpleITK as sitk

    voxels = sitk.GetArrayViewFromImage(image)
    low, high = float(voxels.min()), float(voxels.max())
    if not np.array_equal(voxels, np.rint(voxels)):
        return image
    if low >= 0 and high <= np.iinfo(np.uint8).max:
        return sitk.Cast(image, sitk.sitkUInt8)
    short = np.iinfo(np.int16)
    return sitk.Cast(image, sitk.sitkInt16) if low >= short.min and high <= short.max else image
