"""The command `propagate`: from a registration and an MRI label to a label on the ultrasound."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import check_output_folder
from ..errors import BadInput
from ..images.volumes import read_label, read_volume, write_volume
from ..jobs.progress import Progress, silent
from ..registration.registration_files import read_registration
from .propagation import propagate_label

if TYPE_CHECKING:
    import SimpleITK as sitk


def propagate_files(
    *, registration: Path, label: Path, us: Path, out: Path, progress: Progress = silent
) -> "sitk.Image":
    """Carry the MRI `label` over with `registration` (registration.json) and write it, on the grid of `us`, to `out`."""
    check_output_folder(Path(out).parent)
    pose = read_registration(registration)
    progress("read", 0, 2, "Reading the label and the ultrasound")
    mri_label = read_label(label, "tumour label")
    ultrasound = read_volume(us, "ultrasound")
    progress("propagate", 1, 2, "Resampling the label onto the ultrasound")
    us_label = propagate_label(mri_label, ultrasound, pose.mri_to_us_ras)
    _check_arrived(us_label, label)
    write_volume(us_label, out)
    progress("propagate", 2, 2, f"Wrote {out}")
    return us_label


def _check_arrived(us_label: "sitk.Image", label: Path) -> None:
    import SimpleITK as sitk

    if not sitk.GetArrayViewFromImage(us_label).any():
        raise BadInput(
            "a label that reaches the ultrasound", f"none of {label} inside the ultrasound volume after registration",
            "check the registration and that label and registration belong to one patient",
        )  # fmt: skip
