"""The section Train: what it offers and asks for, the training with its curve, and one that goes on without Slicer."""

import importlib.util
import json
import sys
import time
from types import SimpleNamespace

import pytest
from panel_steps import is_alive, leave_module

from IUSTumorSegLib.jobs.detached_job import RECORD_FILE, find_detached_job
from IUSTumorSegLib.nnunet.memory_estimate import Gpu

GIB = 1 << 30
DATASET = "Dataset501_Brain"


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    """No graphics processor, whatever this machine has."""
    monkeypatch.setattr("IUSTumorSegLib.nnunet.memory_estimate.gpus", list)


@pytest.fixture
def raw(tmp_path):
    """A data set with three folds."""
    folder = tmp_path / "raw" / DATASET
    folder.mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "tumor": 1}}))
    (folder / "splits_final.json").write_text(json.dumps([{"train": ["a"], "val": ["b"]}] * 3))
    return folder.parent


@pytest.fixture
def panel(open_module, with_torch, raw, tmp_path, wait_until):
    """The module with a data set and an output folder chosen."""
    widget = open_module("IUSTumorSegTraining")
    widget.ui.rawPathLineEdit.currentPath = str(raw)
    widget.ui.trainedPathLineEdit.currentPath = str(tmp_path / "trained")
    wait_until(lambda: widget.trainingPanel.memory.gpus is not None)
    return widget


@pytest.fixture
def no_process_left(tmp_path):
    yield
    job = find_detached_job(tmp_path / "trained")
    if job is not None:
        job.cancel(0.1)


def processes(tmp_path):
    return json.loads((tmp_path / "trained" / "processes.json").read_text())


def start_hanging(panel, fake_task, wait_until, tmp_path):
    fake_task("train-hang")
    panel.ui.trainButton.click()
    wait_until((tmp_path / "trained" / "processes.json").exists)
    wait_until(lambda: not panel.ui.curvePlotPlace.isHidden())


def test_data_sets_and_their_folds_are_offered_and_training_is_possible(panel):
    assert panel.ui.trainDatasetComboBox.currentText == DATASET
    folds = [panel.ui.foldsComboBox.itemText(n) for n in range(panel.ui.foldsComboBox.count)]
    assert folds[0].startswith("all")
    assert folds[1:4] == ["fold 0", "fold 1", "fold 2"]
    assert "every slice" in folds[4]
    assert panel.ui.trainButton.enabled
    assert panel.ui.nnunetFrame.isHidden()


def test_without_a_data_set_the_button_says_to_export_first(panel, tmp_path):
    panel.ui.rawPathLineEdit.currentPath = str(tmp_path)
    assert not panel.ui.trainButton.enabled
    assert "Export slices first" in panel.ui.trainButton.toolTip
    assert panel.ui.foldsComboBox.count == 0


def test_without_nnunet_the_button_says_so_and_it_is_installed_without_replacing_slicers_packages(panel, monkeypatch):
    import slicer

    find_spec, installed, asked = importlib.util.find_spec, [], []
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "nnunetv2" and not installed else find_spec(name, *rest),
    )

    def pip_ensure(requirements, constraints=None, skip_packages=None, requester=None):
        asked.append((requirements, skip_packages, constraints.read_text()))
        installed.append(True)

    packaging = SimpleNamespace(pip_ensure=pip_ensure)
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    monkeypatch.setitem(sys.modules, "SlicerNNUNetLib", None)
    panel.updateButtons()
    assert not panel.ui.trainButton.enabled
    assert "Install nnU-Net first." in panel.ui.trainButton.toolTip
    assert not panel.ui.nnunetFrame.isHidden()
    panel.ui.installNnunetButton.click()
    ((requirements, skipped, pins),) = asked
    assert requirements[0].startswith("nnunetv2")
    assert set(skipped) == {"SimpleITK", "torch", "requests"}
    assert "numpy==" in pins
    assert panel.ui.trainButton.enabled
    assert panel.ui.nnunetFrame.isHidden()


