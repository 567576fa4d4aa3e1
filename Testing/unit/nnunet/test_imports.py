"""What a window or a terminal may load at start-up."""

import json
import subprocess
import sys

import pytest

LIGHT = (
    "slices.export",
    "slices.folds",
    "nnunet.training",
    "nnunet.fold_schedule",
    "nnunet.memory_estimate",
    "nnunet.experiments",
    "nnunet.prediction",
    "nnunet.training_curve",
    "evaluation.evaluate_files",
)


@pytest.mark.parametrize("module", LIGHT)
def test_a_task_is_imported_without_the_packages_that_it_computes_with(module):
    code = f"import IUSTumorSegLib.{module}, sys, json; print(json.dumps([n for n in sys.modules if '.' not in n]))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(json.loads(loaded)) & {"torch", "nnunetv2", "SimpleITK", "pandas", "matplotlib", "scipy"}
