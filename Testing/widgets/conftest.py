"""The module panels on the stand-in for Slicer's desktop."""

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

QT_PACKAGES = "it needs Debian's libegl1 libgl1 libxkbcommon0 libdbus-1-3 libfontconfig1 libglib2.0-0"
PROJECT = Path(__file__).resolve().parents[2]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

from module_opening import close_panel, open_panel  # noqa: E402


@pytest.fixture(scope="session")
def desktop(application: Any) -> Iterator[Any]:
    """The stand-in, installed once; the Qt application."""
    pytest.importorskip("PySide6.QtWidgets", reason=f"PySide6 does not load: {QT_PACKAGES}", exc_type=ImportError)
    from standin.install import install

    qt_application = install(application.logic, application.scene)
    yield qt_application
    import slicer

    slicer.app.close()


@pytest.fixture(autouse=True)
def no_unseen_errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors in slots and observers are only printed, here as in Slicer: a test in which one happens fails."""
    errors = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: errors.append(error))
    yield
    assert not errors, f"an error in a slot or observer: {errors[0]!r}"


@pytest.fixture
def open_module(desktop: Any, scene: Any) -> Iterator[Callable[[str], Any]]:
    """Opens a module as Slicer does: its class, then its panel, entered. Closed and checked at the end."""
    opened = []

    def open_(name: str) -> Any:
        opened.append(open_panel(name))
        return opened[-1]

    yield open_
    for widget in opened:
        close_panel(widget)


@pytest.fixture
def wait_until(desktop: Any) -> Callable[..., None]:
    """Runs Qt's events until a condition holds; fails after some seconds."""

    def wait(condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            desktop.processEvents()
            time.sleep(0.01)

    return wait


@pytest.fixture
def case(scene: Any) -> SimpleNamespace:
    """A small MRI, ultrasound and tumour on the MRI in the scene."""
    import numpy as np
    import SimpleITK as sitk

    from IUSTumorSegLib.scene.nodes import volume_from_image
    from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap

    k, j, i = np.indices((30, 30, 30))
    inside = (i - 15) ** 2 + (j - 14) ** 2 + (k - 16) ** 2 < 36
    speckle = np.random.default_rng(5).random((30, 30, 30)).astype(np.float32)
    mri = volume_from_image(scene, sitk.GetImageFromArray(speckle + inside), "MRI")
    us = volume_from_image(scene, sitk.GetImageFromArray(speckle + 2 * inside), "Ultrasound")
    label = sitk.GetImageFromArray(inside.astype(np.uint8))
    tumor = segmentation_from_labelmap(scene, label, mri, "MRI tumour", "mri_tumor")
    return SimpleNamespace(mri=mri, us=us, tumor=tumor)


@pytest.fixture
def fake_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a PythonSlicer on the PATH that runs `fake_task.py`; called with what it is to do."""
    fake = Path(__file__).parent / "fake_task.py"
    _put_interpreter_on_path(tmp_path, monkeypatch, f'exec "{sys.executable}" "{fake}" "$@"')
    return lambda behaviour: monkeypatch.setenv("IUS_FAKE_TASK", behaviour)


@pytest.fixture
def real_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a PythonSlicer on the PATH that runs tasks as they are."""
    _put_interpreter_on_path(tmp_path, monkeypatch, f'exec "{sys.executable}" "$@"')


@pytest.fixture
def with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch is there, whatever this machine has."""
    _pretend_torch(monkeypatch, True)


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch is missing."""
    _pretend_torch(monkeypatch, False)


def _put_interpreter_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    script = folder / "bin" / "PythonSlicer"
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{command}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


def _pretend_torch(monkeypatch: pytest.MonkeyPatch, present: bool) -> None:
    real = importlib.util.find_spec
    answer = importlib.util.spec_from_loader("torch", loader=None) if present else None
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: answer if name == "torch" else real(name, *rest)
    )
