"""What the software knows of a registration, in sentences for the person who decides."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .landmarks import Landmarks, mean_landmark_error_mm
from .registration import Registration

VERDICTS = {
    "accept": "Looks right",
    "review": "Needs a look",
    "reject": "Looks wrong",
}
FEWEST_TO_COMPARE = 5


@dataclass(frozen=True)
class Fact:
    """A short title, and one or more sentences."""

    title: str
    sentence: str


def review_facts(
    registration: Registration | None, study_scores: Sequence[float] = (), landmarks: Landmarks | None = None
) -> list[Fact]:
    """The facts to decide by, the most important first; what is not known is left out.

    `study_scores`: the scores of the study's registrations by the same method, this one's among them or not.
    `landmarks` measure the start's error where the registration did not.
    """
    if registration is None:
        return [Fact("Verdict", "This case is not registered.")]
    facts = [
        _verdict(registration),
        _expected_error(registration),
        _landmark_error(registration, landmarks),
        _score(registration, study_scores),
        _agreement(registration),
        _overlap(registration),
        _movement(registration),
    ]
    return [fact for fact in facts if fact is not None]


def percentile_rank(value: float, values: Sequence[float]) -> float:
    """Per cent of `values` below `value`, ties counted half; 0 to 100."""
    ordered = sorted(values)
    return 50 * (bisect_left(ordered, value) + bisect_right(ordered, value)) / len(ordered)


def _verdict(registration: Registration) -> Fact:
    probability = registration.judgement.success_probability
    odds = "" if probability is None else f" (right within 2 mm with a probability of {100 * probability:.0f} %)"
    return Fact("Verdict", " ".join([f"{VERDICTS[registration.verdict]}{odds}.", *registration.reasons]))


def _expected_error(registration: Registration) -> Fact | None:
    expected, interval = registration.predicted_error_mm, registration.judgement.error_interval_mm
    if expected is None:
        return None
    within = "" if interval is None else f"; in 9 of 10 such cases between {interval[0]:.1f} and {interval[1]:.1f} mm"
    return Fact("Expected error", f"{expected:.1f} mm on average over the ultrasound{within}.")


def _landmark_error(registration: Registration, landmarks: Landmarks | None) -> Fact | None:
    measured = registration.landmarks
    if measured is not None:
        initial, final, count = measured.initial_mm, measured.final_mm, measured.n
    elif landmarks is not None:
        initial = mean_landmark_error_mm(landmarks, registration.initial_mri_to_us_ras)
        final, count = mean_landmark_error_mm(landmarks, registration.mri_to_us_ras), len(landmarks.us_ras)
    else:
        return None
    return Fact("Landmarks", f"{initial:.1f} mm before and {final:.1f} mm after registration, mean of {count} pairs.")


def _score(registration: Registration, study_scores: Sequence[float]) -> Fact:
    if registration.method_name.startswith("manual"):
        return Fact("Score", "Not computed for a pose set by hand.")
    sentence = f"{registration.score:.3f}."
    if len(study_scores) >= FEWEST_TO_COMPARE:
        rank = percentile_rank(registration.score, study_scores)
        low, high = min(study_scores), max(study_scores)
        sentence = (
            f"{registration.score:.3f}, higher than {rank:.0f} % of the {len(study_scores)} registrations of this study "
            f"({low:.3f} to {high:.3f})."
        )
    return Fact("Score", sentence)


def _agreement(registration: Registration) -> Fact | None:
    features = registration.judgement.features
    if "agreeing_starts" not in features:
        return None
    sentences = [f"{100 * features['agreeing_starts']:.0f} % of the best starts ended near this pose."]
    distance, gap = features.get("rival_distance_mm", 0.0), features.get("rival_gap")
    if distance > 0 and gap is not None:
        sentences.append(f"The second-best pose lies {distance:.0f} mm away and scores {gap:.3f} less.")
    return Fact("Independent searches", " ".join(sentences))


def _overlap(registration: Registration) -> Fact | None:
    overlap = registration.judgement.features.get("overlap")
    return None if overlap is None else Fact("Overlap", f"{100 * overlap:.0f} % of the ultrasound lies inside the MRI.")


def _movement(registration: Registration) -> Fact | None:
    moved = registration.judgement.features.get("distance_from_start_mm")
    return None if moved is None else Fact("Moved", f"{moved:.1f} mm from where navigation had put the MRI.")
