"""The review of a study by keys: the queue, verdicts on disk, undo, focus, and what goes wrong on the way."""

import numpy as np
import pytest
import SimpleITK as sitk
from made_study import made_study, register
from panel_steps import enter_module, leave_module
from review_steps import Review

from IUSTumorSegLib.labels.corrected_label import save_corrected_label
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.propagate_study import propagate_again
from IUSTumorSegLib.study.reviews import registration_sha256

pytestmark = pytest.mark.usefixtures("with_torch")


@pytest.fixture
def review_of(open_module, tmp_path, wait_until):
    def open_(cases):
        return Review(open_module("IUSTumorSeg"), made_study(tmp_path, cases), wait_until).open_study()

    return open_


def test_n_shows_the_riskiest_case_first_and_then_the_next(review_of):
    review = review_of(4)
    review.press("N")
    assert review.shown == "c03"
    review.press("N")
    assert review.shown == "c02"
    review.press("P")
    assert review.shown == "c03"


def test_a_session_of_thirty_cases_by_keys_alone_leaves_every_verdict_on_disk(review_of):
    review = review_of(30)
    expected = {}
    review.press("N")
    for number in range(29, -1, -1):
        name = f"c{number:02d}"
        assert review.shown == name
        if number % 3 == 0:
            review.press("A")
            expected[name] = ("accept", ())
        elif number % 3 == 1:
            review.press("F", "3")
            expected[name] = ("flag", ("shifted",))
        else:
            review.press("R", "1")
            expected[name] = ("reject", ("wrong anatomy",))
        ((verdict, reasons),) = [(r.verdict, r.reasons) for r in review.reviews(name)]
        assert (verdict, reasons) == expected[name]
    assert "last case" in review.message()
    assert review.ui.progressLabel.text.startswith("30 of 30")
    assert {name: (review.reviews(name)[0].verdict, review.reviews(name)[0].reasons) for name in expected} == expected


def test_flag_asks_for_a_reason_and_escape_gives_no_verdict(review_of):
    review = review_of(2)
    review.press("N", "F")
    assert not review.ui.reasonFrame.isHidden()
    review.press("A", "N")  # neither acts while a reason is asked for
    assert review.shown == "c01"
    review.press("Escape")
    assert review.ui.reasonFrame.isHidden()
    assert review.reviews("c01") == []
    review.press("A")
    assert [r.verdict for r in review.reviews("c01")] == ["accept"]


def test_a_reason_can_be_typed_and_the_keys_act_again_afterwards(review_of):
    review = review_of(2)
    review.press("N", "R", "Return")
    assert review.ui.reasonLineEdit.hasFocus()
    review.press("A", "F", "1")  # letters of the text, not verdicts
    assert review.ui.reasonLineEdit.text == "af1"
    review.press("Return")
    (given,) = review.reviews("c01")
    assert (given.verdict, given.reasons, given.comment) == ("reject", (), "af1")
    assert review.shown == "c00"
    review.press("A")
    assert [r.verdict for r in review.reviews("c00")] == ["accept"]


def test_keys_are_letters_while_a_text_field_or_a_spin_box_has_the_focus(review_of):
    from PySide6 import QtWidgets

    review = review_of(2)
    review.press("N")
    review.ui.reviewerLineEdit.setFocus()
    review.press("A", "R")
    assert review.ui.reviewerLineEdit.text == "annaar"
    review.ui.viewsGroupBox.wrapped.findChildren(QtWidgets.QDoubleSpinBox)[0].setFocus()
    review.press("A", "R", "N", "T")
    assert review.shown == "c01"
    assert review.reviews("c01") == []
    assert review.panel.views.settings.mode == "blend"
    review.press("Escape", "T")
    assert review.panel.views.settings.mode == "curtain"


def test_keys_act_only_while_the_module_is_on_the_screen(review_of):
    review = review_of(2)
    review.press("N")
    leave_module(review.module)
    review.press("A", "N")
    assert review.reviews("c01") == []
    enter_module(review.module)
    review.press("A")
    assert len(review.reviews("c01")) == 1


def test_u_withdraws_the_last_verdict_and_shows_its_case_again(review_of):
    review = review_of(3)
    review.press("N", "A", "A")
    assert review.shown == "c00"
    review.press("U")
    assert review.shown == "c01"
    assert [r.verdict for r in review.reviews("c01")] == ["accept", "withdrawn"]
    assert review.panel.session.states["c01"].review == "unreviewed"
    review.press("U", "U")
    assert [r.verdict for r in review.reviews("c02")] == ["accept", "withdrawn"]
    assert not review.ui.undoButton.enabled
    assert "no verdict since" in review.ui.undoButton.toolTip


def test_without_a_name_the_verdict_buttons_say_that_one_is_needed(review_of):
    review = review_of(1)
    review.press("N")
    review.ui.reviewerLineEdit.text = ""
    assert not review.ui.acceptButton.enabled
    assert "your name" in review.ui.acceptButton.toolTip
    review.press("A")
    assert review.reviews("c00") == []


