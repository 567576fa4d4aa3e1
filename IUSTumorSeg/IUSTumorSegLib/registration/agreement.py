"""Where in the ultrasound the registered MRI explains it, as a map."""

from typing import TYPE_CHECKING

import numpy as np

from ..images.geometry import ijk_to_ras, set_ijk_to_ras
from .lc2 import PatchGrid, patch_scores
from .pyramid import isotropic_grid
from .search import FINE_MM, Scene

if TYPE_CHECKING:
    import SimpleITK as sitk

MAP_SPACING_MM = 2.0
SMOOTHED_PATCHES = 0.7  # sigma, in steps from patch to patch
CONTINUED_PATCHES = 2.0  # a patch counts from 60 % inside, so the sector's rim lies up to this far beyond the last


def local_agreement_map(scene: Scene, pose: np.ndarray) -> "sitk.Image":
    """The share of the ultrasound's local variance that the MRI explains at `pose` (6,): float32, 0 to 1, every 2 mm.

    S_p of LC2's patches at the finest level, averaged over the ultrasound's features and the neighbouring patches with
    the weights that LC2 gives them. 0 outside the field of view; unrelated images give 0.1 to 0.2.
    """
    grid = scene.grids[FINE_MM]
    scores, weights = _patch_values(scene, grid, pose)
    return _every_2_mm(_smooth(scores, weights), _patches_to_ras(scene, grid), scene.mask)


def _patch_values(scene: Scene, grid: PatchGrid, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S_p and weight of each patch of the regular grid, both (pz, py, px); 0 where no patch counts."""
    import torch

    poses = torch.as_tensor(np.asarray(pose)[None], dtype=torch.float32, device=scene.mri.values.device)
    with torch.inference_mode():
        each = patch_scores(grid, scene.channels(FINE_MM), scene.space.us_to_mri(poses))[0]
        weights = grid.weights.sum(0)
        scores = (each * grid.weights).sum(0) / weights.clamp_min(1e-12)
    shape = [box.shape[1] for box in grid.boxes]
    places = grid.patches.cpu().numpy()
    dense = np.zeros((2, int(np.prod(shape))), np.float32)
    dense[:, places] = scores.cpu().numpy(), weights.cpu().numpy()
    regular = tuple(slice(0, _regular_count(grid, axis)) for axis in range(3))
    return dense[0].reshape(shape)[regular], dense[1].reshape(shape)[regular]


def _starts(grid: PatchGrid, axis: int) -> np.ndarray:
    """First voxels of the patches along one array axis."""
    return grid.boxes[axis].argmax(dim=0).cpu().numpy()


def _regular_count(grid: PatchGrid, axis: int) -> int:
    """How many patches follow one another by the stride; the last, which ends at the border, may not."""
    starts = _starts(grid, axis)
    if len(starts) < 3:
        return len(starts)
    return len(starts) - int(starts[-1] - starts[-2] != starts[1] - starts[0])


def _patches_to_ras(scene: Scene, grid: PatchGrid) -> np.ndarray:
    """4x4 from indices (i, j, k) of patches to the RAS position of their middles."""
    voxels = ijk_to_ras(isotropic_grid(scene.mask, grid.spacing_mm))
    patches = np.eye(4)
    for axis, box in enumerate(grid.boxes):
        starts, row = _starts(grid, axis), 2 - axis
        patches[row, row] = starts[1] - starts[0] if len(starts) > 1 else 1
        patches[row, 3] = (float(box[:, 0].sum()) - 1) / 2
    return voxels @ patches


def _smooth(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted average over neighbouring patches; beyond the outermost patches, the nearest one's for two steps."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    total = gaussian_filter(scores * weights, SMOOTHED_PATCHES, mode="constant")
    near = gaussian_filter(weights, SMOOTHED_PATCHES, mode="constant")
    away, nearest = distance_transform_edt(weights <= 0, return_indices=True)
    values = (total / np.maximum(near, 1e-12))[tuple(nearest)]
    return np.where(away <= CONTINUED_PATCHES, values, 0).astype(np.float32)


def _every_2_mm(values: np.ndarray, to_ras: np.ndarray, mask: "sitk.Image") -> "sitk.Image":
    """Linear resampling onto 2 mm over the box that holds `mask`; 0 outside `mask`."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    set_ijk_to_ras(image, to_ras)
    grid = isotropic_grid(mask, MAP_SPACING_MM)
    on_grid = sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)
    return sitk.Mask(on_grid, sitk.Resample(mask, grid, sitk.Transform(), sitk.sitkNearestNeighbor))
