"""Segment an ultrasound volume with a trained model, and adjust the result by its probabilities."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _

from ..scene.cases import is_one_slice, reasons_not_to_segment
from .model_chooser import ModelChooser
from .nnunet_installation import nnunet_is_installed
from .tool_tips import enable_or_say_why
from .torch_installation import torch_is_installed

if TYPE_CHECKING:
    from ..scene.prediction_nodes import ProbabilityThreshold
    from .job_panel import JobPanel

FUSED = "all three, averaged"
DIRECTIONS = {FUSED: ("i", "j", "k"), "axial": ("axial",), "coronal": ("coronal",), "sagittal": ("sagittal",)}
SURFACE_AFTER_MS = 400


class PredictionPanel:
    """The section "Segment" of the module: its parameters are the module's, its jobs run in the module's job panel."""

    def __init__(self, ui: Any, job_panel: "JobPanel", changed: Callable[[], None]) -> None:
        self._ui, self._job_panel = ui, job_panel
        self._parameters: Any = None
        self._installed = False
        self._follow: ProbabilityThreshold | None = None
        self._files: dict[str, Path] = {}
        self.model = ModelChooser(ui, self._store_model, changed)
        self._surface_timer = qt.QTimer()
        self._surface_timer.setSingleShot(True)
        self._surface_timer.setInterval(SURFACE_AFTER_MS)
        self._surface_timer.connect("timeout()", self._update_surface)
        ui.modelPathLineEdit.filters = ctk.ctkPathLineEdit.Files | ctk.ctkPathLineEdit.Dirs
        ui.segmentButton.connect("clicked()", self.segment)
        ui.probabilityButton.connect("toggled(bool)", self._adjust)
        ui.thresholdSlider.connect("valueChanged(double)", self._threshold_moved)
        ui.minComponentSpinBox.connect("valueChanged(double)", self._threshold_moved)

    def show(self, parameters: Any) -> None:
        """Take the module's parameters, or None when it is left."""
        self._parameters = parameters
        self._stop_adjusting()
        if parameters is not None:
            self._installed = torch_is_installed() and nnunet_is_installed()
            self.model.choose(parameters.model)

    def close(self) -> None:
        """Leave nothing behind but the nodes in the scene."""
        self._stop_adjusting()
        self.model.stop()
        for path in self._files.values():
            path.unlink(missing_ok=True)
        self._files = {}
        self._parameters = None

    def update(self) -> None:
        """Enable what can be done, and have the rest say why not."""
        us = self._parameters.usToSegment if self._parameters is not None else None
        flat = us is not None and us.GetImageData() is not None and is_one_slice(us)
        self._ui.directionsComboBox.enabled = not flat
        self._ui.minComponentSpinBox.suffix = " mm²" if flat else " mm³"
        enable_or_say_why(
            self._ui.segmentButton,
            _("Segments the tumour on the ultrasound with the model."),
            self._busy() + self.model.reasons() + reasons_not_to_segment(us) + self._missing_packages(),
        )
        reasons = self._reasons_against_adjusting()
        if reasons:
            self._stop_adjusting()
        enable_or_say_why(
            self._ui.probabilityButton, _("Loads the probabilities, and labels what lies above a threshold."), reasons
        )
        self._ui.thresholdSlider.enabled = self._follow is not None

    def segment(self) -> None:
        """Segment the chosen volume in a child process."""
        from ..scene.job_files import PredictionWishes, prediction_request

        parameters, model, title = self._parameters, self.model.path, self.model.title
        us, labels = parameters.usToSegment, self.model.card.labels
        wishes = PredictionWishes(
            directions=DIRECTIONS[parameters.directions], folds=self.model.folds, mirroring=parameters.mirroring,
            precision=parameters.precision, device=parameters.segmentDevice, smallest=parameters.minComponent,
        )  # fmt: skip
        self._stop_adjusting()
        self._job_panel.run(
            _("Segmenting {name}").format(name=us.GetName()),
            prepare=lambda folder: prediction_request(us, model, wishes, folder),
            take_over=lambda result: self._take_over(result, us, title, labels),
        )

    def _take_over(self, label_file: Path, us: Any, title: str, labels: dict[str, Any]) -> str:
        from ..scene.job_files import PROBABILITY_FILE
        from ..scene.prediction_nodes import put_prediction_file

        made = None
        try:
            if not slicer.mrmlScene.IsNodePresent(us):
                return _("The segmentation is done, but its volume is no longer in the scene.")
            made = put_prediction_file(slicer.mrmlScene, label_file, us, title, labels).segmentation
        finally:
            label_file.unlink(missing_ok=True)
            if made is None:
                shutil.rmtree(label_file.parent)
        # Until it is asked for; then it becomes a node.
        self._files[made.GetID()] = label_file.with_name(PROBABILITY_FILE)
        return " ".join([_("Made the segmentation {name}.").format(name=made.GetName()), *_notes(label_file)])

    def _segmentation(self) -> Any:
        from ..scene.prediction_nodes import find_prediction

        us = self._parameters.usToSegment if self._parameters is not None else None
        found = find_prediction(slicer.mrmlScene, us, self.model.title or None)
        return found.segmentation if found is not None else None

    def _reasons_against_adjusting(self) -> list[str]:
        from ..scene.prediction_nodes import prediction_of, reasons_against_threshold

        segmentation = self._segmentation()
        reasons = self._busy() + reasons_against_threshold(segmentation)
        if not reasons and prediction_of(segmentation).probability is None and segmentation.GetID() not in self._files:
            reasons = [_("The probabilities are gone: segment the volume again.")]
        return reasons

    def _adjust(self, on: bool) -> None:
        if not on:
            self._stop_adjusting()
        elif self._follow is None:
            with slicer.util.tryWithErrorDisplay(_("The probabilities could not be loaded."), waitCursor=True):
                self._follow = self._load()
            self._ui.probabilityButton.checked = self._follow is not None
            self._threshold_moved()
        self._ui.thresholdSlider.enabled = self._follow is not None

    def _load(self) -> "ProbabilityThreshold":
        from ..scene.prediction_nodes import ProbabilityThreshold, load_probability

        segmentation = self._segmentation()
        path = self._files.pop(segmentation.GetID(), None)
        try:
            load_probability(segmentation, path or Path())
        finally:
            if path is not None:
                path.unlink(missing_ok=True)
        return ProbabilityThreshold(segmentation)

    def _threshold_moved(self) -> None:
        if self._follow is None:
            return
        if not slicer.mrmlScene.IsNodePresent(self._follow.segmentation):
            self._stop_adjusting()
            return
        self._follow.apply(self._ui.thresholdSlider.value, self._ui.minComponentSpinBox.value)
        self._surface_timer.start()

    def _update_surface(self) -> None:
        if self._follow is not None and slicer.mrmlScene.IsNodePresent(self._follow.segmentation):
            self._follow.update_surface()

    def _stop_adjusting(self) -> None:
        self._surface_timer.stop()
        self._follow = None
        self._ui.probabilityButton.checked = False
        self._ui.thresholdSlider.enabled = False

    def _busy(self) -> list[str]:
        return [_("A job is running: wait for it or cancel it.")] if self._job_panel.busy else []

    def _missing_packages(self) -> list[str]:
        return [] if self._installed else [_("Install PyTorch and nnU-Net first (section 3, Train).")]

    def _store_model(self, path: str) -> None:
        if self._parameters is not None:
            self._parameters.model = path


def _notes(label_file: Path) -> list[str]:
    """What the prediction says of itself, such as a smaller tile for want of memory."""
    record = label_file.with_name("us_tumor.json")
    return json.loads(record.read_text(encoding="utf-8")).get("notes", []) if record.is_file() else []
