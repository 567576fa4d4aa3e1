"""Compare in the real views: our layout comes, the user's layout comes back."""

import unittest

import slicer
from module_steps import open_with_demo_case

CONVENTIONAL = slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalView
FOUR_UP = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView


class Layouts(unittest.TestCase):
    def setUp(self):
        self.manager = slicer.app.layoutManager()
        self.manager.setLayout(FOUR_UP)
        self.widget = open_with_demo_case()
        self.widget.ui.compareButton.click()

    def tearDown(self):
        slicer.mrmlScene.Clear(0)
        self.manager.setLayout(CONVENTIONAL)

    def composites(self):
        names = [name for name in self.manager.sliceViewNames() if name.startswith("IUS")]
        return [self.manager.sliceWidget(name).mrmlSliceCompositeNode() for name in names]

    def test_compare_shows_ultrasound_and_mri_linked_in_three_views_of_our_own(self):
        nodes = self.widget.chosenNodes()
        self.assertEqual(len(self.composites()), 3)
        for composite in self.composites():
            self.assertEqual(composite.GetBackgroundVolumeID(), nodes.us.GetID())
            self.assertEqual(composite.GetForegroundVolumeID(), nodes.mri.GetID())
            self.assertTrue(composite.GetLinkedControl())

    def test_the_blend_slider_reaches_the_views(self):
        self.widget.ui.blendSlider.value = 20.0
        self.assertEqual([round(composite.GetForegroundOpacity(), 3) for composite in self.composites()], [0.2] * 3)

    def test_the_modes_can_be_pressed_one_after_the_other(self):
        for button in (self.widget.ui.checkerboardButton, self.widget.ui.curtainButton, self.widget.ui.blendButton):
            button.click()
            slicer.app.processEvents()
            self.assertTrue(button.checked)

    def test_pressing_compare_again_gives_the_users_layout_back(self):
        self.widget.ui.compareButton.click()
        self.assertEqual(self.manager.layout, FOUR_UP)

    def test_leaving_the_module_gives_the_users_layout_back(self):
        slicer.util.selectModule("Data")
        self.assertEqual(self.manager.layout, FOUR_UP)
        self.assertFalse(self.widget.ui.compareButton.checked)


if __name__ == "__main__":
    unittest.main()
