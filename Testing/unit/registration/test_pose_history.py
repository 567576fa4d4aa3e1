import numpy as np

from IUSTumorSegLib.registration.pose_history import BY_HAND, BY_LC2, MOST_STEPS, PoseHistory, Step


def step(mm, how=BY_HAND):
    matrix = np.eye(4)
    matrix[0, 3] = mm
    return Step(matrix, how)


def shown(history):
    return history.present.mri_to_us_ras[0, 3]


def test_undo_goes_back_through_the_poses_and_redo_forth_again():
    history = PoseHistory(step(0)).then(step(1)).then(step(2, BY_LC2))
    assert [shown(history), shown(history.undo()), shown(history.undo().undo())] == [2, 1, 0]
    again = history.undo().undo().redo().redo()
    assert shown(again) == 2
    assert again.present.how == BY_LC2
    assert not again.can_redo


def test_a_new_pose_after_an_undo_forgets_what_was_undone():
    history = PoseHistory(step(0)).then(step(1)).undo().then(step(5))
    assert not history.can_redo
    assert shown(history.redo()) == 5
    assert shown(history.undo()) == 0


def test_at_either_end_nothing_happens():
    history = PoseHistory(step(0))
    assert not history.can_undo
    assert history.undo() is history
    assert history.redo() is history


def test_the_same_pose_again_is_no_step_and_keeps_what_was_undone():
    history = PoseHistory(step(0)).then(step(1)).undo()
    assert history.then(step(0)).can_redo


def test_an_old_history_is_cut_at_its_beginning():
    history = PoseHistory(step(0))
    for mm in range(1, MOST_STEPS + 10):
        history = history.then(step(mm))
    assert len(history.past) == MOST_STEPS
    assert history.past[0].mri_to_us_ras[0, 3] == 9
