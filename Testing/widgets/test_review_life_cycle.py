"""The review over its life: modules left and entered, scenes closed, cases that fail, and what must not stay behind."""

import gc
import threading

import pytest
from made_study import made_study
from panel_steps import enter_module, leave_module
from review_steps import Review

CYCLES = 50
pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def review(open_module, tmp_path, wait_until):
    return Review(open_module("IUSTumorSeg"), made_study(tmp_path, 3), wait_until).open_study()


def observer_count(watched) -> int:
    return str(watched).count("vtkObserver")


def counts(review, scene):
    """Everything that could pile up: nodes, observers, timers, threads, shortcuts."""
    from PySide6 import QtCore, QtGui

    gc.collect()
    interactors = []
    if review.panel.views.is_open:
        panes = review.panel.views._mouse._panes
        interactors = [observer_count(pane.renderer.GetRenderWindow().GetInteractor()) for pane in panes]
    application = QtCore.QCoreApplication.instance()
    timers = [t for t in application.findChildren(QtCore.QTimer) if t.isActive()]
    return {
        "nodes": scene.GetNumberOfNodes(),
        "observers of the scene": observer_count(scene),
        "observers of the panel": len(review.module.Observations),
        "observers of the interactors": interactors,
        "actors": actor_counts(),
        "timers": len(timers),
        "threads": len(reading_threads()),
        "shortcuts": len(review.panel.widget.wrapped.findChildren(QtGui.QShortcut)),
    }


def actor_counts():
    import slicer

    widgets = slicer.app.layoutManager()._slice_widgets.values()
    renderers = [w.sliceView().renderWindow().GetRenderers().GetFirstRenderer() for w in widgets]
    return [renderer.GetViewProps().GetNumberOfItems() for renderer in renderers]


def no_reading(review):
    review.panel.loader.stop()
    review.wait_until(lambda: not reading_threads())


def reading_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def repeated(cycle, review, scene):
    cycle()
    cycle()
    no_reading(review)
    before = counts(review, scene)
    for _ in range(CYCLES):
        cycle()
    no_reading(review)
    assert counts(review, scene) == before


@pytest.mark.slow
def test_fifty_times_to_and_fro_between_two_cases_leaves_nothing_behind(review, scene):
    review.press("N")
    repeated(lambda: review.press("N", "P"), review, scene)


def test_fifty_times_leaving_and_entering_the_module_leaves_nothing_behind(review, scene):
    review.press("N")

    def cycle():
        leave_module(review.module)
        enter_module(review.module)

    repeated(cycle, review, scene)


@pytest.mark.slow
def test_fifty_closed_scenes_leave_nothing_behind(review, scene):
    def cycle():
        review.press("N")
        scene.Clear(0)
        assert review.shown == ""

    repeated(cycle, review, scene)


@pytest.mark.slow
def test_fifty_cases_that_fail_leave_nothing_behind(review, scene, monkeypatch):
    from IUSTumorSegLib.errors import BadInput
    from IUSTumorSegLib.scene import study_cases

    def fail_late(*arguments):
        raise BadInput("axes at right angles", "a shearing transform", "resample it")

    monkeypatch.setattr(study_cases, "_window_near", fail_late)

    def cycle():
        review.press("N", "P")
        assert "resample it" in review.message()

    review.press("N")
    repeated(cycle, review, scene)


def test_reloading_the_module_takes_the_case_its_keys_and_its_views_away(review, open_module, scene):
    from PySide6 import QtGui, QtWidgets

    review.press("N", "K")
    review.module.cleanup()
    QtWidgets.QApplication.sendPostedEvents(None, 52)  # QEvent.DeferredDelete
    assert not review.window.findChildren(QtGui.QShortcut)
    assert not review.panel.views._timer.isActive()
    assert not review.panel.loader._timer.isActive()
    names = [scene.GetNthNode(n).GetName() for n in range(scene.GetNumberOfNodes())]
    assert not [name for name in names if name and name.startswith("c02")]
    second = open_module("IUSTumorSeg")
    assert second.reviewPanel.session is None


def test_closing_the_scene_in_mid_review_says_how_to_go_on_and_loses_no_verdict(review, scene):
    review.press("N", "A")
    scene.Clear(0)
    assert "scene was closed" in review.message()
    assert len(review.reviews("c02")) == 1
    review.press("N")
    assert review.shown == "c01"


def test_leaving_the_module_while_a_case_is_being_read_reads_it_again_on_coming_back(review):
    from PySide6 import QtCore, QtTest

    QtTest.QTest.keyClick(review.window, QtCore.Qt.Key_N)
    leave_module(review.module)
    assert not review.panel.loader._timer.isActive()
    enter_module(review.module)
    review.settle()
    assert review.shown == "c02"


def test_closing_the_study_empties_the_panel_and_the_scene(review, scene):
    review.press("N")
    review.panel.study.ui.closeStudyButton.click()
    assert review.shown == ""
    assert review.ui.reviewWidget.isHidden()
    assert not scene.GetNodesByClass("vtkMRMLScalarVolumeNode").GetNumberOfItems()
