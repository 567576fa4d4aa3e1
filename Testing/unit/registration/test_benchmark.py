"""The benchmark's arithmetic, its cases, its memory, and the local search it compares with."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from made_images import linear_mix, pose, structured_mri
from scipy.stats import binomtest, kstest, mannwhitneyu
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import resample_onto, transform_points
from IUSTumorSegLib.images.volumes import read_volume
from IUSTumorSegLib.registration import benchmark_cases, benchmark_runs, benchmark_summary
from IUSTumorSegLib.registration.benchmark import benchmark_registration
from IUSTumorSegLib.registration.benchmark_cases import (
    MIRRORED,
    Pair,
    contrasts_of,
    load_cases,
    mirrored,
    right_pair,
    wrong_pair,
)
from IUSTumorSegLib.registration.benchmark_methods import METHODS, local_lc2, mean_displacement_mm
from IUSTumorSegLib.registration.benchmark_runs import Job, code_fingerprint, read_runs, run_missing
from IUSTumorSegLib.registration.benchmark_statistics import area_under_curve, calibration_error, wilson_interval
from IUSTumorSegLib.registration.benchmark_summary import Run, discrimination_of, rows_of, wrong_pairs_of
from IUSTumorSegLib.registration.registration import Judgement
from IUSTumorSegLib.registration.verdict import load_model, right_error_quantiles_mm


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (98, 100), (100, 100), (1, 3)])
def test_wilsons_interval_is_scipys(hits, count):
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_area_under_the_curve_is_the_rank_sums():
    rng = np.random.default_rng(0)
    probability, right = rng.random(60).round(1), rng.random(60) < 0.6
    expected = mannwhitneyu(probability[right], probability[~right]).statistic / (right.sum() * (~right).sum())
    assert area_under_curve(probability, right) == pytest.approx(expected)
    assert area_under_curve(probability, np.ones(60, bool)) is None


def test_the_calibration_error_weighs_the_gap_of_each_bin_by_its_runs():
    # Four runs promised 0.95 of which three were right, and one of 0.25 that was wrong.
    probability, right = np.array([0.95] * 4 + [0.25]), np.array([True, True, True, False, False])
    assert calibration_error(probability, right) == pytest.approx(0.8 * 0.2 + 0.2 * 0.25)


def test_the_cases_are_a_hundred_patients_spread_as_stated():
    cases = load_cases()
    assert len({case.seed for case in cases}) == len(cases) == 100
    assert kstest([case.brain_shift_mm / 4 for case in cases], "uniform").pvalue > 0.01
    assert kstest([case.degrees / 15 for case in cases], "uniform").pvalue > 0.01
    directions = np.array([case.direction for case in cases])
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1, abs=1e-3)
    assert np.linalg.norm(directions.mean(axis=0)) < 0.2


def test_no_case_of_the_benchmark_trained_the_verdict():
    trained_on = json.dumps(load_model().fitted_on)
    assert not [case.seed for case in load_cases() if f"-{case.seed}-" in trained_on]


def test_contrasts_are_taken_in_turn_and_two_differ():
    names = ("FLAIR", "T1ce", "T2")
    assert [contrasts_of(n, names, False) for n in range(4)] == [("FLAIR",), ("T1ce",), ("T2",), ("FLAIR",)]
    assert contrasts_of(2, names, True) == ("T2", "FLAIR")


@pytest.fixture
def simulated(monkeypatch):
    """Patients that cost nothing: a small head, and an ultrasound that is the patient's seed everywhere."""

    class Truth:
        navigation_centre_ras = np.array([4.0, -3.0, 2.0])
        true_mri_to_us_ras = pose((1, 2, 3), (0, 1, 1), 5)

    class Simulated:
        truth = Truth
        true_mri_to_us_ras = Truth.true_mri_to_us_ras

        def __init__(self, seed, contrasts):
            self.mris = {name: structured_mri((12, 10, 8), seed=seed) for name in contrasts}
            self.us = sitk.Image(6, 6, 6, sitk.sitkUInt8) + seed % 200
            self.mri_tumor = None

    monkeypatch.setattr(benchmark_cases, "_simulated", lambda case, contrasts: Simulated(case.seed, contrasts))
    return Truth


