"""Train a network: choices, what is missing, the curve as it grows, and a training that may outlive Slicer."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctk
from slicer.i18n import tr as _

from .export_rules import folder_reasons
from .tool_tips import enable_or_say_why
from .training_lists import TrainingLists
from .training_memory import TrainingMemory
from .training_packages import TrainingPackages
from .training_run import TrainingRun

if TYPE_CHECKING:
    from ..nnunet.training_choices import TrainingChoices


class TrainingPanel:
    """The section "Train" of the module.

    `changed` is called when buttons may have to change, `trained` with a model's folder when there is a new one.
    """

    def __init__(self, ui: Any, changed: Callable[[], None], trained: Callable[[Path], None]) -> None:
        self._ui = ui
        self._parameters: Any = None
        self._run = TrainingRun(ui, changed, trained)
        self.job_panel, self.plot = self._run.job_panel, self._run.plot
        self.memory = TrainingMemory(ui, changed)
        self._lists = TrainingLists(ui)
        self._packages = TrainingPackages(ui, self.job_panel.say, changed)
        ui.rawPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.trainedPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.trainButton.connect("clicked()", self.train)

    def show(self, parameters: Any) -> None:
        """Take the module's parameters, or None when it is left; a training that was left running is found again."""
        self._parameters = parameters
        self.memory.show(parameters)
        self._lists.show(parameters)

    def update(self) -> None:
        """Fill the lists, look for a training in the output folder, and say what is missing."""
        if self._parameters is None:
            return
        self._lists.update(self.choices)
        self._run.find(self._parameters.trainedFolder)
        self._packages.update()
        self.memory.update(self.choices)
        enable_or_say_why(
            self._ui.trainButton,
            _("Trains nnU-Net's 2D network on the data set in a process of its own; what was begun is gone on with."),
            self.reasons(),
        )

    def reasons(self) -> list[str]:
        """Why no training can be started now."""
        if self._parameters is None:
            return []
        if running := self._run.reasons_against():
            return running
        reasons = [] if self._parameters.trainDataset else [_("Export slices first, or choose a folder of data sets.")]
        reasons += folder_reasons(self._parameters.trainedFolder)
        return reasons + self._packages.reasons_against() + self.memory.reasons_against()

    def choices(self) -> "TrainingChoices":
        """The training as chosen."""
        from ..nnunet.training_choices import TrainingChoices

        chosen = self._parameters
        patch = (chosen.patchSize, chosen.patchSize) if chosen.patchSize else None
        return TrainingChoices(
            dataset=chosen.trainDataset, raw=chosen.rawFolder, out=chosen.trainedFolder, folds=chosen.folds,
            trainer=chosen.trainer, device=chosen.device, epochs=chosen.epochs or None,
            batch_size=chosen.batchSize or None, patch_size=patch, start_anew=chosen.startAnew,
        )  # fmt: skip

    def train(self) -> None:
        """Start the training in a process that can outlive this window."""
        self._run.start(self.choices(), self.memory.gpus or ())

    def close(self) -> None:
        """End the training, or let it go on where the user chose that; leave no node, timer or thread waiting."""
        self._parameters = None
        self._run.close()
        self.memory.stop()
