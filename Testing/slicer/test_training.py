"""The training module in the real application: its sections, the plot in the panel, a training kept and found again."""

import importlib.util
import json
import os
import tempfile
import time
import unittest
from pathlib import Path

import slicer
from module_steps import apply_truth, open_module, open_with_demo_case, wait_for_job

from IUSTumorSegLib.jobs.detached_job import find_detached_job

NNUNET = all(importlib.util.find_spec(name) is not None for name in ("torch", "nnunetv2"))
DATASET = "Dataset777_SlicerTest"
LONGEST_S = 600.0


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain")
        slicer.app.processEvents()
        time.sleep(0.02)


class Training(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.us = open_with_demo_case().chosenNodes().us
        self.training = open_module("IUSTumorSegTraining")
        self.ui = self.training.ui
        self.ui.folderPathLineEdit.currentPath = str(Path(self.folder.name) / "raw")
        self.ui.datasetLineEdit.text = "777_SlicerTest"
        self.ui.trainedPathLineEdit.currentPath = str(Path(self.folder.name) / "trained")
        self.ui.keepTrainingCheckBox.checked = False

    def tearDown(self):
        self.training.trainingPanel.close()
        self.training.jobPanel.close()
        if (job := find_detached_job(Path(self.folder.name) / "trained")) is not None:
            job.cancel(1.0)
        slicer.mrmlScene.Clear(0)

    def export(self):
        first = open_module("IUSTumorSeg")
        for again in (False, True):
            if again:
                first.ui.loadDemoButton.click()
            apply_truth(first)
            first.ui.propagateButton.click()
        open_module("IUSTumorSegTraining")
        self.ui.exportButton.click()
        wait_for_job(self.training, 120.0)

    def choose_small_training(self, epochs):
        self.ui.trainerComboBox.setCurrentText("nnUNetTrainerIUSSmall")
        self.ui.deviceComboBox.setCurrentText("cpu")
        self.ui.foldsComboBox.setCurrentIndex(1)
        self.ui.epochsSpinBox.value = epochs

    def test_the_slices_that_were_exported_are_offered_for_training(self):
        self.assertFalse(self.ui.trainButton.enabled)
        self.assertIn("Export slices first", self.ui.trainButton.toolTip)
        self.export()
        self.assertEqual(self.ui.trainDatasetComboBox.currentText, DATASET)
        if not NNUNET:
            self.assertIn("Install", self.ui.trainButton.toolTip)
            self.assertFalse(self.ui.nnunetFrame.isHidden())

    def test_a_folder_that_is_no_model_is_refused_with_what_was_expected(self):
        self.ui.segmentSelector.setCurrentNode(self.us)
        self.ui.modelPathLineEdit.currentPath = self.folder.name
        wait_until(lambda: "checkpoint_best.pth" in self.ui.modelCardLabel.text)
        self.assertFalse(self.ui.segmentButton.enabled)

    def test_the_curve_is_shown_in_the_panel_and_the_users_layout_stays(self):
        from IUSTumorSegLib.nnunet.training_curve import Epoch

        layout = slicer.app.layoutManager().layout
        plots = slicer.app.layoutManager().plotViewCount
        curve = [Epoch(n, -0.1 * n, 0.0, 0.1 * n, 0.0, 0.01, 1.0) for n in range(1, 6)]
        self.training.trainingPanel.plot.show({"0": curve})
        slicer.app.processEvents()
        self.assertFalse(self.ui.curvePlotPlace.isHidden())
        self.assertEqual(slicer.app.layoutManager().layout, layout)
        self.assertEqual(slicer.app.layoutManager().plotViewCount, plots)
        self.training.trainingPanel.plot.clear()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode"), 0)

    @unittest.skipUnless(NNUNET, "PyTorch and nnU-Net are not installed in this Slicer")
    def test_train_segment_and_adjust(self):
        self.export()
        self.choose_small_training(epochs=1)
        self.assertTrue(self.ui.trainButton.enabled, self.ui.trainButton.toolTip)
        self.ui.trainButton.click()
        panel = self.training.trainingPanel.job_panel
        wait_until(lambda: not panel.busy, LONGEST_S)
        self.assertIn("Trained", panel.ui.jobLabel.text)
        self.ui.segmentSelector.setCurrentNode(self.us)
        wait_until(lambda: self.ui.segmentButton.enabled)
        self.ui.segmentButton.click()
        wait_for_job(self.training, LONGEST_S)
        self.assertIn("predicted by", self.training.jobPanel.ui.jobLabel.text)
        self.ui.probabilityButton.click()
        self.assertTrue(self.ui.thresholdSlider.enabled)
        labelmap = slicer.util.getNodesByClass("vtkMRMLLabelMapVolumeNode")[0]
        self.assertIn("predicted by", labelmap.GetName())
        counts = []
        for threshold in (0.9, 0.1):
            self.ui.thresholdSlider.value = threshold
            counts.append(int((slicer.util.arrayFromVolume(labelmap) > 0).sum()))
        self.assertLess(counts[0], counts[1])
        self.assertEqual(labelmap.GetImageData().GetDimensions(), self.us.GetImageData().GetDimensions())

    @unittest.skipUnless(NNUNET, "PyTorch and nnU-Net are not installed in this Slicer")
    def test_a_training_that_is_kept_outlives_the_panel_and_is_cancelled_when_found_again(self):
        self.export()
        self.choose_small_training(epochs=500)
        self.ui.trainButton.click()
        pid = self.training.trainingPanel.job_panel.pid
        self.ui.keepTrainingCheckBox.checked = True
        self.training.trainingPanel.close()
        job = find_detached_job(Path(self.folder.name) / "trained")
        self.assertTrue(job.running)
        self.assertEqual(job.pid, pid)
        self.assertEqual(json.loads(job.record_path.read_text(encoding="utf-8"))["pid"], pid)
        self.training.initializeParameterNode()
        panel = self.training.trainingPanel.job_panel
        self.assertTrue(panel.busy)
        started = time.monotonic()
        panel.ui.jobCancelButton.click()
        wait_until(lambda: not panel.busy, 10.0)
        self.assertLess(time.monotonic() - started, 5.0)
        if os.name == "posix":
            with self.assertRaises(ProcessLookupError):
                os.killpg(pid, 0)


if __name__ == "__main__":
    unittest.main()
