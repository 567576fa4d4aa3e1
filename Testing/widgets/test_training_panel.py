"""The panel of the module IUSTumorSegTraining: the scene's cases, what the export needs, and the export itself."""

import json
from pathlib import Path

import numpy as np
import pytest
from panel_steps import job_folders, leave_module


@pytest.fixture
def two_cases(scene, case):
    """Two ultrasound volumes with a label each."""
    import SimpleITK as sitk

    from IUSTumorSegLib.scene.nodes import image_from_volume, volume_from_image
    from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap

    label = np.zeros((30, 30, 30), dtype=np.uint8)
    label[10:20, 10:20, 10:20] = 1
    second = volume_from_image(scene, image_from_volume(case.us), "Second ultrasound")
    for us in (case.us, second):
        name = f"Tumour on {us.GetName()}"
        segmentation_from_labelmap(scene, sitk.GetImageFromArray(label), us, name, "us_tumor_from_mri")
    return [case.us, second]


@pytest.fixture
def ready(open_module, two_cases, tmp_path):
    widget = open_module("IUSTumorSegTraining")
    widget.ui.folderPathLineEdit.currentPath = str(tmp_path / "nnUNet_raw")
    return widget


def tick(widget, row, ticked):
    import qt

    widget.ui.casesTable.item(row, 0).setCheckState(qt.Qt.Checked if ticked else qt.Qt.Unchecked)


def test_a_scene_without_cases_says_how_to_make_one(open_module):
    widget = open_module("IUSTumorSegTraining")
    assert widget.ui.casesTable.rowCount == 0
    assert not widget.ui.noCasesLabel.isHidden()
    assert "Propagate" in widget.ui.noCasesLabel.text
    assert not widget.ui.exportButton.enabled
    assert "Tick at least two cases" in widget.ui.exportButton.toolTip


def test_the_table_names_each_ultrasound_with_its_label(ready, two_cases):
    table = ready.ui.casesTable
    shown = [[table.item(row, column).text() for column in range(2)] for row in range(table.rowCount)]
    assert shown == [
        ["Ultrasound", "Tumour on Ultrasound"],
        ["Second ultrasound", "Tumour on Second ultrasound"],
    ]
    assert ready.ui.noCasesLabel.isHidden()


def test_two_ticked_cases_a_name_and_a_folder_enable_the_export(ready):
    assert ready.ui.exportButton.enabled
    assert "three directions" in ready.ui.exportButton.toolTip


def test_unticking_a_case_disables_the_export_with_a_reason(ready):
    tick(ready, 1, False)
    assert not ready.ui.exportButton.enabled
    assert "Tick at least two cases" in ready.ui.exportButton.toolTip
    tick(ready, 1, True)
    assert ready.ui.exportButton.enabled


@pytest.mark.parametrize("name", ["", "BrainUltrasound", "1_Brain", "501_Brain Ultrasound", "501-Brain"])
def test_a_name_that_nnunet_would_refuse_disables_the_export_with_an_example(ready, name):
    ready.ui.datasetLineEdit.text = name
    assert not ready.ui.exportButton.enabled
    assert "501_BrainUltrasound" in ready.ui.exportButton.toolTip


def test_a_folder_below_one_that_does_not_exist_disables_the_export_with_its_name(ready, tmp_path):
    ready.ui.folderPathLineEdit.currentPath = str(tmp_path / "missing" / "nnUNet_raw")
    assert not ready.ui.exportButton.enabled
    assert str(tmp_path / "missing") in ready.ui.exportButton.toolTip


def test_reading_the_scene_again_keeps_what_was_unticked(ready, scene):
    tick(ready, 0, False)
    ready.ui.refreshButton.click()
    import qt

    states = [ready.ui.casesTable.item(row, 0).checkState() for row in range(2)]
    assert states == [qt.Qt.Unchecked, qt.Qt.Checked]


def test_the_export_writes_the_ticked_cases_as_slices_into_the_chosen_folder(ready, real_task, wait_until, tmp_path):
    ready.ui.datasetLineEdit.text = "777_Test"
    ready.ui.minAreaSpinBox.value = 20.0
    before = job_folders()
    ready.ui.exportButton.click()
    (folder,) = job_folders() - before
    request = json.loads((folder / "request.json").read_text())
    assert request["task"] == "export"
    assert request["arguments"]["min_area_mm2"] == [20.0]
    wait_until(lambda: not ready.jobPanel.busy, 60.0)
    dataset = tmp_path / "nnUNet_raw" / "Dataset777_Test"
    assert json.loads((dataset / "dataset.json").read_text())["numTraining"] == 2 * 3 * 10
    assert str(dataset) in ready.jobPanel.ui.jobLabel.text
    assert not list(folder.glob("*.nrrd"))


def test_cases_of_the_same_name_are_exported_as_two(ready, two_cases, real_task, wait_until, tmp_path):
    two_cases[1].SetName(two_cases[0].GetName())
    ready.ui.refreshButton.click()
    ready.ui.exportButton.click()
    wait_until(lambda: not ready.jobPanel.busy, 60.0)
    manifest = (tmp_path / "nnUNet_raw" / "Dataset501_BrainUltrasound" / "manifest.csv").read_text()
    assert {line.split(",")[0] for line in manifest.splitlines()[1:]} == {"case001", "case002"}


def test_the_export_of_slices_smaller_than_the_cut_off_ends_with_a_sentence_and_nothing_written(
    ready, real_task, wait_until, tmp_path
):
    ready.ui.minAreaSpinBox.value = 900.0
    ready.ui.exportButton.click()
    wait_until(lambda: not ready.jobPanel.busy, 60.0)
    assert "Failed" in ready.jobPanel.ui.jobLabel.text
    assert "cut-off" in ready.jobPanel.ui.jobLabel.text
    assert not list(Path(tmp_path).rglob("Dataset*"))


def test_closing_the_scene_empties_the_table(ready, scene):
    scene.Clear(0)
    assert ready.ui.casesTable.rowCount == 0


def test_leaving_and_entering_the_module_brings_the_settings_back(ready, tmp_path):
    ready.ui.datasetLineEdit.text = "601_Other"
    leave_module(ready)
    ready.ui.datasetLineEdit.text = "999_Ignored"
    ready.enter()
    assert ready.ui.datasetLineEdit.text == "601_Other"
    assert ready.ui.folderPathLineEdit.currentPath == str(tmp_path / "nnUNet_raw")
