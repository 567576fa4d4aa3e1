import json

import numpy as np
import pytest
from made_images import pose
from real_data import real_file

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.registration.landmarks import (
    Landmarks,
    fit_rigid,
    landmark_errors_mm,
    mean_landmark_error_mm,
    read_tag,
    write_tag,
)


@pytest.mark.real_data
def test_initial_errors_equal_the_published_figures_for_every_resect_case():
    published = json.loads(real_file("resect", "initial_mtre.json").read_text())
    for case, figures in published.items():
        path = real_file("resect", "Case24-MRI-beforeUS.tag").with_name(f"Case{case}-MRI-beforeUS.tag")
        if not path.exists():
            continue
        errors = landmark_errors_mm(read_tag(path), np.eye(4))
        assert len(errors) == figures["n"]
        assert errors.mean() == pytest.approx(figures["mean"], abs=0.01)
        assert errors.max() == pytest.approx(figures["max"], abs=0.01)


def test_landmarks_survive_a_round_trip_through_a_tag_file(tmp_path):
    points = np.random.default_rng(0).uniform(-80, 80, (7, 6))
    write_tag(Landmarks(points[:, :3], points[:, 3:]), tmp_path / "case.tag")
    read = read_tag(tmp_path / "case.tag")
    assert np.allclose(np.hstack([read.mri_ras, read.us_ras]), points, atol=1e-6)


def test_the_error_is_zero_under_the_transform_that_made_the_points():
    mri = np.random.default_rng(1).uniform(-50, 50, (9, 3))
    truth = pose((3, 4, 5), (0, 1, 1), 12.0)
    us = mri @ truth[:3, :3].T + truth[:3, 3]
    assert mean_landmark_error_mm(Landmarks(mri, us), truth) < 1e-12
    assert np.allclose(fit_rigid(mri, us), truth, atol=1e-12)


def test_a_file_without_pairs_is_refused(tmp_path):
    (tmp_path / "empty.tag").write_text("MNI Tag Point File\nVolumes = 2;\nPoints =;\n")
    with pytest.raises(BadInput, match="landmark pairs"):
        read_tag(tmp_path / "empty.tag")
