"""The heat map that follows a pose, on two images of which one explains the other."""

import threading
import time

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.registration.following_agreement import FollowingAgreement
from IUSTumorSegLib.registration.local_agreement import local_agreement, prepare_agreement


@pytest.fixture(scope="module")
def inputs():
    noise = sitk.GetImageFromArray(np.random.default_rng(1).random((48, 48, 48)).astype(np.float32))
    mri = sitk.SmoothingRecursiveGaussian(noise, 2.0) * 1000
    return prepare_agreement(mri + 50.0, mri, np.eye(4))


def fetched(following, seconds=10.0):
    deadline = time.monotonic() + seconds
    while (result := following.fetch()) is None:
        assert time.monotonic() < deadline
    return result


def shifted(mm):
    matrix = np.eye(4)
    matrix[0, 3] = mm
    return matrix


def test_it_gives_the_map_and_the_score_of_the_pose_that_was_asked_for(inputs):
    following = FollowingAgreement(inputs)
    following.ask(shifted(4))
    result = fetched(following)
    image, score = local_agreement(inputs, shifted(4))
    assert result.score == score
    np.testing.assert_array_equal(sitk.GetArrayFromImage(result.map), sitk.GetArrayFromImage(image))
    assert not following.busy
    assert following.fetch() is None


def test_the_right_pose_scores_higher_than_a_shifted_one(inputs):
    following = FollowingAgreement(inputs)
    following.ask(np.eye(4))
    right = fetched(following).score
    following.ask(shifted(6))
    assert right > fetched(following).score + 0.1


def test_of_many_poses_asked_for_only_the_newest_is_answered(inputs):
    following = FollowingAgreement(inputs)
    for mm in range(20):
        following.ask(shifted(mm))
    np.testing.assert_array_equal(fetched(following).mri_to_us_ras, shifted(19))
    assert following.fetch() is None


def test_a_pose_that_is_changed_afterwards_by_the_caller_is_not_mixed_up(inputs):
    following, pose = FollowingAgreement(inputs), shifted(2)
    following.ask(pose)
    pose[0, 3] = 30
    assert fetched(following).mri_to_us_ras[0, 3] == 2


def test_no_thread_is_left_after_a_result_or_a_stop(inputs):
    before = threading.active_count()
    following = FollowingAgreement(inputs)
    following.ask(np.eye(4))
    fetched(following)
    assert threading.active_count() == before
    following.ask(shifted(1))
    following.stop()
    assert not following.busy
    assert following.fetch() is None
    deadline = time.monotonic() + 5
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
