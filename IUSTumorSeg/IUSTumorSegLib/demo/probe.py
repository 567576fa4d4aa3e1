"""The probe in the surgeon's hand: where it lies, and the sector that it sweeps."""

from dataclasses import dataclass

import numpy as np

from .anatomy import Patient
from .deformation import BrainShift

DEPTH_STEP_MM = 0.25
LATERAL_STEP_DEG = 0.6
SWEEP_STEP_DEG = 0.9


@dataclass(frozen=True)
class Probe:
    """A curved array tilted by hand. Its frame: x lateral, y along the sweep, z into the brain; mm and radians."""

    to_surgery: np.ndarray
    face_radius: float
    pivot: float
    half_angle: float
    half_sweep: float
    depth: float
    unsteadiness: np.ndarray

    def positions(self, depth: np.ndarray, lateral: np.ndarray, sweep: np.ndarray) -> np.ndarray:
        """Positions (..., 3) in the surgery's world of beam coordinates."""
        turn, lift = self._hand(sweep)
        depth, lateral = depth + lift, lateral + turn
        in_plane = (depth + self.face_radius) * np.cos(lateral) - self.face_radius
        x = (depth + self.face_radius) * np.sin(lateral)
        y = (in_plane + self.pivot) * np.sin(sweep)
        z = (in_plane + self.pivot) * np.cos(sweep) - self.pivot
        points = np.stack(np.broadcast_arrays(x, y, z), axis=-1)
        return points @ self.to_surgery[:3, :3].T + self.to_surgery[:3, 3]

    def beam_coordinates(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth (mm), lateral and sweep angles (radians) of `points` (n, 3) in the surgery's world."""
        x, y, z = ((points - self.to_surgery[:3, 3]) @ self.to_surgery[:3, :3]).T
        in_plane = np.hypot(y, z + self.pivot) - self.pivot
        lateral = np.arctan2(x, in_plane + self.face_radius)
        sweep = np.arctan2(y, z + self.pivot)
        turn, lift = self._hand(sweep)
        return np.hypot(x, in_plane + self.face_radius) - self.face_radius - lift, lateral - turn, sweep

    def _hand(self, sweep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the hand turned (radians) and lifted (mm) the probe at each sweep angle; `unsteadiness` is (2, n)."""
        knots = np.linspace(-self.half_sweep, self.half_sweep, self.unsteadiness.shape[1])
        return np.interp(sweep, knots, self.unsteadiness[0]), np.interp(sweep, knots, self.unsteadiness[1])

    def sees(self, points: np.ndarray) -> np.ndarray:
        """Whether `points` (n, 3) of the surgery's world lie in the swept sector."""
        depth, lateral, sweep = self.beam_coordinates(points)
        within = (depth >= 0) & (depth <= self.depth)
        return within & (np.abs(lateral) <= self.half_angle) & (np.abs(sweep) <= self.half_sweep)


@dataclass(frozen=True)
class Beams:
    """The grid the echoes are computed on: samples of depth (mm), lateral and sweep angle (radians)."""

    depth: np.ndarray
    lateral: np.ndarray
    sweep: np.ndarray


def make_probe(rng: np.random.Generator, patient: Patient, shift: BrainShift) -> Probe:
    """Set the probe on the shifted brain over the tumour, a little off centre, deep enough to see past it."""
    contact = shift.moved(patient.craniotomy[None])[0]
    target = shift.moved(patient.tumor.centre[None])[0] + rng.normal(0, 3, 3)
    inward = (target - contact) / np.linalg.norm(target - contact)
    lateral = np.cross(inward, rng.standard_normal(3))
    lateral /= np.linalg.norm(lateral)
    to_surgery = np.eye(4)
    to_surgery[:3, :3] = np.stack([lateral, np.cross(inward, lateral), inward], axis=1)
    to_surgery[:3, 3] = contact
    reach = np.linalg.norm(target - contact) + patient.tumor.radius
    return Probe(
        to_surgery,
        face_radius=rng.uniform(10, 16),
        pivot=rng.uniform(18, 34),
        half_angle=np.radians(rng.uniform(34, 42)),
        half_sweep=np.radians(rng.uniform(20, 27)),
        depth=float(np.clip(reach + rng.uniform(14, 26), 52, 82)),
        unsteadiness=np.stack([np.radians(rng.normal(0, 1.6, 9)), np.abs(rng.normal(0, 0.4, 9))]),
    )


def beams_of(probe: Probe) -> Beams:
    """Sample the whole sector, edges included."""

    def samples(lower: float, upper: float, spacing: float) -> np.ndarray:
        return np.linspace(lower, upper, int(np.ceil((upper - lower) / spacing)) + 1)

    lateral = samples(-probe.half_angle, probe.half_angle, np.radians(LATERAL_STEP_DEG))
    sweep = samples(-probe.half_sweep, probe.half_sweep, np.radians(SWEEP_STEP_DEG))
    return Beams(samples(0, probe.depth, DEPTH_STEP_MM), lateral, sweep)


def beam_directions(probe: Probe, beams: Beams) -> np.ndarray:
    """Unit directions of the beams in the surgery's world, (1, lateral, sweep, 3) broadcast over depth."""
    lateral, sweep = np.meshgrid(beams.lateral, beams.sweep, indexing="ij")
    ends = probe.positions(np.array(60.0), lateral, sweep) - probe.positions(np.array(0.0), lateral, sweep)
    directions = ends / np.linalg.norm(ends, axis=-1, keepdims=True)
    return np.broadcast_to(directions, (len(beams.depth), *directions.shape))
