import numpy as np
import torch
from made_images import linear_mix, structured_mri

from IUSTumorSegLib.registration.mind import mind_agreement, mind_ssc
from IUSTumorSegLib.registration.poses import PoseSpace
from IUSTumorSegLib.registration.refinement import quadratic_tops, shell
from IUSTumorSegLib.registration.search import prepare
from IUSTumorSegLib.registration.uncertainty import bootstrap_poses, scaled_to


def test_the_top_of_a_known_quadratic_is_found():
    rng = np.random.default_rng(0)
    half = rng.standard_normal((6, 6))
    curvature = torch.tensor(-(half @ half.T) - np.eye(6))
    top = torch.tensor([0.1, -0.2, 0.05, 0.3, 0.0, -0.1], dtype=torch.float64)
    offsets = shell(96, torch.Generator().manual_seed(1))
    apart = offsets.double() - top
    values = 5 + 0.5 * torch.einsum("ni,ij,nj->n", apart, curvature, apart)
    assert torch.allclose(quadratic_tops(offsets, values[None])[0].double(), top, atol=5e-3)


def spread_with(share):
    """Spread of the bootstrap's poses when so much of the ultrasound is structure that the MRI does not have."""
    mri = structured_mri()
    us = linear_mix(mri) * (1 - share) + linear_mix(structured_mri(seed=8)) * share
    scene = prepare(us, [mri], np.eye(4))
    samples = torch.tensor(bootstrap_poses(scene, np.zeros(6)), dtype=torch.float32)
    return float(scene.space.distance_mm(samples).square().mean().sqrt())


def test_the_bootstrap_scatters_more_where_the_ultrasound_says_less():
    clear, unclear = spread_with(0.05), spread_with(0.5)
    assert clear < 0.3
    assert unclear > 2 * clear


def test_mind_is_the_same_for_inverted_and_rescaled_intensities():
    volume = torch.randn(1, 9, 10, 11, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(mind_ssc(volume), mind_ssc(-3 * volume + 7), atol=1e-4)


def test_mind_agrees_best_where_structures_coincide():
    volume = torch.nn.functional.avg_pool3d(
        torch.randn(1, 1, 20, 20, 20, generator=torch.Generator().manual_seed(0)), 3, stride=1, padding=1
    )[0, 0]
    shifted = torch.stack([torch.roll(volume, s, 0) for s in (0, 1, 3)])
    values = mind_agreement(volume, 1 - shifted, torch.ones_like(volume))
    assert values[0] > values[1] > values[2]


def test_samples_are_stretched_to_the_errors_given_and_keep_their_directions():
    space = PoseSpace(np.zeros(3), np.diag([100.0, 80, 60]), np.eye(4))
    rng = np.random.default_rng(0)
    pose, offsets = rng.normal(size=6), rng.normal(size=(32, 6)) * 0.1
    errors = np.linspace(0.2, 1.4, 32)
    scaled = scaled_to(errors, pose + offsets, pose, space)
    apart = space.distance_mm(torch.tensor(scaled), torch.tensor(pose)[None]).numpy()
    assert np.allclose(np.sort(apart), errors, rtol=0.02)
    along = np.einsum("ij,ij->i", scaled - pose, offsets)
    assert np.allclose(along, np.linalg.norm(scaled - pose, axis=1) * np.linalg.norm(offsets, axis=1))
