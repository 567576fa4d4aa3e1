"""Small images with structure everywhere, for tests of registration."""

import numpy as np
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter


def structured_mri(size=(48, 52, 44), spacing=1.0, seed=3, sigma=2.5):
    """A smooth random volume with edges, like tissue: (x, y, z) voxels of `spacing` mm around the world's origin."""
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.standard_normal(size[::-1]), sigma / spacing)
    image = sitk.GetImageFromArray(np.tanh(4 * smooth / smooth.std()).astype(np.float32))
    image.SetSpacing([spacing] * 3)
    image.SetOrigin([-(n - 1) / 2 * spacing for n in size])
    return image


def linear_mix(mri, alpha=1.0, beta=2.0):
    """What LC2 explains wholly: alpha m + beta |grad m| + gamma, positive, squared to undo the metric's square root."""
    gradient = sitk.GradientMagnitudeRecursiveGaussian(mri, 0.7)
    mixed = alpha * mri + beta * gradient
    lowest = float(sitk.GetArrayViewFromImage(mixed).min())
    return sitk.Square(mixed - lowest + 0.1)


def rotation_deg(axis, degrees):
    """3x3 rotation about `axis`."""
    from scipy.spatial.transform import Rotation

    axis = np.asarray(axis, dtype=float)
    return Rotation.from_rotvec(np.deg2rad(degrees) * axis / np.linalg.norm(axis)).as_matrix()


def pose(translation=(0, 0, 0), axis=(0, 0, 1), degrees=0.0):
    """4x4 matrix of a rotation about the origin and a translation."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_deg(axis, degrees)
    matrix[:3, 3] = translation
    return matrix
