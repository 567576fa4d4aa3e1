"""From the benchmark's runs to its tables: how often right, how precise, how honest, how fast.

A run is right where its mean displacement from the truth, over the field of view, is under 2 mm. The verdict is read off
a run's features by the model as it stands, so a new model needs no new runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .benchmark_statistics import area_under_curve, calibration_error, wilson_interval
from .registration import ACCEPT, REJECT, REVIEW, Judgement
from .uncertainty import dealt_out
from .verdict import judge, right_error_quantiles_mm

RIGHT_MM = 2.0
HONESTY = ("silent_failures", "false_alarms", "auc", "calibration_error", "covered", "tumor_covered")
# Success in per cent wanted of the engine from these distances, with one contrast and with two.
GOALS = {False: {10.0: 99, 15.0: 95, 20.0: 85}, True: {10.0: 99, 15.0: 98, 20.0: 95}}


@dataclass(frozen=True)
class Run:
    """One registration of the benchmark, a line of `runs.jsonl`.

    `key` names what was run; `error_mm` is the mean displacement from the truth, `None` for a wrong pair, `start_mm`
    that of the start; `seconds` by the clock, `cpu_seconds` over all cores. `features` are `None` without a verdict;
    `tumor` holds what `benchmark_methods.TumorDisplacement` says.
    """

    key: dict[str, Any]
    error_mm: float | None
    start_mm: float | None
    features: dict[str, float] | None
    seconds: float
    cpu_seconds: float
    stage_seconds: dict[str, float] = field(default_factory=dict)
    tumor: dict[str, Any] | None = None

    @property
    def right(self) -> bool:
        """Whether it ended within 2 mm of the truth."""
        return self.error_mm is not None and self.error_mm < RIGHT_MM


@dataclass(frozen=True)
class Share:
    """`hits` of `count`, with Wilson's 95 % interval; shares are `None` of nothing."""

    hits: int
    count: int

    @property
    def value(self) -> float | None:
        """Between 0 and 1."""
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval."""
        return wilson_interval(self.hits, self.count)

    def as_json(self) -> dict[str, Any]:
        """Counts, share and interval."""
        return {"hits": self.hits, "count": self.count, "share": self.value, "interval_95": self.interval}


@dataclass(frozen=True)
class Row:
    """One method from one distance in mm (`None`: all). Errors in mm, times in seconds.

    `silent_failures` are accepted wrong ones among all runs, `false_alarms` right ones not accepted among the right,
    `covered` how often the predicted 90 % interval holds the error, and `tumor_covered` how often that of the tumour's mean
    displacement does, of right registrations; all `None` where the method has no verdict.
    """

    method: str
    distance_mm: float | None
    goal: int | None
    success: Share
    median_error_right_mm: float | None
    median_error_mm: float
    p95_error_mm: float
    silent_failures: Share | None
    false_alarms: Share | None
    auc: float | None
    calibration_error: float | None
    covered: Share | None
    tumor_covered: Share | None
    seconds_median: float
    seconds_p95: float
    cpu_seconds_median: float
    cpu_seconds_p95: float
    stage_seconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """The row as `summary.json` holds it."""
        return {n: v.as_json() if isinstance(v, Share) else v for n, v in vars(self).items()}


@dataclass(frozen=True)
class WrongPairs:
    """What became of pairs that no pose can make right, of one kind."""

    kind: str
    accepted: Share
    review: int
    reject: int

    def as_json(self) -> dict[str, Any]:
        """The counts as `summary.json` holds them."""
        return {**vars(self), "accepted": self.accepted.as_json()}


def rows_of(runs: Iterable[Run]) -> list[Row]:
    """A row for each method and distance, then one for each method over all distances."""
    ours = [run for run in runs if run.error_mm is not None]
    methods = list(dict.fromkeys(run.key["method"] for run in ours))
    rows = []
    for method in methods:
        mine = [run for run in ours if run.key["method"] == method]
        distances = sorted({run.key["distance_mm"] for run in mine})
        rows += [_row(method, d, [run for run in mine if run.key["distance_mm"] == d]) for d in distances]
        if len(distances) > 1:
            rows.append(_row(method, None, mine))
    return rows


@dataclass(frozen=True)
class Discrimination:
    """How well the success probability tells right from wrong, over all pairs of which two patients' count as wrong."""

    right: int
    wrong: int
    auc: float | None
    calibration_error: float | None


