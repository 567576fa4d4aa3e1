"""What the Slicer modules do apart from their widgets; runs in slicer-core as it does in Slicer.

Methods are named as Slicer names a module's logic, because the modules' own logic classes derive from this one. What
they need is imported when they are called: Slicer reads this file at start-up.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from .cases import CaseNodes, cases_in, find_registration, find_us_label, reasons_not_ready

if TYPE_CHECKING:
    import numpy as np

    from .comparison import Comparison, SlicePane
    from .job_files import JobRequest
    from .registration_nodes import Verdict

PROPAGATED = "us_tumor_from_mri"
DEMO_FOLDER = "Demo case (simulated)"
DEMO_NAMES = {
    "us": "Demo ultrasound (simulated)",
    "mri": "Demo MRI FLAIR (simulated)",
    "mri_tumor": "Demo MRI tumour (simulated)",
}


class IUSTumorSegSceneLogic:
    """Load, register, compare, propagate and export in one scene."""

    def __init__(self, scene: Any) -> None:
        self.scene = scene

    def loadDemoCase(self, folder: Path) -> CaseNodes:
        """Load the simulated case of `folder`: ultrasound, MRI and the tumour on the MRI, each shown as such."""
        from ..images.volumes import read_label
        from .display import show_as_mri, show_as_ultrasound
        from .nodes import load_volume, put_in_folder
        from .segmentations import segmentation_from_labelmap

        label = read_label(Path(folder) / "mri_tumor.nii.gz", "tumour label")
        us = load_volume(self.scene, Path(folder) / "us.nii.gz", DEMO_NAMES["us"])
        mri = load_volume(self.scene, Path(folder) / "mri_flair.nii.gz", DEMO_NAMES["mri"])
        show_as_ultrasound(us)
        show_as_mri(mri)
        tumor = segmentation_from_labelmap(self.scene, label, mri, DEMO_NAMES["mri_tumor"], "mri_tumor")
        put_in_folder(self.scene, DEMO_FOLDER, [us, mri, tumor])
        return CaseNodes(us, mri, tumor, name=DEMO_FOLDER)

    def registrationRequest(
        self, nodes: CaseNodes, folder: Path, method: str = "lc2", device: str = "auto", seed: int = 0
    ) -> "JobRequest":
        """Write what the task `register` needs into `folder`; its result is `registration.json`."""
        from .job_files import registration_request

        _require("register", nodes)
        return registration_request(nodes, folder, method, device, seed)

    def applyRegistrationFile(self, nodes: CaseNodes, registration_json: Path) -> Any:
        """Apply a finished registration and keep its verdict with it; returns the transform node."""
        from ..registration.registration_files import read_registration
        from .registration_nodes import keep_verdict

        registration = read_registration(Path(registration_json))
        transform = self.applyRegistration(nodes, registration.mri_to_us_ras)
        keep_verdict(transform, registration)
        return transform

    def applyRegistration(self, nodes: CaseNodes, mri_to_us_ras: "np.ndarray") -> Any:
        """Move the MRI and its label onto the ultrasound by a 4x4 (RAS mm); returns the transform node, one a pair."""
        from .registration_nodes import apply_registration, keep_verdict

        _require("register", nodes)
        transform = apply_registration(nodes, mri_to_us_ras)
        keep_verdict(transform, None)
        return transform

    def findRegistration(self, nodes: CaseNodes) -> Any:
        """The transform node that registers this pair, or None."""
        if nodes.us is None or nodes.mri is None:
            return None
        return find_registration(nodes.us, nodes.mri)

    def verdictOf(self, nodes: CaseNodes) -> "Verdict | None":
        """What quality control said of this pair's registration, None where it was not asked."""
        from .registration_nodes import verdict_on

        return verdict_on(self.findRegistration(nodes))

    def removeRegistration(self, nodes: CaseNodes) -> None:
        """Take the registration of this pair away; MRI and label lie as before it."""
        from .registration_nodes import remove_registration

        if self.findRegistration(nodes) is not None:
            remove_registration(nodes)

    def propagate(self, nodes: CaseNodes) -> Any:
        """The MRI's tumour as a segmentation node with the ultrasound's geometry; the same node if called again."""
        from ..labels.propagation import propagate_label
        from .job_files import mri_label
        from .nodes import image_from_volume, matrix_of
        from .segmentations import put_tumor, segmentation_from_labelmap

        _require("propagate", nodes)
        matrix = matrix_of(find_registration(nodes.us, nodes.mri))
        label = propagate_label(mri_label(nodes), image_from_volume(nodes.us), matrix)
        _require_voxels(label, nodes)
        existing = find_us_label(nodes.us, PROPAGATED)
        if existing is not None:
            put_tumor(existing, label, nodes.us)
            return existing
        return segmentation_from_labelmap(
            self.scene, label, nodes.us, f"Tumour on {nodes.us.GetName()} (from MRI)", PROPAGATED
        )

    def compare(self, nodes: CaseNodes, panes: "list[SlicePane]") -> "Comparison":
        """Show the pair in slice views, whose planes it lays along the ultrasound's own axes; detach it when done."""
        from .comparison import Comparison
        from .planes import align_slice_nodes
        from .segmentations import middle_ras

        _require("compare", nodes)
        tumor = nodes.us_tumor if nodes.us_tumor is not None else nodes.mri_tumor
        center_ras = middle_ras(tumor) if tumor is not None else None
        align_slice_nodes([pane.slice_logic.GetSliceNode() for pane in panes], nodes.us, center_ras)
        comparison = Comparison(panes)
        comparison.attach(nodes.us, nodes.mri)
        return comparison

    def casesInScene(self) -> list[CaseNodes]:
        """The scene's cases: each ultrasound with a label on it."""
        return cases_in(self.scene)

    def exportRequest(
        self,
        cases: list[CaseNodes],
        folder: Path,
        dataset: str,
        min_area_mm2: "list[float] | None" = None,
        out: Path | None = None,
    ) -> "JobRequest":
        """Write what the task `export` needs into `folder`; its result is `out`, by default `nnUNet_raw` in there."""
        from .job_files import export_request

        if not cases:
            raise BadInput("at least one case to export", "none", "propagate a label or tick a case")
        for case in cases:
            _require("export", case)
        return export_request(cases, folder, dataset, min_area_mm2 or [0.0], out or Path(folder) / "nnUNet_raw")


def _require(step: str, nodes: CaseNodes) -> None:
    if reasons := reasons_not_ready(step, nodes):
        raise BadInput(f"what is needed to {step}", "something missing", reasons[0].rstrip("."))


def _require_voxels(label: Any, nodes: CaseNodes) -> None:
    import SimpleITK as sitk

    if not sitk.GetArrayViewFromImage(label).any():
        raise BadInput(
            f"the tumour within '{nodes.us.GetName()}'",
            "it outside once registered",
            "check the registration in the comparison",
        )
