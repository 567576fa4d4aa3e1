"""Compare: our layout in, the user's layout back, and the controls on the views."""

import pytest
from panel_steps import choose, leave_module

COMPARISON_LAYOUT = 5071
pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def comparing(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    widget.ui.compareButton.click()
    return widget


def manager():
    import slicer

    return slicer.app.layoutManager()


def composites():
    from IUSTumorSegLib.scene.layout import SLICE_VIEW_NAMES

    return [manager().sliceWidget(name).mrmlSliceCompositeNode() for name in SLICE_VIEW_NAMES]


def test_compare_shows_ultrasound_under_mri_in_three_linked_views_of_our_layout(comparing, case):
    assert manager().layout == COMPARISON_LAYOUT
    for composite in composites():
        assert composite.GetBackgroundVolumeID() == case.us.GetID()
        assert composite.GetForegroundVolumeID() == case.mri.GetID()
        assert composite.GetLinkedControl()
    assert "get your views back" in comparing.ui.compareButton.toolTip


def test_pressing_compare_again_gives_the_users_layout_back(open_module, case):
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    manager().setLayout(3)
    widget.ui.compareButton.click()
    widget.ui.compareButton.click()
    assert manager().layout == 3
    assert not widget.comparisonPanel.running


def test_leaving_the_module_gives_the_users_layout_back_and_releases_the_button(open_module, case):
    manager_layout = 4
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    manager().setLayout(manager_layout)
    widget.ui.compareButton.click()
    leave_module(widget)
    assert manager().layout == manager_layout
    assert not widget.ui.compareButton.checked


def test_a_layout_that_the_user_chose_while_comparing_is_kept(comparing):
    manager().setLayout(6)
    comparing.ui.compareButton.click()
    assert manager().layout == 6


def test_the_blend_slider_is_the_opacity_of_the_mri(comparing):
    comparing.ui.blendSlider.value = 80.0
    assert [composite.GetForegroundOpacity() for composite in composites()] == [0.8] * 3


def test_each_mode_shows_only_its_own_slider_and_reaches_the_views(comparing):
    ui = comparing.ui
    sliders = {"blend": ui.blendSlider, "checkerboard": ui.fieldSlider, "curtain": ui.curtainSlider}
    buttons = {"blend": ui.blendButton, "checkerboard": ui.checkerboardButton, "curtain": ui.curtainButton}
    for mode, button in buttons.items():
        button.click()
        assert comparing.comparisonPanel.settings().mode == mode
        assert comparing.comparisonPanel._comparison.settings.mode == mode
        assert [name for name, slider in sliders.items() if not slider.isHidden()] == [mode]


def test_the_sliders_values_arrive_in_millimetres_and_fractions(comparing):
    comparing.ui.fieldSlider.value = 20.0
    comparing.ui.curtainSlider.value = 25.0
    settings = comparing.comparisonPanel._comparison.settings
    assert (settings.field_mm, settings.curtain) == (20.0, 0.25)


def test_taking_the_mri_away_ends_the_comparison(comparing):
    comparing.ui.mriSelector.setCurrentNode(None)
    assert not comparing.comparisonPanel.running
    assert not comparing.ui.compareButton.checked
    assert not comparing.ui.compareButton.enabled


def test_choosing_another_mri_while_comparing_shows_that_one(comparing, case, scene):
    other = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Second MRI")
    other.CopyContent(case.mri)
    comparing.ui.mriSelector.setCurrentNode(other)
    assert comparing.comparisonPanel.running
    assert [composite.GetForegroundVolumeID() for composite in composites()] == [other.GetID()] * 3
    comparing.ui.compareButton.click()
    assert manager().layout != COMPARISON_LAYOUT


def test_closing_the_scene_while_comparing_ends_the_comparison(comparing, scene):
    scene.Clear(0)
    assert not comparing.comparisonPanel.running
    assert not comparing.ui.compareButton.checked
