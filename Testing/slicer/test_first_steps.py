"""The first steps by mouse: load the demo case, register, cancel, propagate."""

import importlib.util
import os
import time
import unittest

import slicer
from module_steps import apply_truth, error_at_the_middle_mm, open_with_demo_case, register, wait_for_job

TORCH = importlib.util.find_spec("torch") is not None
# The demo case starts about 8 mm off. LC2 ends within 1 mm; Mattes, which needs no PyTorch, may stop short.
LARGEST_ERROR_MM = 2.0


class FirstSteps(unittest.TestCase):
    def setUp(self):
        self.widget = open_with_demo_case()
        self.ui = self.widget.ui

    def tearDown(self):
        self.widget.jobPanel.close()
        slicer.mrmlScene.Clear(0)

    def test_the_demo_case_is_loaded_within_five_seconds_and_chosen(self):
        slicer.mrmlScene.Clear(0)
        started = time.monotonic()
        self.ui.loadDemoButton.click()
        self.assertLess(time.monotonic() - started, 5.0)
        for selector in (self.ui.mriSelector, self.ui.usSelector, self.ui.mriTumorSelector):
            self.assertIn("simulated", selector.currentNode().GetName())
        self.assertTrue(self.ui.compareButton.enabled)

    def test_without_images_the_tool_tips_say_what_to_choose(self):
        slicer.mrmlScene.Clear(0)
        for button in (self.ui.registerButton, self.ui.compareButton, self.ui.propagateButton):
            self.assertFalse(button.enabled)
            self.assertIn("Choose an ultrasound volume first.", button.toolTip)

    def test_register_leaves_a_transform_over_mri_and_label_and_shows_a_verdict(self):
        transform = register(self.widget, "Mattes")
        self.assertIsNotNone(transform, self.widget.jobPanel.ui.jobLabel.text)
        nodes = self.widget.chosenNodes()
        self.assertEqual(nodes.mri.GetParentTransformNode(), transform)
        self.assertEqual(nodes.mri_tumor.GetParentTransformNode(), transform)
        self.assertIsNone(nodes.us.GetParentTransformNode())
        self.assertFalse(self.ui.verdictFrame.isHidden())
        self.assertTrue(self.ui.propagateButton.enabled)

    @unittest.skipUnless(TORCH, "PyTorch is not installed in this Slicer")
    def test_lc2_shows_its_best_pose_and_brings_the_mri_within_two_millimetres_of_the_simulations_truth(self):
        mri, shown = self.widget.chosenNodes().mri, []
        tag = mri.AddObserver(
            slicer.vtkMRMLTransformableNode.TransformModifiedEvent,
            lambda *_: shown.append(mri.GetParentTransformNode()),
        )
        transform = register(self.widget, "LC2")
        mri.RemoveObserver(tag)
        self.assertIsNotNone(transform, self.widget.jobPanel.ui.jobLabel.text)
        self.assertLess(error_at_the_middle_mm(self.widget, transform), LARGEST_ERROR_MM)
        self.assertTrue([node for node in shown if node is not None and node.GetName().startswith("Best pose so far")])
        self.assertEqual(mri.GetParentTransformNode(), transform)

    @unittest.skipIf(TORCH, "PyTorch is installed in this Slicer")
    def test_without_pytorch_the_panel_offers_to_install_it(self):
        self.ui.methodComboBox.setCurrentText("LC2")
        self.assertFalse(self.ui.registerButton.enabled)
        self.assertFalse(self.ui.torchFrame.isHidden())

    def test_cancel_ends_the_child_process_within_five_seconds_and_changes_nothing(self):
        self.ui.methodComboBox.setCurrentText("Mattes")
        self.ui.registerButton.click()
        process = self.widget.jobPanel.pid
        started = time.monotonic()
        self.widget.jobPanel.ui.jobCancelButton.click()
        wait_for_job(self.widget, 10.0)
        self.assertLess(time.monotonic() - started, 5.0)
        self.assertIsNone(self.widget.logic.findRegistration(self.widget.chosenNodes()))
        if os.name == "posix":
            with self.assertRaises(ProcessLookupError):
                os.killpg(process, 0)

    def test_propagate_makes_one_segmentation_with_the_ultrasounds_geometry(self):
        apply_truth(self.widget)
        before = slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
        self.ui.propagateButton.click()
        self.ui.propagateButton.click()
        self.assertEqual(slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode"), before + 1)
        made = slicer.mrmlScene.GetNthNodeByClass(before, "vtkMRMLSegmentationNode")
        role = made.GetReferenceImageGeometryReferenceRole()
        self.assertEqual(made.GetNodeReference(role), self.widget.chosenNodes().us)
        self.assertEqual(made.GetSegmentation().GetNumberOfSegments(), 1)


if __name__ == "__main__":
    unittest.main()
