"""The panel of the module IUSTumorSeg: what its buttons allow, say and do."""

import json
import time

import numpy as np
import pytest
from panel_steps import choose, is_alive, job_folders

pytestmark = pytest.mark.usefixtures("with_torch")


def put_registration(widget):
    return widget.logic.applyRegistration(widget.chosenNodes(), np.eye(4))


def test_without_images_every_step_is_disabled_and_says_what_to_choose(open_module):
    ui = open_module("IUSTumorSeg").ui
    for button in (ui.registerButton, ui.compareButton, ui.propagateButton):
        assert not button.enabled
        assert "Choose an ultrasound volume first." in button.toolTip
        assert "Choose an MRI volume first." in button.toolTip
    assert ui.loadDemoButton.enabled


def test_with_mri_and_ultrasound_register_and_compare_are_enabled_and_propagate_asks_for_the_label(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case, tumor=False)
    assert widget.ui.registerButton.enabled
    assert "moves it there" in widget.ui.registerButton.toolTip
    assert widget.ui.compareButton.enabled
    assert not widget.ui.propagateButton.enabled
    assert "tumour label" in widget.ui.propagateButton.toolTip


def test_propagate_asks_to_register_first_and_is_enabled_by_a_registration(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    assert "Register first" in widget.ui.propagateButton.toolTip
    put_registration(widget)
    widget.updateButtons()
    assert widget.ui.propagateButton.enabled


def test_the_same_volume_as_mri_and_ultrasound_is_refused_with_a_reason(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.usSelector.setCurrentNode(case.mri)
    assert not widget.ui.registerButton.enabled
    assert "two different volumes" in widget.ui.registerButton.toolTip


def test_labelmaps_are_offered_as_tumour_but_not_as_mri(open_module, case, scene):
    labelmap = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Label")
    widget = open_module("IUSTumorSeg")
    widget.ui.mriSelector.setCurrentNode(labelmap)
    widget.ui.mriTumorSelector.setCurrentNode(labelmap)
    assert widget.ui.mriSelector.currentNode() is None
    assert widget.ui.mriTumorSelector.currentNode() is labelmap


def test_removing_the_ultrasound_from_the_scene_disables_what_needs_it(open_module, case, scene):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    scene.RemoveNode(case.us)
    assert not widget.ui.registerButton.enabled
    assert "Choose an ultrasound volume first." in widget.ui.registerButton.toolTip


def test_register_runs_the_task_in_a_child_process_and_moves_the_mri(open_module, case, fake_task, wait_until):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    assert widget.jobPanel.busy
    assert not widget.ui.registerButton.enabled
    assert "A job is running" in widget.ui.registerButton.toolTip
    request = json.loads((folder / "request.json").read_text())
    assert request["task"] == "register"
    assert request["arguments"]["method"] == "lc2"
    assert set(request["arguments"]) >= {"mri", "us", "mri_tumor", "out"}
    wait_until(lambda: not widget.jobPanel.busy)
    transform = widget.logic.findRegistration(widget.chosenNodes())
    assert case.mri.GetParentTransformNode() is transform
    assert transform.GetMatrixTransformToParent().GetElement(0, 3) == 5.0
    assert "Registered" in widget.jobPanel.ui.jobLabel.text
    assert widget.ui.propagateButton.enabled


def test_the_verdict_and_its_reasons_are_shown_after_registering_and_hidden_for_another_pair(
    open_module, case, fake_task, wait_until, scene
):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    assert widget.ui.verdictFrame.isHidden()
    widget.ui.registerButton.click()
    wait_until(lambda: not widget.jobPanel.busy)
    assert not widget.ui.verdictFrame.isHidden()
    assert "Verdict: review" in widget.ui.verdictLabel.text
    assert "2.4 mm" in widget.ui.verdictLabel.text
    assert "The match is weaker than usual." in widget.ui.reasonsLabel.text
    widget.ui.usSelector.setCurrentNode(None)
    assert widget.ui.verdictFrame.isHidden()


def test_images_written_for_a_task_are_removed_when_it_ends_and_the_log_stays(open_module, case, fake_task, wait_until):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    assert (folder / "mri.nrrd").exists()
    wait_until(lambda: not widget.jobPanel.busy)
    assert not list(folder.glob("*.nrrd"))
    assert "a line of the log" in (folder / "log.txt").read_text()
    assert "a line of the log" in widget.jobPanel.ui.jobLogText.plainText


def test_progress_comes_from_the_task(open_module, case, fake_task, wait_until):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.registerButton.click()
    bar = widget.jobPanel.ui.jobProgressBar
    assert bar.maximum == 0
    wait_until(lambda: bar.maximum == 10)
    assert bar.value == 3
    assert widget.jobPanel.ui.jobLabel.text.endswith("searching")


def test_a_failed_task_shows_its_last_sentence_and_where_the_log_is_and_leaves_the_scene_alone(
    open_module, case, fake_task, wait_until
):
    fake_task("fail")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.registerButton.click()
    wait_until(lambda: not widget.jobPanel.busy)
    text = widget.jobPanel.ui.jobLabel.text
    assert "Expected an MRI, but found a picture: choose another file." in text
    assert "log.txt" in text
    assert case.mri.GetParentTransformNode() is None
    assert widget.ui.registerButton.enabled


def test_cancel_ends_the_task_and_its_stubborn_descendant_within_five_seconds(open_module, case, fake_task, wait_until):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    wait_until((folder / "processes.json").exists)
    wait_until(lambda: widget.jobPanel.ui.jobProgressBar.maximum == 10)
    started = time.monotonic()
    widget.jobPanel.ui.jobCancelButton.click()
    assert time.monotonic() - started < 0.5, "the window must not wait"
    assert not widget.jobPanel.ui.jobCancelButton.enabled
    wait_until(lambda: not widget.jobPanel.busy)
    assert time.monotonic() - started < 5.0
    assert not any(is_alive(process) for process in json.loads((folder / "processes.json").read_text()))
    assert "Cancelled" in widget.jobPanel.ui.jobLabel.text
    assert case.mri.GetParentTransformNode() is None


def test_closing_the_scene_ends_the_task_with_its_descendants(open_module, case, scene, fake_task, wait_until):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    wait_until((folder / "processes.json").exists)
    scene.Clear(0)
    assert not widget.jobPanel.busy
    assert not any(is_alive(process) for process in json.loads((folder / "processes.json").read_text()))
    assert widget.ui.mriSelector.currentNode() is None


def test_a_result_whose_mri_has_left_the_scene_is_not_applied(open_module, case, scene, fake_task, wait_until):
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.registerButton.click()
    scene.RemoveNode(case.mri)
    wait_until(lambda: not widget.jobPanel.busy)
    assert "no longer in the scene" in widget.jobPanel.ui.jobLabel.text
    transforms = [
        scene.GetNthNodeByClass(n, "vtkMRMLTransformNode")
        for n in range(scene.GetNumberOfNodesByClass("vtkMRMLTransformNode"))
    ]
    assert not [transform.GetName() for transform in transforms if "to Ultrasound" in transform.GetName()]


def test_without_slicers_python_on_the_path_register_says_so_and_writes_nothing(open_module, case, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    before = job_folders()
    widget.ui.registerButton.click()
    assert not widget.jobPanel.busy
    assert "PythonSlicer" in widget.jobPanel.ui.jobLabel.text
    assert job_folders() == before


def test_propagate_makes_a_segmentation_on_the_ultrasound_and_names_it(open_module, case, scene):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    put_registration(widget)
    widget.updateButtons()
    number = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    widget.ui.propagateButton.click()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == number + 1
    made = scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode")
    assert made.GetNodeReference(made.GetReferenceImageGeometryReferenceRole()) is case.us
    assert made.GetName() in widget.ui.propagatedLabel.text


def test_propagating_a_tumour_that_misses_the_ultrasound_gives_a_sentence_and_no_segmentation(open_module, case, scene):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    far = np.eye(4)
    far[:3, 3] = 500.0
    widget.logic.applyRegistration(widget.chosenNodes(), far)
    widget.updateButtons()
    number = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    widget.ui.propagateButton.click()
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == number
    assert "Expected" in widget.ui.propagatedLabel.text


def test_a_second_click_while_the_first_is_prepared_starts_nothing_more(open_module, case, fake_task):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    real, clicks = widget.logic.registrationRequest, []

    def click_meanwhile(*arguments, **settings):
        clicks.append(widget.ui.registerButton.enabled)
        widget.onRegister()
        return real(*arguments, **settings)

    widget.logic.registrationRequest = click_meanwhile
    before = job_folders()
    widget.ui.registerButton.click()
    assert clicks == [False]
    assert len(job_folders() - before) == 1


def test_the_method_that_is_chosen_goes_into_the_request(open_module, case, fake_task):
    fake_task("hang")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.methodComboBox.currentText = "Mattes"
    before = job_folders()
    widget.ui.registerButton.click()
    (folder,) = job_folders() - before
    assert json.loads((folder / "request.json").read_text())["arguments"]["method"] == "mattes"
