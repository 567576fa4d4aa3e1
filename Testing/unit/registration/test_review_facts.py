"""What is known of a registration, in sentences."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from IUSTumorSegLib.registration.landmarks import Landmarks
from IUSTumorSegLib.registration.registration import Judgement, LandmarkErrors, Registration, SourceFile
from IUSTumorSegLib.registration.review_facts import percentile_rank, review_facts

FEATURES = {
    "agreeing_starts": 0.75, "rival_distance_mm": 14.2, "rival_gap": 0.031, "overlap": 0.93, "distance_from_start_mm": 6.4,
}  # fmt: skip


def registration(judgement, landmarks=None, score=0.31):
    source = SourceFile(Path("nowhere"), "")
    moved = np.eye(4)
    moved[0, 3] = 3.0
    return Registration(
        (source,), source, np.eye(4), moved, "lc2", {}, "1", score, judgement, (), landmarks, 1.0, "cpu"
    )


def told(facts):
    return {fact.title: fact.sentence for fact in facts}


def test_everything_that_is_known_is_told():
    judgement = Judgement("review", ("One sign is weak.",), 0.83, 2.41, (0.9, 6.2), FEATURES)
    facts = told(review_facts(registration(judgement, LandmarkErrors(5.4, 1.8, 15)), [0.1, 0.2, 0.3, 0.4, 0.5]))
    assert next(iter(facts)) == "Verdict"
    assert facts == {
        "Verdict": "Needs a look (right within 2 mm with a probability of 83 %). One sign is weak.",
        "Expected error": "2.4 mm on average over the ultrasound; in 9 of 10 such cases between 0.9 and 6.2 mm.",
        "Landmarks": "5.4 mm before and 1.8 mm after registration, mean of 15 pairs.",
        "Score": "0.310, higher than 60 % of the 5 registrations of this study (0.100 to 0.500).",
        "Independent searches": "75 % of the best starts ended near this pose. "
        "The second-best pose lies 14 mm away and scores 0.031 less.",
        "Overlap": "93 % of the ultrasound lies inside the MRI.",
        "Moved": "6.4 mm from where navigation had put the MRI.",
    }


def test_what_is_not_known_is_left_out():
    facts = told(review_facts(registration(Judgement("review", ("A person chose this pose.",)))))
    assert facts == {"Verdict": "Needs a look. A person chose this pose.", "Score": "0.310."}


def test_landmarks_of_the_case_measure_a_registration_that_had_none():
    points = np.zeros((4, 3))
    facts = told(
        review_facts(
            registration(Judgement("accept", ())), landmarks=Landmarks(points, points + np.array([3.0, 4.0, 0]))
        )
    )
    assert facts["Landmarks"] == "5.0 mm before and 4.0 mm after registration, mean of 4 pairs."


def test_without_a_registration_that_is_what_is_told():
    assert told(review_facts(None)) == {"Verdict": "This case is not registered."}


@pytest.mark.parametrize(("value", "rank"), [(0, 0), (1, 12.5), (2.5, 50), (4, 87.5), (9, 100)])
def test_a_percentile_rank_counts_ties_half(value, rank):
    assert percentile_rank(value, [1, 2, 3, 4]) == rank


def test_a_pose_set_by_hand_has_no_score_to_compare():
    judgement = Judgement("review", ("A person set this pose.",))
    by_hand = replace(registration(judgement, score=0.0), method_name="manual + LC2")
    facts = told(review_facts(by_hand, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]))
    assert facts["Score"] == "Not computed for a pose set by hand."
