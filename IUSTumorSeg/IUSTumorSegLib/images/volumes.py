"""Read and write volumes; what cannot be used is refused with a sentence, before any work."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import atomic_path
from ..errors import BadInput

if TYPE_CHECKING:
    import SimpleITK as sitk

ORTHONORMAL_TOLERANCE = 1e-3
FORMATS = "NIfTI (.nii, .nii.gz), NRRD, MHA or a folder of DICOM files"


def read_volume(path: Path, what: str = "image") -> "sitk.Image":
    """Read a 3D scalar volume, as float32, from a file or a DICOM folder.

    `what` names the image in messages ("MRI", "ultrasound"). Raises `BadInput` for a missing or unreadable file,
    anything but three dimensions, a direction that is not orthonormal, NaN or infinite voxels, or a constant image.
    """
    image = _read_scalar_3d(Path(path), what)
    _check_intensities(image, path, what)
    return image


def read_label(path: Path, what: str = "label") -> "sitk.Image":
    """Read a 3D label as uint8: 1 where the file is not zero. Also takes a DICOM SEG. Refuses an all-zero label."""
    import SimpleITK as sitk

    path = Path(path)
    if _is_dicom_file(path):
        from .dicom import read_dicom_seg

        label = read_dicom_seg(path)
    else:
        label = _binary(_read_scalar_3d(path, what, keep_bytes=True))
    if not sitk.GetArrayViewFromImage(label).any():
        raise BadInput(
            f"a {what} with labelled voxels", f"only zeros in {path}", "use the label that was drawn, or leave it out"
        )
    return label if label.GetPixelID() == sitk.sitkUInt8 else sitk.Cast(label, sitk.sitkUInt8)


def write_volume(image: "sitk.Image", path: Path) -> None:
    """Write `image`, compressed, whole or not at all; the suffix of `path` chooses the format."""
    import SimpleITK as sitk

    with atomic_path(Path(path)) as partial:
        sitk.WriteImage(image, str(partial), useCompression=True)


def _binary(label: "sitk.Image") -> "sitk.Image":
    """1 where a label is not zero; the label itself where it holds nothing else, which saves a pass over large ones."""
    import SimpleITK as sitk

    is_binary = label.GetPixelID() == sitk.sitkUInt8 and sitk.GetArrayViewFromImage(label).max() <= 1
    return label if is_binary else label != 0


def _read_scalar_3d(path: Path, what: str, keep_bytes: bool = False) -> "sitk.Image":
    """As float32; with `keep_bytes` a file of uint8 stays such."""
    if not path.exists():
        raise BadInput(f"a file or folder for the {what}", f"nothing at {path}", "check the path")
    if path.is_dir():
        from .dicom import read_dicom_series

        image = read_dicom_series(path)
    elif _is_dicom_file(path):
        from .dicom import read_dicom_files

        image = read_dicom_files([path])
    else:
        image = _read_file(path, what, keep_bytes)
    _check_dimensions(image, path, what)
    _check_direction(image, path, what)
    return image


def _read_file(path: Path, what: str, keep_bytes: bool) -> "sitk.Image":
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        if reader.GetNumberOfComponents() != 1:
            raise BadInput(
                f"a grey-value {what}",
                f"{reader.GetNumberOfComponents()} values a voxel in {path}",
                "convert it to grey",
            )
        if not (keep_bytes and reader.GetPixelID() == sitk.sitkUInt8):
            reader.SetOutputPixelType(sitk.sitkFloat32)
        image = reader.Execute()
    except RuntimeError as error:
        raise _explain(error, path, what) from error
    if _nifti_has_nan(path):
        raise BadInput(f"finite values in the {what}", f"NaN or infinite voxels in {path}", "export the image again")
    return image


def _nifti_has_nan(path: Path) -> bool:
    """Whether a NIfTI file holds NaN or infinity, which ITK silently reads as 0."""
    if not path.name.endswith((".nii", ".nii.gz")):
        return False
    try:
        import nibabel
    except ImportError:  # in Slicer's Python, where volumes come from the scene as NRRD
        return False
    loaded: Any = nibabel.load(path)
    stored = loaded.dataobj
    return np.issubdtype(stored.dtype, np.floating) and not np.isfinite(np.asarray(stored)).all()


def _explain(error: RuntimeError, path: Path, what: str) -> BadInput:
    text = str(error)
    if "orthonormal" in text.lower() or "determinant" in text.lower() or "singular" in text.lower():
        return BadInput(
            f"a {what} whose direction is orthonormal",
            f"a sheared or singular direction in {path}",
            "resample it onto a straight grid",
        )
    return BadInput(
        f"a {what} as {FORMATS}", f"{path}, which is not a readable image", "convert it or check that it is whole"
    )


def _check_dimensions(image: "sitk.Image", path: Path, what: str) -> None:
    size = image.GetSize()
    if len(size) != 3 or min(size) < 2:
        found = " x ".join(map(str, size))
        raise BadInput(
            f"a 3D {what}",
            f"{len([n for n in size if n > 1])}D data ({found} voxels) in {path}",
            "give the whole volume",
        )


def _check_direction(image: "sitk.Image", path: Path, what: str) -> None:
    direction = np.reshape(image.GetDirection(), (3, 3))
    if not np.allclose(direction @ direction.T, np.eye(3), atol=ORTHONORMAL_TOLERANCE):
        raise BadInput(
            f"a {what} whose direction is orthonormal",
            f"a sheared or singular direction in {path}",
            "resample it onto a straight grid",
        )


def _check_intensities(image: "sitk.Image", path: Path, what: str) -> None:
    import SimpleITK as sitk

    voxels = sitk.GetArrayViewFromImage(image)
    lowest, highest = float(voxels.min()), float(voxels.max())
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise BadInput(f"finite values in the {what}", f"NaN or infinite voxels in {path}", "export the image again")
    if lowest == highest:
        raise BadInput(
            f"a {what} with contrast",
            f"the one value {lowest:g} everywhere in {path}",
            "check that the right file was exported",
        )


def _is_dicom_file(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        stream.seek(128)
        return stream.read(4) == b"DICM"
