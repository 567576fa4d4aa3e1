"""The channels that explain the ultrasound."""

import numpy as np
import SimpleITK as sitk

from IUSTumorSegLib.registration.pyramid import mri_channels


def edge(axis: int) -> sitk.Image:
    """A 1 mm image, 0 on one side and 1 on the other of the middle plane across `axis` of x, y, z."""
    places = np.arange(24).reshape([-1 if a == 2 - axis else 1 for a in range(3)])
    return sitk.GetImageFromArray(np.broadcast_to(places >= 12, (24, 24, 24)).astype(np.float32))


def test_contrasts_have_an_intensity_each_and_share_gradient_and_laplacian():
    one = mri_channels([edge(0)], 0.7, thin_structures=True).values.numpy()
    two = mri_channels([edge(0), edge(1)], 0.7, thin_structures=True).values.numpy()
    assert (len(one), len(two)) == (3, 4)
    np.testing.assert_array_equal(two[0], one[0])


def test_a_sulcus_dark_in_one_contrast_and_bright_in_the_other_keeps_its_laplacian():
    dark = _sulcus()
    bright = 3 - 2 * dark
    alone = mri_channels([dark], 0.7, thin_structures=True).values.numpy()[-1]
    shared = mri_channels([dark, bright], 0.7, thin_structures=True).values.numpy()[-1]
    np.testing.assert_allclose(shared, alone, atol=1e-4)


def _sulcus() -> sitk.Image:
    """A 1 mm image of 1, with a plane of 0 in the middle."""
    values = np.ones((24, 24, 24), np.float32)
    values[:, :, 12] = 0
    return sitk.GetImageFromArray(values)


def test_the_shared_gradient_shows_the_borders_of_every_contrast():
    shared = mri_channels([edge(0), edge(1)], 0.7).values.numpy()[2]
    shared = shared - shared.min()
    only_x, only_y, both, neither = shared[12, 4, 12], shared[12, 12, 4], shared[12, 12, 12], shared[12, 4, 4]
    assert only_x > 0.5 and np.isclose(only_x, only_y, rtol=1e-3)
    assert np.isclose(both, np.hypot(only_x, only_y), rtol=0.02)
    assert neither < 0.01 * only_x


def test_the_grid_is_the_same_one_wherever_it_is_cropped():
    """Or the score's ripples, and with them the pose, would follow the start."""
    mri = sitk.Image(200, 180, 160, sitk.sitkFloat32)
    mri.SetSpacing((0.7, 0.7, 0.9))
    corners = np.array([[0.0, 0.0, 0.0], [20.0, 20.0, 20.0]]) - [70.0, 60.0, -60.0]  # RAS
    origins = []
    for moved_mm in (0.0, 0.3, 4.45):
        channels = mri_channels([mri], 0.7, corners + moved_mm)
        assert min(channels.values.shape[1:]) > 20
        origins.append(np.linalg.inv(channels.ras_to_ijk)[:3, 3])
    apart = np.array(origins[1:]) - origins[0]
    np.testing.assert_allclose(apart, np.round(apart), atol=1e-6)
    assert np.abs(apart).max() >= 1
