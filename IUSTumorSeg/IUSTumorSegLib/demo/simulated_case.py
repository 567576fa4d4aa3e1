"""One simulated case: MRIs, an ultrasound of the same patient after brain shift, and the truth between them.

**The true pose** `true_mri_to_us_ras` is the best rigid fit, in the least-squares sense, of the true deformation over
the tissue points of the ultrasound's field of view: the matrix that brings MRI points as close as a rigid motion can to
where that tissue is in the ultrasound's world. What it leaves (`residual_mm`, and at the landmarks `floor_mm`) is brain
shift that no rigid registration can follow.

**The navigation error** is the difference between the identity, at which the two files stand, and the true pose: a
translation of `navigation_mm` at the field of view's centre in a random direction, and a rotation of `navigation_deg`
about that centre and a random axis.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import transform_points
from ..registration.landmarks import Landmarks, fit_rigid, mean_landmark_error_mm
from .anatomy import Patient, hull_mm, make_patient, tissues_at, tumor_at
from .deformation import BrainShift, brain_shift, offset_about, random_unit
from .grids import image_of, oblique_grid, voxel_points
from .magnetic_resonance import CONTRASTS, SCALE, render
from .probe import Probe, beams_of, make_probe
from .template import Template, load_template
from .ultrasound import compress, on_grid, scan

if TYPE_CHECKING:
    import SimpleITK as sitk

LANDMARKS = 15
MRI_NOISE = 0.03
HEAD_MARGIN_MM = 15.0

TRUE_POSE_DEFINITION = (
    "true_mri_to_us_ras is the best rigid fit (least squares) of the true deformation over the tissue points of the "
    "ultrasound's field of view; it maps MRI points to the ultrasound's world, RAS millimetres"
)


@dataclass(frozen=True)
class SimulatedTruth:
    """What only a simulation knows. Lengths in mm, positions in RAS."""

    true_mri_to_us_ras: np.ndarray
    navigation_mm: float
    navigation_deg: float
    navigation_centre_ras: np.ndarray
    navigation_mean_displacement_mm: float
    brain_shift_mm: float
    brain_shift_mean_mm: float
    residual_mm: float
    landmarks_at_start_mm: float
    floor_mm: float
    tumor_radius_mm: float
    high_grade: bool


@dataclass(frozen=True)
class SimulatedCase:
    """Images and labels as a hospital would hand them over, and the truth beside them."""

    seed: int
    mris: "dict[str, sitk.Image]"
    mri_tumor: "sitk.Image"
    us: "sitk.Image"
    us_tumor_truth: "sitk.Image"
    landmarks: Landmarks
    truth: SimulatedTruth

    @property
    def true_mri_to_us_ras(self) -> np.ndarray:
        """4x4, RAS mm: MRI world to ultrasound world."""
        return self.truth.true_mri_to_us_ras


def simulate_case(
    seed: int,
    *,
    contrasts: tuple[str, ...] = ("FLAIR",),
    spacing_mm: float = 0.5,
    brain_shift_mm: float = 2.5,
    navigation_mm: float = 8.0,
    navigation_deg: float = 6.0,
    mri_spacing_mm: float = 1.0,
    mri_margin_mm: float | None = None,
    template: Template | None = None,
) -> SimulatedCase:
    """Simulate one patient; the same arguments give the same case, bit by bit.

    `spacing_mm` is the ultrasound's. `mri_margin_mm` crops the MRI that far around the field of view (None: the whole
    head). `contrasts` are of FLAIR, T1ce, T2 and T1, and change neither the patient nor the ultrasound. Hand over a
    loaded `template` when there are many cases.
    """
    template = load_template() if template is None else template
    patient_rng, shift_rng, probe_rng, echo_rng, pose_rng, grid_rng = _streams(seed, 6)
    patient = make_patient(patient_rng, template)
    shift = brain_shift(shift_rng, patient.craniotomy, patient.inward, brain_shift_mm, _around(patient))
    probe = make_probe(probe_rng, patient, shift)
    tissue = _tissue_seen(patient, shift, probe)
    best_rigid = fit_rigid(tissue, shift.moved(tissue))
    centre = tissue.mean(axis=0)
    pose = offset_about(centre, navigation_mm * random_unit(pose_rng), random_unit(pose_rng), navigation_deg)
    surgery_to_us = pose @ np.linalg.inv(best_rigid)
    us, us_tumor = _ultrasound(echo_rng, grid_rng, patient, shift, probe, surgery_to_us, spacing_mm)
    mris, mri_tumor = _mris(seed, grid_rng, patient, contrasts, mri_spacing_mm, tissue, mri_margin_mm)
    landmarks = _landmarks(patient, shift, tissue, surgery_to_us)
    truth = _truth(patient, shift, tissue, pose, (navigation_mm, navigation_deg), centre, best_rigid, landmarks)
    return SimulatedCase(seed, mris, mri_tumor, us, us_tumor, landmarks, truth)


def simulate_small_case(
    seed: int, *, contrasts: tuple[str, ...] = ("FLAIR",), template: Template | None = None
) -> SimulatedCase:
    """A case of coarse grids whose MRI is cropped around the ultrasound: some three megabytes of files."""
    return simulate_case(
        seed, contrasts=contrasts, spacing_mm=0.8, mri_spacing_mm=1.2, mri_margin_mm=25.0, template=template
    )


def _streams(seed: int, count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(count)]


def _around(patient: Patient, reach_mm: float = 60.0, spacing_mm: float = 6.0) -> np.ndarray:
    """Brain points (n, 3) around the craniotomy."""
    axis = np.arange(-reach_mm, reach_mm + 1, spacing_mm)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3) + patient.craniotomy
    return points[hull_mm(patient, points) < 0]


def _tissue_seen(patient: Patient, shift: BrainShift, probe: Probe) -> np.ndarray:
    """Points (n, 3) of the MRI's brain that lie in the field of view, on a grid of 2 mm in the surgery's world."""
    middle = probe.positions(np.array(probe.depth / 2), np.array(0.0), np.array(0.0))
    axis = np.arange(-72.0, 73.0, 2.0)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3) + middle
    before = shift.before(points[probe.sees(points)])
    return before[hull_mm(patient, before) < 0]


def _ultrasound(
    echo_rng: np.random.Generator,
    grid_rng: np.random.Generator,
    patient: Patient,
    shift: BrainShift,
    probe: Probe,
    surgery_to_us: np.ndarray,
    spacing_mm: float,
) -> "tuple[sitk.Image, sitk.Image]":
    beams, envelope = scan(echo_rng, patient, shift, probe)
    corners = _sector_surface(probe)
    ijk_to_ras, size = oblique_grid(grid_rng, transform_points(surgery_to_us, corners), spacing_mm, tilt_deg=40)
    points = transform_points(np.linalg.inv(surgery_to_us), voxel_points(ijk_to_ras, size, np.arange(np.prod(size))))
    values = on_grid(points, probe, beams, compress(envelope))
    tumor = np.zeros(len(points), np.uint8)
    seen = np.flatnonzero(values)
    tumor[seen] = _tumor_during_surgery(patient, shift, points[seen])
    return image_of(values, ijk_to_ras, size), image_of(tumor, ijk_to_ras, size)


def _tumor_during_surgery(patient: Patient, shift: BrainShift, points: np.ndarray) -> np.ndarray:
    """Whether each of `points` (n, 3) of the surgery's world lies in the shifted tumour."""
    centre = shift.moved(patient.tumor.centre[None])
    near = np.linalg.norm(points - centre, axis=1) < 3 * patient.tumor.radius
    inside = np.zeros(len(points), bool)
    inside[near] = tumor_at(patient, shift.before(points[near]))
    return inside


