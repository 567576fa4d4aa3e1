import numpy as np
import SimpleITK as sitk
from made_images import linear_mix, structured_mri

from IUSTumorSegLib.images.geometry import resample_onto
from IUSTumorSegLib.registration.affine import try_affine
from IUSTumorSegLib.registration.search import prepare


def trial_of_an_ultrasound_stretched_by(percent, noise=0.3):
    """An exact mix, stretched along x about its middle, with speckle."""
    mri = structured_mri((60, 60, 56), sigma=2.5)
    stretch = np.diag([1 + percent / 100, 1.0, 1.0, 1.0])
    us = resample_onto(linear_mix(mri), mri, stretch)
    echo = sitk.GetArrayFromImage(us) * (1 + noise * np.random.default_rng(2).standard_normal(us.GetSize()[::-1]))
    speckled = sitk.GetImageFromArray(np.maximum(echo, 1e-3)[3:-3, 3:-3, 5:-5].astype(np.float32))
    speckled.SetOrigin(mri.TransformIndexToPhysicalPoint((5, 3, 3)))
    scene = prepare(speckled, [mri], np.eye(4))
    return scene, try_affine(scene, np.zeros(6))


def test_a_stretch_that_is_there_wins_on_held_out_halves_and_is_recovered():
    scene, trial = trial_of_an_ultrasound_stretched_by(6.0)
    assert trial.wins
    linear = scene.space.mri_to_us_ras(trial.pose)[:3, :3]
    assert np.allclose(linear, np.diag([1.06, 1.0, 1.0]), atol=0.015)


def test_a_stretch_that_is_not_there_does_not_win():
    _, trial = trial_of_an_ultrasound_stretched_by(0.0)
    assert not trial.wins
