"""From signs to a probability of success, an expected error and a verdict with reasons.

A logistic regression on the features of `quality` gives the probability that the registration is right (within 2 mm).
The error is a mixture: where right, log-normal about a regression on the same features; where wrong, log-normal about
the errors that failed registrations had. `verdict_model.json` holds the weights; `fit_verdict` fitted them and lists
the seeds of its cases.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .registration import ACCEPT, REJECT, REVIEW, Judgement

MODEL_FILE = Path(__file__).with_name("verdict_model.json")
INTERVAL = 0.9
POOR_OVERLAP, CLOSE_RIVAL, FAR_FROM_START_MM = 0.4, 0.01, 20.0
AGREEING_PARTS = 0.9  # share of the poses around that parts of the ultrasound like less, in the mean, if all is right
EDGE_OF_SEARCH_MM = 23.0  # the search reaches 24 mm: an optimum out there may be the slope of one that lies beyond


@dataclass(frozen=True)
class VerdictModel:
    """Weights of the verdict, as `fit_verdict` writes them. Logarithms are natural, lengths in mm.

    `intercept` and `weights` give the logit of success, `error_intercept` and `error_weights` the logarithm of a right
    registration's error, both of the standardised features; `error_deviation` is that logarithm's spread.
    """

    features: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    accept_above: float
    reject_below: float
    error_intercept: float
    error_weights: tuple[float, ...]
    error_deviation: float
    wrong_log_error: tuple[float, float]
    typical: dict[str, float]
    fitted_on: dict[str, Any]


@cache
def load_model(path: Path = MODEL_FILE) -> VerdictModel:
    """The shipped weights."""
    return model_from(json.loads(path.read_text(encoding="utf-8")))


def model_from(content: dict[str, Any]) -> VerdictModel:
    """The weights as they stand in JSON."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    return VerdictModel(**values)


def judge(features: Mapping[str, float], model: VerdictModel | None = None) -> Judgement:
    """Judge a registration by its features; every reason is a sentence with its figure."""
    model = model or load_model()
    probability = success_probability(features, model)
    expected, interval = error_of(features, probability, model)
    verdict = _verdict(probability, features, model)
    reasons = _reasons(features, verdict, probability, model)
    return Judgement(verdict, tuple(reasons), probability, expected, interval, dict(features))


def unjudged(reason: str) -> Judgement:
    """The verdict where the method measures no signs of quality: a person has to look."""
    return Judgement(REVIEW, (reason,))


def success_probability(features: Mapping[str, float], model: VerdictModel) -> float:
    """Probability that the registration lies within 2 mm of the truth, over the field of view."""
    logit = model.intercept + _weighted(features, model, model.weights)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))


def _weighted(features: Mapping[str, float], model: VerdictModel, weights: tuple[float, ...]) -> float:
    values = transformed(features)
    terms = zip(model.features, model.means, model.deviations, weights, strict=True)
    return sum(w * (values[name] - mean) / sd for name, mean, sd, w in terms)


def transformed(features: Mapping[str, float]) -> dict[str, float]:
    """The features as the regression takes them: what spans decades as a logarithm, z-scores bounded."""
    bounded = {f"{name}_z": max(-5.0, min(15.0, features[f"{name}_z"])) for name in ("lc2", "thin_lc2", "mind")}
    return {**features, **bounded, "log_bootstrap": math.log(max(features["bootstrap_mm"], 0.05))}


def error_of(
    features: Mapping[str, float], probability: float, model: VerdictModel
) -> tuple[float, tuple[float, float]]:
    """Expected error in mm over the field of view, and the interval that holds 90 % of the mixture."""
    right, right_sd = right_log_error(features, model), model.error_deviation
    wrong, wrong_sd = model.wrong_log_error
    expected = probability * math.exp(right + right_sd**2 / 2) + (1 - probability) * math.exp(wrong + wrong_sd**2 / 2)

    def below(log_mm: float) -> float:
        return probability * _normal(log_mm, right, right_sd) + (1 - probability) * _normal(log_mm, wrong, wrong_sd)

    low, high = (math.exp(_solve(below, q)) for q in ((1 - INTERVAL) / 2, (1 + INTERVAL) / 2))
    return round(expected, 2), (round(low, 2), round(high, 2))


def right_log_error(features: Mapping[str, float], model: VerdictModel) -> float:
    """Expected logarithm of the error in mm of a registration with such features, if it is right at all."""
    return model.error_intercept + _weighted(features, model, model.error_weights)


