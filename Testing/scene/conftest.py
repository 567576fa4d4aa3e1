"""Small images and nodes for the tests on real MRML; the application and its scene are fixtures one level up."""

import ctypes.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _off_screen_drawing_is_possible() -> None:
    if sys.platform.startswith("linux") and ctypes.util.find_library("EGL") is None:
        pytest.skip("libEGL is not installed (Debian: libegl1)")


@pytest.fixture
def oblique_image() -> Callable[..., Any]:
    """Makes a SimpleITK image of an array [k, j, i] on a grid that is turned about all axes, off the origin."""
    import SimpleITK as sitk

    def make(
        array: np.ndarray,
        spacing_mm: float = 1.0,
        degrees: tuple[float, float, float] = (20.0, -15.0, 30.0),
        origin_mm: tuple[float, float, float] = (12.0, -34.0, 20.5),
    ) -> Any:
        turn = sitk.Euler3DTransform()
        turn.SetRotation(*np.radians(degrees))
        image = sitk.GetImageFromArray(array)
        image.SetSpacing([spacing_mm, spacing_mm * 0.9, spacing_mm * 1.1])
        image.SetDirection(turn.GetMatrix())
        image.SetOrigin(origin_mm)
        return image

    return make


@pytest.fixture
def mri_to_us_ras() -> np.ndarray:
    """A rigid 4x4 of a few degrees about all axes and about a centimetre."""
    return rigid((4.0, -6.0, 8.0), (7.0, -5.0, 3.0))


@pytest.fixture
def rigid_matrix() -> Callable[..., np.ndarray]:
    """Makes a rigid 4x4 of three angles in degrees and a shift in mm."""
    return rigid


def rigid(degrees: tuple[float, float, float], shift_mm: tuple[float, float, float]) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift_mm
    return matrix


@pytest.fixture
def ball() -> Callable[..., np.ndarray]:
    """Makes an array [k, j, i] of zeros with ones within a radius of a centre (i, j, k), in voxels."""

    def make(size_ijk: tuple[int, int, int], center_ijk: tuple[float, float, float], radius: float) -> np.ndarray:
        k, j, i = np.indices(size_ijk[::-1])
        return ((i - center_ijk[0]) ** 2 + (j - center_ijk[1]) ** 2 + (k - center_ijk[2]) ** 2 <= radius**2).astype(
            np.uint8
        )

    return make


@pytest.fixture
def grey_volume(scene: Any, oblique_image: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a volume node of one grey value, shown as that value on screen."""
    from IUSTumorSegLib.scene.nodes import volume_from_image

    def make(value: float, name: str = "Volume", shape: tuple[int, int, int] = (40, 40, 40)) -> Any:
        volume = volume_from_image(scene, oblique_image(np.full(shape, value, dtype=np.float32)), name)
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevelMinMax(0, 255)
        return volume

    return make