def test_a_verdict_that_cannot_be_written_keeps_the_case_and_is_written_later(review_of):
    review = review_of(2)
    review.press("N")
    folder = review.panel.session.states["c01"].folder
    away = folder.with_name("away")
    folder.rename(away)
    review.press("A")
    assert review.shown == "c01"
    assert "could not be written" in review.message() and "kept" in review.message()
    review.press("N")
    assert review.shown == "c01"
    away.rename(folder)
    review.press("N")
    assert review.shown == "c00"
    assert [r.verdict for r in review.reviews("c01")] == ["accept"]


def test_a_case_whose_files_are_missing_is_a_sentence_and_the_next_one_is_shown(review_of):
    review = review_of(3)
    folder = review.panel.session.states["c01"].folder
    case_json = folder / "case.json"
    case_json.write_text(case_json.read_text().replace("us.nii.gz", "gone.nii.gz"))
    review.press("N", "N")
    assert review.shown == ""
    assert "gone.nii.gz" in review.message()
    review.press("N")
    assert review.shown == "c00"
    assert review.message() == ""


def test_accepting_a_candidate_makes_it_the_registration_chosen_by_hand(review_of):
    from IUSTumorSegLib.registration.registration_files import read_registration

    review = review_of(2)
    review.press("N", "C", "2")
    assert review.panel.views.scene.pose[0, 3] == 4.0
    assert review.ui.useCandidateButton.enabled
    review.press("A")
    folder = review.panel.session.states["c01"].folder
    chosen = read_registration(folder / "registration.json")
    assert chosen.mri_to_us_ras[0, 3] == 4.0
    assert "candidate 2" in chosen.method_name
    (given,) = review.reviews("c01")
    assert given.registration_sha256 == registration_sha256(folder)
    assert review.panel.session.states["c01"].review == "accepted"


def test_the_label_follows_an_accepted_candidate(review_of):
    review = review_of(2)
    folder = review.panel.session.states["c01"].folder
    review.press("N", "2", "A")
    review.wait_until(lambda: not review.panel.labels.busy)
    state = review.panel.session.states["c01"]
    assert (state.label, state.stale_label, state.review) == ("propagated", False, "accepted")
    label = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "us_tumor_from_mri.nii.gz")))
    # Drawn about voxel (12, 11, 13); the candidate moves it by 4 mm to the right, which is 4 voxels down in i.
    np.testing.assert_allclose(np.argwhere(label).mean(axis=0)[::-1], (8, 11, 13), atol=0.1)
    assert row_of(review, "c01")[5] == "carried over"


def test_a_candidate_made_the_registration_by_its_button_is_shown_with_its_new_label(review_of):
    review = review_of(1)
    review.press("N", "2")
    review.ui.useCandidateButton.click()
    review.wait_until(lambda: not review.panel.labels.busy)
    review.settle()
    assert review.panel.views.scene.pose_name == "result"
    assert review.panel.views.scene.pose[0, 3] == 4.0
    assert "propagated" in review.panel.screen.case.labels
    assert review.reviews("c00") == []


def test_a_label_that_cannot_follow_a_candidate_is_a_sentence_and_the_verdict_stays(review_of):
    review = review_of(2)
    case_json = review.panel.session.states["c01"].folder / "case.json"
    review.press("N", "3")
    case_json.write_text(case_json.read_text().replace("tumor.nii.gz", "gone.nii.gz"))
    review.press("A")
    review.wait_until(lambda: not review.panel.labels.busy)
    assert "c01" in review.message() and "could not be carried over" in review.message()
    assert [r.verdict for r in review.reviews("c01")] == ["accept"]


def row_of(review, case):
    table = review.panel.study.ui.studyTable
    rows = [[table.item(row, column).text() for column in range(7)] for row in range(table.rowCount)]
    return next(row for row in rows if row[0] == case)


def test_files_that_changed_since_import_are_told_and_a_verdict_is_possible(review_of):
    review = review_of(2)
    review.press("N")
    review.wait_until(lambda: not review.panel._sources.busy)
    assert "Changed since import" not in review.ui.factsLabel.text
    tumor = read_case(review.panel.session.states["c00"].folder).mri_tumor.path
    sitk.WriteImage(sitk.ReadImage(str(tumor)) * 0 + 1, str(tumor))
    review.press("N")
    review.wait_until(lambda: not review.panel._sources.busy)
    assert f"Changed since import: {tumor}" in review.ui.factsLabel.text
    review.press("A")
    assert [r.verdict for r in review.reviews("c00")] == ["accept"]


