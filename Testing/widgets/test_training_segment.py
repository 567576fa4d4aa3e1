"""The section Segment: the model's card, what is missing, the prediction in the scene, and the threshold that follows."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from panel_steps import job_folders

LABELS = {"background": 0, "tumor": 1}


def write_model(folder, labels=None, licence="CC BY 4.0"):
    """A model's files as nnU-Net names them; the weights are not read for its card."""
    folder.mkdir(parents=True)
    for fold in range(2):
        (folder / f"fold_{fold}").mkdir()
        (folder / f"fold_{fold}" / "checkpoint_best.pth").write_bytes(b"weights")
    plans = {
        "dataset_name": "Dataset501_Brain",
        "configurations": {"2d": {"spacing": [0.4, 0.4], "patch_size": [96, 96]}},
    }
    dataset = {"labels": labels or LABELS, "channel_names": {"0": "ultrasound"}, "numTraining": 204, "licence": licence}
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    return folder


@pytest.fixture
def model(tmp_path):
    return write_model(tmp_path / "nnUNetTrainer__nnUNetPlans__2d")


@pytest.fixture
def panel(open_module, with_torch, case, monkeypatch):
    monkeypatch.setattr("IUSTumorSegLib.nnunet.memory_estimate.gpus", list)
    return open_module("IUSTumorSegTraining")


@pytest.fixture
def ready(panel, model, case, wait_until):
    """A model and an ultrasound chosen."""
    choose_model(panel, model, wait_until)
    panel.ui.segmentSelector.setCurrentNode(case.us)
    return panel


def choose_model(panel, path, wait_until):
    panel.ui.modelPathLineEdit.currentPath = str(path)
    wait_until(lambda: not panel.predictionPanel.model._background.busy)


def segment(panel, fake_task, wait_until):
    fake_task("predict")
    panel.ui.segmentButton.click()
    wait_until(lambda: not panel.jobPanel.busy)


