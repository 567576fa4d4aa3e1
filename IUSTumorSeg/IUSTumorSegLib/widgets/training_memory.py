"""Whether a training as chosen fits into the graphics processor's memory, and what would."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..errors import BadInput
from .background import Background

if TYPE_CHECKING:
    from ..nnunet.memory_estimate import Gpu
    from ..nnunet.training_choices import MemoryNeed, TrainingChoices


class TrainingMemory:
    """Says what a training needs; `gpus` is None until the driver was asked, then `changed` is called."""

    def __init__(self, ui: Any, changed: Callable[[], None]) -> None:
        self._ui, self._changed = ui, changed
        self.gpus: Sequence[Gpu] | None = None
        self._parameters: Any = None
        self._need: MemoryNeed | None = None
        self._background = Background()
        ui.useProposalButton.connect("clicked()", self._use_proposal)

    def show(self, parameters: Any) -> None:
        """Take the module's parameters, or None when it is left."""
        self._parameters = parameters
        if parameters is not None and self.gpus is None:
            from ..nnunet.memory_estimate import gpus

            self._background.ask(gpus, self._gpus_found)

    def update(self, choices: "Callable[[], TrainingChoices]") -> None:
        """Say what the training of these choices needs, and offer what would fit."""
        from ..nnunet.training_choices import memory_need, memory_sentence

        self._need = None
        self._ui.memoryLabel.text = ""
        if self.gpus is not None and self._parameters.trainDataset:
            try:
                self._need = memory_need(choices(), self.gpus)
                self._ui.memoryLabel.text = memory_sentence(self._need)
            except BadInput as error:
                self._ui.memoryLabel.text = str(error)
        need = self._need
        self._ui.memoryLabel.visible = bool(self._ui.memoryLabel.text)
        self._ui.useProposalButton.visible = (
            need is not None and not need.fits and bool(need.batch_size or need.patch_size)
        )

    def reasons_against(self) -> list[str]:
        """Why the processor does not do for a training."""
        if self._parameters.device == "cuda" and self.gpus is not None and not self.gpus:
            return [_("No graphics processor was found: choose auto or cpu.")]
        if self._need is None or self._need.fits:
            return []
        return [
            _("The graphics processor's free memory is not enough: take a smaller batch or patch, or the processor.")
        ]

    def stop(self) -> None:
        """Leave no thread waiting."""
        self._background.stop()

    def _gpus_found(self, found: Any, error: Exception | None) -> None:
        self.gpus = found
        self._changed()

    def _use_proposal(self) -> None:
        need = self._need
        if need is None:
            return
        if need.batch_size:
            self._parameters.batchSize = need.batch_size
        elif need.patch_size:
            self._parameters.patchSize = min(need.patch_size)
