"""One simulated patient: the atlas bent into an individual, with a tumour that pushes its surroundings aside."""

from dataclasses import dataclass

import numpy as np

from .deformation import offset_about, random_unit
from .fields import Field, random_field, step
from .template import (
    FISSURE_HALF_WIDTH_MM,
    HULL_MM,
    SHEET,
    SHEET_X,
    SHEET_Z,
    VENTRICLE,
    WHITE,
    Template,
)

SMALLEST_RADIUS_MM, LARGEST_RADIUS_MM = 8.0, 20.0
MASS_EFFECT = 0.45  # share of the tumour's volume that pushed tissue away instead of replacing it


@dataclass(frozen=True)
class Tumor:
    """An irregular mass; lengths in mm, positions in the patient's RAS.

    `viable_share`: how much of the radius is living tissue around a necrosis.
    """

    centre: np.ndarray
    radius: float
    stretch: np.ndarray
    bumps: Field
    roughness: Field
    high_grade: bool
    oedema_mm: float
    viable_share: float

    def distance(self, points: np.ndarray) -> np.ndarray:
        """About the signed distance to the tumour's surface at `points` (n, 3): negative inside."""
        away = np.linalg.norm((points - self.centre) @ self.stretch, axis=1)
        near = away < 2 * self.radius
        bumps = 0.30 * self.bumps.at(points[near])[:, 0] + 0.12 * self.roughness.at(points[near])[:, 0]
        distance = away - self.radius
        distance[near] -= self.radius * 0.75 * np.tanh(bumps)
        return distance.astype(np.float32)


@dataclass(frozen=True)
class Patient:
    """A head in its own world, the MRI's: RAS mm.

    `craniotomy` lies on the brain's surface, `inward` points to the tumour.
    """

    template: Template
    to_template: np.ndarray
    bend: Field
    texture: Field
    tumor: Tumor
    craniotomy: np.ndarray
    inward: np.ndarray


@dataclass(frozen=True)
class Tissues:
    """What lies at n points: fractions 0..1 unless said otherwise.

    `sulcus`, `fissure` and `vessel` are strengths of thin sheets and tubes `sheet_mm` away, `normal` (n, 3) unit
    normals of the sheets, `texture` (n, 4) unit-variance noise that belongs to the patient.
    """

    grey: np.ndarray
    white: np.ndarray
    ventricle: np.ndarray
    hull_mm: np.ndarray
    sulcus: np.ndarray
    sheet_mm: np.ndarray
    normal: np.ndarray
    fissure: np.ndarray
    vessel: np.ndarray
    tumor_mm: np.ndarray
    tumor: np.ndarray
    necrosis: np.ndarray
    oedema: np.ndarray
    texture: np.ndarray
    high_grade: bool


def make_patient(rng: np.random.Generator, template: Template) -> Patient:
    """Draw a head of its own size, pose and folding, and a tumour within reach of the upper cortex."""
    to_template = _pose_and_size(rng)
    lower, upper = _patient_box(template, to_template)
    coarse = random_field(rng, lower, upper, 34.0, 3)
    fine = random_field(rng, lower, upper, 12.0, 3)
    bending = 3.2 * coarse.at(_grid_points(fine)).reshape(fine.values.shape) + 0.9 * fine.values
    bend = Field(bending, fine.origin, fine.spacing)
    texture = random_field(rng, lower, upper, 6.0, 4)
    healthy = Patient(template, to_template, bend, texture, _no_tumor(), np.zeros(3), np.zeros(3))
    return _with_tumor(rng, healthy)


def tissues_at(patient: Patient, points: np.ndarray) -> Tissues:
    """The patient's tissues at `points` (n, 3), RAS mm of the patient's own world."""
    template_points = _in_template(patient, points)
    maps = patient.template.maps.at(template_points)
    normal = patient.template.normals.nearest(template_points) @ patient.to_template[:3, :3]
    texture = patient.texture.at(points)
    tumor_mm = patient.tumor.distance(points)
    tumor = _tumor_share(tumor_mm, maps[:, HULL_MM])
    spared = (1 - tumor) * (1 - 0.85 * step(maps[:, VENTRICLE] * -1 + 0.5, 0.05))
    sulcus = maps[:, SHEET] * spared
    fissure = _near(template_points[:, 0], FISSURE_HALF_WIDTH_MM) * sulcus * (template_points[:, 2] > 5)
    ventricle = _sharpen(maps[:, VENTRICLE]) * (1 - tumor)
    white = _sharpen(maps[:, WHITE]) * (1 - tumor) * (1 - ventricle)
    inside = step(maps[:, HULL_MM] + 0.5, 0.2)
    return Tissues(
        grey=np.clip(inside - white - ventricle - tumor, 0, 1),
        white=white,
        ventricle=ventricle,
        hull_mm=maps[:, HULL_MM],
        sulcus=sulcus,
        sheet_mm=np.linalg.norm(maps[:, SHEET_X : SHEET_Z + 1], axis=1),
        normal=normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6),
        fissure=fissure,
        vessel=_near(texture[:, 3], 0.16) * sulcus,
        tumor_mm=tumor_mm,
        tumor=tumor,
        necrosis=_necrosis(patient.tumor, tumor_mm, texture),
        oedema=_oedema(patient.tumor, tumor_mm, texture, white),
        texture=texture,
        high_grade=patient.tumor.high_grade,
    )


def tumor_at(patient: Patient, points: np.ndarray) -> np.ndarray:
    """Whether each of `points` (n, 3) of the patient's world lies in the tumour."""
    return _tumor_share(patient.tumor.distance(points), hull_mm(patient, points)) >= 0.5