def prediction(scene):
    nodes = [
        scene.GetNthNodeByClass(number, "vtkMRMLSegmentationNode")
        for number in range(scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"))
    ]
    return next((node for node in nodes if "predicted" in node.GetName()), None)


def labelled(scene, us):
    import SimpleITK as sitk

    from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation

    return sitk.GetArrayFromImage(labelmap_from_segmentation(prediction(scene), us)) > 0


def probability_of(us):
    from IUSTumorSegLib.scene.nodes import voxels_of

    voxels = voxels_of(us)
    return voxels / voxels.max()


def test_without_model_and_ultrasound_the_buttons_say_what_to_choose(panel):
    assert not panel.ui.segmentButton.enabled
    assert "Choose a model first" in panel.ui.segmentButton.toolTip
    assert "Choose an ultrasound volume" in panel.ui.segmentButton.toolTip
    assert not panel.ui.probabilityButton.enabled
    assert not panel.ui.thresholdSlider.enabled


def test_the_card_shows_labels_spacing_folds_data_and_licence(ready):
    card = ready.ui.modelCardLabel.text
    for text in ("tumor", "0.4 x 0.4 mm", "0, 1", "Dataset501_Brain", "204", "CC BY 4.0", "no medical device"):
        assert text in card
    assert ready.ui.segmentFoldsComboBox.count == 3
    assert ready.ui.segmentButton.enabled


def test_a_model_is_chosen_by_the_plans_in_its_folder_too(panel, model, wait_until):
    choose_model(panel, model / "plans.json", wait_until)
    assert "Dataset501_Brain" in panel.ui.modelCardLabel.text
    assert panel.predictionPanel.model.path == model


def test_a_zip_has_a_card_too(panel, model, wait_until, tmp_path):
    archive = tmp_path / "model.zip"
    with zipfile.ZipFile(archive, "w") as content:
        for path in model.rglob("*"):
            content.write(path, Path(model.name) / path.relative_to(model))
    choose_model(panel, archive, wait_until)
    assert "Dataset501_Brain" in panel.ui.modelCardLabel.text


def test_a_wrong_folder_says_what_was_expected_and_found(panel, case, tmp_path, wait_until):
    panel.ui.segmentSelector.setCurrentNode(case.us)
    (tmp_path / "holiday.jpg").touch()
    choose_model(panel, tmp_path, wait_until)
    assert "fold_0/checkpoint_best.pth" in panel.ui.modelCardLabel.text
    assert "holiday.jpg" in panel.ui.modelCardLabel.text
    assert "fold_0/checkpoint_best.pth" in panel.ui.segmentButton.toolTip


def test_a_card_cannot_bring_markup_into_the_panel(panel, tmp_path, wait_until):
    choose_model(panel, write_model(tmp_path / "m", licence="<img src='file:///secret'>"), wait_until)
    assert "<img" not in panel.ui.modelCardLabel.text
    assert "&lt;img" in panel.ui.modelCardLabel.text


def test_the_request_holds_what_was_chosen(ready, fake_task, wait_until, case):
    ready.ui.directionsComboBox.currentText = "axial"
    ready.ui.segmentFoldsComboBox.setCurrentIndex(2)
    ready.ui.mirroringCheckBox.checked = True
    ready.ui.precisionComboBox.currentText = "bf16"
    ready.ui.minComponentSpinBox.value = 40.0
    before = job_folders()
    segment(ready, fake_task, wait_until)
    (folder,) = job_folders() - before
    request = json.loads((folder / "request.json").read_text())
    arguments = request["arguments"]
    assert request["task"] == "predict"
    assert arguments["directions"] == ["axial"]
    assert arguments["folds"] == ["1"]
    assert arguments["mirroring"]
    assert arguments["precision"] == "bf16"
    assert arguments["min_component_mm3"] == 40.0
    assert arguments["probabilities"]
    assert not list(folder.rglob("*.nrrd"))
    assert not (folder / "prediction" / "us_tumor.nii.gz").exists()


def test_the_request_is_one_that_the_task_takes(ready, fake_task, wait_until):
    import inspect

    from IUSTumorSegLib.jobs.tasks import find_task

    before = job_folders()
    segment(ready, fake_task, wait_until)
    (folder,) = job_folders() - before
    arguments = json.loads((folder / "request.json").read_text())["arguments"]
    assert set(arguments) <= set(inspect.signature(find_task("predict")).parameters)


def test_a_prediction_is_a_segmentation_in_the_models_name_and_its_notes_are_told(
    ready, fake_task, wait_until, scene, case
):
    segment(ready, fake_task, wait_until)
    assert "predicted by Dataset501_Brain nnUNetTrainer" in prediction(scene).GetName()
    assert np.array_equal(labelled(scene, case.us), probability_of(case.us) > 0.5)
    assert "Tiles of half the size" in ready.jobPanel.ui.jobLabel.text


def test_the_slider_follows_at_once_and_the_probability_file_is_gone_when_it_is_a_node(
    ready, fake_task, wait_until, scene, case
):
    before = job_folders()
    segment(ready, fake_task, wait_until)
    (folder,) = job_folders() - before
    assert list(folder.rglob("*probability*"))
    assert ready.ui.probabilityButton.enabled
    ready.ui.probabilityButton.click()
    assert ready.ui.thresholdSlider.enabled
    assert not list(folder.rglob("*probability*"))
    for threshold in (0.2, 0.8):
        ready.ui.thresholdSlider.value = threshold
        assert np.array_equal(labelled(scene, case.us), probability_of(case.us) > np.float32(threshold))
    ready.ui.probabilityButton.click()
    assert not ready.ui.thresholdSlider.enabled
    ready.ui.probabilityButton.click()
    assert ready.ui.thresholdSlider.enabled


def test_a_2d_image_is_segmented_as_one_and_the_directions_are_disabled(
    ready, fake_task, wait_until, scene, case, tmp_path
):
    import SimpleITK as sitk

    from IUSTumorSegLib.scene.nodes import volume_from_image

    pixels = np.random.default_rng(3).random((1, 20, 30)).astype(np.float32)
    image = sitk.GetImageFromArray(pixels)
    image.SetSpacing([0.3, 0.4, 1.0])
    picture = volume_from_image(scene, image, "Picture")
    ready.ui.segmentSelector.setCurrentNode(picture)
    assert not ready.ui.directionsComboBox.enabled
    assert ready.ui.minComponentSpinBox.suffix == " mm²"
    before = job_folders()
    segment(ready, fake_task, wait_until)
    (folder,) = job_folders() - before
    assert "min_component_mm2" in json.loads((folder / "request.json").read_text())["arguments"]
    assert np.array_equal(labelled(scene, picture), pixels / pixels.max() > 0.5)


def test_a_coloured_image_is_refused_with_the_way_to_grey(ready, scene):
    import SimpleITK as sitk

    from IUSTumorSegLib.scene.nodes import volume_from_image

    coloured = volume_from_image(scene, sitk.GetImageFromArray(np.zeros((1, 9, 9, 3), np.uint8), isVector=True), "RGB")
    ready.ui.segmentSelector.setCurrentNode(coloured)
    assert not ready.ui.segmentButton.enabled
    assert "Vector to Scalar Volume" in ready.ui.segmentButton.toolTip


def test_removing_the_prediction_while_the_slider_follows_it_does_no_harm(ready, fake_task, wait_until, scene):
    segment(ready, fake_task, wait_until)
    ready.ui.probabilityButton.click()
    scene.RemoveNode(prediction(scene))
    ready.ui.thresholdSlider.value = 0.3
    ready.updateButtons()
    assert not ready.ui.thresholdSlider.enabled
    assert "Segment an ultrasound volume first." in ready.ui.probabilityButton.toolTip


def test_a_failed_prediction_leaves_the_scene_alone(ready, fake_task, wait_until, scene):
    fake_task("fail")
    before = scene.GetNumberOfNodes()
    ready.ui.segmentButton.click()
    wait_until(lambda: not ready.jobPanel.busy)
    assert "Expected" in ready.jobPanel.ui.jobLabel.text
    assert scene.GetNumberOfNodes() == before


def test_closing_the_module_deletes_the_probabilities_and_stops_every_timer(ready, fake_task, wait_until):
    before = job_folders()
    segment(ready, fake_task, wait_until)
    (folder,) = job_folders() - before
    ready.cleanup()
    assert not list(folder.rglob("*.nii.gz"))
    assert not ready.predictionPanel._surface_timer.isActive()
    assert not ready.predictionPanel.model._background.busy


def test_the_chosen_model_is_saved_with_the_scenes_parameters(ready, model):
    assert ready.logic.getParameterNode().model == str(model)