@pytest.mark.parametrize("distance", [0.0, 10.0, 20.0])
def test_a_start_lies_the_asked_distance_from_the_truth_at_the_centre_of_the_field_of_view(simulated, distance):
    for case in load_cases()[:5]:
        pair = right_pair(case, ("FLAIR",), distance)
        centre = simulated.navigation_centre_ras
        apart = transform_points(pair.initial_mri_to_us_ras, centre) - transform_points(pair.true_mri_to_us_ras, centre)
        assert np.linalg.norm(apart) == pytest.approx(distance, abs=1e-9)
        turn = pair.initial_mri_to_us_ras[:3, :3] @ pair.true_mri_to_us_ras[:3, :3].T
        assert math.degrees(math.acos((np.trace(turn) - 1) / 2)) == pytest.approx(case.degrees, abs=1e-4)


def test_wrong_pairs_join_two_patients_or_mirror_one_and_no_two_are_the_same(simulated):
    cases = load_cases()
    seen = set()
    for number in range(200):
        scanned, pair = wrong_pair(number, cases, ("T2",), 10.0)
        case = cases[number % len(cases)]
        assert pair.true_mri_to_us_ras is None
        assert (scanned.seed == case.seed) == (number % 4 == 3)
        seen.add((case.seed, scanned.seed))
    assert len(seen) >= 150 + 25
    assert benchmark_cases.wrong_pair_kind(3) == MIRRORED


def test_a_mirrored_head_is_another_head_in_the_same_place():
    head = structured_mri((9, 8, 7))
    other = mirrored(head)
    on_the_same_grid = resample_onto(other, head, np.eye(4), sitk.sitkNearestNeighbor)
    voxels = sitk.GetArrayFromImage(head)
    assert np.array_equal(sitk.GetArrayFromImage(on_the_same_grid), voxels[:, :, ::-1])
    assert not np.array_equal(sitk.GetArrayFromImage(on_the_same_grid), voxels)


@pytest.fixture(scope="module")
def blobs():
    """An MRI and the ultrasound that LC2 explains wholly, at the identity."""
    mri = structured_mri((48, 46, 44), sigma=3.0)
    grid = sitk.Image(30, 28, 29, sitk.sitkFloat32)
    grid.SetOrigin((-14.5, -13.5, -14.0))
    return mri, resample_onto(linear_mix(mri), grid)


def test_local_lc2_returns_from_near_but_finds_no_way_from_afar(blobs):
    mri, us = blobs

    def ends_at(start):
        pair = Pair(us, [mri], start, np.eye(4))
        return mean_displacement_mm(pair, local_lc2(pair, "cpu").mri_to_us_ras, np.eye(4))

    assert ends_at(pose((1.0, -1.0, 1.0), (1, 0, 0), 3.0)) < 0.5
    assert ends_at(pose((13.0, -11.0, 9.0), (1, 1, 0), 15.0)) > 2.0


def test_the_mean_displacement_of_a_shift_is_the_shift(blobs):
    mri, us = blobs
    pair = Pair(us, [mri], np.eye(4), np.eye(4))
    assert mean_displacement_mm(pair, pose((2, -1, 2)), np.eye(4)) == pytest.approx(3.0, abs=1e-6)


@pytest.fixture
def made(monkeypatch):
    """The runs that were really made, of a method that ends as far from the truth as its number says."""
    made = []

    def measured(job, code):
        made.append(job)
        error = None if job.kind != benchmark_runs.RIGHT_PAIR else 0.5 + job.number
        return Run(job.key(code), error, 10.0, {"p": 0.9}, 2.0, 3.0, {"search": 2.0})

    monkeypatch.setattr(benchmark_runs, "_measured", measured)
    monkeypatch.setattr(benchmark_summary, "judge", lambda f: Judgement("accept", (), f["p"], 1.0, (0.2, 2.0), f))
    return made


JOBS = [Job("right", number, ("T2",), 10.0, "lc2", "cpu") for number in range(3)]


def test_an_interrupted_benchmark_makes_only_the_runs_that_are_missing(made, tmp_path):
    path = tmp_path / "runs.jsonl"
    run_missing(JOBS[:2], "code", path, 1, lambda *a: None)
    path.write_text(path.read_text() + '{"key": {"kind": "rig')  # killed in the middle of a line
    runs = run_missing(JOBS, "code", path, 1, lambda *a: None)
    assert made == JOBS
    assert [run.error_mm for run in runs] == [0.5, 1.5, 2.5]
    assert [run.key for run in read_runs(path)] == [job.key("code") for job in JOBS]


def test_runs_of_other_code_are_never_mixed_in(made, tmp_path):
    run_missing(JOBS, "old", tmp_path / "runs.jsonl", 1, lambda *a: None)
    runs = run_missing(JOBS[:1], "new", tmp_path / "runs.jsonl", 1, lambda *a: None)
    assert made == [*JOBS, JOBS[0]]
    assert [run.key["code"] for run in runs] == ["new"]


