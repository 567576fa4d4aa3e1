import numpy as np
import pytest
from made_labels import ball, grid, shifted, turned

from IUSTumorSegLib.labels.displacement import displacement_summary, surface_displacement

POSE = shifted(5, -7, 3) @ turned((0, 0, 1), 20)


def lump():
    return ball(grid([34, 34, 34], (1, 1, 1), (10, 20, 30)), 12.0, (10, 20, 30))


def test_translations_displace_every_point_by_their_length():
    samples = [shifted(3, 0, 0) @ POSE, shifted(0, -1, 0) @ POSE, shifted(0, 0, 2) @ POSE]
    displacement = surface_displacement(lump(), POSE, samples)
    assert np.allclose(displacement.expected_mm, 2.0)
    summary = displacement_summary(displacement)
    assert summary["mean_mm"] == pytest.approx(2.0)
    assert summary["max_mm"] == pytest.approx(2.0)
    assert summary["p95_mm"] == pytest.approx(3.0)
    assert summary["samples"] == 3


def test_a_rotation_displaces_by_the_distance_from_its_axis():
    center = POSE[:3, :3] @ [10, 20, 30] + POSE[:3, 3]
    displacement = surface_displacement(lump(), POSE, [turned((0, 0, 1), 10, center) @ POSE])
    from_axis = np.linalg.norm(displacement.points_ras[:, :2] - [10, 20], axis=1)
    assert np.allclose(displacement.expected_mm, 2 * from_axis * np.sin(np.deg2rad(5)), atol=1e-9)


def test_the_area_affected_is_the_ball_s_zone_far_from_the_axis():
    # Turned by 10 degrees about the z axis, points farther than 5.74 mm from it move more than 1 mm. On a ball of radius r
    # the points nearer than d to the axis are two caps of height r - sqrt(r^2 - d^2).
    center = POSE[:3, :3] @ [10, 20, 30] + POSE[:3, 3]
    summary = displacement_summary(surface_displacement(lump(), POSE, [turned((0, 0, 1), 10, center) @ POSE]))
    nearest = 1 / (2 * np.sin(np.deg2rad(5)))
    caps = 2 * 2 * np.pi * 12 * (12 - np.sqrt(144 - nearest**2))
    assert summary["surface_above_mm2"]["1 mm"] == pytest.approx(4 * np.pi * 144 - caps, rel=0.05)


def test_the_interval_of_the_mean_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    summary = displacement_summary(
        surface_displacement(lump(), POSE, [shifted(*v) @ POSE for v in rng.normal(0, 1.0, (400, 3))])
    )
    others = np.linalg.norm(rng.normal(0, 1.0, (4000, 3)), axis=1)
    low, high = summary["mean_interval_90_mm"]
    assert 0.86 < np.mean((others >= low) & (others <= high)) < 0.94


def test_samples_equal_to_the_registration_displace_nothing():
    summary = displacement_summary(surface_displacement(lump(), POSE, [POSE] * 4))
    assert summary["max_mm"] == 0
    assert summary["surface_above_mm2"] == {"1 mm": 0, "2 mm": 0}


def test_the_summary_says_what_it_does_not_include():
    summary = displacement_summary(surface_displacement(lump(), POSE, [POSE]))
    assert any("brain shift" in words for words in summary["does_not_include"])


def test_without_samples_nothing_is_said():
    with pytest.raises(ValueError, match="no pose samples"):
        surface_displacement(lump(), POSE, [])
