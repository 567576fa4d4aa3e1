"""A pose adjusted by hand: six numbers along the ultrasound's own axes about a point of its sector, and back again.

A person moves the MRI over the ultrasound: x -> A R(w) A' (x - c) + c + A t, with the axes A of the ultrasound, the
point c, a translation t in mm and a rotation vector w in degrees. As a rotation vector the three angles have no order
and no gimbal lock, so sliders and a handle in the views can follow each other.
"""

import numpy as np


def adjusted(
    mri_to_us_ras: np.ndarray,
    us_axes: np.ndarray,
    center_ras: np.ndarray,
    translation_mm: np.ndarray,
    rotation_deg: np.ndarray,
) -> np.ndarray:
    """The 4x4 pose (RAS mm) after moving the MRI, as it lies on the ultrasound by `mri_to_us_ras`, by hand.

    `us_axes` (3, 3): columns are the ultrasound's axes in its world; `center_ras` (3,): the point turned about, which the
    translation carries along. `translation_mm` and `rotation_deg` (3,) are along and about those axes.
    """
    from scipy.spatial.transform import Rotation

    turn = us_axes @ Rotation.from_rotvec(rotation_deg, degrees=True).as_matrix() @ us_axes.T
    move = np.eye(4)
    move[:3, :3] = turn
    move[:3, 3] = center_ras - turn @ center_ras + us_axes @ np.asarray(translation_mm, dtype=float)
    return move @ mri_to_us_ras


def adjustment_between(
    mri_to_us_ras: np.ndarray, adjusted_ras: np.ndarray, us_axes: np.ndarray, center_ras: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What `adjusted` was given to come from the pose `mri_to_us_ras` to `adjusted_ras`: (translation_mm, rotation_deg).

    The rotation is the nearest to what lies between the two poses, each angle within 180 degrees.
    """
    from scipy.spatial.transform import Rotation

    move = adjusted_ras @ np.linalg.inv(mri_to_us_ras)
    rotation = Rotation.from_matrix(us_axes.T @ move[:3, :3] @ us_axes)
    translation = us_axes.T @ (move[:3, :3] @ center_ras + move[:3, 3] - center_ras)
    return translation, rotation.as_rotvec(degrees=True)


def distance_mm(mri_to_us_ras: np.ndarray, other_ras: np.ndarray, points_us_ras: np.ndarray) -> float:
    """How far apart two poses put, in the mean, what the first puts at the points (n, 3) of the ultrasound; in mm."""
    move = other_ras @ np.linalg.inv(mri_to_us_ras) - np.eye(4)
    return float(np.linalg.norm(points_us_ras @ move[:3, :3].T + move[:3, 3], axis=1).mean())