def test_the_code_is_told_by_what_it_does_not_by_its_comments(monkeypatch, tmp_path):
    library = tmp_path / "library"
    (library / "registration").mkdir(parents=True)
    source = library / "registration" / "search.py"
    monkeypatch.setattr(benchmark_runs, "LIBRARY", library)
    prints = []
    for text in ("step = 1\n", "step = 1  # as before\n", "step = 2\n"):
        source.write_text(text)
        prints.append(code_fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_a_benchmark_writes_the_same_tables_when_run_again(made, tmp_path):
    options = {"out": tmp_path, "cases": 4, "distances": (10.0, 20.0), "methods": ("lc2", "mattes"), "wrong_pairs": 5}
    first = benchmark_registration(**options)
    count, written = len(made), (tmp_path / "summary.json").read_bytes()
    again = benchmark_registration(**options)
    assert len(made) == count == first.runs == again.runs == 4 * 2 * 2 + 5
    assert (tmp_path / "summary.json").read_bytes() == written
    assert json.loads(written)["simulated"] is True
    assert (tmp_path / "summary.csv").read_text().count("\n") == 1 + 2 * 3


def test_workers_give_the_runs_that_one_process_gives(monkeypatch, tmp_path):
    """In threads here, because what is patched does not reach other processes."""
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(benchmark_runs, "worker_processes", ThreadPoolExecutor)
    monkeypatch.setattr(benchmark_runs, "_measured", lambda job, code: Run(job.key(code), 1.0, 10.0, None, 1.0, 1.0))
    alone = run_missing(JOBS, "code", tmp_path / "a.jsonl", 1, lambda *a: None)
    assert run_missing(JOBS, "code", tmp_path / "b.jsonl", 3, lambda *a: None) == alone


def a_run(error, verdict="accept", probability=0.9, interval=(0.1, 1.0), kind="right", **key):
    features = {"verdict": verdict, "p": probability, "interval": interval}
    whole = {"kind": kind, "method": "lc2", "distance_mm": 10.0, "contrasts": ["T2"], "number": 0, **key}
    return Run(whole, error, 10.0, features, 5.0, 9.0, {"lattice": 2.0, "climb": 3.0})


@pytest.fixture
def judged_as_written(monkeypatch):
    def judge(f):
        return Judgement(f["verdict"], (), f["p"], 1.0, f["interval"], {})

    monkeypatch.setattr(benchmark_summary, "judge", judge)


def test_a_row_counts_successes_silent_failures_and_false_alarms(judged_as_written):
    runs = [
        a_run(0.3),
        a_run(0.5, "review", 0.4),
        a_run(1.9),
        a_run(2.0),  # accepted, and not under 2 mm: a silent failure
        a_run(25.0, "reject", 0.05, (5.0, 30.0)),
    ]
    (row,) = rows_of(runs)
    assert (row.success.hits, row.success.count) == (3, 5)
    assert row.median_error_right_mm == 0.5
    assert (row.silent_failures.hits, row.silent_failures.count) == (1, 5)
    assert (row.false_alarms.hits, row.false_alarms.count) == (1, 3)
    assert (row.covered.hits, row.covered.count) == (3, 5)
    # Of the six pairs of a right and a wrong run, two tie at 0.9 and 0.4 loses to 0.9 once.
    assert row.auc == pytest.approx((3 + 2 * 0.5) / 6)
    assert row.stage_seconds == {"lattice": 2.0, "climb": 3.0}
    assert row.goal == 99


def test_a_method_without_a_verdict_has_no_honesty_to_count():
    run = replace(a_run(0.4, method="mattes"), features=None)
    (row,) = rows_of([run])
    assert row.silent_failures is None
    assert row.auc is None
    assert row.goal is None


def test_rows_go_by_method_and_distance_and_end_with_all_distances(judged_as_written):
    runs = [a_run(0.5, method=m, distance_mm=d) for d in (20.0, 10.0) for m in ("lc2", "mattes")]
    assert [(row.method, row.distance_mm) for row in rows_of(runs)] == [
        ("lc2", 10.0), ("lc2", 20.0), ("lc2", None), ("mattes", 10.0), ("mattes", 20.0), ("mattes", None),
    ]  # fmt: skip


def test_wrong_pairs_count_by_kind_and_stay_out_of_the_accuracy(judged_as_written):
    wrong = [a_run(None, v, kind="other patient") for v in ("accept", "reject", "review")]
    runs = [a_run(0.5), *wrong, a_run(None, "reject", kind=MIRRORED)]
    assert rows_of(runs)[0].success.count == 1
    counts = {w.kind: (w.accepted.hits, w.accepted.count, w.review, w.reject) for w in wrong_pairs_of(runs)}
    assert counts == {"other patient": (1, 3, 1, 1), MIRRORED: (0, 1, 0, 1), "all": (1, 4, 1, 2)}


def test_runs_survive_being_written_and_read(tmp_path):
    run = a_run(0.123)
    (tmp_path / "runs.jsonl").write_text(json.dumps(asdict(run)) + "\n")
    (read,) = read_runs(tmp_path / "runs.jsonl")
    assert read == replace(run, features={**run.features, "interval": [0.1, 1.0]})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cases", 0),
        ("cases", 101),
        ("distances", (99.0,)),
        ("contrasts", ("PET",)),
        ("methods", ("magic",)),
        ("wrong_pairs", -1),
        ("workers", 0),
        ("device", "tpu"),
        ("two_contrasts", True),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(option, value, tmp_path):
    options = {"contrasts": ("FLAIR",), option: value}
    with pytest.raises(BadInput):
        benchmark_registration(out=tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_the_command_prints_every_table_and_its_notes(made, tmp_path):
    words = ["benchmark", "registration", "--cases", "2", "--distances", "10,20", "--methods", "lc2"]
    result = CliRunner().invoke(app, [*words, "--wrong-pairs", "2", "--out", str(tmp_path)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    for text in ("Accuracy, simulated", "Honesty, simulated", "Time", "Wrong pairs, simulated", "no clinical figures"):
        assert text in result.output
    assert "2/2 (100 %)" in result.output


def test_what_the_benchmark_compares_with_runs_on_the_shipped_case():
    case = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"
    us, mri = (read_volume(case / f"{name}.nii.gz") for name in ("us", "mri_flair"))
    truth = np.array(json.loads((case / "truth.json").read_text())["true_mri_to_us_ras"])
    pair = Pair(us, [mri], pose((1.0, -0.5, 0.5)) @ truth, truth)
    for name in ("local-lc2", "mattes"):
        outcome = METHODS[name](pair, "cpu")
        assert outcome.features is None
        assert mean_displacement_mm(pair, outcome.mri_to_us_ras, truth) < 2.0, name


FEATURES_OF_A_RIGHT_RUN = {
    "lc2_z": 6.0, "thin_lc2_z": 15.0, "block_rank": 0.95, "thin_block_rank": 0.97, "mind_z": 4.0, "bootstrap_mm": 0.15,
    "informative_share": 0.45, "agreeing_starts": 0.8, "overlap": 1.0, "rival_distance_mm": 0.0, "rival_gap": 0.1,
    "distance_from_start_mm": 10.0,
}  # fmt: skip


def test_the_tumour_s_displacement_is_covered_as_often_as_the_samples_say():
    features = FEATURES_OF_A_RIGHT_RUN
    rng = np.random.default_rng(0)
    sizes = right_error_quantiles_mm(features, 200)
    runs = []
    for number in range(200):
        # The tumour moves half as far as the field of view, and errors follow the law that the samples were given.
        key = {"method": "lc2", "distance_mm": 10.0, "contrasts": ["FLAIR"], "number": number}
        tumor = {"true_mm": 0.5 * float(rng.choice(sizes)), "per_mm": [0.5] * 64}
        runs.append(Run(key, 0.3, 10.0, features, 1.0, 1.0, {}, tumor))
    far = [replace(run, tumor={**run.tumor, "true_mm": 10 * run.tumor["true_mm"]}) for run in runs]
    assert 0.82 < rows_of(runs)[0].tumor_covered.value < 0.97
    assert rows_of(far)[0].tumor_covered.value < 0.1


def test_wrong_pairs_count_as_wrong_in_the_discrimination():
    key = {"method": "lc2", "distance_mm": 10.0, "contrasts": ["FLAIR"], "kind": "right"}
    poor = FEATURES_OF_A_RIGHT_RUN | {"lc2_z": 1.0, "thin_lc2_z": 1.0, "thin_block_rank": 0.6, "mind_z": 0.5}
    right = Run(key, 0.3, 10.0, FEATURES_OF_A_RIGHT_RUN, 1.0, 1.0)
    wrong = Run(key | {"kind": "other patient"}, None, None, poor, 1.0, 1.0)
    told = discrimination_of([right, right, wrong, replace(right, features=None)])
    assert (told.right, told.wrong, told.auc) == (2, 1, 1.0)
