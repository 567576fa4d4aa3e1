"""Fit the verdict's model: make registrations whose outcome is known, measure their signs, and calibrate.

    python -m IUSTumorSegLib.registration.fit_verdict collect --seeds 7000-7029 --out runs.jsonl [--real FOLDER]
    python -m IUSTumorSegLib.registration.fit_verdict fit --runs runs.jsonl

Which pairs these are is said in `verdict_runs`. Fitting on simulated pairs alone would set the bounds too high for real
ones.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import write_json_atomic
from .verdict import MODEL_FILE, transformed
from .verdict_runs import collect

FEATURES = (
    "lc2_z", "thin_lc2_z", "block_rank", "thin_block_rank", "mind_z", "log_bootstrap", "informative_share",
    "agreeing_starts",
)  # fmt: skip
RIDGE = 0.01  # per case: keeps weights finite where right and wrong are separable
ERROR_FEATURE = "log_bootstrap"  # the one sign that errors of right registrations follow; more overfit few patients
ACCEPT_ABOVE, REJECT_BELOW = 0.9, 0.2  # what is accepted should be right nine times in ten
TOLERANCE_CONFIDENCE = 0.9  # in an interval that holds nine in ten of new patients, with so few to fit it on


def fit(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The model's content from runs with known outcome."""
    right = np.array([run["right"] for run in runs])
    rows = np.array([[transformed(run["features"])[name] for name in FEATURES] for run in runs])
    means, deviations = rows.mean(axis=0), rows.std(axis=0) + 1e-9
    weights = _logistic((rows - means) / deviations, right)
    error = np.log([max(run["error_mm"], 0.05) for run in runs])
    constant, slope, deviation = _line_by_patient(
        ((rows - means) / deviations)[right, FEATURES.index(ERROR_FEATURE)], error[right],
        [_patient_of(run) for run in runs if run["right"]],
    )  # fmt: skip
    failed = np.array(
        [run["error_mm"] for run in runs if not run["right"] and run["kind"] in ("own", "disturbed", "real")]
    )
    return {
        "features": list(FEATURES),
        "means": means.tolist(),
        "deviations": deviations.tolist(),
        "weights": weights[1:].tolist(),
        "intercept": float(weights[0]),
        "accept_above": ACCEPT_ABOVE,
        "reject_below": REJECT_BELOW,
        "error_intercept": constant,
        "error_weights": [slope if name == ERROR_FEATURE else 0.0 for name in FEATURES],
        "error_deviation": deviation,
        # Where a search fails it ends 13 to 27 mm away; with too few failures of our own that is taken.
        "wrong_log_error": [float(np.log(failed).mean()), float(np.log(failed).std())]
        if len(failed) > 9
        else [2.7, 0.5],
        "typical": _typical([run["features"] for run in runs if run["right"]]),
        "fitted_on": _origin(runs, right),
    }


