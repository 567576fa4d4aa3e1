"""The data sets and folds that there are to train on, in their combo boxes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

if TYPE_CHECKING:
    from ..nnunet.training_choices import TrainingChoices

FOLD_WORDS = {"all": "all, one after the other", "whole": "one network on every slice (no validation)"}


class TrainingLists:
    """Offers what the folder of data sets holds, and writes what is chosen into the module's parameters."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._parameters: Any = None
        self._shown: tuple[Any, ...] = ()
        self._folds_of: tuple[Any, list[str]] = (None, [])
        ui.trainDatasetComboBox.connect("currentIndexChanged(int)", self._dataset_chosen)
        ui.foldsComboBox.connect("currentIndexChanged(int)", self._folds_chosen)

    def show(self, parameters: Any) -> None:
        """Take the module's parameters, or None when it is left; the folder is read anew."""
        self._parameters = parameters
        self._shown, self._folds_of = (), (None, [])

    def update(self, choices: "Callable[[], TrainingChoices]") -> None:
        """Fill the lists; what is chosen and no longer there gives way to what is. `choices`: as they stand then."""
        from ..nnunet.training_choices import dataset_names

        names = dataset_names(self._parameters.rawFolder)
        if names and self._parameters.trainDataset not in names:
            self._parameters.trainDataset = names[-1]
        if not names and self._parameters.trainDataset:
            self._parameters.trainDataset = ""
        folds = self._folds(choices, bool(names))
        if folds and self._parameters.folds not in folds:
            self._parameters.folds = folds[0]
        self._fill(names, folds)

    def _folds(self, choices: "Callable[[], TrainingChoices]", any_names: bool) -> list[str]:
        """Read once: of 100,000 slices the folds are megabytes."""
        from ..nnunet.training_choices import fold_texts

        key = (self._parameters.rawFolder, self._parameters.trainDataset)
        if key != self._folds_of[0]:
            self._folds_of = key, fold_texts(choices()) if any_names else []
        return self._folds_of[1]

    def _fill(self, names: list[str], folds: list[str]) -> None:
        now = (names, folds, self._parameters.trainDataset, self._parameters.folds)
        if now == self._shown:
            return
        self._shown = now
        _fill(self._ui.trainDatasetComboBox, names, names, self._parameters.trainDataset)
        words = [FOLD_WORDS.get(fold, _("fold {number}").format(number=fold)) for fold in folds]
        _fill(self._ui.foldsComboBox, words, folds, self._parameters.folds)

    def _dataset_chosen(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.trainDataset = self._shown[0][index]

    def _folds_chosen(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.folds = self._shown[1][index]


def _fill(combo: Any, words: Sequence[str], values: Sequence[str], chosen: str) -> None:
    """Put these words into a combo box and show the chosen value's, without telling anybody."""
    was_blocked = combo.blockSignals(True)
    combo.clear()
    combo.addItems(list(words))
    combo.setCurrentIndex(list(values).index(chosen) if chosen in values else -1)
    combo.blockSignals(was_blocked)
