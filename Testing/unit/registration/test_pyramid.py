"""The channels that explain the ultrasound."""

import numpy as np
import SimpleITK as sitk

from IUSTumorSegLib.registration.pyramid import mri_channels


def edge(axis: int) -> sitk.Image:
    """A 1 mm image, 0 on one side and 1 on the other of the middle plane across `axis` of x, y, z."""
    places = np.arange(24).reshape([-1 if a == 2 - axis else 1 for a in range(3)])
    return sitk.GetImageFromArray(np.broadcast_to(places >= 12, (24, 24, 24)).astype(np.float32))


def test_contrasts_have_an_intensity_and_a_laplacian_each_and_share_one_gradient():
    one = mri_channels([edge(0)], 0.7, thin_structures=True).values.numpy()
    two = mri_channels([edge(0), edge(1)], 0.7, thin_structures=True).values.numpy()
    assert (len(one), len(two)) == (3, 5)
    np.testing.assert_array_equal(two[0], one[0])
    np.testing.assert_array_equal(two[3], one[2])


def test_the_shared_gradient_shows_the_borders_of_every_contrast():
    shared = mri_channels([edge(0), edge(1)], 0.7).values.numpy()[2]
    shared = shared - shared.min()
    only_x, only_y, both, neither = shared[12, 4, 12], shared[12, 12, 4], shared[12, 12, 12], shared[12, 4, 4]
    assert only_x > 0.5 and np.isclose(only_x, only_y, rtol=1e-3)
    assert np.isclose(both, np.hypot(only_x, only_y), rtol=0.02)
    assert neither < 0.01 * only_x