def test_a_gpu_that_is_too_small_is_said_before_with_a_batch_that_fits(panel, tmp_path):
    plans = tmp_path / "trained" / "nnUNet_preprocessed" / DATASET
    plans.mkdir(parents=True)
    network = {
        "n_stages": 3, "features_per_stage": [32, 64, 128], "kernel_sizes": [[3, 3]] * 3,
        "strides": [[1, 1], [2, 2], [2, 2]], "n_conv_per_stage": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2],
    }  # fmt: skip
    configuration = {
        "batch_size": 12, "patch_size": [512, 512],
        "architecture": {"network_class_name": "x.PlainConvUNet", "arch_kwargs": network},
    }  # fmt: skip
    (plans / "nnUNetPlans.json").write_text(json.dumps({"configurations": {"2d": configuration}}))
    panel.trainingPanel.memory.gpus = [Gpu(0, "small", 4 * GIB, 3 * GIB)]
    panel.updateButtons()
    assert not panel.ui.trainButton.enabled
    assert "free memory is not enough" in panel.ui.trainButton.toolTip
    assert "would fit" in panel.ui.memoryLabel.text
    panel.ui.useProposalButton.click()
    assert 2 <= panel.ui.batchSpinBox.value < 12
    assert panel.ui.trainButton.enabled
    assert panel.ui.useProposalButton.isHidden()


def test_cuda_without_a_gpu_disables_the_button_with_a_reason(panel):
    panel.ui.deviceComboBox.currentText = "cuda"
    assert not panel.ui.trainButton.enabled
    assert "No graphics processor was found" in panel.ui.trainButton.toolTip
    panel.ui.deviceComboBox.currentText = "cpu"
    assert panel.ui.trainButton.enabled


def test_a_training_shows_both_folds_curves_and_its_model_is_chosen_to_segment_with(
    panel, fake_task, wait_until, scene, tmp_path
):
    fake_task("train")
    panel.ui.trainButton.click()
    assert not panel.ui.trainButton.enabled
    wait_until(lambda: not panel.trainingPanel.job_panel.busy)
    chart = scene.GetFirstNodeByClass("vtkMRMLPlotChartNode")
    series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())]
    assert [node.GetName() for node in series] == [
        "training loss, fold 0", "pseudo Dice, fold 0", "training loss, fold 1", "pseudo Dice, fold 1",
    ]  # fmt: skip
    assert [node.GetTableNode().GetTable().GetNumberOfRows() for node in series] == [2] * 4
    assert "Trained" in panel.trainingPanel.job_panel.ui.jobLabel.text
    assert DATASET in panel.ui.modelPathLineEdit.currentPath
    assert not (tmp_path / "trained" / RECORD_FILE).exists()
    assert panel.ui.trainButton.enabled


def test_the_request_goes_on_with_what_was_begun_unless_it_shall_start_anew(panel, fake_task, wait_until, tmp_path):
    from panel_steps import job_folders

    fake_task("train")
    for anew in (False, True):
        panel.ui.startAnewCheckBox.checked = anew
        panel.ui.epochsSpinBox.value = 7
        before = job_folders()
        panel.ui.trainButton.click()
        (folder,) = job_folders() - before
        request = json.loads((folder / "request.json").read_text())
        wait_until(lambda: not panel.trainingPanel.job_panel.busy)
        assert request["task"] == "train-folds"
        assert request["arguments"]["resume"] is not anew
        assert request["arguments"]["overwrite"] is anew
        assert request["arguments"]["epochs"] == 7
        assert request["arguments"]["folds"] == "all"


def test_the_time_left_counts_the_folds_that_are_still_to_come(panel, fake_task, wait_until, tmp_path, no_process_left):
    start_hanging(panel, fake_task, wait_until, tmp_path)
    # 99 epochs of this fold and 100 of each of two others, at a minute.
    assert "5 h 0 min" not in panel.ui.trainingTimeLabel.text
    assert "4 h 59 min left" in panel.ui.trainingTimeLabel.text
    panel.trainingPanel.job_panel.ui.jobCancelButton.click()
    wait_until(lambda: not panel.trainingPanel.job_panel.busy)


def test_cancel_ends_every_process_of_the_training_within_five_seconds(
    panel, fake_task, wait_until, tmp_path, no_process_left
):
    start_hanging(panel, fake_task, wait_until, tmp_path)
    started = time.monotonic()
    panel.trainingPanel.job_panel.ui.jobCancelButton.click()
    wait_until(lambda: not panel.trainingPanel.job_panel.busy)
    assert time.monotonic() - started < 5.0
    assert not any(is_alive(process) for process in processes(tmp_path))
    assert "kept" in panel.trainingPanel.job_panel.ui.jobLabel.text
    assert not (tmp_path / "trained" / RECORD_FILE).exists()