def right_error_quantiles_mm(
    features: Mapping[str, float], count: int, model: VerdictModel | None = None
) -> tuple[float, ...]:
    """`count` errors in mm, rising, that divide what a right registration with such features may have into equal shares."""
    from statistics import NormalDist

    model = model or load_model()
    log_error = NormalDist(right_log_error(features, model), model.error_deviation)
    return tuple(math.exp(log_error.inv_cdf((n + 0.5) / count)) for n in range(count))


def _normal(value: float, mean: float, deviation: float) -> float:
    return 0.5 * (1 + math.erf((value - mean) / (deviation * math.sqrt(2))))


def _solve(rising: Any, target: float) -> float:
    low, high = -6.0, 6.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def _verdict(probability: float, features: Mapping[str, float], model: VerdictModel) -> str:
    if probability < model.reject_below:
        return REJECT
    seen = features["overlap"] >= POOR_OVERLAP and features["distance_from_start_mm"] <= EDGE_OF_SEARCH_MM
    agreed = features["thin_block_rank"] >= AGREEING_PARTS
    return ACCEPT if seen and agreed and probability >= model.accept_above else REVIEW


def _reasons(f: Mapping[str, float], verdict: str, probability: float, model: VerdictModel) -> list[str]:
    weak, doubts = _weak_signs(f, model), _doubts(f, model)
    if verdict == ACCEPT:
        z = f"{f['lc2_z']:.1f}, {f['thin_lc2_z']:.1f} and {f['mind_z']:.1f}"
        preferred = f"{100 * f['thin_block_rank']:.0f} %"
        return [
            f"LC2, its thin echoes and MIND-SSC stand {z} standard deviations above poses 6 to 14 mm away.",
            f"Taken by themselves, parts of the ultrasound prefer this pose to {preferred} of those.",
            f"Other draws of the ultrasound's echoes move the pose by {f['bootstrap_mm']:.1f} mm.",
            *doubts,
        ]
    odds = f"Registrations with such signs were right in about {100 * probability:.0f} % of the calibration cases."
    return [
        *(weak + doubts or ["No single sign is bad, but together they are weaker than those of right registrations."]),
        odds,
    ]


def _weak_signs(f: Mapping[str, float], model: VerdictModel) -> list[str]:
    """Signs weaker than those of nine in ten right registrations."""
    signs = []
    for name, words in (
        ("lc2", "LC2"),
        ("thin_lc2", "LC2 of the thin echoes"),
        ("mind", "The independent measure MIND-SSC"),
    ):
        if f[f"{name}_z"] < model.typical[f"{name}_z"]:
            signs.append(f"{words} stands only {f[f'{name}_z']:.1f} standard deviations above poses 6 to 14 mm away.")
    if f["thin_block_rank"] < max(model.typical["thin_block_rank"], AGREEING_PARTS):
        preferred = f"{100 * f['thin_block_rank']:.0f} %"
        signs.append(
            f"Taken by themselves, parts of the ultrasound prefer this pose to only {preferred} of those 6 to 14 mm away."
        )
    if f["bootstrap_mm"] > model.typical["bootstrap_mm"]:
        signs.append(f"Other draws of the ultrasound's echoes move the pose by {f['bootstrap_mm']:.1f} mm.")
    return signs


def _doubts(f: Mapping[str, float], model: VerdictModel) -> list[str]:
    """What makes even a strong result doubtful."""
    doubts = []
    if f["rival_distance_mm"] > 0 and f["rival_gap"] < CLOSE_RIVAL:
        doubts.append(f"The second-best pose, {f['rival_distance_mm']:.0f} mm away, scores nearly the same.")
    if f["overlap"] < POOR_OVERLAP:
        doubts.append(f"Only {100 * f['overlap']:.0f} % of the ultrasound lies inside the MRI.")
    if f["agreeing_starts"] < model.typical["agreeing_starts"]:
        doubts.append(f"Only {100 * f['agreeing_starts']:.0f} % of the best starts ended near this pose.")
    if f["distance_from_start_mm"] > EDGE_OF_SEARCH_MM:
        doubts.append(f"It lies {f['distance_from_start_mm']:.0f} mm from the start, at the edge of what was searched.")
    elif f["distance_from_start_mm"] > FAR_FROM_START_MM:
        doubts.append(
            f"It lies {f['distance_from_start_mm']:.0f} mm from the start, farther than navigation usually errs."
        )
    return doubts
