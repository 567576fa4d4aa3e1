"""`mri_to_us_ras` means the same to a transform node, to SimpleITK and to a .tfm file: they put a blob at one place."""

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.images.geometry import center_of_mass_ras, resample_onto  # noqa: E402
from IUSTumorSegLib.registration.transform_files import write_transform  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, matrix_of, transform_node, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.offscreen import render_slice_view  # noqa: E402

TOLERANCE_MM = 0.3


@pytest.fixture
def mri(oblique_image, ball):
    return oblique_image((ball((40, 44, 48), (25, 18, 22), 4) * 100).astype(np.float32))


@pytest.fixture
def us_grid(oblique_image):
    return oblique_image(
        np.zeros((80, 90, 100), dtype=np.float32),
        spacing_mm=0.8,
        degrees=(-10.0, 25.0, 5.0),
        origin_mm=(-10.0, -40.0, 25.0),
    )


@pytest.fixture
def expected_ras(mri, mri_to_us_ras):
    """By hand: the blob's centre on the MRI, times the matrix."""
    index = np.array([25.0, 18.0, 22.0])
    ras = np.array(mri.TransformContinuousIndexToPhysicalPoint(index.tolist())) * (-1, -1, 1)
    return (mri_to_us_ras @ [*ras, 1.0])[:3]


def test_the_library_s_resampling_puts_the_blob_there(mri, us_grid, mri_to_us_ras, expected_ras):
    moved = resample_onto(mri, us_grid, mri_to_us_ras)
    np.testing.assert_allclose(center_of_mass_ras(moved > 50), expected_ras, atol=TOLERANCE_MM)


def test_simpleitk_with_the_tfm_puts_the_blob_there(mri, us_grid, mri_to_us_ras, expected_ras, tmp_path):
    write_transform(mri_to_us_ras, tmp_path / "mri_to_us.tfm")
    moved = sitk.Resample(mri, us_grid, sitk.ReadTransform(str(tmp_path / "mri_to_us.tfm")), sitk.sitkLinear)
    np.testing.assert_allclose(center_of_mass_ras(moved > 50), expected_ras, atol=TOLERANCE_MM)


def test_a_transform_node_over_the_mri_puts_the_blob_there(scene, mri, us_grid, mri_to_us_ras, expected_ras):
    volume = volume_from_image(scene, mri, "MRI")
    volume.SetAndObserveTransformNodeID(transform_node(scene, mri_to_us_ras, "MRI to ultrasound").GetID())
    np.testing.assert_allclose(center_of_mass_ras(image_from_volume(volume) > 50), expected_ras, atol=TOLERANCE_MM)


def test_slicer_s_slice_view_shows_the_blob_there(application, scene, mri, us_grid, mri_to_us_ras, expected_ras):
    volume = volume_from_image(scene, mri, "MRI")
    volume.SetAndObserveTransformNodeID(transform_node(scene, mri_to_us_ras, "MRI to ultrasound").GetID())
    for plane in ("axial", "sagittal", "coronal"):
        picture = render_slice_view(
            scene, volume, plane=plane, axes_of=None, center_ras=expected_ras, fov_mm=30.0, size_px=300,
            letters=False, ruler=False, application_logic=application.logic,
        )  # fmt: skip
        bright = np.argwhere(picture[..., 0] > 127)
        assert len(bright) > 500
        # 0.1 mm a pixel; the blob's middle is the picture's.
        np.testing.assert_allclose((bright.mean(axis=0) - 149.5) * 0.1, 0, atol=TOLERANCE_MM)


def test_slicer_reads_the_tfm_as_the_same_transform_node(scene, mri_to_us_ras, tmp_path):
    path = tmp_path / "mri_to_us.tfm"
    write_transform(mri_to_us_ras, path)
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "Loaded")
    storage = scene.AddNewNodeByClass("vtkMRMLTransformStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    np.testing.assert_allclose(matrix_of(node), mri_to_us_ras, atol=1e-9)
