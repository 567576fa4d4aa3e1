"""The tests for the real application, run on the stand-in: they cannot rot unseen where there is no Slicer."""

import sys
import unittest
from pathlib import Path

import pytest
from panel_steps import enter_module, leave_module

SCRIPTS = Path(__file__).resolve().parents[1] / "slicer"


@pytest.fixture
def modules_by_name(open_module, monkeypatch):
    """`slicer.util.selectModule` and `getModuleWidget` on panels of the stand-in."""
    import slicer

    panels, shown = {}, []

    def panel(name):
        if name not in panels:
            panels[name] = open_module(name)
            leave_module(panels[name])
        return panels[name]

    def select(name):
        if shown:
            leave_module(panel(shown.pop()))
        if name in ("IUSTumorSeg", "IUSTumorSegTraining"):
            enter_module(panel(name))
            shown.append(name)

    monkeypatch.setattr(slicer.util, "selectModule", select)
    monkeypatch.setattr(slicer.util, "getModuleWidget", panel)


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("test_*.py")))
def test_every_script_for_the_application_passes_on_the_stand_in(script, modules_by_name, real_task, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    result = unittest.TestResult()
    unittest.TestLoader().loadTestsFromName(script).run(result)
    sys.modules.pop(script)
    assert result.testsRun > 0
    assert result.wasSuccessful(), "\n".join(text for _, text in result.failures + result.errors)


def test_the_modules_own_test_passes_on_the_stand_in(open_module):
    module = sys.modules[type(open_module("IUSTumorSeg")).__module__]
    module.IUSTumorSegTest().runTest()
