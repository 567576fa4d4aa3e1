"""A case that was never registered gets its registration by hand."""

import json

import numpy as np
import pytest

from IUSTumorSegLib.registration.landmarks import Landmarks
from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.registration.transform_files import read_transform
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.case_state import read_state
from IUSTumorSegLib.study.first_registration import keep_first
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder


@pytest.fixture
def folder(tmp_path):
    return case_folder(made_study(tmp_path / "study", 1), "case-0000")


def shifted(mm):
    matrix = np.eye(4)
    matrix[1, 3] = mm
    return matrix


def test_it_is_written_with_its_sources_and_waits_for_review_without_a_probability(folder):
    keep_first(folder, shifted(3), "Anna")
    kept, case = read_registration(folder / "registration.json"), read_case(folder)
    assert kept.method_name == "manual"
    assert kept.us.sha256 == case.us.sha256
    assert [source.sha256 for source in kept.mri] == [file.sha256 for file in case.mri]
    assert kept.judgement.success_probability is None
    np.testing.assert_allclose(read_transform(folder / "mri_to_us.tfm"), shifted(3), atol=1e-9)
    state = read_state(folder)
    assert (state.registered, state.verdict) == (True, "review")
    assert "Anna set the pose by hand" in state.reasons[0]


def test_the_failure_that_it_makes_good_is_no_longer_said(folder):
    (folder / "failure.json").write_text(json.dumps({"step": "register", "sentence": "It went wrong."}))
    keep_first(folder, shifted(3), "Anna", refined=True, score=0.2)
    assert read_state(folder).failed == ""
    assert read_registration(folder / "registration.json").method_name == "manual + LC2"


def test_landmarks_measure_its_error(folder):
    points = np.array([[0.0, 0, 0], [1, 2, 3]])
    kept = keep_first(folder, shifted(3), "", landmarks=Landmarks(points, np.add(points, (0, 4, 0))))
    assert (kept.landmarks.initial_mm, kept.landmarks.final_mm, kept.landmarks.n) == (4.0, 1.0, 2)
