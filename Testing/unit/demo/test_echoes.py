import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from IUSTumorSegLib.demo.echoes import speckle
from IUSTumorSegLib.demo.probe import Probe, beams_of


@pytest.fixture(scope="module")
def probe():
    return Probe(np.eye(4), 12.0, 25.0, np.radians(38), np.radians(24), 60.0, np.zeros((2, 5)))


@pytest.fixture(scope="module")
def beams(probe):
    return beams_of(probe)


@pytest.fixture(scope="module")
def homogeneous(probe, beams):
    shape = (len(beams.depth), len(beams.lateral), len(beams.sweep))
    return speckle(np.random.default_rng(0), np.full(shape, 3.0), beams, probe)


def test_speckle_of_homogeneous_tissue_is_rayleigh_distributed(homogeneous):
    envelope = np.abs(homogeneous)[10:-10, 5:-5, 3:-3]
    assert envelope.mean() / envelope.std() == pytest.approx(1.913, abs=0.03)  # sqrt(pi / (4 - pi))
    assert np.median(envelope) / envelope.mean() == pytest.approx(np.sqrt(np.log(4) / np.pi * 2), abs=0.01)


def test_speckles_mean_power_is_that_of_the_scatterers_at_every_depth(homogeneous):
    power = (np.abs(homogeneous) ** 2)[8:-8, 6:-6, 4:-4]
    for part in np.array_split(power, 4):
        assert part.mean() == pytest.approx(9.0, rel=0.05)


def test_speckle_is_wider_across_the_beam_and_grows_with_depth(homogeneous, probe, beams):
    def width_mm(depth_index, axis):
        rows = homogeneous[depth_index - 12 : depth_index + 12]
        shifted = [(rows.take(range(rows.shape[axis] - lag), axis) * rows.take(range(lag, rows.shape[axis]), axis).conj())
                   for lag in range(6)]  # fmt: skip
        correlation = np.array([np.abs(part.mean()) for part in shifted]) / np.abs(shifted[0].mean())
        samples = np.interp(-0.5, -correlation, np.arange(6))
        depth = beams.depth[depth_index]
        spacing = {0: beams.depth[1], 1: (depth + probe.face_radius) * (beams.lateral[1] - beams.lateral[0])}[axis]
        return samples * spacing

    shallow, deep = 40, len(beams.depth) - 20
    assert width_mm(deep, 1) > 1.5 * width_mm(deep, 0)
    assert width_mm(deep, 1) > 1.4 * width_mm(shallow, 1)


def test_speckle_has_no_long_range_pattern(homogeneous):
    envelope = np.abs(homogeneous)
    smooth = gaussian_filter(envelope, 12)[20:-20, 20:-20, 15:-15]
    assert smooth.std() < 0.05 * envelope.mean()


def test_beam_coordinates_and_positions_are_inverse_of_each_other():
    rng = np.random.default_rng(4)
    hand = np.stack([np.radians(rng.normal(0, 2, 9)), np.abs(rng.normal(0, 0.5, 9))])
    pose = np.eye(4)
    pose[:3, 3] = [10, 20, 30]
    probe = Probe(pose, 12.0, 25.0, np.radians(38), np.radians(24), 60.0, hand)
    beam = rng.uniform(1, 59, 300), rng.uniform(-0.6, 0.6, 300), rng.uniform(-0.4, 0.4, 300)
    np.testing.assert_allclose(probe.beam_coordinates(probe.positions(*beam)), beam, atol=1e-9)


def test_the_probe_sees_its_sector_and_nothing_beside_it(probe):
    seen = probe.sees(np.array([[0, 0, 30.0], [0, 0, -3.0], [0, 0, 70.0], [40.0, 0, 20], [0, 40.0, 20]]))
    assert seen.tolist() == [True, False, False, False, False]
