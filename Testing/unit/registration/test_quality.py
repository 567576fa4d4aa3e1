"""The signs of quality on made pairs: what each is meant to tell apart."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from made_images import linear_mix, structured_mri

from IUSTumorSegLib.registration.quality import _echoes, ring_poses
from IUSTumorSegLib.registration.search import prepare
from IUSTumorSegLib.registration.uncertainty import sums_by_block


@pytest.fixture(scope="module")
def mri():
    return structured_mri((64, 64, 64))


def ultrasound(mri, agreeing_share):
    """Explained by the MRI in the first `agreeing_share` of its length, strongly; elsewhere the echoes of another head."""
    right, other = (sitk.GetArrayFromImage(linear_mix(image)) for image in (mri, structured_mri((64, 64, 64), seed=8)))
    edge = round(agreeing_share * 64)
    mixed = np.concatenate([right[:, :, :edge], other[:, :, edge:]], axis=2)
    us = sitk.GetImageFromArray(np.ascontiguousarray(mixed[12:52, 12:52]))
    us.SetOrigin(mri.TransformIndexToPhysicalPoint((0, 12, 12)))
    return us


def signs(mri, us):
    scene = prepare(us, [mri], np.eye(4))
    here = torch.zeros(1, 6)
    with torch.inference_mode():
        return _echoes(scene, torch.cat([here, ring_poses(scene.space, here, 0)]))


def test_blocks_tell_agreement_everywhere_from_agreement_in_one_strong_part(mri):
    everywhere, in_part, nowhere = (signs(mri, ultrasound(mri, share)) for share in (1.0, 0.35, 0.0))
    assert in_part["thin_lc2_z"] > 8  # as a whole, a third of the ultrasound stands out well
    for rank in ("block_rank", "thin_block_rank"):
        assert everywhere[rank] > 0.95
        assert 0.6 < in_part[rank] < 0.8
        assert 0.4 < nowhere[rank] < 0.6


def test_sums_by_block_add_what_belongs_together():
    scores = torch.tensor([[1.0, 2.0, 4.0, 8.0], [0.0, 1.0, 0.0, 1.0]])
    assert torch.equal(sums_by_block(scores, np.array([0, 2, 0, 1])), torch.tensor([[5.0, 8.0, 2.0], [0.0, 1.0, 1.0]]))