def test_closing_slicer_ends_the_training_and_leaves_no_node(
    panel, fake_task, wait_until, scene, tmp_path, no_process_left
):
    start_hanging(panel, fake_task, wait_until, tmp_path)
    panel.cleanup()
    assert not any(is_alive(process) for process in processes(tmp_path))
    for name in ("Chart", "Series", "View"):
        assert scene.GetNumberOfNodesByClass(f"vtkMRMLPlot{name}Node") == 0
    assert scene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0
    assert not panel.trainingPanel.job_panel._timer.isActive()


def test_a_training_that_was_to_go_on_does_and_is_found_again_and_cancelled(
    panel, open_module, fake_task, wait_until, raw, tmp_path, no_process_left
):
    start_hanging(panel, fake_task, wait_until, tmp_path)
    panel.ui.keepTrainingCheckBox.checked = True
    panel.cleanup()
    assert all(is_alive(process) for process in processes(tmp_path))
    again = open_module("IUSTumorSegTraining")
    assert again.trainingPanel.job_panel.busy
    assert not again.ui.trainButton.enabled
    assert DATASET in again.trainingPanel.job_panel.ui.jobLabel.text
    wait_until(lambda: again.trainingPanel.job_panel.ui.jobProgressBar.maximum == 10)
    assert not again.ui.curvePlotPlace.isHidden()
    again.trainingPanel.job_panel.ui.jobCancelButton.click()
    wait_until(lambda: not again.trainingPanel.job_panel.busy)
    assert not any(is_alive(process) for process in processes(tmp_path))
    assert again.ui.trainButton.enabled


def test_a_training_that_ended_meanwhile_says_how_with_its_curves(
    panel, open_module, fake_task, wait_until, tmp_path, no_process_left
):
    fake_task("train")
    panel.ui.keepTrainingCheckBox.checked = True
    panel.ui.trainButton.click()
    panel.cleanup()
    job = find_detached_job(tmp_path / "trained")
    wait_until(lambda: not job.running)
    again = open_module("IUSTumorSegTraining")
    assert "Trained" in again.trainingPanel.job_panel.ui.jobLabel.text
    assert not again.ui.curvePlotPlace.isHidden()
    assert again.ui.trainButton.enabled


def test_closing_the_scene_ends_the_training_and_takes_the_plot_away_and_leaving_the_module_does_not(
    panel, fake_task, wait_until, scene, tmp_path, no_process_left
):
    start_hanging(panel, fake_task, wait_until, tmp_path)
    leave_module(panel)
    assert all(is_alive(process) for process in processes(tmp_path))
    scene.Clear(0)
    assert not any(is_alive(process) for process in processes(tmp_path))
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotViewNode") == 0


def test_a_training_of_another_machine_is_told_of_and_not_touched(panel, fake_task, wait_until, tmp_path):
    (tmp_path / "trained").mkdir()
    record = {"pid": 1, "identity": "x", "host": "workstation", "started": "2026-01-01T00:00:00+00:00"}
    record |= {"what": "Training", "details": {"model": str(tmp_path / "model"), "folds": ["0"]}}
    (tmp_path / "trained" / RECORD_FILE).write_text(json.dumps(record))
    panel.updateButtons()
    assert "workstation" in panel.trainingPanel.job_panel.ui.jobLabel.text
    assert "workstation" in panel.ui.trainButton.toolTip
    assert not panel.trainingPanel.job_panel.busy
    (tmp_path / "trained" / RECORD_FILE).unlink()
    panel.updateButtons()
    assert panel.ui.trainButton.enabled


def test_exported_slices_are_the_next_training_data(panel, raw, tmp_path):
    other = tmp_path / "other" / "Dataset777_Test"
    other.mkdir(parents=True)
    (other / "dataset.json").write_text("{}")
    panel.onExported(other.parent, other.name)
    assert panel.ui.trainDatasetComboBox.currentText == "Dataset777_Test"
