"""What the panel says and does where PyTorch is missing."""

import importlib.util
import sys
from types import SimpleNamespace

import pytest
from panel_steps import choose

pytestmark = pytest.mark.usefixtures("without_torch")


def test_without_torch_lc2_is_disabled_with_a_reason_and_an_offer_and_mattes_is_not(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    assert not widget.ui.registerButton.enabled
    assert "Install PyTorch first" in widget.ui.registerButton.toolTip
    assert not widget.ui.torchFrame.isHidden()
    widget.ui.methodComboBox.currentText = "Mattes"
    assert widget.ui.registerButton.enabled
    assert widget.ui.torchFrame.isHidden()


def test_without_the_pytorch_extension_the_offer_says_what_to_install(open_module, case, monkeypatch):
    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    widget = open_module("IUSTumorSeg")
    widget.ui.installTorchButton.click()
    assert "PyTorch extension" in widget.jobPanel.ui.jobLabel.text
    assert "Extensions Manager" in widget.jobPanel.ui.jobLabel.text


def test_the_extension_is_asked_to_install_torch_with_the_users_confirmation(open_module, case, monkeypatch):
    asked = []

    class Logic:
        def installTorch(self, askConfirmation=False):
            asked.append(askConfirmation)
            spec = importlib.util.spec_from_loader("torch", loader=None)
            monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: spec)

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.installTorchButton.click()
    assert asked == [True]
    assert widget.ui.registerButton.enabled
    assert widget.ui.torchFrame.isHidden()


def test_an_installation_that_the_user_declines_leaves_the_offer_in_place(open_module, case, monkeypatch):
    class Logic:
        def installTorch(self, askConfirmation=False):
            return None

    monkeypatch.setitem(sys.modules, "PyTorchUtils", SimpleNamespace(PyTorchUtilsLogic=Logic))
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.installTorchButton.click()
    assert "not installed" in widget.jobPanel.ui.jobLabel.text
    assert not widget.ui.torchFrame.isHidden()
