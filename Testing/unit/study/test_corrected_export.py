"""A corrected label as the rest of a study sees it."""

import numpy as np
import pytest
import SimpleITK as sitk
from made_cases import coarse_demo_study, identity_registration, review

from IUSTumorSegLib.labels.corrected_label import note_on_correction, save_corrected_label
from IUSTumorSegLib.study.case_images import read_case_images
from IUSTumorSegLib.study.case_state import propagated_from, read_state
from IUSTumorSegLib.study.export_cases import choose_for_export
from IUSTumorSegLib.study.propagate_study import propagate_case
from IUSTumorSegLib.study.reviews import registration_sha256
from IUSTumorSegLib.study.study_folder import case_folder


@pytest.fixture
def study(tmp_path):
    made = coarse_demo_study(tmp_path / "study", tmp_path / "images")
    folder = case_folder(made, "demo-1")
    identity_registration(folder)
    propagate_case(folder)
    review(folder, "accept")
    return made


def correct(folder):
    """Take a propagated label a voxel further."""
    label = sitk.BinaryDilate(sitk.ReadImage(str(folder / "us_tumor_from_mri.nii.gz")), [1, 1, 1])
    save_corrected_label(label, folder, "us_tumor_from_mri.nii.gz", propagated_from(folder), "Anna", 30.0)
    return label


def exported(study):
    (case,) = choose_for_export(study).cases
    return case.label_source, case.us_tumor.name


def test_an_export_takes_the_corrected_label_before_the_propagated_one_and_says_which(study):
    folder = case_folder(study, "demo-1")
    assert exported(study) == ("propagated", "us_tumor_from_mri.nii.gz")
    label = correct(folder)
    assert exported(study) == ("corrected", "us_tumor_corrected.nii.gz")
    read = read_case_images(folder).corrected
    np.testing.assert_array_equal(sitk.GetArrayFromImage(read), sitk.GetArrayFromImage(label))


def test_after_a_new_registration_the_corrected_label_stays_and_its_note_says_so(study):
    folder = case_folder(study, "demo-1")
    correct(folder)
    assert "again" not in note_on_correction(folder, registration_sha256(folder))
    identity_registration(folder, samples=3)
    assert "Registered again since" in note_on_correction(folder, registration_sha256(folder))
    assert read_state(folder).labels == ("corrected",)