def _sector_surface(probe: Probe) -> np.ndarray:
    beams = beams_of(probe)
    grid = np.meshgrid(beams.depth[[0, -1]], beams.lateral, beams.sweep, indexing="ij")
    return probe.positions(*grid).reshape(-1, 3)


def _mris(
    seed: int,
    grid_rng: np.random.Generator,
    patient: Patient,
    contrasts: tuple[str, ...],
    spacing_mm: float,
    tissue: np.ndarray,
    margin_mm: float | None,
) -> "tuple[dict[str, sitk.Image], sitk.Image]":
    extent = _head(patient) if margin_mm is None else _grown(tissue, margin_mm)
    ijk_to_ras, size = oblique_grid(grid_rng, extent, spacing_mm, tilt_deg=12)
    in_head = _voxels_in_head(patient, ijk_to_ras, size)
    points = voxel_points(ijk_to_ras, size, in_head)
    tissues = tissues_at(patient, points)
    mris = {}
    for contrast in contrasts:
        # A stream of its own, so that a patient's FLAIR is the same whether or not a T1 is simulated too.
        rng = np.random.default_rng([seed, 7, list(CONTRASTS).index(contrast)])
        values = _air(rng, size)
        values[in_head] = render(rng, tissues, points, CONTRASTS[contrast], MRI_NOISE)
        mris[contrast] = image_of(values, ijk_to_ras, size)
    tumor = np.zeros(np.prod(size), np.uint8)
    tumor[in_head] = tissues.tumor >= 0.5
    return mris, image_of(tumor, ijk_to_ras, size)


