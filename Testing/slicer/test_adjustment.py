"""A registration adjusted and a label corrected by the widgets of the real application, on the demo case as a study."""

import json
import tempfile
import time
import unittest
from pathlib import Path

import slicer
import vtk
from module_steps import open_module
from study_steps import demo_study

from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.study.propagate_study import propagate_case
from IUSTumorSegLib.study.study_folder import case_folder

CASE = "demo-1"


class Adjustment(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear(0)
        self.folder = tempfile.TemporaryDirectory()
        self.module = open_module("IUSTumorSeg")
        study = demo_study(Path(self.folder.name), Path(self.module.resourcePath("DemoCase")), cases=1)
        self.case = case_folder(study, CASE)
        propagate_case(self.case)
        self.review = self.module.reviewPanel
        self.review.study.ui.studyPathLineEdit.currentPath = str(study.folder)
        self.review.study.ui.openStudyButton.click()
        self.wait(lambda: self.review.session is not None)
        self.review.ui.reviewerLineEdit.text = "Tester"
        self.review._walk.open(CASE)
        self.wait(lambda: not self.review.loader.busy)
        self.adjustment, self.correction = self.review.screen.panels

    def tearDown(self):
        self.adjustment.discard()
        self.correction.discard()
        self.review.study.ui.closeStudyButton.click()
        self.folder.cleanup()
        slicer.mrmlScene.Clear(0)

    def wait(self, condition, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited in vain")
            slicer.app.processEvents()
            time.sleep(0.01)

    def transform(self):
        return slicer.util.getNode(f"{CASE} MRI FLAIR").GetParentTransformNode()

    def registration(self):
        return read_registration(self.case / "registration.json")

    def draw(self):
        """A block of voxels, merged into the segment as the Segment Editor's effects do it."""
        editor = self.correction._editor._editor
        matrix = vtk.vtkMatrix4x4()
        editor.sourceVolumeNode().GetIJKToRASMatrix(matrix)
        brush = slicer.vtkOrientedImageData()
        brush.SetImageToWorldMatrix(matrix)
        brush.SetExtent(2, 8, 2, 8, 2, 8)
        brush.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        brush.GetPointData().GetScalars().Fill(1)
        logic = slicer.vtkSlicerSegmentationsModuleLogic
        logic.SetBinaryLabelmapToSegment(brush, editor.segmentationNode(), "Tumor", logic.MODE_MERGE_MAX)

    def test_a_slider_moves_the_mri_and_what_is_kept_is_a_manual_registration(self):
        self.adjustment.ui.adjustButton.click()
        before = slicer.util.arrayFromTransformMatrix(self.transform())
        self.adjustment.ui.superiorSlider.value = 4.0
        moved = slicer.util.arrayFromTransformMatrix(self.transform())[:3, 3] - before[:3, 3]
        self.assertAlmostEqual(float((moved**2).sum() ** 0.5), 4.0, places=4)
        self.adjustment.ui.keepPoseButton.click()
        self.wait(lambda: not self.review.loader.busy)
        self.assertEqual(self.registration().method_name, "manual")

    def test_the_handle_is_in_the_slice_views_and_what_it_does_reaches_the_sliders(self):
        self.adjustment.ui.adjustButton.click()
        self.assertTrue(self.transform().GetDisplayNode().GetEditorSliceIntersectionVisibility())
        matrix = slicer.util.arrayFromTransformMatrix(self.transform())
        matrix[0, 3] += 2.0
        slicer.util.updateTransformMatrixFromArray(self.transform(), matrix)
        ui = self.adjustment.ui
        values = [slider.value for slider in (ui.rightSlider, ui.anteriorSlider, ui.superiorSlider)]
        self.assertAlmostEqual(sum(value**2 for value in values) ** 0.5, 2.0, delta=0.2)
        self.adjustment.ui.discardPoseButton.click()
        self.assertEqual(self.review.views.scene.pose_name, "result")

    def test_score_and_heat_map_follow_within_a_second(self):
        self.adjustment.ui.adjustButton.click()
        self.wait(lambda: "explains" in self.adjustment.ui.adjustmentLabel.text)
        started = time.monotonic()
        self.adjustment.ui.rightSlider.value = 2.0
        self.wait(lambda: self.review.views.scene.agreement_is_current)
        self.assertLess(time.monotonic() - started, 1.0)

    def test_placing_pairs_alternates_between_the_two_lists(self):
        self.adjustment.ui.adjustButton.click()
        self.adjustment.ui.placePairsButton.click()
        selection = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        names = []
        for image in ("us", "mri"):
            names.append(slicer.mrmlScene.GetNodeByID(selection.GetActivePlaceNodeID()).GetName())
            self.adjustment._adjustment.pairs.add(image, (0.0, 0.0, 0.0))
            slicer.app.processEvents()
        self.assertEqual(names, ["Ultrasound landmarks", "MRI landmarks"])
        self.adjustment.ui.placePairsButton.click()
        self.assertFalse(self.adjustment._adjustment.pairs.placing)

    def test_what_is_drawn_into_the_segment_is_saved_with_its_record(self):
        self.correction.ui.correctButton.click()
        self.draw()
        self.assertTrue(self.correction.ui.saveLabelButton.enabled, self.correction.ui.saveLabelButton.toolTip)
        self.correction.ui.saveLabelButton.click()
        record = json.loads((self.case / "us_tumor_corrected.json").read_text(encoding="utf-8"))["correction"]
        self.assertEqual(record["reviewer"], "Tester")
        self.assertGreater(record["volume_after_ml"], record["volume_before_ml"])
        self.assertTrue((self.case / "us_tumor_corrected.nii.gz").is_file())

    def test_leaving_an_unsaved_label_asks_and_the_editor_lets_go_of_its_nodes(self):
        self.correction._ask = lambda text, may_stay: "discard"
        self.correction.ui.correctButton.click()
        editor = self.correction._editor._editor
        self.draw()
        self.assertTrue(self.correction.leave())
        self.assertFalse((self.case / "us_tumor_corrected.nii.gz").exists())
        self.assertIsNone(editor.mrmlSegmentEditorNode())


if __name__ == "__main__":
    unittest.main()
