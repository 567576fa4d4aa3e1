"""What tissue sends back to the probe: random scatterers, and interfaces that face the beam, as speckle shows them."""

import numpy as np
from scipy import ndimage

from .anatomy import Tissues
from .fields import random_field, step
from .probe import Beams, Probe

# Echo amplitudes, grey matter being 1 (0 dB).
GREY, WHITE, CSF, OUTSIDE = 0.85, 1.35, 0.10, 0.35
TUMOR_LOW_GRADE, TUMOR_HIGH_GRADE, NECROSIS, OEDEMA = 3.0, 3.4, 0.6, 1.8
SULCUS, FALX, VENTRICLE_WALL, VESSEL, TUMOR_RIM, PLEXUS = 34.0, 44.0, 16.0, 20.0, 15.0, 8.0
FIBRES = 26.0
INTERFACE_HALF_WIDTH_MM = 0.34


def scatter_amplitude(rng: np.random.Generator, tissues: Tissues) -> np.ndarray:
    """Amplitude of diffuse scattering, with the sparse bright scatterers of white matter and tumour."""
    high = TUMOR_HIGH_GRADE if tissues.high_grade else TUMOR_LOW_GRADE
    solid = high * np.exp(0.28 * tissues.texture[:, 0])
    tumor = solid + (NECROSIS - solid) * tissues.necrosis
    matter = GREY * tissues.grey + WHITE * np.exp(0.12 * tissues.texture[:, 1]) * tissues.white
    matter += (OEDEMA - WHITE) * tissues.oedema
    region = step(-tissues.texture[:, 2], 0.15)
    sparse = 1 + 11 * (rng.random(len(matter)) < 0.008) * region * (tissues.white + 0.5 * tissues.tumor)
    brain = matter * (1 - tissues.tumor) + tumor * tissues.tumor + CSF * tissues.ventricle
    plexus = PLEXUS * tissues.ventricle * step(0.9 - tissues.texture[:, 2], 0.1)
    inside = step(tissues.hull_mm, 0.3)
    return (brain * sparse + plexus) * inside + OUTSIDE * (1 - inside)


def coherent_amplitude(tissues: Tissues, facing: np.ndarray, clutter: np.ndarray) -> np.ndarray:
    """Amplitude of interfaces: sulci, falx, ventricle walls, vessels, fibre bundles and the tumour's rim.

    `facing` (n,) is the cosine between beam and interface: a wall met head-on shines, one met edge-on still scatters.
    """
    fibres, breaks = clutter.T
    lambert = 0.3 + 0.7 * facing**2
    thin = np.exp(-0.5 * (tissues.sheet_mm / INTERFACE_HALF_WIDTH_MM) ** 2)
    broad = np.exp(-0.5 * (tissues.sheet_mm / (1.6 * INTERFACE_HALF_WIDTH_MM)) ** 2)
    patchy = np.exp(0.8 * tissues.texture[:, 0] - 0.4) * breaks
    falx = broad * FALX * tissues.fissure * (0.3 + 0.7 * lambert) * breaks
    sheets = thin * SULCUS * tissues.sulcus * patchy * lambert + falx
    walls = VENTRICLE_WALL * 4 * tissues.ventricle * (1 - tissues.ventricle) * lambert
    vessels = broad * VESSEL * tissues.vessel
    rim_mm = tissues.tumor_mm + 0.3
    rim = TUMOR_RIM * breaks * np.exp(-0.5 * (rim_mm / 0.7) ** 2) * np.clip(0.5 + 0.4 * tissues.texture[:, 1], 0, 1.3)
    bundles = FIBRES * fibres * (tissues.white + 0.3 * tissues.grey)
    return (sheets + walls + vessels + bundles) * (1 - 0.8 * tissues.tumor) + rim * step(tissues.hull_mm, 0.3)


def clutter_at(rng: np.random.Generator, points: np.ndarray) -> np.ndarray:
    """What ultrasound shows and no MRI does, at `points` (n, 3): short bright streaks (0..1), and a factor about 1 that
    breaks interfaces into pieces; (n, 2).
    """
    lower, upper = points.min(axis=0), points.max(axis=0)
    fine = random_field(rng, lower, upper, 2.4, 3).at(points)
    region = random_field(rng, lower, upper, 22.0).at(points)[:, 0]
    streaks = np.exp(-0.5 * (fine[:, 0] / 0.09) ** 2) * step(0.8 - fine[:, 1], 0.12) * step(-region, 0.3)
    return np.stack([streaks, np.exp(0.9 * fine[:, 2] - 0.4)], axis=1)


def speckle(rng: np.random.Generator, amplitude: np.ndarray, beams: Beams, probe: Probe) -> np.ndarray:
    """Complex echo of random scatterers of `amplitude` (depth, lateral, sweep), seen through the point-spread function.

    Where `amplitude` is constant its envelope is Rayleigh distributed with a mean square of that amplitude squared.
    """
    white = rng.standard_normal((*amplitude.shape, 2), dtype=np.float32)
    scatterers = (white[..., 0] + 1j * white[..., 1]).astype(np.complex64) * (amplitude / np.sqrt(2)).astype(np.float32)
    return _blur(scatterers, beams, probe, keep="power")


def interface_echoes(rng: np.random.Generator, coherent: np.ndarray, beams: Beams, probe: Probe) -> np.ndarray:
    """Complex echo of interfaces of amplitude `coherent` (depth, lateral, sweep), seen through the same blur.

    The phase wanders along an interface, so its echo is a broken line rather than a drawn one.
    """
    noise = rng.standard_normal(coherent.shape).astype(np.float32)
    phase = ndimage.gaussian_filter(noise, (2, 3, 2))
    phase *= 1.6 / phase.std()
    return _blur((coherent * np.exp(1j * phase)).astype(np.complex64), beams, probe, keep="mean")


def _blur(field: np.ndarray, beams: Beams, probe: Probe, keep: str) -> np.ndarray:
    """Point-spread function: 0.2 mm in depth; lateral and elevational widths grow with depth (standard deviations)."""
    out = np.empty_like(field)
    lateral_step = beams.lateral[1] - beams.lateral[0]
    sweep_step = beams.sweep[1] - beams.sweep[0]
    for index, depth in enumerate(beams.depth):
        lateral_mm, elevation_mm = 0.22 + 0.008 * depth, 0.36 + 0.008 * depth
        lateral = lateral_mm / (depth + probe.face_radius) / lateral_step
        sigmas = (lateral, elevation_mm / (depth + probe.pivot) / sweep_step)
        gain = _power_gain(sigmas) if keep == "power" else 1.0
        out[index] = ndimage.gaussian_filter(field[index], sigmas, truncate=3) / gain
    axial = 0.2 / (beams.depth[1] - beams.depth[0])
    gain = _power_gain((axial,)) if keep == "power" else 1.0
    return ndimage.gaussian_filter1d(out, axial, axis=0, truncate=3) / gain


def _power_gain(sigmas: tuple[float, ...]) -> float:
    """Root mean square of white noise of unit variance after the Gaussian filters."""
    gain = 1.0
    for sigma in sigmas:
        reach = int(3 * sigma + 0.5)
        kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        gain *= float(np.sqrt((kernel**2).sum()) / kernel.sum())
    return gain
