"""Climbing and settling on scores whose tops are known."""

import math

import torch

from IUSTumorSegLib.registration.refinement import RIPPLE, SCALE, ascend, settle

TOP = torch.tensor([1.2, -0.8, 0.4, 0.5, -0.3, 0.2])


def units(poses):
    return (poses - TOP) / torch.tensor(SCALE)


def flat_ridge(poses):
    """Flat along one direction, as the tops of real pairs are."""
    curvature = torch.tensor([4e-3, 2e-3, 6e-3, 8e-3, 3e-3, 1e-3])
    return 0.33 - (curvature * units(poses) ** 2).sum(-1)


def rippled(poses):
    """The same under ripples like those of interpolation, with a deviation of 1e-4."""
    return flat_ridge(poses) + 6e-5 * torch.sin(2 * math.pi * units(poses) / 0.35).sum(-1)


def test_settling_finds_the_top_under_ripples_that_catch_a_climb():
    starts = TOP + torch.randn(30, 6, generator=torch.Generator().manual_seed(1)) * 0.5 * torch.tensor(SCALE)
    ends = torch.stack([units(settle(rippled, start, seed=0)) for start in starts])
    assert (ends - ends.mean(0)).norm(dim=1).max() < 0.05  # one end, wherever it began
    assert ends.norm(dim=1).max() < 0.1
    climbed = units(ascend(rippled, starts, 40, 0.5, 0.05)[:, :6])
    assert climbed.norm(dim=1).max() > 0.3


def test_settling_reaches_a_smooth_top_exactly():
    start = TOP + torch.tensor([2.0, -2.0, 1.0, 1.5, -1.0, 1.0])
    assert units(settle(flat_ridge, start, seed=3)).norm() < 1e-2  # of a millimetre


def test_a_pose_that_settling_would_lead_down_stays():
    def cusp(poses):
        """Sharper than any quadratic, beside a broad slope that leads away."""
        near = units(poses).norm(dim=-1)
        return 0.2 * torch.exp(-near / 0.05) + 0.05 * torch.tanh(poses[:, 5])

    assert cusp(TOP[None]) > cusp(TOP[None] + torch.tensor([0, 0, 0, 0, 0, 1.0])) + RIPPLE
    assert torch.equal(settle(cusp, TOP.clone(), seed=0), TOP)


def test_settling_is_the_same_for_a_seed():
    start = TOP + 0.3
    assert torch.equal(settle(rippled, start, seed=7), settle(rippled, start, seed=7))