def discrimination_of(runs: Iterable[Run]) -> Discrimination | None:
    """Over every run with a verdict, wrong pairs included; `None` without any."""
    judged = [run for run in runs if run.features is not None]
    if not judged:
        return None
    right = np.array([run.right for run in judged])
    probability = np.array([judge(run.features or {}).success_probability for run in judged], dtype=float)
    return Discrimination(
        int(right.sum()),
        int((~right).sum()),
        area_under_curve(probability, right),
        calibration_error(probability, right),
    )


def wrong_pairs_of(runs: Iterable[Run]) -> list[WrongPairs]:
    """The verdicts on wrong pairs, by kind and over all."""
    wrong = [run for run in runs if run.error_mm is None and run.features is not None]
    kinds = sorted({run.key["kind"] for run in wrong})
    counts = [_wrong(kind, [run for run in wrong if run.key["kind"] == kind]) for kind in kinds]
    return [*counts, _wrong("all", wrong)] if len(kinds) > 1 else counts


def _row(method: str, distance_mm: float | None, runs: list[Run]) -> Row:
    errors = np.array([run.error_mm for run in runs], dtype=float)
    right = np.array([run.right for run in runs])
    seconds, cpu = (np.array([getattr(run, n) for run in runs]) for n in ("seconds", "cpu_seconds"))
    two = len(runs[0].key["contrasts"]) > 1
    return Row(
        method=method,
        distance_mm=distance_mm,
        goal=GOALS[two].get(distance_mm) if distance_mm is not None and method == "lc2" else None,
        success=Share(int(right.sum()), len(runs)),
        median_error_right_mm=float(np.median(errors[right])) if right.any() else None,
        median_error_mm=float(np.median(errors)),
        p95_error_mm=float(np.percentile(errors, 95)),
        **_honesty(runs, right, errors),
        seconds_median=float(np.median(seconds)),
        seconds_p95=float(np.percentile(seconds, 95)),
        cpu_seconds_median=float(np.median(cpu)),
        cpu_seconds_p95=float(np.percentile(cpu, 95)),
        stage_seconds=_stages(runs),
    )


def _honesty(runs: list[Run], right: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    judgements = [judge(run.features) for run in runs if run.features is not None]
    if len(judgements) < len(runs):
        return dict.fromkeys(HONESTY)
    accepted = np.array([j.verdict == ACCEPT for j in judgements])
    probability = np.array([j.success_probability for j in judgements if j.success_probability is not None])
    complete = len(probability) == len(runs)
    return {
        "silent_failures": Share(int((accepted & ~right).sum()), len(runs)),
        "false_alarms": Share(int((~accepted & right).sum()), int(right.sum())),
        "auc": area_under_curve(probability, right) if complete else None,
        "calibration_error": calibration_error(probability, right) if complete else None,
        "covered": _covered(judgements, errors),
        "tumor_covered": _tumor_covered([run for run in runs if run.right and run.tumor]),
    }


def _covered(judgements: list[Judgement], errors: np.ndarray) -> Share | None:
    stated = [(j.error_interval_mm, e) for j, e in zip(judgements, errors, strict=True) if j.error_interval_mm]
    return Share(sum(bool(low <= error <= high) for (low, high), error in stated), len(stated)) if stated else None


def _tumor_covered(runs: list[Run]) -> Share | None:
    """How often the 5th to 95th percentile of the samples' displacements of the tumour holds the true one."""
    held = 0
    for run in runs:
        per_mm = np.array((run.tumor or {})["per_mm"])
        each = per_mm * dealt_out(right_error_quantiles_mm(run.features or {}, len(per_mm)))
        low, high = np.percentile(each, [5, 95])
        held += bool(low <= (run.tumor or {})["true_mm"] <= high)
    return Share(held, len(runs)) if runs else None


def _wrong(kind: str, runs: list[Run]) -> WrongPairs:
    verdicts = [judge(run.features).verdict for run in runs if run.features is not None]
    accepted = Share(verdicts.count(ACCEPT), len(verdicts))
    return WrongPairs(kind, accepted, verdicts.count(REVIEW), verdicts.count(REJECT))


def _stages(runs: list[Run]) -> dict[str, float]:
    names = dict.fromkeys(name for run in runs for name in run.stage_seconds)
    return {n: float(np.median([run.stage_seconds.get(n, 0.0) for run in runs])) for n in names}
