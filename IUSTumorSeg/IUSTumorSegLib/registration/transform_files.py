"""The registration as an ITK transform file that Slicer and SimpleITK read.

Slicer turns a linear ITK transform around when it loads one: ITK's maps points of the fixed image to the moving image
(what resampling needs), Slicer's node maps the moved node's points to the world. So the file holds ultrasound to MRI, in
LPS, and the node that Slicer makes of it, applied to the MRI, brings the MRI onto the ultrasound.
"""

from pathlib import Path

import numpy as np

from ..atomic_files import atomic_path
from ..errors import BadInput
from ..images.geometry import change_world_frame, resampling_transform


def write_transform(mri_to_us_ras: np.ndarray, path: Path) -> None:
    """Write the 4x4 `mri_to_us_ras` (RAS mm), as Slicer would save its transform node."""
    import SimpleITK as sitk

    with atomic_path(path) as partial:
        sitk.WriteTransform(resampling_transform(mri_to_us_ras), str(partial))


def read_transform(path: Path) -> np.ndarray:
    """Read a linear ITK transform as 4x4 `mri_to_us_ras` (RAS mm); `BadInput` for anything else."""
    import SimpleITK as sitk

    path = Path(path)
    if not path.is_file():
        raise BadInput("a transform file", f"nothing at {path}", "check the path")
    try:
        transform = sitk.ReadTransform(str(path))
    except RuntimeError as error:
        raise BadInput(
            "an ITK transform (.tfm, .h5)", f"{path}, which is not readable as one", "save the transform from Slicer"
        ) from error
    if not transform.IsLinear():
        raise BadInput("a linear transform", f"a deformation in {path}", "give the rigid part only")
    us_to_mri_lps = np.eye(4)
    us_to_mri_lps[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    for axis in range(3):
        us_to_mri_lps[:3, axis] = np.subtract(transform.TransformPoint(np.eye(3)[axis].tolist()), us_to_mri_lps[:3, 3])
    return np.linalg.inv(change_world_frame(us_to_mri_lps))