def _logistic(rows: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Weights, intercept first, of a ridge logistic regression in which right and wrong weigh the same; Newton's method."""
    design = np.hstack([np.ones((len(rows), 1)), rows])
    balance = np.where(right, 0.5 / max(right.mean(), 1e-9), 0.5 / max((~right).mean(), 1e-9))
    ridge = RIDGE * len(rows) * np.diag([0.0] + [1.0] * rows.shape[1])
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        probability = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (balance * (right - probability)) - ridge @ weights
        curvature = (design.T * (balance * probability * (1 - probability))) @ design + ridge
        weights = weights + np.linalg.solve(curvature, slope)
    return weights


def _line_by_patient(x: np.ndarray, y: np.ndarray, patients: list[str]) -> tuple[float, float, float]:
    """Constant and slope of y over x, and the deviation of new patients from it (`tolerant`, of those left out).

    A patient with several runs counts once, by their mean.
    """
    names = sorted(set(patients))
    means = np.array([[v[np.array(patients) == name].mean() for v in (x, y)] for name in names])
    slope, constant = np.polyfit(means[:, 0], means[:, 1], 1)
    left_out = []
    for number, (here, value) in enumerate(means):
        others = np.delete(means, number, axis=0)
        left_out.append(value - np.polyval(np.polyfit(others[:, 0], others[:, 1], 1), here))
    return float(constant), float(slope), tolerant(np.array(left_out))


def tolerant(residuals: np.ndarray) -> float:
    """The deviation of what `residuals` (n,) about 0 are a sample of, at the upper end of what they leave possible.

    An interval from their own deviation holds less than it says in every second sample. This is the one-sided
    confidence limit that the chi-squared law of sums of n squares gives (Hahn & Meeker, Statistical Intervals, 1991).
    """
    from scipy.stats import chi2

    return float(np.sqrt(np.square(residuals).sum() / chi2.ppf(1 - TOLERANCE_CONFIDENCE, len(residuals))))


def _patient_of(run: dict[str, Any]) -> str:
    """What a run counts for: the real patient's many runs are one, as they share what limits them."""
    return "real" if run["kind"] == "real" else run["name"]


def _typical(features: list[dict[str, float]]) -> dict[str, float]:
    """The bounds beyond which a sign is worth a sentence: the weakest tenth of right registrations."""
    low = {
        n: float(np.quantile([f[n] for f in features], 0.1))
        for n in ("lc2_z", "thin_lc2_z", "thin_block_rank", "mind_z", "agreeing_starts")
    }
    return {**low, "bootstrap_mm": float(np.quantile([f["bootstrap_mm"] for f in features], 0.9))}


def _origin(runs: list[dict[str, Any]], right: np.ndarray) -> dict[str, Any]:
    kinds = sorted({run["kind"] for run in runs})
    counts = {k: [sum(r["right"] for r in runs if r["kind"] == k), sum(r["kind"] == k for r in runs)] for k in kinds}
    return {
        "runs": len(runs),
        "right": int(right.sum()),
        "right_of_runs_by_kind": counts,
        "cases": [r["name"] for r in runs],
    }


def cross_validated(runs: list[dict[str, Any]], parts: int = 5) -> dict[str, float]:
    """Silent failures, false alarms, AUC and calibration error on runs that were left out of the fit, by patient."""
    from .verdict import judge, model_from

    seeds = sorted({run["name"].split("-")[1] + run["kind"][:4] for run in runs})
    probability, verdicts, covered = np.zeros(len(runs)), [""] * len(runs), np.zeros(len(runs), bool)
    for part in range(parts):
        held = {seed for n, seed in enumerate(seeds) if n % parts == part}
        inside = [run["name"].split("-")[1] + run["kind"][:4] in held for run in runs]
        content = fit([run for run, out in zip(runs, inside, strict=True) if not out])
        model = model_from(content)
        for n in np.flatnonzero(inside):
            judgement = judge(runs[n]["features"], model)
            probability[n], verdicts[n] = judgement.success_probability or 0.0, judgement.verdict
            low, high = judgement.error_interval_mm or (0.0, 0.0)
            covered[n] = low <= runs[n]["error_mm"] <= high
    right = np.array([run["right"] for run in runs])
    accepted = np.array([v == "accept" for v in verdicts])
    pairs = (probability[right][:, None] > probability[~right]).mean() + 0.5 * (
        probability[right][:, None] == probability[~right]
    ).mean()
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [abs(probability[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    return {
        "silent_failures": float((accepted & ~right).mean()),
        "accepted_of_wrong": float(accepted[~right].mean()),
        "not_accepted_of_right": float((~accepted[right]).mean()),
        "auc": float(pairs),
        "expected_calibration_error": float(sum(gaps)),
        "covered_of_right": float(covered[right].mean()),
    }


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("collect", "fit"))
    parser.add_argument("--seeds", default="7000-7029")
    parser.add_argument("--out", type=Path, default=Path("verdict_runs.jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("verdict_runs.jsonl"))
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    if options.step == "collect":
        first, last = map(int, options.seeds.split("-"))
        collect(range(first, last + 1), options.out, options.real)
        return
    runs = [json.loads(line) for line in options.runs.read_text(encoding="utf-8").splitlines()]
    simulated = [run for run in runs if not run["kind"].startswith("real")]
    for which, some in (("all", runs), ("simulated only", simulated)):
        for name, value in cross_validated(some).items():
            print(f"{which}, {len(some)} runs, left out by patient: {name} {value:.3f}")
    write_json_atomic(MODEL_FILE, fit(runs))


if __name__ == "__main__":
    main()
