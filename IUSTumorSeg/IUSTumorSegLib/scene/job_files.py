"""Nodes as files for a child process, and the request that has it work on them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import write_json_atomic
from ..errors import BadInput
from .cases import ROLE_ATTRIBUTE, CaseNodes, find_registration, is_one_slice
from .nodes import image_from_volume, voxels_of
from .registration_nodes import pose_before_registration, verdict_on
from .segmentations import labelmap_from_segmentation

if TYPE_CHECKING:
    from collections.abc import Sequence

    import SimpleITK as sitk

    from ..nnunet.memory_estimate import Gpu
    from ..nnunet.training_choices import TrainingChoices

LABEL_SOURCES = {"us_tumor_from_mri": "mri", "us_tumor_corrected": "corrected"}
DRAWN_ON_ULTRASOUND = "us"
MOST_FOLDS = 5  # as nnU-Net divides by default
PROBABILITY_FILE = "us_tumor_probability.nii.gz"


@dataclass(frozen=True)
class JobRequest:
    """A request for `python -m IUSTumorSegLib.jobs`, and the file or folder that it will make."""

    request: Path
    result: Path


def registration_request(nodes: CaseNodes, folder: Path, method: str, device: str, seed: int) -> JobRequest:
    """Write the pair, and the MRI's label where there is one, into `folder`, with the request to register them.

    The files hold the nodes as they lie in the world, the MRI and its label without our own registration, so that
    registering again starts where it first did.
    """
    folder = Path(folder)
    mri_pose = pose_before_registration(nodes.mri, nodes.mri)
    _write(image_from_volume(nodes.us), folder / "us.nrrd")
    _write(image_from_volume(nodes.mri, mri_pose), folder / "mri.nrrd")
    arguments: dict[str, Any] = {
        "mri": [str(folder / "mri.nrrd")],
        "us": str(folder / "us.nrrd"),
        "out": str(folder / "registration"),
        "method": method,
        "device": device,
        "seed": seed,
    }
    if nodes.mri_tumor is not None:
        _write(mri_label(nodes), folder / "mri_tumor.nrrd")
        arguments["mri_tumor"] = str(folder / "mri_tumor.nrrd")
    return JobRequest(_write_request("register", arguments, folder), folder / "registration" / "registration.json")


def export_request(
    cases: list[CaseNodes], folder: Path, dataset: str, min_area_mm2: list[float], out: Path
) -> JobRequest:
    """Write the cases' ultrasounds and labels into `folder`, with the request to export their slices into `out`.

    Each case of a scene counts as one patient, so there are never more folds than cases.
    """
    from ..slices.case_table import CaseForExport, write_case_table

    folder = Path(folder)
    names = [case.name for case in cases]
    table = []
    for number, case in enumerate(cases, start=1):
        us, us_tumor = f"case{number:03d}_us.nrrd", f"case{number:03d}_tumor.nrrd"
        _write(image_from_volume(case.us), folder / us)
        _write(_filled(labelmap_from_segmentation(case.us_tumor, case.us), case.us_tumor, case.us), folder / us_tumor)
        name = case.name if case.name and names.count(case.name) == 1 else f"{case.name or 'case'} {number}"
        table.append(
            CaseForExport(name, name, Path(us), Path(us_tumor), _label_source(case.us_tumor), *_judgement(case))
        )
    write_case_table(table, folder / "cases.csv")
    arguments = {
        "cases": str(folder / "cases.csv"),
        "dataset": dataset,
        "out": str(out),
        "min_area_mm2": min_area_mm2,
        "folds": min(MOST_FOLDS, len(cases)),
    }
    return JobRequest(_write_request("export", arguments, folder), Path(out))


def training_request(choices: "TrainingChoices", gpus: "Sequence[Gpu]", folder: Path) -> JobRequest:
    """The request in `folder` to train as chosen; its result is the model's folder. `gpus` as the driver shows them."""
    from ..nnunet.training_choices import request_of, task_arguments

    request = _write_request("train-folds", task_arguments(choices, gpus), Path(folder))
    return JobRequest(request, request_of(choices).model_folder)


@dataclass(frozen=True)
class PredictionWishes:
    """How a volume shall be segmented; `smallest` in mm³, of a volume of one slice in mm²."""

    directions: tuple[str, ...] = ("i", "j", "k")
    folds: tuple[str, ...] | None = None
    mirroring: bool = False
    precision: str = "auto"
    device: str = "auto"
    smallest: float = 0.0


def prediction_request(us: Any, model: Path, wishes: PredictionWishes, folder: Path) -> JobRequest:
    """Write the volume node `us` into `folder`, with the request to segment it; its result is the label's file.

    A volume of one slice is written as the 2D image that it is. `PROBABILITY_FILE` lies beside the label.
    """
    folder = Path(folder)
    is_2d = is_one_slice(us)
    _write(_flat_image(us) if is_2d else image_from_volume(us), folder / "us.nrrd")
    label = folder / "prediction" / "us_tumor.nii.gz"
    arguments: dict[str, Any] = {
        "model": str(model),
        "input": str(folder / "us.nrrd"),
        "out": str(label),
        "probabilities": True,
        "directions": list(wishes.directions),
        "folds": None if wishes.folds is None else list(wishes.folds),
        "mirroring": wishes.mirroring,
        "precision": wishes.precision,
        "device": wishes.device,
        "min_component_mm2" if is_2d else "min_component_mm3": wishes.smallest,
    }
    return JobRequest(_write_request("predict", arguments, folder), label)


def _flat_image(us: Any) -> "sitk.Image":
    """The one slice of a volume node as a 2D image with its spacing; where it lies is the node's matter."""
    import SimpleITK as sitk

    sizes = us.GetImageData().GetDimensions()
    image = sitk.GetImageFromArray(voxels_of(us).squeeze())
    # With axes of one voxel only taken out, what is left stays in order.
    image.SetSpacing([mm for mm, number in zip(us.GetSpacing(), sizes, strict=True) if number > 1])
    return image


def mri_label(nodes: CaseNodes) -> "sitk.Image":
    """The tumour on the MRI, uint8 on the MRI's grid as it lay in the world before our registration."""
    poses = [pose_before_registration(node, nodes.mri) for node in (nodes.mri_tumor, nodes.mri)]
    return _filled(labelmap_from_segmentation(nodes.mri_tumor, nodes.mri, *poses), nodes.mri_tumor, nodes.mri)


def _filled(label: "sitk.Image", labels: Any, volume: Any) -> "sitk.Image":
    import SimpleITK as sitk

    if not sitk.GetArrayViewFromImage(label).any():
        raise BadInput(
            f"a tumour within '{volume.GetName()}'",
            f"no visible segment of '{labels.GetName()}' there",
            "choose the label that belongs to the volume",
        )
    return label


def _label_source(labels: Any) -> str:
    return LABEL_SOURCES.get(labels.GetAttribute(ROLE_ATTRIBUTE), DRAWN_ON_ULTRASOUND)


def _judgement(case: CaseNodes) -> tuple[str, float | None]:
    verdict = verdict_on(find_registration(case.us, case.mri)) if case.mri is not None else None
    return (verdict.verdict, verdict.predicted_error_mm) if verdict else ("", None)


def _write(image: "sitk.Image", path: Path) -> None:
    """Uncompressed, because a child process reads it in a moment and it is thrown away."""
    import SimpleITK as sitk

    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), useCompression=False)


def _write_request(task: str, arguments: dict[str, Any], folder: Path) -> Path:
    request = folder / "request.json"
    write_json_atomic(request, {"task": task, "arguments": arguments})
    return request
