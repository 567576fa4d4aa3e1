"""Voxel indices, RAS and LPS, and resampling between grids."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ijk_to_ras(image: "sitk.Image") -> np.ndarray:
    """4x4 matrix from continuous voxel indices (i, j, k) to RAS millimetres."""
    ijk_to_lps = np.eye(4)
    ijk_to_lps[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    ijk_to_lps[:3, 3] = image.GetOrigin()
    return LPS_FROM_RAS @ ijk_to_lps


def set_ijk_to_ras(image: "sitk.Image", matrix: np.ndarray) -> None:
    """Give `image` the geometry of a 4x4 ijk-to-RAS `matrix` with orthogonal columns, in place."""
    ijk_to_lps = LPS_FROM_RAS @ matrix
    spacing = np.linalg.norm(ijk_to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((ijk_to_lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(ijk_to_lps[:3, 3].tolist())


def change_world_frame(matrix: np.ndarray) -> np.ndarray:
    """The same 4x4 mapping between worlds, given in RAS and wanted in LPS, or the other way round."""
    return LPS_FROM_RAS @ matrix @ LPS_FROM_RAS


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a 4x4 `matrix` to `points` of shape (..., 3)."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def points_ras_from_indices(image: "sitk.Image", ijk: np.ndarray) -> np.ndarray:
    """RAS positions, shape (n, 3) in mm, of voxel indices `ijk` of shape (n, 3) in the order i, j, k."""
    return transform_points(ijk_to_ras(image), np.asarray(ijk, dtype=float))


def center_of_mass_ras(label: "sitk.Image") -> np.ndarray:
    """RAS position in mm of the mean non-zero voxel; `ValueError` for an empty label."""
    import SimpleITK as sitk

    kji = np.argwhere(sitk.GetArrayViewFromImage(label))
    if not len(kji):
        raise ValueError("an empty label has no centre")
    return points_ras_from_indices(label, kji.mean(axis=0, keepdims=True)[:, ::-1])[0]


def grid_center_ras(image: "sitk.Image") -> np.ndarray:
    """RAS position in mm of the middle of the voxel grid."""
    middle = (np.array(image.GetSize()) - 1) / 2
    return points_ras_from_indices(image, middle[None])[0]


def same_grid(first: "sitk.Image", second: "sitk.Image", tolerance_mm: float = 1e-2) -> bool:
    """Whether both images have one size and their corners coincide within `tolerance_mm`."""
    if first.GetSize() != second.GetSize():
        return False
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in first.GetSize()])).reshape(3, -1).T
    apart = points_ras_from_indices(first, corners) - points_ras_from_indices(second, corners)
    return bool(np.abs(apart).max() <= tolerance_mm)


def resampling_transform(moving_to_reference_ras: np.ndarray) -> "sitk.AffineTransform":
    """ITK's transform for resampling: it maps points of the reference to the moving image, in LPS."""
    import SimpleITK as sitk

    reference_to_moving_lps = change_world_frame(np.linalg.inv(moving_to_reference_ras))
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(reference_to_moving_lps[:3, :3].ravel().tolist())
    transform.SetTranslation(reference_to_moving_lps[:3, 3].tolist())
    return transform


def resample_onto(
    moving: "sitk.Image",
    reference: "sitk.Image",
    mri_to_us_ras: np.ndarray | None = None,
    interpolator: int | None = None,
    default: float = 0.0,
) -> "sitk.Image":
    """Resample `moving` onto the grid of `reference`.

    `mri_to_us_ras` maps the moving image's world to the reference's (4x4, RAS mm; identity if None). `interpolator` is
    one of SimpleITK's (linear if None); `default` fills what lies outside `moving`. The pixel type stays.
    """
    import SimpleITK as sitk

    matrix = np.eye(4) if mri_to_us_ras is None else mri_to_us_ras
    chosen = sitk.sitkLinear if interpolator is None else interpolator
    return sitk.Resample(moving, reference, resampling_transform(matrix), chosen, default, moving.GetPixelID())


def grid_near(image: "sitk.Image", points_ras: np.ndarray, spacing_mm: float, margin_mm: float) -> "sitk.Image":
    """An empty isotropic grid along the axes of `image`, over its part within `margin_mm` of the box round the points.

    `points_ras`: (n, 3), RAS mm in the image's world; where all lie outside, the grid covers the whole image.
    """
    import SimpleITK as sitk

    to_ras, spacing, last = ijk_to_ras(image), np.array(image.GetSpacing()), np.array(image.GetSize()) - 1.0
    near = transform_points(np.linalg.inv(to_ras), points_ras)
    low = np.maximum(0.0, near.min(axis=0) - margin_mm / spacing)
    high = np.minimum(last, near.max(axis=0) + margin_mm / spacing)
    if (high <= low).any():
        low, high = np.zeros(3), last
    step = spacing_mm / spacing
    matrix = to_ras @ np.diag([*step, 1.0])
    matrix[:3, 3] = transform_points(to_ras, low)
    grid = sitk.Image(np.maximum(2, np.floor((high - low) / step).astype(int) + 1).tolist(), sitk.sitkUInt8)
    set_ijk_to_ras(grid, matrix)
    return grid
