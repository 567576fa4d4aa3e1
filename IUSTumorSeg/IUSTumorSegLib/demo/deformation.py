"""Brain shift: how the brain that ultrasound meets differs from the one that the MRI showed; and rigid offsets."""

from dataclasses import dataclass

import numpy as np

from .fields import Field, random_field

REACH_MM = 38.0  # the sag fades with the distance from the craniotomy
IRREGULAR_PART = 0.6  # of the sag: swelling, retraction and drained CSF move tissue in ways of their own


@dataclass(frozen=True)
class BrainShift:
    """A smooth displacement of tissue, strongest at the craniotomy. MRI world before, surgery world after; RAS mm."""

    craniotomy: np.ndarray
    sag: np.ndarray
    irregular: Field
    scale: float

    def displacement(self, points: np.ndarray) -> np.ndarray:
        """How far tissue at `points` (n, 3) of the MRI's brain has moved."""
        distance = np.linalg.norm(points - self.craniotomy, axis=1, keepdims=True)
        near = np.exp(-0.5 * (distance / REACH_MM) ** 2)
        return self.scale * (near * self.sag + IRREGULAR_PART * (0.3 + 0.7 * near) * self.irregular.at(points))

    def moved(self, points: np.ndarray) -> np.ndarray:
        """Where tissue at `points` of the MRI's brain is during surgery."""
        return points + self.displacement(points)

    def before(self, points: np.ndarray) -> np.ndarray:
        """Where tissue met at `points` during surgery was in the MRI: the inverse, to a hundredth of a millimetre."""
        origin = points
        for _ in range(3):
            origin = points - self.displacement(origin)
        return origin


def brain_shift(
    rng: np.random.Generator, craniotomy: np.ndarray, inward: np.ndarray, largest_mm: float, tissue: np.ndarray
) -> BrainShift:
    """A shift whose largest displacement over the `tissue` points (n, 3) is `largest_mm`.

    The brain sinks at the craniotomy, seldom straight, and now and then swells towards the surgeon.
    """
    direction = (-1 if rng.random() < 0.15 else 1) * inward + 0.5 * rng.standard_normal(3)
    irregular = random_field(rng, tissue.min(axis=0) - 15, tissue.max(axis=0) + 15, 22.0, 3)
    unit = BrainShift(craniotomy, direction / np.linalg.norm(direction), irregular, 1.0)
    largest = np.linalg.norm(unit.displacement(tissue), axis=1).max()
    return BrainShift(unit.craniotomy, unit.sag, irregular, float(largest_mm / largest))


def offset_about(centre: np.ndarray, translation: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """4x4 rigid matrix that turns by `degrees` about the unit `axis` through `centre`, then translates (mm)."""
    x, y, z = axis * np.radians(degrees)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    sine, versine = (1.0, 0.5) if angle == 0 else (np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2)
    matrix = np.eye(4)
    matrix[:3, :3] += sine * cross + versine * cross @ cross
    matrix[:3, 3] = centre + translation - matrix[:3, :3] @ centre
    return matrix


def random_unit(rng: np.random.Generator) -> np.ndarray:
    """A direction, uniform on the sphere."""
    vector = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)
