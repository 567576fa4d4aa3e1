"""nnU-Net in Slicer's Python: whether it is there, and its installation by consent, without replacing Slicer's packages."""

import importlib.util
import tempfile
from pathlib import Path

import slicer
from slicer.i18n import tr as _

REQUIREMENT = "nnunetv2>=2.8.1,<2.9"
# Slicer's own builds, and torch, which the PyTorch extension brings.
NEVER_INSTALLED = ["SimpleITK", "torch", "requests"]
# Of these no other version may come in; where nnU-Net asked for one, the installation fails and says so.
KEPT_AS_THEY_ARE = ("numpy", "scipy", "pydicom", "pillow", "packaging")


def nnunet_is_installed() -> bool:
    """Whether a task can import nnunetv2. It is looked for, not imported."""
    importlib.invalidate_caches()
    return importlib.util.find_spec("nnunetv2") is not None


def offer_nnunet_installation() -> str:
    """Ask the user and install nnU-Net. Returns a sentence on what is missing, an empty text when done."""
    with slicer.util.tryWithErrorDisplay(_("nnU-Net could not be installed."), waitCursor=True):
        _install()
    if nnunet_is_installed():
        return ""
    return _(
        "nnU-Net was not installed. It needs the internet once; everything that is installed already goes on working."
    )


def _install() -> None:
    try:
        from SlicerNNUNetLib import InstallLogic
    except ImportError:
        _install_with_pip()
    else:
        InstallLogic().setupPythonRequirements(REQUIREMENT)


def _install_with_pip() -> None:
    import slicer.packaging

    with tempfile.TemporaryDirectory(prefix="IUSTumorSeg-") as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(_pins()), encoding="utf-8")
        slicer.packaging.pip_ensure(
            [REQUIREMENT], constraints=constraints, skip_packages=NEVER_INSTALLED, requester="IUS Tumor Seg"
        )


def _pins() -> list[str]:
    from importlib import metadata

    pins = []
    for package in KEPT_AS_THEY_ARE:
        try:
            pins.append(f"{package}=={metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return pins
