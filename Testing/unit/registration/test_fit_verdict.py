"""The verdict's fit on made runs whose law is known."""

import numpy as np
import pytest

from IUSTumorSegLib.registration.fit_verdict import cross_validated, fit
from IUSTumorSegLib.registration.verdict import error_of, judge, model_from, right_error_quantiles_mm

SPREAD = 0.4


def law(spread_mm):
    return 0.4 + 0.9 * np.log(spread_mm)


def made_runs(count, seed):
    """Right runs whose error grows with the bootstrap's spread, by a log-normal law; wrong ones that stand out little."""
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(count):
        right = number % 2 == 0
        z = rng.uniform(6, 12) if right else rng.uniform(0, 3)
        spread_mm = float(np.exp(rng.uniform(np.log(0.1), 0.0)))
        error = float(np.exp(law(spread_mm) + SPREAD * rng.standard_normal())) if right else 20.0
        features = {
            "lc2_z": z, "thin_lc2_z": z + rng.normal(), "block_rank": min(0.62 + z / 20, 1.0),
            "thin_block_rank": min(0.62 + z / 20, 1.0),
            "mind_z": z / 3 + 0.1 * rng.normal(), "bootstrap_mm": spread_mm,
            "informative_share": 0.3 + 0.02 * rng.normal(), "agreeing_starts": rng.uniform(0.3, 1), "overlap": 1.0,
            "rival_distance_mm": 0.0, "rival_gap": 0.1, "distance_from_start_mm": 5.0,
        }  # fmt: skip
        kind = "own" if right else "other"
        runs.append(
            {
                "name": f"simulated-{number}-{kind}",
                "right": right,
                "error_mm": error,
                "kind": kind,
                "features": features,
            }
        )
    return runs


@pytest.fixture(scope="module")
def model():
    return model_from(fit(made_runs(400, 0)))


def test_the_interval_holds_nine_in_ten_errors_of_runs_it_never_saw(model):
    held = []
    for run in made_runs(1000, 1):
        if run["right"]:
            low, high = error_of(run["features"], 1.0, model)[1]
            held.append(low <= run["error_mm"] <= high)
    assert 0.86 < np.mean(held) < 0.94


def test_intervals_fitted_on_few_patients_seldom_hold_less_than_they_say():
    holds = []
    for seed in range(60):
        few = model_from(fit(made_runs(40, 100 + seed)))
        runs = [run for run in made_runs(400, 1000 + seed) if run["right"]]
        intervals = [error_of(run["features"], 1.0, few)[1] for run in runs]
        within = [low <= run["error_mm"] <= high for (low, high), run in zip(intervals, runs, strict=True)]
        holds.append(np.mean(within) >= 0.88)  # 0.9 less what 200 runs leave open
    assert np.mean(holds) > 0.85


def test_the_expected_error_follows_the_law_that_made_it(model):
    runs = [run for run in made_runs(200, 2) if run["right"]]
    expected = [error_of(run["features"], 1.0, model)[0] for run in runs]
    truth = [np.exp(law(run["features"]["bootstrap_mm"]) + SPREAD**2 / 2) for run in runs]
    assert np.median(np.abs(np.log(expected) - np.log(truth))) < 0.1


def test_quantiles_divide_the_errors_into_equal_shares(model):
    features = made_runs(1, 3)[0]["features"]
    sizes = np.array(right_error_quantiles_mm(features, 200, model))
    assert (np.diff(sizes) > 0).all()
    assert np.log(sizes).std() == pytest.approx(model.error_deviation, rel=0.03)
    low, high = error_of(features, 1.0, model)[1]
    assert np.percentile(sizes, [5, 95]) == pytest.approx([low, high], rel=0.05)


def test_a_patient_with_many_runs_counts_once():
    runs = made_runs(60, 6)
    twelve_times = [run | {"name": "real-24-x", "kind": "real"} for run in runs[:1] for _ in range(12)]
    once = model_from(fit([*runs, twelve_times[0]]))
    often = model_from(fit([*runs, *twelve_times]))
    features = runs[2]["features"]
    assert error_of(features, 1.0, often)[0] == pytest.approx(error_of(features, 1.0, once)[0], abs=0.01)


def test_right_and_wrong_that_differ_are_told_apart_when_left_out():
    measured = cross_validated(made_runs(100, 4))
    assert measured["accepted_of_wrong"] == 0 and measured["not_accepted_of_right"] < 0.1
    assert measured["auc"] > 0.99


def test_signs_between_right_and_wrong_ask_for_a_person(model):
    between = {"lc2_z": 4.5, "thin_lc2_z": 4.5, "block_rank": 0.84, "thin_block_rank": 0.84, "mind_z": 1.5}
    features = made_runs(1, 5)[0]["features"] | between | {"agreeing_starts": 0.5}
    judgement = judge(features, model)
    assert judgement.verdict == "review" and judgement.reasons


@pytest.mark.parametrize(
    ("doubtful", "sentence"),
    [
        ({"distance_from_start_mm": 24.6}, "25 mm from the start, at the edge"),
        ({"overlap": 0.31}, "Only 31 %"),
        ({"thin_block_rank": 0.86}, "only 86 %"),
    ],
)
def test_what_was_hardly_seen_or_only_in_parts_is_never_accepted(model, doubtful, sentence):
    features = made_runs(1, 5)[0]["features"]
    assert judge(features, model).verdict == "accept"
    judgement = judge(features | doubtful, model)
    assert judgement.verdict == "review"
    assert any(sentence in reason for reason in judgement.reasons)
