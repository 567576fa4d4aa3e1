"""Repeated registrations of one pair: what the benchmark says must follow from the poses."""

import json

import numpy as np
import pytest
from made_images import linear_mix, pose, structured_mri

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import transform_points
from IUSTumorSegLib.images.volumes import write_volume
from IUSTumorSegLib.registration.landmarks import Landmarks, write_tag
from IUSTumorSegLib.registration.poses import PoseSpace
from IUSTumorSegLib.registration.repeatability import _apart_from_the_middle, benchmark_repeatability


def test_a_pair_with_one_optimum_ends_there_from_every_start(tmp_path):
    mri = structured_mri()
    write_volume(mri, tmp_path / "mri.nii.gz")
    write_volume(linear_mix(mri), tmp_path / "us.nii.gz")
    points = np.random.default_rng(0).uniform(-10, 10, (6, 3))
    write_tag(Landmarks(points, transform_points(pose((3.0, 0, 0)), points)), tmp_path / "case.tag")
    repeats = benchmark_repeatability(
        mri=[tmp_path / "mri.nii.gz"], us=tmp_path / "us.nii.gz", landmarks=tmp_path / "case.tag",
        out=tmp_path / "out", starts=2, distances=(4.0, 8.0),
    )  # fmt: skip
    assert [repeat.distance_mm for repeat in repeats] == [4.0, 8.0]
    assert max(repeat.apart_mm for repeat in repeats) < 0.2
    # The truth is the identity; the landmarks were moved 3 mm away from it.
    assert [repeat.end_landmark_mm for repeat in repeats] == pytest.approx([3.0, 3.0], abs=0.3)
    written = json.loads((tmp_path / "out" / "repeatability.json").read_text())
    assert [row["apart_mm"] for row in written["repeats"]] == [repeat.apart_mm for repeat in repeats]


def test_one_end_far_from_the_others_is_seen_as_far():
    space = PoseSpace(np.zeros(3), 100 * np.eye(3), np.eye(4))
    apart = _apart_from_the_middle(space, [pose(), pose((0.2, 0, 0)), pose((0.1, 0, 0)), pose((7.0, 0, 0))])
    assert apart.max() == pytest.approx(6.85, abs=0.2) and np.argmax(apart) == 3
    assert sorted(apart)[2] <= 0.2


def test_a_single_start_is_refused(tmp_path):
    with pytest.raises(BadInput, match="two starts"):
        benchmark_repeatability(mri=[], us=tmp_path / "us.nii.gz", out=tmp_path, starts=1)
