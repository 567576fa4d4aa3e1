"""A trained model chosen by its folder or zip, with its card on screen."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .background import Background

if TYPE_CHECKING:
    from ..nnunet.model_card import ModelCard

PLANS = "plans.json"


class ModelChooser:
    """Reads the card of what the path edit of `ui` names, beside the window, and shows it or what is wrong with it.

    `changed` is called with the path when another is chosen, and `read` when its card was read or refused.
    """

    def __init__(self, ui: Any, changed: Callable[[str], None], read: Callable[[], None]) -> None:
        self._ui = ui
        self._changed, self._read = changed, read
        self._background = Background()
        self._path = ""
        self._wrong = ""
        self.card: ModelCard | None = None
        ui.modelPathLineEdit.connect("currentPathChanged(QString)", self._path_changed)
        self._show()

    @property
    def path(self) -> Path:
        """The model's folder or zip; a file dialog chooses a folder by the plans.json in it."""
        path = Path(self._path)
        return path.parent if path.name == PLANS else path

    @property
    def folds(self) -> tuple[str, ...] | None:
        """The chosen fold; None for all of them."""
        index = self._ui.segmentFoldsComboBox.currentIndex
        return (self.card.folds[index - 1],) if self.card is not None and index > 0 else None

    @property
    def title(self) -> str:
        """The model's name for nodes: its data set and its trainer."""
        card = self.card
        if card is None:
            return ""
        return f"{card.training_data} {card.trainer}" if "__" in card.name else card.name

    def choose(self, path: str) -> None:
        """Show this path, and read its model where it is another one than before."""
        self._ui.modelPathLineEdit.currentPath = path
        self._look_at(path)

    def read_again(self) -> None:
        """Read the same path again: a training may have written a model there."""
        path, self._path = self._path, ""
        self._look_at(path)

    def reasons(self) -> list[str]:
        """Why there is no model to segment with, as sentences."""
        if self.card is not None:
            return []
        if not self._path:
            return [_("Choose a model first: its folder, the plans.json in it, or a zip of it.")]
        return [self._wrong or _("The model is being read.")]

    def stop(self) -> None:
        """Leave off reading."""
        self._background.stop()

    def _path_changed(self, path: str) -> None:
        self._changed(path)
        self._look_at(path)

    def _look_at(self, path: str) -> None:
        if path == self._path:
            return
        from ..nnunet.model_card import read_model_card

        self._path, self.card, self._wrong = path, None, ""
        self._background.stop()
        if path:
            model = self.path
            self._background.ask(lambda: read_model_card(model), self._card_read, (BadInput, Failed, OSError))
        self._show()
        self._read()

    def _card_read(self, card: Any, error: Exception | None) -> None:
        self.card, self._wrong = card, str(error) if error else ""
        self._show()
        self._read()

    def _show(self) -> None:
        import html

        text = card_html(self.card) if self.card is not None else html.escape(" ".join(self.reasons()))
        self._ui.modelCardLabel.text = text
        folds = self.card.folds if self.card is not None else ()
        combo = self._ui.segmentFoldsComboBox
        combo.clear()
        combo.addItems(
            [_("all {number}, as an ensemble").format(number=len(folds)), *folds] if len(folds) > 1 else [*folds]
        )
        combo.enabled = len(folds) > 1


def card_html(card: "ModelCard") -> str:
    """The card as a small table. Its texts come with the model, so they are shown as they are and never as markup."""
    import html

    spacings = [plan["spacing_mm"] for plan in card.configurations.values()]
    images = "" if card.training_images is None else _(" ({number} images)").format(number=card.training_images)
    dice = ", ".join(f"{value:.3f}" for value in card.validation_dice.values())
    rows = {
        _("Labels"): ", ".join(name for name, value in card.labels.items() if value != 0),
        _("Pixel spacing"): "; ".join(" x ".join(f"{mm:g}" for mm in spacing) + " mm" for spacing in spacings),
        _("Folds"): ", ".join(card.folds),
        _("Trainer"): card.trainer,
        _("Training data"): card.training_data + images,
        _("Labels drawn"): card.label_sources,
        _("Best moving Dice"): dice or _("not said"),
        _("Licence"): card.licence,
        _("Use"): _("research only, no medical device"),
    }
    lines = (f"<tr><td>{head}:&nbsp;</td><td>{html.escape(str(text))}</td></tr>" for head, text in rows.items())
    return f"<table>{''.join(lines)}</table>"
