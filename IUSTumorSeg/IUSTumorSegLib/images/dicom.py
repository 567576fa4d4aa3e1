"""DICOM series and segmentations, read by pydicom and highdicom."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput, Failed
from .geometry import LPS_FROM_RAS, set_ijk_to_ras

if TYPE_CHECKING:
    import SimpleITK as sitk


def read_dicom_series(folder: Path) -> "sitk.Image":
    """Read the one image series in `folder` (not its subfolders) as float32, with modality rescaling applied.

    Raises `BadInput` where the folder holds no DICOM image, several series, or slices that do not form a regular grid.
    """
    highdicom = _highdicom()
    datasets = _only_series(Path(folder))
    try:
        if len(datasets) == 1:
            volume = highdicom.Image.from_dataset(datasets[0]).get_volume()
        else:
            volume = highdicom.get_volume_from_series(datasets)
    except (ValueError, RuntimeError, AttributeError) as error:
        raise BadInput(
            "DICOM slices on one regular grid", f"{folder}, where {error}", "export the complete series"
        ) from error
    return _image_from_volume(volume, volume.array.astype(np.float32))


def read_dicom_seg(path: Path, reference: "sitk.Image | None" = None) -> "sitk.Image":
    """Read a DICOM SEG as uint8, 1 where any segment is.

    On the grid of `reference` where one is given (nearest neighbour, which is exact on the grid it was drawn on), else
    on the segmentation's own.
    """
    import SimpleITK as sitk

    try:
        volume = _highdicom().seg.segread(path).get_volume(combine_segments=False)
    except (ValueError, RuntimeError, AttributeError, TypeError) as error:
        raise BadInput("a DICOM segmentation object", f"{path}, where {error}", "give the SEG file itself") from error
    mask = volume.array if volume.array.ndim == 3 else volume.array.any(axis=-1)
    label = _image_from_volume(volume, (mask > 0).astype(np.uint8))
    if reference is None:
        return label
    return sitk.Resample(label, reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)


def _highdicom() -> Any:
    try:
        import highdicom
    except ImportError as error:
        raise Failed("Reading DICOM needs the package highdicom: install it with 'pip install highdicom'.") from error
    return highdicom


def _only_series(folder: Path) -> list:
    series = _image_series(folder)
    if not series:
        raise BadInput(
            "a folder of DICOM images",
            f"{folder}, which holds none",
            "name the folder that holds the .dcm files itself",
        )
    if len(series) > 1:
        names = ", ".join(sorted({str(s[0].get("SeriesDescription", "unnamed")) for s in series.values()}))
        raise BadInput(
            "one DICOM series",
            f"{len(series)} series in {folder} ({names})",
            "put the wanted series in a folder of its own",
        )
    return next(iter(series.values()))


def _image_series(folder: Path) -> dict[str, list]:
    """The files of `folder` that hold pixels, by SeriesInstanceUID."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    series: dict[str, list] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            dataset = pydicom.dcmread(path)
        except InvalidDicomError:
            continue
        if "PixelData" in dataset and dataset.get("Modality") != "SEG":
            series.setdefault(dataset.SeriesInstanceUID, []).append(dataset)
    return series


def _image_from_volume(volume: Any, array: np.ndarray) -> "sitk.Image":
    """SimpleITK image of `array` on the grid of a highdicom `volume`, whose axes are (slice, row, column), in LPS.

    Slices are put in the order that makes (i, j, k) right-handed, as ITK, Slicer and the NIfTI converters do.
    """
    import SimpleITK as sitk

    ijk_to_ras = LPS_FROM_RAS @ volume.affine[:, [2, 1, 0, 3]]
    if np.linalg.det(ijk_to_ras[:3, :3]) < 0:
        array = array[::-1]
        ijk_to_ras[:3, 3] += (len(array) - 1) * ijk_to_ras[:3, 2]
        ijk_to_ras[:3, 2] *= -1
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    set_ijk_to_ras(image, ijk_to_ras)
    return image
