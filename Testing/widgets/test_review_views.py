"""How a review shows a case: modes, overlays, poses and flickering by key, button, slider and mouse."""

import threading
import time

import pytest
from made_study import made_study, use_contrasts
from review_steps import Review

COMPARISON, SIDE_BY_SIDE = 5071, 5072
pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def review(open_module, tmp_path, wait_until):
    study = made_study(tmp_path, 2)
    use_contrasts(study.folder / "cases" / "c01", "FLAIR", "T1")
    shown = Review(open_module("IUSTumorSeg"), study, wait_until).open_study()
    shown.press("N")
    wait_until(lambda: not shown.panel.loader.completing)
    return shown


def manager():
    import slicer

    return slicer.app.layoutManager()


def composites(review):
    return [pane.slice_logic.GetSliceCompositeNode() for pane in review.panel.views._mouse._panes]


def interactor(review, number=0):
    return review.panel.views._mouse._panes[number].renderer.GetRenderWindow().GetInteractor()


def test_each_mode_has_a_key_and_a_button_and_shows_only_its_slider(review):
    ui = review.ui
    sliders = [ui.reviewBlendSlider, ui.reviewFlickerSlider, ui.reviewFieldSlider, ui.reviewCurtainSlider, None]
    buttons = [
        ui.blendModeButton, ui.flickerModeButton, ui.checkerboardModeButton, ui.curtainModeButton, ui.sideBySideModeButton,
    ]  # fmt: skip
    modes = ["blend", "flicker", "checkerboard", "curtain", "side by side"]
    for key, button, mode, slider in zip("LKHTS", buttons, modes, sliders, strict=True):
        ui.blendModeButton.click()
        review.press(key)
        assert button.checked
        assert review.panel.views.scene.settings.mode == mode
        assert [s for s in sliders if s is not None and not s.isHidden()] == [s for s in [slider] if s]
        ui.blendModeButton.click()
        button.click()
        assert review.panel.views.scene.settings.mode == mode
        assert f"({key})" in button.text
        assert f"Key: {key}" in button.toolTip


def test_side_by_side_has_its_own_layout_and_blend_goes_back(review):
    assert manager().layout == COMPARISON
    review.press("S")
    assert manager().layout == SIDE_BY_SIDE
    review.press("L")
    assert manager().layout == COMPARISON


def test_the_users_layout_comes_back_when_the_module_is_left_and_ours_when_it_is_entered(
    open_module, tmp_path, wait_until
):
    from panel_steps import enter_module, leave_module

    manager().setLayout(4)
    review = Review(open_module("IUSTumorSeg"), made_study(tmp_path, 1), wait_until).open_study()
    assert manager().layout == 4
    review.press("N", "S")
    leave_module(review.module)
    assert manager().layout == 4
    enter_module(review.module)
    assert manager().layout == SIDE_BY_SIDE
    assert review.panel.views.scene.available_overlays()
    leave_module(review.module)


def test_overlays_are_toggled_by_key_and_button_and_those_without_data_say_so(review):
    ui, views = review.ui, review.panel.views
    assert "mri_tumor" in views.settings.overlays
    review.press("M")
    assert "mri_tumor" not in views.settings.overlays
    assert not ui.mriTumorOverlayButton.checked
    ui.edgesOverlayButton.click()
    assert "edges" in views.scene.settings.overlays
    assert "Edges of the MRI" in ui.legendLabel.text
    assert not ui.landmarksOverlayButton.enabled
    assert "nothing to show" in ui.landmarksOverlayButton.toolTip
    before = views.settings
    review.press("I")
    assert views.settings == before


def test_settings_are_kept_from_case_to_case(review):
    review.press("H", "E", "W", "N")
    settings = review.panel.views.scene.settings
    assert (settings.mode, settings.preset) == ("checkerboard", "warm")
    assert "edges" in settings.overlays


def test_plus_and_minus_move_the_modes_slider(review):
    review.press("+", "+", "-")
    assert review.panel.views.settings.blend == pytest.approx(0.55)
    assert [c.GetForegroundOpacity() for c in composites(review)] == pytest.approx([0.55] * 3)
    review.press("H", "+")
    assert review.panel.views.settings.field_mm == 13.0
    review.press("T", "-")
    assert review.panel.views.settings.curtain == pytest.approx(0.48)


def test_the_wheel_with_shift_blends_and_without_it_does_not(review):
    wheel = interactor(review)
    wheel.SetShiftKey(0)
    wheel.InvokeEvent("MouseWheelForwardEvent")
    assert review.panel.views.settings.blend == 0.5
    wheel.SetShiftKey(1)
    wheel.InvokeEvent("MouseWheelBackwardEvent")
    assert review.panel.views.settings.blend == pytest.approx(0.45)
    assert review.ui.reviewBlendSlider.value == pytest.approx(45.0)


def test_the_curtain_is_dragged_by_its_line_and_only_by_it(review):
    review.press("T")
    node = review.panel.views._mouse._panes[1].slice_logic.GetSliceNode()
    node.SetDimensions(200, 200, 1)
    mouse, below = interactor(review, 1), []
    mouse.AddObserver("LeftButtonPressEvent", lambda caller, event: below.append(event), 0.0)

    def drag(start, end):
        mouse.SetEventInformation(start, 50)
        mouse.InvokeEvent("LeftButtonPressEvent")
        mouse.SetEventInformation(end, 50)
        mouse.InvokeEvent("MouseMoveEvent")
        mouse.InvokeEvent("LeftButtonReleaseEvent")
        mouse.InvokeEvent("MouseMoveEvent")

    drag(30, 60)
    assert review.panel.views.settings.curtain == 0.5
    assert len(below) == 1
    drag(103, 50)
    assert review.panel.views.settings.curtain == pytest.approx(0.25)
    assert review.ui.reviewCurtainSlider.value == pytest.approx(25.0)
    assert len(below) == 1  # Slicer's own press was kept away


