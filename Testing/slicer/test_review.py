"""A study reviewed by keys in the real application: the demo case as a study of three."""

import tempfile
import time
import unittest
from pathlib import Path

import slicer
from module_steps import apply_truth, open_module, true_mri_to_us_ras
from study_steps import demo_study

from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.study.reviews import read_reviews
from IUSTumorSegLib.study.study_folder import case_folder

CONVENTIONAL = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
FOUR_UP = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
MODES = {"L": "blend", "K": "flicker", "H": "checkerboard", "T": "curtain", "S": "side by side"}


class Review(unittest.TestCase):
    def setUp(self):
        slicer.mrmlScene.Clear(0)
        slicer.app.layoutManager().setLayout(FOUR_UP)
        self.folder = tempfile.TemporaryDirectory()
        self.module = open_module("IUSTumorSeg")
        self.study = demo_study(Path(self.folder.name), Path(self.module.resourcePath("DemoCase")), cases=3)
        self.panel = self.module.reviewPanel
        self.panel.study.ui.studyPathLineEdit.currentPath = str(self.study.folder)
        self.panel.study.ui.openStudyButton.click()
        self.wait(lambda: self.panel.session is not None)
        self.panel.ui.reviewerLineEdit.text = "Tester"

    def tearDown(self):
        self.panel.study.ui.closeStudyButton.click()
        self.folder.cleanup()
        slicer.mrmlScene.Clear(0)
        slicer.app.layoutManager().setLayout(CONVENTIONAL)

    def wait(self, condition, seconds=60.0):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, "waited in vain")
            slicer.app.processEvents()
            time.sleep(0.01)

    def press(self, *keys):
        for key in keys:
            self.panel.keys.press(key)
            self.wait(lambda: not self.panel.loader.busy)

    def verdicts(self, case):
        return [(review.verdict, review.reasons) for review in read_reviews(case_folder(self.study, case))]

    def volumes(self):
        return slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode")

    def test_the_cases_are_listed_and_the_riskiest_is_shown_with_its_registration_applied(self):
        self.assertEqual(self.panel.study.ui.studyTable.rowCount, 3)
        self.press("N")
        self.assertEqual(self.panel.session.current, "demo-3")
        self.assertEqual(self.volumes(), 2)
        mri = slicer.util.getNode("demo-3 MRI FLAIR")
        expected = read_registration(case_folder(self.study, "demo-3") / "registration.json").mri_to_us_ras
        shown = slicer.util.arrayFromTransformMatrix(mri.GetParentTransformNode())
        self.assertLess(abs(shown - expected).max(), 1e-6)

    def test_verdicts_by_keys_are_on_disk_and_undo_withdraws_the_last(self):
        self.press("N", "F", "2")
        self.assertEqual(self.verdicts("demo-3"), [("flag", ("tilted",))])
        self.press("A")
        self.assertEqual(self.verdicts("demo-2"), [("accept", ())])
        self.press("R", "Esc")
        self.assertEqual(self.verdicts("demo-1"), [])
        self.press("U")
        self.assertEqual([verdict for verdict, _reasons in self.verdicts("demo-2")], ["accept", "withdrawn"])
        self.assertEqual(self.panel.session.current, "demo-2")
        self.assertEqual(self.volumes(), 2)

    def test_every_mode_and_overlay_can_be_shown_by_its_key(self):
        self.press("N")
        for key, mode in MODES.items():
            self.press(key)
            slicer.app.processEvents()
            self.assertEqual(self.panel.views.scene.settings.mode, mode)
        self.press("L")
        for key in ("M", "E", "G", "B", "B", "X", "X", "W", "Z", "?"):
            self.press(key)
            slicer.app.processEvents()
        for name in [
            name for name in slicer.app.layoutManager().sliceViewNames() if name in ("IUSAxial", "IUSCoronal")
        ]:
            composite = slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()
            self.assertEqual(composite.GetBackgroundVolumeID(), slicer.util.getNode("demo-3 ultrasound").GetID())

    def test_an_accepted_candidate_becomes_the_registration(self):
        self.press("N", "C", "2", "A")
        chosen = read_registration(case_folder(self.study, "demo-3") / "registration.json")
        self.assertIn("candidate 2", chosen.method_name)
        self.assertEqual(self.verdicts("demo-3"), [("accept", ())])

    def test_leaving_the_module_gives_the_users_layout_back_and_silences_the_keys(self):
        self.press("N")
        slicer.util.selectModule("Data")
        self.assertEqual(slicer.app.layoutManager().layout, FOUR_UP)
        self.press("A")
        self.assertEqual(self.verdicts("demo-3"), [])
        open_module("IUSTumorSeg")
        self.assertNotEqual(slicer.app.layoutManager().layout, FOUR_UP)
        self.press("A")
        self.assertEqual(self.verdicts("demo-3"), [("accept", ())])

    def test_closing_the_study_leaves_no_images_behind(self):
        self.press("N")
        self.panel.study.ui.closeStudyButton.click()
        self.assertEqual(self.volumes(), 0)
        self.assertEqual(slicer.app.layoutManager().layout, FOUR_UP)

    def test_closing_the_scene_in_mid_review_is_survived(self):
        self.press("N")
        slicer.mrmlScene.Clear(0)
        self.press("N")
        self.assertEqual(self.panel.session.current, "demo-3")
        self.assertEqual(self.volumes(), 2)

    def test_the_pair_that_was_registered_in_the_scene_becomes_a_study_and_is_reviewed(self):
        self.panel.study.ui.closeStudyButton.click()
        button = self.panel.study.ui.sceneCasesButton
        self.assertFalse(button.enabled)
        self.module.ui.loadDemoButton.click()
        apply_truth(self.module)
        self.assertTrue(button.enabled)
        self.panel.study.scene_study.begin(Path(self.folder.name) / "scene")  # as if chosen in the dialog
        self.wait(lambda: self.panel.session is not None)
        self.study = self.panel.session.study
        self.press("N")
        (case,) = self.panel.session.states
        pose = read_registration(case_folder(self.study, case) / "registration.json").mri_to_us_ras
        self.assertLess(abs(pose - true_mri_to_us_ras(self.module)).max(), 1e-6)
        self.assertEqual(self.volumes(), 4)  # the user's own and the review's
        self.press("A")
        self.assertEqual(self.verdicts(case), [("accept", ())])
        self.panel.study.ui.closeStudyButton.click()
        self.assertEqual(self.volumes(), 2)


if __name__ == "__main__":
    unittest.main()