def hull_mm(patient: Patient, points: np.ndarray) -> np.ndarray:
    """Signed distance in mm of `points` (n, 3) to the brain's surface, negative inside."""
    return patient.template.maps.at(_in_template(patient, points))[:, HULL_MM]


def _in_template(patient: Patient, points: np.ndarray) -> np.ndarray:
    from_centre = (points - patient.tumor.centre).astype(np.float32)
    square = np.einsum("nk,nk->n", from_centre, from_centre)[:, None]
    pushed = MASS_EFFECT * np.exp(-square / np.float32((1.2 * patient.tumor.radius) ** 2))
    healthy = points - pushed * from_centre
    return (healthy + patient.bend.at(healthy)) @ patient.to_template[:3, :3].T + patient.to_template[:3, 3]


def _tumor_share(tumor_mm: np.ndarray, hull: np.ndarray) -> np.ndarray:
    # It stays a millimetre below the brain's surface.
    return step(tumor_mm, 0.25) * step(hull + 1, 0.2)


def _sharpen(average: np.ndarray) -> np.ndarray:
    # An atlas' probability of 0.5 is a border in an individual.
    return step(0.5 - average, 0.07)


def _near(distance: np.ndarray, width: float) -> np.ndarray:
    return np.exp(-0.5 * (distance / width) ** 2)


def _necrosis(tumor: Tumor, tumor_mm: np.ndarray, texture: np.ndarray) -> np.ndarray:
    if not tumor.high_grade:
        return np.zeros_like(tumor_mm)
    return step(tumor_mm + tumor.viable_share * tumor.radius + 1.5 * texture[:, 0], 0.5)


def _oedema(tumor: Tumor, tumor_mm: np.ndarray, texture: np.ndarray, white: np.ndarray) -> np.ndarray:
    return step(tumor_mm - tumor.oedema_mm * (1 + 0.35 * texture[:, 1]), 1.2) * step(-tumor_mm, 0.25) * white


def _pose_and_size(rng: np.random.Generator) -> np.ndarray:
    size = np.diag([*(1 / rng.normal(1.0, 0.035, 3)), 1.0])
    turn = offset_about(np.zeros(3), rng.normal(0, 12, 3), random_unit(rng), rng.uniform(0, 10))
    return size @ turn


def _patient_box(template: Template, to_template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    corners = np.array(np.meshgrid(*zip(template.brain_lower, template.brain_upper, strict=True))).reshape(3, -1).T
    in_patient = (corners - to_template[:3, 3]) @ np.linalg.inv(to_template[:3, :3]).T
    return in_patient.min(axis=0) - 10, in_patient.max(axis=0) + 10


def _grid_points(field: Field) -> np.ndarray:
    k, j, i = np.indices(field.values.shape[:3]).reshape(3, -1)
    return field.origin + field.spacing * np.stack([i, j, k], axis=1)


def _no_tumor() -> Tumor:
    nothing = Field(np.zeros((2, 2, 2, 1), np.float32), np.zeros(3), 1.0)
    return Tumor(np.full(3, 1e4), 1.0, np.eye(3), nothing, nothing, False, 0.0, 1.0)


def _with_tumor(rng: np.random.Generator, healthy: Patient) -> Patient:
    radius = rng.uniform(SMALLEST_RADIUS_MM, LARGEST_RADIUS_MM)
    high_grade = bool(rng.random() < 0.5)
    craniotomy, inward = _entry(rng, healthy)
    centre = craniotomy + inward * (radius + rng.uniform(4, 16))
    stretch = np.diag(1 / rng.uniform(0.8, 1.25, 3))
    lower, upper = centre - 2.2 * radius, centre + 2.2 * radius
    bumps, roughness = random_field(rng, lower, upper, 0.8 * radius), random_field(rng, lower, upper, 0.3 * radius)
    oedema = rng.uniform(4, 12) if high_grade else rng.uniform(0.5, 3)
    tumor = Tumor(centre, radius, stretch, bumps, roughness, high_grade, oedema, rng.uniform(0.3, 0.65))
    return Patient(healthy.template, healthy.to_template, healthy.bend, healthy.texture, tumor, craniotomy, inward)


def _entry(rng: np.random.Generator, patient: Patient) -> tuple[np.ndarray, np.ndarray]:
    """A point on the upper, lateral brain surface, and about the way inwards from there."""
    to_patient = np.linalg.inv(patient.to_template)
    while True:
        direction = random_unit(rng)
        if direction[2] < 0.25 or abs(direction[0]) < 0.25 or direction[1] > 0.85:
            continue
        middle = to_patient[:3, :3] @ np.array([0.0, -18.0, 12.0]) + to_patient[:3, 3]
        outward = to_patient[:3, :3] @ direction
        outward /= np.linalg.norm(outward)
        ray = middle + np.arange(0, 110, 0.5)[:, None] * outward
        surface = ray[np.flatnonzero(hull_mm(patient, ray) < -0.5).max()]
        return surface, -_outward_normal(patient, surface, outward)


def _outward_normal(patient: Patient, surface: np.ndarray, ray: np.ndarray) -> np.ndarray:
    steps = 4.0 * np.concatenate([np.eye(3), -np.eye(3)])
    distances = hull_mm(patient, surface + steps)
    slope = distances[:3] - distances[3:]
    outward = slope / max(np.linalg.norm(slope), 1e-6) + 0.5 * ray
    return outward / np.linalg.norm(outward)
