"""The scene's cases become slices through the training module's panel."""

import json
import tempfile
import unittest
from pathlib import Path

import slicer
from module_steps import apply_truth, open_module, open_with_demo_case, wait_for_job


class Export(unittest.TestCase):
    def setUp(self):
        widget = open_with_demo_case()
        apply_truth(widget)
        widget.ui.propagateButton.click()
        widget.ui.loadDemoButton.click()
        apply_truth(widget)
        widget.ui.propagateButton.click()
        self.training = open_module("IUSTumorSegTraining")

    def tearDown(self):
        self.training.jobPanel.close()
        slicer.mrmlScene.Clear(0)

    def test_two_cases_of_the_scene_are_exported_as_a_data_set(self):
        self.assertEqual(self.training.ui.casesTable.rowCount, 2)
        with tempfile.TemporaryDirectory() as folder:
            self.training.ui.folderPathLineEdit.currentPath = str(Path(folder) / "nnUNet_raw")
            self.training.ui.datasetLineEdit.text = "777_SlicerTest"
            self.assertTrue(self.training.ui.exportButton.enabled, self.training.ui.exportButton.toolTip)
            self.training.ui.exportButton.click()
            wait_for_job(self.training, 120.0)
            dataset = Path(folder) / "nnUNet_raw" / "Dataset777_SlicerTest"
            self.assertTrue((dataset / "dataset.json").is_file(), self.training.jobPanel.ui.jobLabel.text)
            content = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
            self.assertGreater(content["numTraining"], 3)


if __name__ == "__main__":
    unittest.main()