def test_a_corrected_label_of_an_earlier_registration_is_told_in_the_facts_and_the_table(review_of):
    review = review_of(2)
    folder = review.panel.session.states["c01"].folder
    propagate_again(folder)
    label = sitk.ReadImage(str(folder / "us_tumor_from_mri.nii.gz"))
    save_corrected_label(label, folder, "us_tumor_from_mri.nii.gz", registration_sha256(folder), "Anna", 5.0)
    review.press("N")
    assert "Corrected by Anna" in review.ui.factsLabel.text
    assert row_of(review, "c01")[5] == "corrected"
    register(folder, 0.5, shift_mm=7.0)
    review.press("N", "P")
    assert "Registered again since" in review.ui.factsLabel.text
    assert row_of(review, "c01")[5] == "corrected *"
    table = review.panel.study.ui.studyTable
    tips = [table.item(row, 5).toolTip() for row in range(2)]
    assert any("corrected before the case was registered again" in tip for tip in tips)


def test_c_runs_through_the_candidates_and_escape_shows_the_registration(review_of):
    review = review_of(1)
    review.press("N", "C", "C")
    assert review.panel.views.scene.pose_name == "candidate 2"
    review.press("C", "C")
    assert review.panel.views.scene.pose_name == "candidate 1"
    review.press("9")
    assert review.panel.views.scene.pose_name == "candidate 1"
    review.press("Escape")
    assert review.panel.views.scene.pose_name == "result"


def test_before_registration_nothing_can_be_accepted(review_of):
    review = review_of(1)
    review.press("N", "B")
    assert review.panel.views.scene.pose_name == "initial"
    assert not review.ui.acceptButton.enabled
    assert "press B" in review.ui.acceptButton.toolTip
    review.press("A")
    assert review.reviews("c00") == []
    review.press("B", "A")
    assert len(review.reviews("c00")) == 1


def test_the_filter_chooses_what_the_queue_and_the_table_show(review_of):
    review = review_of(4)
    study = review.panel.study.ui
    review.press("N", "F", "4", "A", "A", "A")
    study.reviewStateComboBox.setCurrentIndex(1)
    assert [state.case for state in review.panel.session.queue()] == ["c03"]
    review.press("P", "P", "P")
    assert review.shown == "c03"
    study.reviewStateComboBox.setCurrentIndex(4)
    study.sourceComboBox.setCurrentIndex(2)
    assert [state.case for state in review.panel.session.queue()] == ["c03", "c01"]
    assert study.shownLabel.text == "2 of 4 cases shown"
    study.filterLineEdit.text = "c01"
    assert [study.studyTable.isRowHidden(row) for row in range(4)].count(False) == 1


def test_a_double_click_shows_a_case_with_its_registration_applied(review_of, scene):
    review = review_of(3)
    table = review.panel.study.ui.studyTable
    row = next(row for row in range(3) if table.item(row, 0).text() == "c00")
    table.cellDoubleClicked(row, 0)
    review.settle()
    assert review.shown == "c00"
    assert (
        review.panel.screen.case.nodes.mri.GetParentTransformNode().GetMatrixTransformToParent().GetElement(0, 3) == 1.0
    )


def test_a_read_only_study_can_be_looked_at_and_says_so(open_module, tmp_path, wait_until, monkeypatch):
    from IUSTumorSegLib.errors import BadInput
    from IUSTumorSegLib.study import review_session

    def refuse(study):
        raise BadInput("a study that can be written", "a read-only one", "work on a copy")

    monkeypatch.setattr(review_session, "check_writable", refuse)
    review = Review(open_module("IUSTumorSeg"), made_study(tmp_path, 2), wait_until).open_study()
    assert "read-only" in review.panel.study.ui.studyLabel.text
    review.press("N", "A")
    assert review.shown == "c01"
    assert review.reviews("c01") == []
    assert "read-only" in review.ui.rejectButton.toolTip


def test_a_folder_that_is_no_study_is_a_sentence(open_module, tmp_path):
    study = open_module("IUSTumorSeg").reviewPanel.study.ui
    assert not study.openStudyButton.enabled or study.studyPathLineEdit.currentPath
    study.studyPathLineEdit.currentPath = str(tmp_path)
    study.openStudyButton.click()
    assert "no study.json" in study.studyLabel.text


def test_a_broken_case_is_a_row_with_its_sentence(open_module, tmp_path, wait_until):
    study = made_study(tmp_path, 2)
    (study.folder / "cases" / "c00" / "case.json").write_text("{")
    review = Review(open_module("IUSTumorSeg"), study, wait_until).open_study()
    table = review.panel.study.ui.studyTable
    row = next(row for row in range(2) if table.item(row, 0).text() == "c00")
    assert "failed" in table.item(row, 2).text()
    assert "not valid JSON" in table.item(row, 2).toolTip()


def test_a_verdict_belongs_to_the_registration_that_was_on_the_screen(review_of):
    review = review_of(2)
    review.press("N")
    folder = review.panel.session.states["c01"].folder
    register(folder, 0.5, shift_mm=7.0)
    review.press("A")
    assert review.panel.session.states["c01"].review == "unreviewed"
    assert "Registered again" in review.panel.session.states["c01"].review_note
