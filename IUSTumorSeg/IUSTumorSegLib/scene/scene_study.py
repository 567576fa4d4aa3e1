"""The pairs that are registered in the scene itself, taken out of it as cases that a study can hold."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..datasets.given_case import GivenCase
from ..errors import BadInput
from ..images.geometry import ijk_to_ras
from ..registration.by_hand import MANUAL
from ..registration.registration import REVIEW, Judgement, Registration, SourceFile
from ..version import VERSION
from .cases import (
    MRI_REFERENCE,
    ROLE_ATTRIBUTE,
    STUDY_CASE_ATTRIBUTE,
    US_REFERENCE,
    CaseNodes,
    find_registration,
    is_drawn_on,
    is_registration,
    nodes_of_class,
)
from .job_files import mri_label
from .nodes import ijk_to_world, image_from_volume, matrix_of, node_to_world
from .registration_nodes import moves_with, pose_before_registration, record_of

if TYPE_CHECKING:
    import SimpleITK as sitk

LABEL_CLASSES = ("vtkMRMLSegmentationNode", "vtkMRMLLabelMapVolumeNode")
SAME_GRID_MM, SAME_POSE = 1e-3, 1e-6
NOTHING_KNOWN = "This pose was set in the scene; the software has not judged it."
MOVED_SINCE = "The pose was changed in the scene after the registration; the software has not judged it."


def registered_pairs(scene: Any) -> list[CaseNodes]:
    """The pairs that the user registered, each with its MRI's tumour; not those that a review loaded from a study."""
    return [CaseNodes(us, mri, _tumor_on(mri), name=us.GetName()) for us, mri in _pairs(scene)]


def has_registered_pair(scene: Any) -> bool:
    """Whether there are any."""
    return next(_pairs(scene), None) is not None


def named_apart(pairs: list[CaseNodes]) -> list[tuple[str, str]]:
    """A case's and a patient's name for each pair: the ultrasound's name as a folder's, one patient for one MRI."""
    mris = dict.fromkeys(pair.mri.GetID() for pair in pairs)
    patients = {mri: f"patient-{number:02d}" for number, mri in enumerate(mris, start=1)}
    names: list[str] = []
    for pair in pairs:
        wanted = _as_folder(pair.name) or "case"
        taken = {name.casefold() for name in names}
        others = (f"{wanted}-{number}" for number in range(2, len(pairs) + 2))
        names.append(wanted if wanted.casefold() not in taken else next(n for n in others if n.casefold() not in taken))
    return [(name, patients[pair.mri.GetID()]) for name, pair in zip(names, pairs, strict=True)]


def source_folders(pairs: list[CaseNodes]) -> set[Path]:
    """The folders from which the images of the pairs were loaded."""
    files = [_stored_in(node) for pair in pairs for node in (pair.us, pair.mri)]
    return {file.parent for file in files if file is not None}


def given_case(pair: CaseNodes, name: str, patient: str, fleeting: Path) -> GivenCase:
    """The pair as files would hold it: the MRI and its tumour without our registration, which comes beside them.

    Voxels are copied, except where an image lies unchanged in the file that it was loaded from, outside of the folder
    `fleeting` for files that will not stay. `BadInput` where the pair is registered no more, and where a transform of the
    user's cannot be kept in an image.
    """
    transform = find_registration(pair.us, pair.mri)
    if transform is None:
        raise BadInput("a registered pair", "one that was taken out of the scene", "register it again")
    return GivenCase(
        name=name,
        patient=patient,
        us=_image(pair.us, None, fleeting),
        mri=_image(pair.mri, pose_before_registration(pair.mri, pair.mri), fleeting),
        registration=_registration(transform),
        mri_tumor=None if pair.mri_tumor is None else mri_label(pair),
    )


def _pairs(scene: Any) -> Iterator[tuple[Any, Any]]:
    """Ultrasound and MRI of each registration that is the user's own."""
    for transform in nodes_of_class(scene, "vtkMRMLLinearTransformNode"):
        if is_registration(transform) and not transform.GetAttribute(STUDY_CASE_ATTRIBUTE):
            us, mri = transform.GetNodeReference(US_REFERENCE), transform.GetNodeReference(MRI_REFERENCE)
            if us is not None and mri is not None:
                yield us, mri


def _image(volume: Any, to_world: np.ndarray | None, fleeting: Path) -> "sitk.Image | Path":
    """A copy as the volume lies in the world, or the file that is the same; `to_world` in place of its transforms."""
    path = _stored_in(volume)
    if path is None or path.is_relative_to(fleeting.resolve()) or volume.GetModifiedSinceRead():
        return image_from_volume(volume, to_world)
    same = _is_grid_of(path, ijk_to_world(volume, to_world))
    return path if same else image_from_volume(volume, to_world)


def _stored_in(volume: Any) -> Path | None:
    """The one file that a volume was loaded from, None where there is none any more."""
    storage = volume.GetStorageNode()
    if storage is None or not storage.GetFileName() or storage.GetNumberOfFileNames() > 1:
        return None
    path = Path(storage.GetFullNameFromFileName())
    return path.resolve() if path.is_file() else None


def _is_grid_of(path: Path, ijk_to_world_ras: np.ndarray) -> bool:
    """Whether the library reads the file as one grey 3D image that lies where the volume lies."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:  # a format that only Slicer reads
        return False
    if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
        return False
    return np.allclose(ijk_to_ras(reader), ijk_to_world_ras, atol=SAME_GRID_MM)


def _tumor_on(mri: Any) -> Any:
    """The tumour's label that lies on the MRI or moves with it: the one of that role, else the first."""
    scene = mri.GetScene()
    labels = [label for name in LABEL_CLASSES for label in nodes_of_class(scene, name)]
    on_mri = [label for label in labels if is_drawn_on(label, mri) or moves_with(label, mri)]
    ours = [label for label in on_mri if label.GetAttribute(ROLE_ATTRIBUTE) == "mri_tumor"]
    return next(iter(ours + on_mri), None)


def _registration(transform: Any) -> Registration:
    """What is known of the registration, at the pose that its node has now."""
    pose = node_to_world(transform) @ matrix_of(transform)
    record = record_of(transform)
    if record is not None and np.allclose(record.mri_to_us_ras, pose, atol=SAME_POSE):
        return record
    reason = NOTHING_KNOWN if record is None else MOVED_SINCE
    nowhere = SourceFile(Path(), "")
    return Registration(
        (nowhere,), nowhere, np.eye(4), pose, MANUAL, {}, VERSION, 0.0, Judgement(REVIEW, (reason,)), (), None, 0.0, "cpu"
    )  # fmt: skip


def _as_folder(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip("._")
