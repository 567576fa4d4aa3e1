"""Small labels and grids whose geometry is known in closed form."""

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from IUSTumorSegLib.images.geometry import ijk_to_ras, points_ras_from_indices, set_ijk_to_ras


def grid(size, spacing, middle_ras=(0.0, 0.0, 0.0), turned_deg=0.0):
    """An empty image of `size` (i, j, k) whose middle is at `middle_ras`, turned about an oblique axis."""
    image = sitk.Image(size, sitk.sitkUInt8)
    turn = Rotation.from_rotvec(np.deg2rad(turned_deg) * np.array([0.6, 0.0, 0.8])).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turn * spacing
    matrix[:3, 3] = np.asarray(middle_ras) - matrix[:3, :3] @ ((np.array(size) - 1) / 2)
    set_ijk_to_ras(image, matrix)
    return image


def ball(image, radius_mm, center_ras=(0.0, 0.0, 0.0)):
    """A label of the voxels of `image` whose middles lie within `radius_mm` of `center_ras`."""
    kji = np.indices(image.GetSize()[::-1]).reshape(3, -1).T
    apart = np.linalg.norm(points_ras_from_indices(image, kji[:, ::-1]) - np.asarray(center_ras), axis=1)
    label = sitk.GetImageFromArray((apart < radius_mm).astype(np.uint8).reshape(image.GetSize()[::-1]))
    label.CopyInformation(image)
    return label


def shifted(*millimetres):
    """A translation as 4x4."""
    matrix = np.eye(4)
    matrix[:3, 3] = millimetres
    return matrix


def turned(axis, degrees, center=(0.0, 0.0, 0.0)):
    """A rotation about an axis through `center` as 4x4."""
    matrix = np.eye(4)
    axis = np.asarray(axis, dtype=float)
    matrix[:3, :3] = Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis)).as_matrix()
    matrix[:3, 3] = np.asarray(center) - matrix[:3, :3] @ np.asarray(center)
    return matrix


def value_at(image, point_ras):
    """The voxel of `image` nearest to `point_ras`."""
    ijk = np.linalg.inv(ijk_to_ras(image)) @ [*point_ras, 1.0]
    return image[tuple(round(v) for v in ijk[:3])]
