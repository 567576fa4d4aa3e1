"""What the review of a case shows is read whole, ahead of time, and a file that is gone is told in a sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput, Cancelled
from IUSTumorSegLib.registration.registration import Candidate, Judgement, Registration
from IUSTumorSegLib.registration.registration_files import fingerprint, write_registration
from IUSTumorSegLib.study.case import Case, CaseFile, Licence, read_case, write_case
from IUSTumorSegLib.study.case_images import read_case_images, with_overlays

DEMO_CASE = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"
IDENTITY = np.eye(4)


def case_file(name, what=""):
    path = DEMO_CASE / name
    return CaseFile(path, "", path.stat().st_size, path.stat().st_mtime, what)


def register(folder, samples=0, pose=IDENTITY):
    """A registration; the pose samples are shifted by 1, 2, ... mm to the right."""
    shifts = [np.eye(4) for _ in range(samples)]
    for number, matrix in enumerate(shifts, start=1):
        matrix[0, 3] = number
    us, mri = fingerprint(DEMO_CASE / "us.nii.gz"), fingerprint(DEMO_CASE / "mri_flair.nii.gz")
    write_registration(
        Registration(
            (mri,), us, np.eye(4), pose, "lc2", {}, "1", 0.3, Judgement("review", ()), (Candidate(pose, 0.3),),
            None, 1.0, "cpu", pose_samples=tuple(shifts),
        ),
        folder,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    files = {
        "us": case_file("us.nii.gz"),
        "mri": (case_file("mri_flair.nii.gz", "FLAIR"),),
        "mri_labels": (case_file("mri_tumor.nii.gz", "tumor"),),
        "landmarks": case_file("landmarks.tag"),
    }
    write_case(Case("demo-1", "1", "demo", Licence("CC0"), **files), tmp_path / "demo-1")
    return tmp_path / "demo-1"


def test_a_registered_case_comes_with_all_that_is_shown(folder):
    register(folder, pose=np.array(json.loads((DEMO_CASE / "truth.json").read_text())["true_mri_to_us_ras"]))
    images = read_case_images(folder)
    us = sitk.ReadImage(str(DEMO_CASE / "us.nii.gz"))
    assert images.us.GetPixelID() == us.GetPixelID() or us.GetPixelID() == sitk.sitkFloat64
    np.testing.assert_array_equal(sitk.GetArrayViewFromImage(images.us), sitk.GetArrayViewFromImage(us))
    assert [contrast for contrast, _ in images.mris] == ["FLAIR"]
    assert images.mri_tumor is not None and images.landmarks is not None and images.registration is not None
    assert sitk.GetArrayViewFromImage(images.edges).max() > 200
    agreement = sitk.GetArrayViewFromImage(images.agreement)
    assert agreement[agreement > 0].mean() > 0.3 and agreement.max() <= 1


def test_a_case_without_registration_is_shown_as_it_is(folder):
    images = read_case_images(folder)
    assert images.registration is None and images.arrows is None and images.propagated is None
    agreement = sitk.GetArrayViewFromImage(images.agreement)
    assert agreement[agreement > 0].mean() < 0.25  # navigation had put it 8 mm off


def test_arrows_need_pose_samples(folder):
    register(folder, samples=3)
    arrows = read_case_images(folder).arrows
    # Samples shifted by 1, 2 and 3 mm to the right: 2 mm on average, along that axis.
    np.testing.assert_allclose(arrows.lengths_mm, 2.0, atol=1e-3)
    np.testing.assert_allclose(np.abs(arrows.vectors_mm[:, 0]), 2.0, atol=1e-3)


def test_a_file_that_is_gone_is_told_in_a_sentence(folder):
    case = read_case(folder)
    write_case(replace(case, us=replace(case.us, path=Path(folder / "lost.nii.gz"))), folder)
    with pytest.raises(BadInput, match=r"ultrasound of the case.*connect the drive"):
        read_case_images(folder)


def test_the_overlays_can_be_left_for_later(folder):
    register(folder)
    quick = read_case_images(folder, overlays=False)
    assert quick.edges is None and quick.agreement is None and quick.agreement_inputs is None
    at_once = read_case_images(folder)
    later = with_overlays(quick)
    for name in ("edges", "agreement"):
        np.testing.assert_array_equal(
            sitk.GetArrayViewFromImage(getattr(later, name)), sitk.GetArrayViewFromImage(getattr(at_once, name))
        )


def test_making_overlays_stops_when_another_case_is_wanted(folder):
    register(folder)
    answers = iter([True, False])
    with pytest.raises(Cancelled):
        with_overlays(read_case_images(folder, overlays=False), lambda: next(answers))