def _voxels_in_head(patient: Patient, ijk_to_ras: np.ndarray, size: tuple[int, int, int], block: int = 4) -> np.ndarray:
    """Flat indices of the voxels in blocks that touch the head."""
    coarse_size = (-(-size[0] // block), -(-size[1] // block), -(-size[2] // block))
    middle = ijk_to_ras @ np.diag([block, block, block, 1.0])
    middle[:3, 3] += ijk_to_ras[:3, :3] @ np.full(3, (block - 1) / 2)
    points = voxel_points(middle, coarse_size, np.arange(np.prod(coarse_size)))
    reach = block * np.linalg.norm(ijk_to_ras[:3, 0])
    near = (hull_mm(patient, points) < HEAD_MARGIN_MM + reach).reshape(coarse_size[::-1])
    blocks = near.repeat(block, axis=0).repeat(block, axis=1).repeat(block, axis=2)
    return np.flatnonzero(blocks[: size[2], : size[1], : size[0]])


def _air(rng: np.random.Generator, size: tuple[int, int, int]) -> np.ndarray:
    noise = np.hypot(*rng.standard_normal((2, int(np.prod(size))), dtype=np.float32))
    return np.rint(SCALE * 100 * MRI_NOISE * noise).astype(np.uint16)


def _head(patient: Patient) -> np.ndarray:
    corners = np.array(np.meshgrid(*zip(patient.template.brain_lower, patient.template.brain_upper, strict=True)))
    return _grown(transform_points(np.linalg.inv(patient.to_template), corners.reshape(3, -1).T), HEAD_MARGIN_MM)


def _grown(points: np.ndarray, margin_mm: float) -> np.ndarray:
    corners = np.array(np.meshgrid(*zip(points.min(axis=0) - margin_mm, points.max(axis=0) + margin_mm, strict=True)))
    return corners.reshape(3, -1).T


def _landmarks(patient: Patient, shift: BrainShift, tissue: np.ndarray, surgery_to_us: np.ndarray) -> Landmarks:
    """Points an expert would choose, spread over the field of view: sulci, ventricle walls and the tumour's rim."""
    mri = _spread(_anatomical_points(patient, tissue), LANDMARKS)
    return Landmarks(mri, transform_points(surgery_to_us, shift.moved(mri)))


def _anatomical_points(patient: Patient, tissue: np.ndarray) -> np.ndarray:
    tissues = tissues_at(patient, tissue)
    on_sheet = (tissues.sulcus > 0.8) & (tissues.sheet_mm < 1.5) & (tissues.hull_mm < -4)
    at_wall = (tissues.ventricle > 0.2) & (tissues.ventricle < 0.8)
    at_rim = np.abs(tissues.tumor_mm) < 0.4
    return tissue[on_sheet | at_wall | at_rim]


def _spread(points: np.ndarray, count: int) -> np.ndarray:
    """Take `count` of `points`, each as far as can be from those already taken."""
    taken = [int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    distance = np.linalg.norm(points - points[taken[0]], axis=1)
    while len(taken) < count:
        taken.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(points - points[taken[-1]], axis=1))
    return points[taken]


def _truth(
    patient: Patient,
    shift: BrainShift,
    tissue: np.ndarray,
    pose: np.ndarray,
    navigation: tuple[float, float],
    centre: np.ndarray,
    best_rigid: np.ndarray,
    landmarks: Landmarks,
) -> SimulatedTruth:
    moved = shift.moved(tissue)
    return SimulatedTruth(
        true_mri_to_us_ras=pose,
        navigation_mm=navigation[0],
        navigation_deg=navigation[1],
        navigation_centre_ras=centre,
        navigation_mean_displacement_mm=_mean_distance(transform_points(pose, tissue), tissue),
        brain_shift_mm=float(np.linalg.norm(moved - tissue, axis=1).max()),
        brain_shift_mean_mm=_mean_distance(moved, tissue),
        residual_mm=_mean_distance(transform_points(best_rigid, tissue), moved),
        landmarks_at_start_mm=mean_landmark_error_mm(landmarks, np.eye(4)),
        floor_mm=mean_landmark_error_mm(landmarks, pose),
        tumor_radius_mm=patient.tumor.radius,
        high_grade=patient.tumor.high_grade,
    )


def _mean_distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second, axis=1).mean())
