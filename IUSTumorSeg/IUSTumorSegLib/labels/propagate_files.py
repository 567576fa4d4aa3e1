"""The command `propagate`: from a registration and an MRI label to a label on the ultrasound, and how sure it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import check_output_folder, write_json_atomic
from ..errors import BadInput
from ..images.volumes import read_label, read_volume, write_volume
from ..jobs.progress import Progress, silent
from ..registration.registration import Registration
from ..registration.registration_files import read_registration
from .certainty import certainty_label, inclusion_probability
from .displacement import displacement_summary, surface_displacement
from .propagation import propagate_label

if TYPE_CHECKING:
    import SimpleITK as sitk

DISPLACEMENT, SOFT, CERTAINTY = "displacement.json", "soft.nii.gz", "certainty.nii.gz"
STEPS = 4


def propagate_files(
    *, registration: Path, label: Path, us: Path, out: Path, certainty: bool = False, progress: Progress = silent
) -> "sitk.Image":
    """Carry the MRI `label` over with `registration` (registration.json) and write it, on the grid of `us`, to `out`.

    Beside `tumor.nii.gz`, where the registration holds pose samples, come `tumor_displacement.json` and, with
    `certainty`, `tumor_soft.nii.gz` (probability, 0 to 1) and `tumor_certainty.nii.gz` (1 possible rim, 2 certain core).
    Such files of an earlier run that no longer belong to the label are removed.
    """
    check_output_folder(Path(out).parent)
    pose = read_registration(registration)
    if certainty:
        _check_samples(pose, registration)
    progress("read", 0, STEPS, "Reading the label and the ultrasound")
    mri_label = read_label(label, "tumour label")
    ultrasound = read_volume(us, "ultrasound")
    progress("propagate", 1, STEPS, "Resampling the label onto the ultrasound")
    us_label = propagate_label(mri_label, ultrasound, pose.mri_to_us_ras)
    _check_arrived(us_label, label)
    for name in (DISPLACEMENT, SOFT, CERTAINTY):
        beside(out, name).unlink(missing_ok=True)
    write_volume(us_label, out)
    if pose.pose_samples:
        progress("propagate", 2, STEPS, "Measuring how far the label may be displaced")
        write_json_atomic(beside(out, DISPLACEMENT), _displacement(mri_label, pose))
    if certainty:
        progress("propagate", 3, STEPS, "Finding the label's certain core and possible rim")
        _write_certainty(mri_label, ultrasound, pose, out)
    progress("propagate", STEPS, STEPS, f"Wrote {out}")
    return us_label


def beside(out: Path, name: str) -> Path:
    """Where the file `name` that goes with the label `out` lies: `tumor.nii.gz` -> `tumor_<name>`."""
    return Path(out).with_name(f"{Path(Path(out).name.removesuffix('.gz')).stem}_{name}")


def _displacement(label: "sitk.Image", pose: Registration) -> dict:
    return displacement_summary(surface_displacement(label, pose.mri_to_us_ras, pose.pose_samples))


def _write_certainty(label: "sitk.Image", us: "sitk.Image", pose: Registration, out: Path) -> None:
    probability = inclusion_probability(label, us, pose.mri_to_us_ras, pose.pose_samples)
    write_volume(probability, beside(out, SOFT))
    write_volume(certainty_label(probability), beside(out, CERTAINTY))


def _check_samples(pose: Registration, path: Path) -> None:
    if not pose.pose_samples:
        raise BadInput(
            "a registration with pose samples", f"none in {path}",
            "register with the method lc2 of this version, or leave out the certainty",
        )  # fmt: skip


def _check_arrived(us_label: "sitk.Image", label: Path) -> None:
    import SimpleITK as sitk

    if not sitk.GetArrayViewFromImage(us_label).any():
        raise BadInput(
            "a label that reaches the ultrasound", f"none of {label} inside the ultrasound volume after registration",
            "check the registration and that label and registration belong to one patient",
        )  # fmt: skip
