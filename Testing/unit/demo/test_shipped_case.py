"""The pair that ships with the Slicer module is what the command makes, small, and quick to load."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.demo.case_files import SHIPPED_SEED, truth_as_json
from IUSTumorSegLib.demo.simulated_case import simulate_small_case
from IUSTumorSegLib.images.volumes import read_label, read_volume
from IUSTumorSegLib.registration.landmarks import read_tag

SHIPPED = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"


@pytest.fixture(scope="module")
def again(template):
    return simulate_small_case(SHIPPED_SEED, template=template)


@pytest.mark.parametrize(
    ("name", "image"), [("us", "us"), ("mri_tumor", "mri_tumor"), ("us_tumor_truth", "us_tumor_truth")]
)
def test_the_command_reproduces_the_shipped_images(again, name, image):
    assert_same(sitk.ReadImage(str(SHIPPED / f"{name}.nii.gz")), getattr(again, image))


def test_the_command_reproduces_the_shipped_mri(again):
    assert_same(sitk.ReadImage(str(SHIPPED / "mri_flair.nii.gz")), again.mris["FLAIR"])


def assert_same(shipped, made):
    """Alike but for a few voxels that another processor's rounding tips over."""
    np.testing.assert_allclose(shipped.GetOrigin(), made.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(shipped.GetDirection(), made.GetDirection(), atol=1e-5)
    before, now = sitk.GetArrayFromImage(shipped).astype(int), sitk.GetArrayFromImage(made).astype(int)
    assert before.shape == now.shape
    assert (np.abs(before - now) > 1).mean() < 1e-3


def test_the_command_reproduces_the_shipped_truth(again):
    shipped = json.loads((SHIPPED / "truth.json").read_text(encoding="utf-8"))
    made = truth_as_json(again)
    np.testing.assert_allclose(shipped["true_mri_to_us_ras"], made["true_mri_to_us_ras"], atol=1e-5)
    assert shipped["landmarks"]["floor_at_true_pose_mm"] == pytest.approx(
        made["landmarks"]["floor_at_true_pose_mm"], abs=1e-2
    )
    np.testing.assert_allclose(read_tag(SHIPPED / "landmarks.tag").us_ras, again.landmarks.us_ras, atol=1e-2)


def test_the_shipped_case_is_at_most_five_megabytes_with_its_licence():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 5_000_000
    licence = (SHIPPED / "LICENSE-MNI152.txt").read_text(encoding="utf-8")
    assert "Louis Collins, McConnell Brain Imaging Centre" in licence


def test_the_shipped_case_loads_within_five_seconds():
    started = time.perf_counter()
    mri, us = read_volume(SHIPPED / "mri_flair.nii.gz", "MRI"), read_volume(SHIPPED / "us.nii.gz", "ultrasound")
    labels = [read_label(SHIPPED / f"{name}.nii.gz") for name in ("mri_tumor", "us_tumor_truth")]
    assert time.perf_counter() - started < 5
    assert labels[0].GetSize() == mri.GetSize()
    assert labels[1].GetSize() == us.GetSize()
