"""Steps that the tests in the real application share: all through the module's widgets."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import slicer


def open_module(name: str) -> Any:
    """Open a module as the user does and return its panel's Python object."""
    slicer.util.selectModule(name)
    return slicer.util.getModuleWidget(name)


def open_with_demo_case() -> Any:
    """An empty scene, the module IUSTumorSeg, and the demo case loaded by its button."""
    slicer.mrmlScene.Clear(0)
    widget = open_module("IUSTumorSeg")
    widget.ui.loadDemoButton.click()
    return widget


def wait_for_job(widget: Any, seconds: float) -> None:
    """Let the window run until the panel's job has ended."""
    deadline = time.monotonic() + seconds
    while widget.jobPanel.busy:
        if time.monotonic() > deadline:
            raise AssertionError(f"the job still runs after {seconds} s: {widget.jobPanel.ui.jobLabel.text}")
        slicer.app.processEvents()
        time.sleep(0.02)


def register(widget: Any, method: str, seconds: float = 300.0) -> Any:
    """Register with the button and return the transform node, or None where it failed."""
    widget.ui.methodComboBox.setCurrentText(method)
    widget.ui.registerButton.click()
    wait_for_job(widget, seconds)
    return widget.logic.findRegistration(widget.chosenNodes())


def apply_truth(widget: Any) -> None:
    """Lay the demo case's MRI where the simulation says that it belongs."""
    widget.logic.applyRegistration(widget.chosenNodes(), true_mri_to_us_ras(widget))
    widget.updateButtons()


def true_mri_to_us_ras(widget: Any) -> np.ndarray:
    """The simulation's truth, 4x4 RAS mm."""
    truth = json.loads((Path(widget.resourcePath("DemoCase")) / "truth.json").read_text(encoding="utf-8"))
    return np.array(truth["true_mri_to_us_ras"])


def error_at_the_middle_mm(widget: Any, transform: Any) -> float:
    """How far a transform node puts the MRI's point in the middle of the ultrasound from where it belongs."""
    bounds = [0.0] * 6
    widget.chosenNodes().us.GetRASBounds(bounds)
    middle = np.array([*np.reshape(bounds, (3, 2)).mean(axis=1), 1.0])
    on_mri = np.linalg.inv(true_mri_to_us_ras(widget)) @ middle
    return float(np.linalg.norm(slicer.util.arrayFromTransformMatrix(transform) @ on_mri - middle))
