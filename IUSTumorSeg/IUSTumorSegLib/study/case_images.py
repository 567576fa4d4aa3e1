"""A case's images and what a reviewer wants to see of them, read ahead of the moment when the case is shown.

No MRML and no Qt is touched here, so reading may run in a thread while the window shows another case.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import BadInput, Cancelled
from ..images.geometry import transform_points
from ..images.volumes import read_label
from ..labels.displacement_arrows import Arrows, displacement_arrows
from ..registration.landmarks import Landmarks, read_tag
from ..registration.local_agreement import AgreementInputs, local_agreement, prepare_agreement
from ..registration.mri_edges import mri_edges
from ..registration.registration import Registration
from ..registration.registration_files import REGISTRATION_FILE, read_registration
from .case import Case, CaseFile, read_case
from .case_state import CORRECTED_FILE, PROPAGATED_FILE
from .study_folder import located

if TYPE_CHECKING:
    import SimpleITK as sitk


Read = TypeVar("Read")


@dataclass(frozen=True)
class CaseImages:
    """A case in memory; None where it has no such thing.

    `mris` are (contrast, image), the one that was registered first. `edges` lie in the MRI's world, `agreement` in the
    ultrasound's: uint8 closeness to an edge, and the share of variance explained at the registration's pose, 0 where
    nothing is known. `agreement_inputs` are what the map at another pose is computed from.
    """

    name: str
    us: "sitk.Image"
    mris: "tuple[tuple[str, sitk.Image], ...]" = ()
    folder: Path | None = None
    case: Case | None = None
    mri_tumor: "sitk.Image | None" = None
    propagated: "sitk.Image | None" = None
    corrected: "sitk.Image | None" = None
    us_label: "sitk.Image | None" = None
    registration: Registration | None = None
    landmarks: Landmarks | None = None
    edges: "sitk.Image | None" = None
    agreement: "sitk.Image | None" = None
    agreement_inputs: AgreementInputs | None = None
    arrows: Arrows | None = None


def read_case_images(case_folder: Path, overlays: bool = True) -> CaseImages:
    """Read all that the review of a case shows; `BadInput` with a sentence for a file that is missing or unreadable.

    Without `overlays`, which take most of the time, they can be made later by `with_overlays`.
    """
    folder = Path(case_folder)
    case = read_case(folder)
    us = _read(located(folder, case.us), "ultrasound")
    mris = tuple((file.what, _read(located(folder, file), f"MRI {file.what}".strip())) for file in _mris(case))
    registration = _if_there(folder / REGISTRATION_FILE, read_registration)
    mri_tumor = _label(folder, case.mri_tumor)
    images = CaseImages(
        name=case.case,
        us=us,
        mris=mris,
        folder=folder,
        case=case,
        mri_tumor=mri_tumor,
        propagated=_if_there(folder / PROPAGATED_FILE, read_label),
        corrected=_if_there(folder / CORRECTED_FILE, read_label),
        us_label=_label(folder, case.us_tumor),
        registration=registration,
        landmarks=read_tag(located(folder, case.landmarks)) if case.landmarks else None,
    )
    return with_overlays(images) if overlays else images


def with_overlays(images: CaseImages, is_wanted: Callable[[], bool] = lambda: True) -> CaseImages:
    """The same with edges, agreement and arrows, as far as there is an MRI and a registration.

    Raises `Cancelled` soon after `is_wanted()` says no: this takes seconds, in which another case may be asked for.
    """
    if not images.mris:
        return images
    mri, registration = images.mris[0][1], images.registration
    pose = registration.mri_to_us_ras if registration is not None else np.eye(4)
    _go_on(is_wanted)
    inputs = prepare_agreement(images.us, mri, pose)
    _go_on(is_wanted)
    agreement = local_agreement(inputs, pose)[0]
    _go_on(is_wanted)
    arrows = None
    if registration is not None and registration.pose_samples and images.mri_tumor is not None:
        arrows = displacement_arrows(images.mri_tumor, pose, registration.pose_samples)
    _go_on(is_wanted)
    edges = mri_edges(mri, transform_points(np.linalg.inv(pose), inputs.sector_ras()))
    return replace(images, edges=edges, agreement=agreement, agreement_inputs=inputs, arrows=arrows)


def _go_on(is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise Cancelled("another case is wanted")


def _mris(case: Case) -> tuple[CaseFile, ...]:
    """The contrasts, those that registration takes first."""
    first = case.mri_to_register()
    return first + tuple(file for file in case.mri if file not in first)


def _read(path: Path, what: str) -> "sitk.Image":
    """An image in its own pixel type, which keeps an ultrasound of 8 bits at a quarter of its size."""
    import SimpleITK as sitk

    if not path.exists():
        raise BadInput(
            f"the {what} of the case", f"nothing at {path}", "connect the drive or bring the file back, then try again"
        )
    if path.is_dir():
        from ..images.dicom import read_dicom_series

        return read_dicom_series(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise BadInput(f"the {what} as an image", f"{path}, which is not readable", "import the case again") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise BadInput(f"a 3D grey-value {what}", f"another kind of image in {path}", "import the case again")
    return sitk.Cast(image, sitk.sitkFloat32) if image.GetPixelID() == sitk.sitkFloat64 else image


def _label(folder: Path, file: CaseFile | None) -> "sitk.Image | None":
    return read_label(located(folder, file), "tumour label") if file is not None else None


def _if_there(path: Path, read: Callable[[Path], Read]) -> Read | None:
    return read(path) if path.is_file() else None
