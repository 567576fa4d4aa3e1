"""What is registered in the scene is reviewed as a queue, by one button."""

from types import SimpleNamespace

import pytest
from panel_steps import choose
from review_steps import Review

from IUSTumorSegLib.study.reviews import read_reviews

pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def choose_folder(monkeypatch, desktop):
    """Answers the question for a folder."""
    import qt

    return lambda folder: monkeypatch.setattr(
        qt, "QFileDialog", SimpleNamespace(getExistingDirectory=lambda parent, title: str(folder))
    )


@pytest.fixture
def registered(open_module, case, fake_task, wait_until):
    """The module after a pair was registered by its button: 5 mm to the right."""
    fake_task("register")
    widget = open_module("IUSTumorSeg")
    button = widget.reviewPanel.study.ui.sceneCasesButton
    assert not button.enabled and "Register an MRI" in button.toolTip
    choose(widget, case)
    widget.ui.registerButton.click()
    assert "A job is running" in button.toolTip
    wait_until(lambda: not widget.jobPanel.busy)
    assert button.enabled
    return widget


def written(module, wait_until):
    wait_until(lambda: module.reviewPanel.session is not None)


def test_the_scenes_pair_becomes_a_study_and_takes_a_verdict_by_key(
    registered, case, scene, tmp_path, wait_until, choose_folder
):
    choose_folder(tmp_path / "study")
    study = registered.reviewPanel.study
    study.ui.sceneCasesButton.click()
    assert study.scene_study.busy
    assert not study.ui.openStudyButton.enabled and not study.ui.sceneCasesButton.enabled
    written(registered, wait_until)
    review = Review(registered, study.session.study, wait_until)
    review.press("N")
    assert review.shown == "Ultrasound"
    assert review.panel.views.scene.pose[0, 3] == 5.0
    assert "propagated" in review.panel.screen.case.labels
    review.press("A")
    (given,) = read_reviews(tmp_path / "study" / "cases" / "Ultrasound")
    assert given.verdict == "accept"
    study.ui.closeStudyButton.click()
    assert scene.IsNodePresent(case.us) and registered.reviewPanel.study.ui.sceneCasesButton.enabled
    assert scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 2


def test_a_folder_that_holds_something_is_a_sentence_and_nothing_is_written(registered, tmp_path, choose_folder):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    choose_folder(tmp_path / "full")
    study = registered.reviewPanel.study
    study.ui.sceneCasesButton.click()
    assert "holds something" in study.ui.studyLabel.text
    assert not study.scene_study.busy
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


def test_no_folder_chosen_changes_nothing(registered, choose_folder):
    choose_folder("")
    registered.reviewPanel.study.ui.sceneCasesButton.click()
    assert not registered.reviewPanel.study.scene_study.busy


def test_a_scene_closed_while_it_is_being_written_says_how_far_it_came(registered, scene, tmp_path, choose_folder):
    choose_folder(tmp_path / "study")
    study = registered.reviewPanel.study
    study.ui.sceneCasesButton.click()
    scene.Clear(0)
    assert "The scene was closed: 1 of its 1 cases" in study.ui.studyLabel.text
    assert study.ui.studyProgressBar.isHidden()
    assert not study.ui.sceneCasesButton.enabled
