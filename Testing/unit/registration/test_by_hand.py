"""A pose that a person chose becomes the registration, and says so."""

from pathlib import Path

import numpy as np
import pytest
from made_images import pose

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.registration.by_hand import base_method, choose_candidate, keep_adjusted
from IUSTumorSegLib.registration.landmarks import Landmarks, mean_landmark_error_mm
from IUSTumorSegLib.registration.registration import Candidate, Judgement, LandmarkErrors, Registration, SourceFile
from IUSTumorSegLib.registration.registration_files import read_registration, write_registration
from IUSTumorSegLib.registration.transform_files import read_transform

POSES = [pose((1.0 * n, 0.5, -2.0), (1, 1, 0), 3.0 * n) for n in range(3)]


@pytest.fixture
def case_folder(tmp_path):
    source = SourceFile(Path("nowhere"), "0")
    judgement = Judgement("reject", ("The score is low.",), 0.2, 7.0, (3.0, 12.0), {"overlap": 0.8})
    write_registration(
        Registration(
            (source,), source, np.eye(4), POSES[0], "lc2", {"seed": 0}, "1.0", 0.30, judgement,
            tuple(Candidate(p, 0.3 - 0.01 * n) for n, p in enumerate(POSES)), LandmarkErrors(5.0, 2.0, 9), 10.0, "cpu",
            pose_samples=(POSES[0],),
        ),
        tmp_path,
    )  # fmt: skip
    for name in ("comparison.png", "displacement.json", "us_tumor_from_mri.nii.gz"):
        (tmp_path / name).write_text("of the former pose")
    return tmp_path


def test_the_chosen_candidate_is_the_registration_in_both_files(case_folder):
    choose_candidate(case_folder, 2, "A. Reader")
    stored = read_registration(case_folder / "registration.json")
    np.testing.assert_allclose(stored.mri_to_us_ras, POSES[1])
    np.testing.assert_allclose(read_transform(case_folder / "mri_to_us.tfm"), POSES[1], atol=1e-9)
    assert (stored.method_name, stored.score) == ("lc2 candidate 2, chosen by hand", 0.29)
    assert len(stored.candidates) == 3


def test_the_software_s_judgement_of_another_pose_is_not_kept(case_folder):
    chosen = choose_candidate(case_folder, 2, "A. Reader")
    judgement = chosen.judgement
    assert (judgement.verdict, judgement.success_probability, judgement.predicted_error_mm) == ("review", None, None)
    assert judgement.features == {} and chosen.pose_samples == () and chosen.landmarks is None
    assert judgement.reasons[0] == "A. Reader chose candidate 2 of 3; the software has not judged this pose."
    assert "'reject'" in judgement.reasons[1]


def test_pictures_and_figures_of_the_former_pose_go_and_its_label_stays(case_folder):
    choose_candidate(case_folder, 3, "")
    assert sorted(path.name for path in case_folder.iterdir()) == [
        "mri_to_us.tfm", "registration.json", "us_tumor_from_mri.nii.gz",
    ]  # fmt: skip


def test_choosing_again_does_not_pile_up_names(case_folder):
    choose_candidate(case_folder, 3, "A")
    again = choose_candidate(case_folder, 1, "A")
    assert again.method_name == "lc2 candidate 1, chosen by hand" and base_method(again) == "lc2"


def test_landmarks_measure_the_new_pose(case_folder):
    points = np.random.default_rng(0).uniform(-30, 30, (6, 3))
    landmarks = Landmarks(points, points + 1.0)
    errors = choose_candidate(case_folder, 2, "A", landmarks).landmarks
    assert errors.final_mm == pytest.approx(mean_landmark_error_mm(landmarks, POSES[1]))
    assert (errors.initial_mm, errors.n) == (pytest.approx(np.sqrt(3)), 6)


@pytest.mark.parametrize("number", [0, 4])
def test_a_candidate_that_is_not_there_is_refused_and_nothing_changes(case_folder, number):
    before = (case_folder / "registration.json").read_bytes()
    with pytest.raises(BadInput, match="from 1 to 3"):
        choose_candidate(case_folder, number, "A")
    assert (case_folder / "registration.json").read_bytes() == before and (case_folder / "comparison.png").exists()


@pytest.mark.parametrize(("refined", "method"), [(False, "manual"), (True, "manual + LC2")])
def test_an_adjusted_pose_is_kept_with_how_it_came_about(case_folder, refined, method):
    adjusted = pose((2.0, 3.0, 4.0))
    kept = keep_adjusted(case_folder, adjusted, "B", refined, score=0.4)
    stored = read_registration(case_folder / "registration.json")
    np.testing.assert_allclose(stored.mri_to_us_ras, adjusted)
    assert kept.method_name == stored.method_name == method
    assert stored.judgement.reasons[0].startswith("B set the pose by hand") and stored.score == 0.4
