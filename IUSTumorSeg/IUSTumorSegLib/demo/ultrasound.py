"""A simulated intra-operative ultrasound volume: a probe on the brain, swept by hand, seen through speckle.

The echoes are computed on the beam's own grid (depth, lateral angle, sweep angle): scatterers whose strength the tissue
gives, blurred by a point-spread function that widens with depth, plus coherent echoes of thin interfaces that face the
beam; then attenuation, shadows, reverberation and noise, log compression, and the conversion to a regular grid.
"""

import numpy as np
from scipy import ndimage

from .anatomy import Patient, tissues_at
from .deformation import BrainShift
from .echoes import clutter_at, coherent_amplitude, interface_echoes, scatter_amplitude, speckle
from .fields import step
from .probe import Beams, Probe, beam_directions, beams_of

LOOKS = 2  # sweeps overlap, and reconstruction averages them
DYNAMIC_RANGE_DB = 66.0
GREY_MATTER_LEVEL = 30.0  # 8-bit value of grey matter's mean echo, as in RESECT's volumes


def scan(rng: np.random.Generator, patient: Patient, shift: BrainShift, probe: Probe) -> tuple[Beams, np.ndarray]:
    """The sector's echo envelope (depth, lateral, sweep), grey matter being about 1, before log compression."""
    beams = beams_of(probe)
    shape = (len(beams.depth), len(beams.lateral), len(beams.sweep))
    points = probe.positions(*np.meshgrid(beams.depth, beams.lateral, beams.sweep, indexing="ij")).reshape(-1, 3)
    tissues = tissues_at(patient, shift.before(points))
    clutter = clutter_at(rng, points)
    scatter = scatter_amplitude(rng, tissues).reshape(shape)
    facing = np.abs(np.einsum("nk,nk->n", tissues.normal, beam_directions(probe, beams).reshape(-1, 3)))
    coherent = coherent_amplitude(tissues, facing, clutter).reshape(shape)
    looks = [
        np.abs(speckle(rng, scatter, beams, probe) + interface_echoes(rng, coherent, beams, probe))
        for _ in range(LOOKS)
    ]
    envelope = np.mean(looks, axis=0)
    envelope *= _gain_and_shadows(rng, tissues.tumor.reshape(shape), tissues.ventricle.reshape(shape), beams)
    return beams, envelope + _reverberation(rng, beams) + _noise(rng, beams)


def _gain_and_shadows(rng: np.random.Generator, tumor: np.ndarray, csf: np.ndarray, beams: Beams) -> np.ndarray:
    """Amplitude factor: what attenuation and an imperfect gain curve leave, enhancement behind fluid, shadows."""
    step_mm = beams.depth[1] - beams.depth[0]
    path_db = np.cumsum(0.10 * csf - 0.035 * tumor, axis=0) * step_mm
    knots = rng.normal(0, 2.2, 6)
    curve = np.interp(beams.depth, np.linspace(0, beams.depth[-1], 6), knots) - 0.06 * beams.depth
    flicker = rng.normal(0, 0.6, len(beams.sweep))
    total_db = path_db + curve[:, None, None] + flicker + _haze(rng, beams) + _shadows(rng, beams)
    return (10 ** (total_db / 20)).astype(np.float32)


def _haze(rng: np.random.Generator, beams: Beams) -> np.ndarray:
    """Broad changes of brightness in dB that tissue does not explain: aberration, contact, the machine's own gain."""
    noise = rng.standard_normal((len(beams.depth) // 8 + 1, len(beams.lateral) // 4 + 1, len(beams.sweep) // 4 + 1))
    smooth = ndimage.gaussian_filter(noise, (5, 5, 3))
    coordinates = np.meshgrid(np.arange(len(beams.depth)) / 8, np.arange(len(beams.lateral)) / 4,
                              np.arange(len(beams.sweep)) / 4, indexing="ij")  # fmt: skip
    return 2.2 * ndimage.map_coordinates(smooth / smooth.std(), coordinates, order=1, mode="nearest")


def _shadows(rng: np.random.Generator, beams: Beams) -> np.ndarray:
    """Loss in dB (<= 0): poor contact at one edge of the array, and one to three narrow shadows of air or calcium."""
    lateral, sweep = np.meshgrid(beams.lateral, beams.sweep, indexing="ij")
    edge = rng.choice([-1, 1]) * lateral / beams.lateral.max() + 0.3 * sweep / beams.sweep.max()
    no_contact = step(0.95 - rng.uniform(0, 0.15) - edge, 0.05)
    loss = np.repeat(-rng.uniform(4, 16) * no_contact[None], len(beams.depth), axis=0)
    for _ in range(rng.integers(1, 4)):
        width, length = np.radians(rng.uniform(1.0, 3.0)), np.radians(rng.uniform(2.0, 7.0))
        across = (lateral - rng.uniform(*beams.lateral[[0, -1]])) / width
        along = (sweep - rng.uniform(*beams.sweep[[0, -1]])) / length
        begins = rng.choice([0.0, rng.uniform(8, 35)])
        behind = step(begins - beams.depth, 0.5)
        loss -= rng.uniform(6, 14) * behind[:, None, None] * np.exp(-0.5 * (across**2 + along**2))[None]
    return loss


def _reverberation(rng: np.random.Generator, beams: Beams) -> np.ndarray:
    """The bright band of the probe's face and two fainter repeats."""
    ripple = 1 + 0.15 * ndimage.gaussian_filter(rng.standard_normal((len(beams.lateral), len(beams.sweep))), 2)
    period = rng.uniform(1.3, 2.2)
    rings = np.zeros(len(beams.depth))
    for n in range(3):
        rings += 45 * 0.12**n * np.exp(-0.5 * ((beams.depth - 0.5 - n * period) / 0.3) ** 2)
    return (rings[:, None, None] * ripple[None]).astype(np.float32)


def _noise(rng: np.random.Generator, beams: Beams) -> np.ndarray:
    """Electronic noise that the gain curve lifts with depth."""
    level_db = rng.uniform(-14, -8) + rng.uniform(6, 10) * (beams.depth / beams.depth[-1]) ** 2
    shape = (len(beams.depth), len(beams.lateral), len(beams.sweep))
    noise = np.hypot(*rng.standard_normal((2, *shape), dtype=np.float32)) / np.sqrt(2)
    return noise * (10 ** (level_db / 20))[:, None, None].astype(np.float32)


def compress(envelope: np.ndarray) -> np.ndarray:
    """Log compression to 1..255 as float32; grey matter's mean echo becomes `GREY_MATTER_LEVEL`."""
    decibel = 20 * np.log10(np.maximum(envelope, 1e-6))
    decibel = ndimage.gaussian_filter(decibel, (0.5, 0.35, 0.35))
    return np.clip(GREY_MATTER_LEVEL + decibel * 255 / DYNAMIC_RANGE_DB, 1, 255).astype(np.float32)


def on_grid(points: np.ndarray, probe: Probe, beams: Beams, compressed: np.ndarray) -> np.ndarray:
    """Scan conversion: 8-bit values at `points` (n, 3) of the surgery's world, 0 outside the sector."""
    values = np.zeros(len(points), np.uint8)
    seen = probe.sees(points)
    axes = (beams.depth, beams.lateral, beams.sweep)
    coordinates = [
        (part - axis[0]) / (axis[1] - axis[0])
        for part, axis in zip(probe.beam_coordinates(points[seen]), axes, strict=True)
    ]
    values[seen] = np.rint(ndimage.map_coordinates(compressed, coordinates, order=1, mode="nearest"))
    return values
