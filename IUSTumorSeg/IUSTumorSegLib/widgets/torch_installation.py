"""PyTorch in Slicer's Python: whether it is there, and its installation through the PyTorch extension, by consent."""

import importlib.util

import slicer
from slicer.i18n import tr as _


def torch_is_installed() -> bool:
    """Whether a task can import torch. It is looked for, not imported: the window stays free of it."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("torch") is not None


def offer_torch_installation() -> str:
    """Ask the user and install PyTorch. Returns a sentence on what is missing, an empty text when done."""
    try:
        import PyTorchUtils
    except ImportError:
        return _(
            "PyTorch comes with the PyTorch extension, which is not installed: install it in the Extensions Manager,"
            " restart Slicer and try again."
        )
    with slicer.util.tryWithErrorDisplay(_("PyTorch could not be installed."), waitCursor=True):
        PyTorchUtils.PyTorchUtilsLogic().installTorch(askConfirmation=True)
    return "" if torch_is_installed() else _("PyTorch was not installed.")
