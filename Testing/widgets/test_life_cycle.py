"""The panels over their life: entering, leaving, scenes that come and go, and what must not stay behind."""

import json

import pytest
from panel_steps import choose, enter_module, is_alive, job_folders, leave_module

pytestmark = pytest.mark.usefixtures("with_torch")


def observer_count(watched) -> int:
    """How many observers a VTK object has."""
    return str(watched).count("vtkObserver")


def scene_as_text(scene) -> str:
    scene.SetSaveToXMLString(1)
    scene.Commit()
    scene.SetSaveToXMLString(0)
    return scene.GetSceneXMLString()


def load_scene(scene, text: str) -> None:
    scene.SetLoadFromXMLString(1)
    scene.SetSceneXMLString(text)
    scene.Import()
    scene.SetLoadFromXMLString(0)


def test_choices_are_kept_in_the_parameter_node_and_shown_again_when_the_module_is_entered(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.methodComboBox.currentText = "Mattes"
    widget.ui.blendSlider.value = 30.0
    widget.ui.curtainButton.click()
    leave_module(widget)
    assert widget._parameterNode is None
    enter_module(widget)
    assert widget.chosenNodes().mri is case.mri
    assert widget.chosenNodes().mri_tumor is case.tumor
    assert widget.ui.methodComboBox.currentText == "Mattes"
    assert widget.ui.blendSlider.value == 30.0
    assert widget.ui.curtainButton.checked


def test_what_is_changed_in_the_widgets_after_leaving_does_not_reach_the_parameter_node(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    leave_module(widget)
    widget.ui.blendSlider.value = 77.0
    assert widget.logic.getParameterNode().blendPercent == 50.0


def test_a_saved_scene_brings_the_choices_back(open_module, case, scene):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.fieldSlider.value = 21.0
    saved = scene_as_text(scene)
    scene.Clear(0)
    assert widget.ui.fieldSlider.value == 12.0
    load_scene(scene, saved)
    assert widget.ui.fieldSlider.value == 21.0
    assert widget.ui.mriSelector.currentNode().GetName() == "MRI"
    assert widget.ui.usSelector.currentNode().GetName() == "Ultrasound"
    assert widget.ui.mriTumorSelector.currentNode().GetName() == "MRI tumour"


def test_fifty_times_entering_and_leaving_leaves_no_observers_behind(open_module, case, scene):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    node = widget._parameterNode.parameterNode

    def cycle():
        widget.ui.compareButton.click()
        leave_module(widget)
        enter_module(widget)

    cycle()
    before = len(widget.Observations), observer_count(scene), observer_count(node), scene.GetNumberOfNodes()
    for _ in range(50):
        cycle()
    after = len(widget.Observations), observer_count(scene), observer_count(node), scene.GetNumberOfNodes()
    assert after == before


def test_closing_the_module_ends_its_task_and_its_timer_and_lets_go_of_the_scene(
    open_module, case, scene, fake_task, wait_until
):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    wait_until((folder / "processes.json").exists)
    widget.cleanup()
    assert not any(is_alive(process) for process in json.loads((folder / "processes.json").read_text()))
    assert not widget.jobPanel._timer.isActive()
    assert not widget.Observations
    assert not list(folder.glob("*.nrrd"))


def test_leaving_the_module_lets_a_registration_go_on_and_its_result_is_applied(
    open_module, case, fake_task, wait_until
):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.registerButton.click()
    leave_module(widget)
    wait_until(lambda: not widget.jobPanel.busy)
    assert case.mri.GetParentTransformNode() is not None
    enter_module(widget)
    assert not widget.ui.verdictFrame.isHidden()


def test_no_timer_runs_while_no_task_does(open_module, case, fake_task, wait_until):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    assert not widget.jobPanel._timer.isActive()
    choose(widget, case)
    widget.ui.registerButton.click()
    assert widget.jobPanel._timer.isActive()
    wait_until(lambda: not widget.jobPanel.busy)
    assert not widget.jobPanel._timer.isActive()


def test_reloading_the_module_leaves_one_panel_that_listens(open_module, case, scene):
    first = open_module("IUSTumorSeg")
    choose(first, case)
    first.cleanup()
    second = open_module("IUSTumorSeg")
    assert second.chosenNodes().mri is case.mri
    second.ui.mriSelector.setCurrentNode(None)
    assert second.chosenNodes().mri is None
    assert first._parameterNode is None
