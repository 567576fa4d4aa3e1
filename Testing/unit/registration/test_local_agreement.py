"""The heat map: high where the images agree, low where they do not, the same as the search's own map."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from made_images import linear_mix, pose, structured_mri

from IUSTumorSegLib.images.geometry import resample_onto
from IUSTumorSegLib.images.volumes import read_volume
from IUSTumorSegLib.registration.local_agreement import local_agreement, prepare_agreement

DEMO_CASE = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"


def in_halves(agreement, of):
    """The map's mean of known voxels in the right half (LPS x below 0) and the left half, on the grid of `of`."""
    values = sitk.GetArrayFromImage(resample_onto(agreement, of))
    middle = values.shape[2] // 2
    margin = 4  # patches reach over the border
    halves = values[..., : middle - margin], values[..., middle + margin :]
    return [float(half[half > 0].mean()) for half in halves]


def test_the_map_is_high_where_the_mri_explains_the_ultrasound_and_low_where_it_is_another_s():
    mri, other = structured_mri(seed=3), structured_mri(seed=9)
    us = linear_mix(mri)
    voxels, foreign = sitk.GetArrayFromImage(mri), sitk.GetArrayFromImage(other)
    voxels[..., voxels.shape[2] // 2 :] = foreign[..., voxels.shape[2] // 2 :]
    mixed = sitk.GetImageFromArray(voxels)
    mixed.CopyInformation(mri)
    right, left = in_halves(local_agreement(prepare_agreement(us, mixed, np.eye(4)), np.eye(4))[0], us)
    assert right > 0.8 and left < 0.35


def test_a_wrong_pose_agrees_less_than_the_right_one():
    mri, truth = structured_mri(), pose((4.0, -3.0, 2.0), (1, 2, 3), 5.0)
    us = resample_onto(linear_mix(mri), mri, truth, default=0.1)
    inputs = prepare_agreement(us, mri, np.eye(4))
    right, wrong = local_agreement(inputs, truth)[1], local_agreement(inputs, np.eye(4))[1]
    assert right > 0.6 > 0.4 > wrong


def test_outside_the_field_of_view_nothing_is_known():
    mri = structured_mri()
    us = linear_mix(mri)
    voxels = sitk.GetArrayFromImage(us)
    voxels[:, :, :20] = 0
    padded = sitk.GetImageFromArray(voxels)
    padded.CopyInformation(us)
    values = sitk.GetArrayFromImage(
        resample_onto(local_agreement(prepare_agreement(padded, mri, np.eye(4)), np.eye(4))[0], us)
    )
    assert values[:, :, :16].max() == 0
    assert (values[8:-8, 8:-8, 26:-8] > 0).all()


@pytest.fixture(scope="module")
def demo():
    truth = np.array(json.loads((DEMO_CASE / "truth.json").read_text())["true_mri_to_us_ras"])
    return read_volume(DEMO_CASE / "us.nii.gz"), read_volume(DEMO_CASE / "mri_flair.nii.gz"), truth


def test_it_tells_the_same_regions_apart_as_the_map_of_the_search(demo):
    from IUSTumorSegLib.registration.agreement import local_agreement_map
    from IUSTumorSegLib.registration.search import prepare

    us, mri, truth = demo
    scene = prepare(us, [mri], truth)
    theirs = local_agreement_map(scene, np.zeros(6))
    ours = resample_onto(local_agreement(prepare_agreement(us, mri, truth), truth)[0], theirs)
    a, b = sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs)
    both = (a > 0) & (b > 0)
    assert both.sum() > 0.8 * (b > 0).sum()
    assert np.corrcoef(a[both], b[both])[0, 1] > 0.6


def test_a_new_pose_has_its_map_within_a_second(demo):
    us, mri, truth = demo
    inputs = prepare_agreement(us, mri, truth)
    started = time.process_time()
    local_agreement(inputs, truth)
    assert time.process_time() - started < 1.0
