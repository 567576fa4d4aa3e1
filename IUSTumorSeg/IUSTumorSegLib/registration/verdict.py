"""From signs to a verdict with reasons."""

from collections.abc import Mapping

from .registration import ACCEPT, REJECT, REVIEW, Judgement

# Right poses score 4.7 to 22 standard deviations above their surroundings, wrong ones 0.5 to 5 (88 simulated runs, two
# real pairs). Between the bounds a person decides.
CLEAR_RING_Z, POOR_RING_Z = 6.0, 2.5
CLEAR_OVERLAP, POOR_OVERLAP = 0.6, 0.3
CLOSE_RIVAL = 0.01
FAR_FROM_START_MM = 18.0


def judge(features: Mapping[str, float]) -> Judgement:
    """Judge a registration by its features; every reason is a sentence with its figure."""
    doubts = _doubts(features)
    poor = features["lc2_z"] < POOR_RING_Z or features["overlap"] < POOR_OVERLAP
    verdict = REJECT if poor else REVIEW if doubts else ACCEPT
    z = features["lc2_z"]
    clear = f"The score stands {z:.1f} standard deviations above poses 6 to 14 mm away, and no other pose comes close."
    return Judgement(verdict, tuple(doubts or [clear]), features=dict(features))


def unjudged(reason: str) -> Judgement:
    """The verdict where the method measures no signs of quality: a person has to look."""
    return Judgement(REVIEW, (reason,))


def _doubts(f: Mapping[str, float]) -> list[str]:
    doubts = []
    if f["lc2_z"] < CLEAR_RING_Z:
        doubts.append(f"The score stands only {f['lc2_z']:.1f} standard deviations above poses 6 to 14 mm away.")
    if f["rival_distance_mm"] > 0 and f["rival_gap"] < CLOSE_RIVAL:
        doubts.append(f"The second-best pose, {f['rival_distance_mm']:.0f} mm away, scores nearly the same.")
    if f["overlap"] < CLEAR_OVERLAP:
        doubts.append(f"Only {100 * f['overlap']:.0f} % of the ultrasound lies inside the MRI.")
    if f["distance_from_start_mm"] > FAR_FROM_START_MM:
        doubts.append(
            f"The result lies {f['distance_from_start_mm']:.0f} mm from the start, farther than navigation usually errs."
        )
    return doubts
