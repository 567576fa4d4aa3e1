"""What training and segmenting need in Slicer's Python, and the button that installs it."""

from collections.abc import Callable
from typing import Any

from slicer.i18n import tr as _

from .nnunet_installation import nnunet_is_installed, offer_nnunet_installation
from .torch_installation import offer_torch_installation, torch_is_installed


class TrainingPackages:
    """Says which package is missing; `say` is called with how an installation ended, then `changed`."""

    def __init__(self, ui: Any, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._ui, self._say, self._changed = ui, say, changed
        ui.installNnunetButton.connect("clicked()", self._install)

    def update(self) -> None:
        """Show the frame with the button where something is missing."""
        self._ui.nnunetFrame.visible = bool(self.reasons_against())
        what = _("PyTorch (PyTorch extension)") if not torch_is_installed() else _("nnU-Net")
        self._ui.nnunetLabel.text = _("Training and segmenting need {what}, which is not in Slicer's Python.").format(
            what=what
        )

    def reasons_against(self) -> list[str]:
        """Which package has to be installed first."""
        if not torch_is_installed():
            return [_("Install PyTorch first.")]
        return [] if nnunet_is_installed() else [_("Install nnU-Net first.")]

    def _install(self) -> None:
        """One after the other: nnU-Net without the right PyTorch would bring the wrong one."""
        sentence = "" if torch_is_installed() else offer_torch_installation()
        if not sentence and not nnunet_is_installed():
            sentence = offer_nnunet_installation()
        self._say(sentence or _("PyTorch and nnU-Net are installed."))
        self._changed()
