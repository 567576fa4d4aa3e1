"""The report's pictures, drawn by Slicer's own slice views, and the scene that Slicer opens."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images.geometry import center_of_mass_ras
from ..images.volumes import read_label, read_volume
from ..registration.registration_files import read_registration
from .demo_files import DemoFiles, DemoPatient

if TYPE_CHECKING:
    import SimpleITK as sitk

    from ..scene.application import Application
    from ..scene.offscreen import OffscreenSliceView

US_NAME, MRI_NAME = "Ultrasound (simulated)", "FLAIR (simulated)"
SIZE_PX = 420
SHOWN_MM = 72.0
FIELD_MM = 9.0


@dataclass(frozen=True)
class Row:
    """Three pictures, (h, w, 3) uint8 RGB each, one for each plane of the ultrasound's own axes."""

    axial: np.ndarray
    sagittal: np.ndarray
    coronal: np.ndarray


@dataclass(frozen=True)
class Pictures:
    """What the report shows of the held-out patient, and one picture of every patient."""

    checkerboard_before: Row
    checkerboard_after: Row
    curtain_before: Row
    curtain_after: Row
    label: Row
    prediction: Row
    patients: dict[str, np.ndarray]
    colors: dict[str, tuple[float, float, float]]


def draw_pictures(files: DemoFiles, application: "Application") -> Pictures:
    """Draw everything and write the scene of the held-out patient, in the one `application` of this process."""
    from ..scene.display import COLORS
    from ..scene.offscreen import OffscreenSliceView

    with OffscreenSliceView(application.scene, SIZE_PX, application.logic) as view:
        gallery = {patient.name: _portrait(application.scene, view, patient) for patient in files.patients}
        rows = _held_out(application.scene, view, files)
    _write_scene(application.scene, files)
    return Pictures(patients=gallery, colors=COLORS, **rows)


def _portrait(scene: Any, view: "OffscreenSliceView", patient: DemoPatient) -> np.ndarray:
    """A patient's ultrasound through the middle of the tumour, with the simulated tumour's outline."""
    us, outlines = _ultrasound(scene, patient, {"truth": patient.us_tumor_truth})
    centre = center_of_mass_ras(read_label(patient.us_tumor_truth))
    picture = view.render(us, plane="coronal", center_ras=centre, segmentations=tuple(outlines.values()), ruler=False)
    for node in (us, *outlines.values()):
        scene.RemoveNode(node)
    return picture


def _held_out(scene: Any, view: "OffscreenSliceView", files: DemoFiles) -> dict[str, Row]:
    """Load the held-out patient's nodes, which stay in the scene, and draw them before and after registration."""
    from ..scene.cases import CaseNodes
    from ..scene.comparison import ComparisonSettings
    from ..scene.registration_nodes import apply_registration, keep_verdict

    patient = files.held_out
    labels = {
        "us_tumor_from_mri": patient.us_tumor_from_mri,
        "prediction": files.prediction,
        "truth": patient.us_tumor_truth,
    }
    us, outlines = _ultrasound(scene, patient, labels)
    mri, mri_tumor = _mri(scene, patient)
    centre = center_of_mass_ras(read_label(patient.us_tumor_truth))

    def row(mode: str | None = None, shown: tuple[str, ...] = ()) -> Row:
        settings = ComparisonSettings(mode, field_mm=FIELD_MM) if mode else None
        segmentations = tuple(outlines[name] for name in shown)
        planes = ("axial", "sagittal", "coronal")
        pictures = [
            view.render(
                us, mri if mode else None, plane=plane, center_ras=centre, fov_mm=SHOWN_MM, comparison=settings,
                segmentations=segmentations,
            )
            for plane in planes
        ]  # fmt: skip
        return Row(*pictures)

    before = {"checkerboard_before": row("checkerboard"), "curtain_before": row("curtain")}
    registration = read_registration(patient.registration)
    nodes = CaseNodes(us, mri, mri_tumor, outlines["us_tumor_from_mri"], patient.name)
    keep_verdict(apply_registration(nodes, registration.mri_to_us_ras), registration)
    return before | {
        "checkerboard_after": row("checkerboard"),
        "curtain_after": row("curtain"),
        "label": row(shown=("us_tumor_from_mri", "truth")),
        "prediction": row(shown=("prediction", "truth")),
    }


def _mri(scene: Any, patient: DemoPatient) -> tuple[Any, Any]:
    """Nodes of the MRI and of the tumour on it."""
    from ..scene.display import show_as_mri
    from ..scene.nodes import load_volume
    from ..scene.segmentations import segmentation_from_labelmap

    mri = load_volume(scene, patient.mri, MRI_NAME)
    show_as_mri(mri)
    _window_up_to_the_tumor(mri, patient)
    label = read_label(patient.mri_tumor)
    return mri, segmentation_from_labelmap(scene, label, mri, "Tumour, on the MRI", "mri_tumor")


def _window_up_to_the_tumor(mri: Any, patient: DemoPatient) -> None:
    """A tumour is the brightest tissue of a FLAIR and small: a window by percentiles of the whole head cuts it off."""
    import SimpleITK as sitk

    flair = sitk.GetArrayFromImage(read_volume(patient.mri, "MRI"))
    tumor = sitk.GetArrayFromImage(read_label(patient.mri_tumor))
    display = mri.GetDisplayNode()
    display.SetWindowLevelMinMax(display.GetWindowLevelMin(), 1.1 * float(np.percentile(flair[tumor > 0], 95)))


def _ultrasound(scene: Any, patient: DemoPatient, labels: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The ultrasound's node, and a segmentation node with its geometry for each label file, by role."""
    from ..scene.display import show_as_ultrasound
    from ..scene.nodes import load_volume
    from ..scene.segmentations import segmentation_from_labelmap

    us = load_volume(scene, patient.us, US_NAME)
    show_as_ultrasound(us)
    names = {
        "us_tumor_from_mri": "Tumour, carried over from the MRI",
        "prediction": "Tumour, predicted by the network",
        "truth": "Tumour, simulated truth",
    }
    return us, {
        role: segmentation_from_labelmap(scene, _label(path), us, names[role], role) for role, path in labels.items()
    }


def _label(path: Path) -> "sitk.Image":
    """A label, which a network may have left empty."""
    import SimpleITK as sitk

    return sitk.ReadImage(str(path), sitk.sitkUInt8)


def _write_scene(scene: Any, files: DemoFiles) -> None:
    from ..scene.cases import nodes_of_class
    from ..scene.nodes import put_in_folder
    from ..scene.scene_files import show_in_standard_views, write_scene

    volumes = {node.GetName(): node for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode")}
    us, mri = volumes[US_NAME], volumes[MRI_NAME]
    segmentations = nodes_of_class(scene, "vtkMRMLSegmentationNode")
    transforms = nodes_of_class(scene, "vtkMRMLLinearTransformNode")
    put_in_folder(scene, files.held_out.name, [us, mri, *transforms, *segmentations])
    show_in_standard_views(scene, us, mri, center_of_mass_ras(read_label(files.held_out.us_tumor_truth)))
    write_scene(scene, files.scene)
