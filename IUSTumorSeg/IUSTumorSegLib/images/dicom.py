"""DICOM series and segmentations, read by pydicom and highdicom."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput, Failed
from .geometry import LPS_FROM_RAS, set_ijk_to_ras

if TYPE_CHECKING:
    import SimpleITK as sitk

MULTIFRAME_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7."
FRAME_TOLERANCE_MM = 0.02
ORIENTATION_TOLERANCE = 1e-3


def read_dicom_series(folder: Path) -> "sitk.Image":
    """Read the one image series in `folder` (not its subfolders) as float32, with modality rescaling applied.

    Raises `BadInput` where the folder holds no DICOM image, several series, or slices that do not form a regular grid.
    """
    return _read_datasets(_only_series(Path(folder)), Path(folder))


def read_dicom_files(paths: Sequence[Path]) -> "sitk.Image":
    """Read the files of one series, single frames or one multi-frame object, as float32 with modality rescaling applied.

    A multi-frame Secondary Capture is placed by its functional groups. Raises `BadInput` where it has none, where the
    files are of several series or no DICOM images, or where the slices do not form a regular grid.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        datasets = [pydicom.dcmread(path) for path in paths]
    except (InvalidDicomError, OSError) as error:
        raise BadInput("DICOM images", f"{paths[0]}, where {error}", "check that the files are whole") from error
    if len({dataset.get("SeriesInstanceUID") for dataset in datasets}) > 1:
        raise BadInput("the files of one DICOM series", f"several series beside {paths[0]}", "give one series")
    return _read_datasets(datasets, paths[0])


def _read_datasets(datasets: list, where: Path) -> "sitk.Image":
    if len(datasets) == 1 and is_secondary_capture(datasets[0]):
        affine = secondary_capture_affine(datasets[0], where)
        return _image_on_grid(affine, _frames(datasets[0], where)[_frame_order(datasets[0])])
    highdicom = _highdicom()
    try:
        if len(datasets) == 1:
            volume = highdicom.Image.from_dataset(datasets[0]).get_volume()
        else:
            volume = highdicom.get_volume_from_series(datasets)
    except (ValueError, RuntimeError, AttributeError) as error:
        raise BadInput(
            "DICOM slices on one regular grid", f"{where}, where {error}", "export the complete series"
        ) from error
    return _image_on_grid(volume.affine, volume.array.astype(np.float32))


def is_secondary_capture(dataset: Any) -> bool:
    """Whether a data set is a multi-frame Secondary Capture, the class in which ReMIND keeps its ultrasound."""
    return str(dataset.get("SOPClassUID", "")).startswith(MULTIFRAME_SECONDARY_CAPTURE)


def secondary_capture_affine(dataset: Any, where: Path) -> np.ndarray:
    """4x4 matrix from (frame, row, column) to LPS mm, from the functional groups of a multi-frame Secondary Capture.

    Frames count in the order of their positions. Raises `BadInput` where the geometry is missing or irregular: without
    it a volume has no place in the MRI's world, and the identity would be a lie.
    """
    try:
        positions, orientation, spacing = _frame_geometry(dataset)
    except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise BadInput(
            "a multi-frame DICOM image with its place in the functional groups", f"none in {where}",
            "export it again with its geometry, or give the volume as NIfTI or NRRD",
        ) from error  # fmt: skip
    step = _regular_step(positions[_frame_order(dataset)], orientation, where)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = orientation[3:] * spacing[0]
    affine[:3, 2] = orientation[:3] * spacing[1]
    affine[:3, 3] = positions[_frame_order(dataset)[0]]
    return affine


def _regular_step(positions: np.ndarray, orientation: np.ndarray, where: Path) -> np.ndarray:
    """From one frame to the next, (3,) mm; `BadInput` where steps differ or do not stand upright on the frames."""
    steps = np.diff(positions, axis=0)
    if len(steps) == 0 or np.abs(steps - steps.mean(axis=0)).max() > FRAME_TOLERANCE_MM:
        raise BadInput("frames at regular steps", f"uneven positions in {where}", "export the complete volume")
    step = np.asarray(steps.mean(axis=0))
    across = step @ np.cross(orientation[:3], orientation[3:])
    if across < FRAME_TOLERANCE_MM or np.linalg.norm(step) - across > ORIENTATION_TOLERANCE * across:
        raise BadInput("frames that lie upright on each other", f"a slanted stack in {where}", "resample the volume")
    return step


def _frame_geometry(dataset: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (n, 3) of the frames as stored, LPS mm; row and column directions (6,); spacing of rows and columns."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    frames = dataset.PerFrameFunctionalGroupsSequence
    positions = np.array([frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames], dtype=float)
    orientations = [_group(shared, frame, "PlaneOrientationSequence").ImageOrientationPatient for frame in frames]
    spacings = [_group(shared, frame, "PixelMeasuresSequence").PixelSpacing for frame in frames]
    if np.ptp(np.array(orientations, dtype=float), axis=0).max() > ORIENTATION_TOLERANCE:
        raise AttributeError("frames that are not parallel")
    return positions, np.array(orientations[0], dtype=float), np.array(spacings[0], dtype=float)


def _group(shared: Any, frame: Any, name: str) -> Any:
    return (shared if name in shared else frame)[name].value[0]


def _frame_order(dataset: Any) -> np.ndarray:
    positions, orientation, _ = _frame_geometry(dataset)
    return np.argsort(positions @ np.cross(orientation[:3], orientation[3:]), kind="stable")


def _frames(dataset: Any, where: Path) -> np.ndarray:
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise BadInput("grey-value frames", f"colour in {where}", "convert it to grey")
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    return dataset.pixel_array.astype(np.float32) * np.float32(slope) + np.float32(intercept)


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
    label = _image_on_grid(volume.affine, (mask > 0).astype(np.uint8))
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


def _image_on_grid(affine_lps: np.ndarray, array: np.ndarray) -> "sitk.Image":
    """SimpleITK image of `array` on the grid of `affine_lps`, from (slice, row, column) to LPS mm.

    Slices are put in the order that makes (i, j, k) right-handed, as ITK, Slicer and the NIfTI converters do.
    """
    import SimpleITK as sitk

    ijk_to_ras = LPS_FROM_RAS @ affine_lps[:, [2, 1, 0, 3]]
    if np.linalg.det(ijk_to_ras[:3, :3]) < 0:
        array = array[::-1]
        ijk_to_ras[:3, 3] += (len(array) - 1) * ijk_to_ras[:3, 2]
        ijk_to_ras[:3, 2] *= -1
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    set_ijk_to_ras(image, ijk_to_ras)
    return image