def test_flicker_takes_turns_at_the_sliders_speed_and_stops_in_other_modes(review, wait_until):
    views = review.panel.views
    review.ui.reviewFlickerSlider.value = 6.0
    review.press("K")
    seen, started = [], time.monotonic()
    wait_until(lambda: seen.append(views.scene.settings.phase) or time.monotonic() - started > 0.6)
    assert {"us", "mri"} == set(seen)
    assert views._timer.interval == 83
    review.press("L")
    assert not views._timer.isActive()


def test_the_held_key_shows_the_mri_and_letting_go_the_ultrasound(review):
    from PySide6 import QtCore, QtTest, QtWidgets

    views = review.panel.views
    target = QtWidgets.QApplication.focusWidget() or review.window
    QtTest.QTest.keyPress(target, QtCore.Qt.Key_J)
    assert (views.settings.mode, views.scene.settings.phase) == ("flicker", "mri")
    assert not views._timer.isActive()
    QtTest.QTest.keyRelease(target, QtCore.Qt.Key_J)
    assert views.scene.settings.phase == "us"
    assert not views._held.watching
    review.press("K")
    assert views._timer.isActive()


def test_axes_presets_and_contrasts_reach_the_views(review):
    review.press("X", "W")
    settings = review.panel.views.scene.settings
    assert (settings.axes, settings.preset) == ("mri", "warm")
    assert review.ui.axesButton.checked
    review.ui.contrastComboBox.setCurrentIndex(1)
    assert review.panel.views.scene.settings.contrast == "T1"
    review.press("N")
    assert not review.ui.contrastComboBox.enabled
    assert review.panel.views.scene.settings.contrast == ""


def test_the_facts_of_the_registration_are_beside_the_images(review):
    text = review.ui.factsLabel.text
    assert "Needs a look" in text and "The match is weak." in text
    assert "Expected error" in text
    assert "of the 2 registrations" not in text  # too few to compare with


def test_the_question_mark_shows_every_key(review):
    collapsed = review.ui.keysGroupBox.collapsed
    review.press("?")
    assert review.ui.keysGroupBox.collapsed != collapsed
    for word in ("Accept", "Flicker", "candidate", "mouse wheel"):
        assert word in review.ui.keysLabel.text


def test_comparing_the_scenes_images_takes_the_views_over_from_the_review_and_back(review, case):
    from panel_steps import choose

    choose(review.module, case)
    review.module.ui.compareButton.click()
    assert not review.panel.views.is_open
    assert review.module.comparisonPanel.running
    review.press("N")
    assert review.panel.views.is_open
    assert not review.module.comparisonPanel.running
    assert not review.module.ui.compareButton.checked


def test_the_heat_map_follows_to_a_candidates_pose(review, wait_until):
    review.press("G")
    scene = review.panel.views.scene
    assert scene.agreement_is_current
    review.press("C", "3")
    assert not scene.agreement_is_current
    wait_until(lambda: scene.agreement_is_current)
    wait_until(lambda: not review.panel.screen.heat_map._timer.isActive())
    review.press("Escape")
    wait_until(lambda: scene.agreement_is_current)


def test_an_open_study_folds_the_steps_for_a_single_case(review):
    assert review.module.ui.registerCollapsibleButton.collapsed
    review.panel.study.ui.closeStudyButton.click()
    assert not review.module.ui.registerCollapsibleButton.collapsed


def test_a_case_whose_overlays_are_not_made_yet_is_shown_and_they_follow_and_change_nothing_else(
    open_module, tmp_path, wait_until, monkeypatch
):
    from IUSTumorSegLib.study import case_images

    make, may_make = case_images.with_overlays, threading.Event()
    monkeypatch.setattr(case_images, "with_overlays", lambda *given: may_make.wait(20.0) and make(*given))
    review = Review(open_module("IUSTumorSeg"), made_study(tmp_path, 2), wait_until).open_study()
    review.press("N")
    scene = review.panel.views.scene
    assert review.panel.loader.completing
    assert "edges" not in scene.available_overlays()
    assert not review.ui.edgesOverlayButton.enabled
    review.press("C", "2", "T")
    may_make.set()
    wait_until(lambda: not review.panel.loader.completing)
    assert {"edges", "agreement"} <= set(scene.available_overlays())
    assert review.ui.edgesOverlayButton.enabled
    assert (scene.pose_name, scene.settings.mode) == ("candidate 2", "curtain")
    wait_until(lambda: review.panel.loader.is_ahead)
    review.press("N")
    assert not review.panel.loader.completing  # read ahead, it comes with its overlays
    assert "edges" in scene.available_overlays()


def test_the_riskiest_case_is_read_while_the_table_is_looked_at(open_module, tmp_path, wait_until):
    review = Review(open_module("IUSTumorSeg"), made_study(tmp_path, 2), wait_until).open_study()
    wait_until(lambda: review.panel.loader.is_ahead)
    review.press("N")
    assert review.shown == "c01"
    assert not review.panel.loader.completing
