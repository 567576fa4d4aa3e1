"""Writing a simulated case the way a hospital's export would look, with its truth beside it."""

from pathlib import Path

from ..atomic_files import check_output_folder, write_json_atomic, write_text_atomic
from ..errors import BadInput
from ..images.volumes import write_volume
from ..jobs.progress import Progress
from ..registration.landmarks import write_tag
from .magnetic_resonance import CONTRASTS
from .simulated_case import TRUE_POSE_DEFINITION, SimulatedCase, simulate_case, simulate_small_case

SCHEMA = "iustumorseg.simulated_truth/1"
SHIPPED_SEED = 2  # of the small case inside the Slicer module
TAG_COMMENT = "Simulated: true correspondences of a simulated MRI and a simulated ultrasound, no patient"


def simulate_files(
    *,
    out: Path,
    seed: int = SHIPPED_SEED,
    contrasts: tuple[str, ...] = ("FLAIR",),
    small: bool = False,
    progress: Progress,
) -> SimulatedCase:
    """Task: simulate one patient and write its files into `out`.

    `small`: coarser grids and an MRI cropped around the ultrasound, some three megabytes. Raises `BadInput` before
    anything is written.
    """
    _check(contrasts)
    check_output_folder(out)
    progress("simulate", 0, 2, f"Simulating patient {seed}")
    simulate = simulate_small_case if small else simulate_case
    case = simulate(seed, contrasts=tuple(contrasts))
    progress("simulate", 1, 2, f"Writing {out}")
    write_case(case, out)
    progress("simulate", 2, 2, f"Simulated patient {seed} is in {out}")
    return case


def write_case(case: SimulatedCase, folder: Path) -> None:
    """Write `mri_<contrast>.nii.gz`, labels, ultrasound, landmarks, truth and the atlas' licence, each whole."""
    for contrast, mri in case.mris.items():
        write_volume(mri, folder / f"mri_{contrast.lower()}.nii.gz")
    write_volume(case.mri_tumor, folder / "mri_tumor.nii.gz")
    write_volume(case.us, folder / "us.nii.gz")
    write_volume(case.us_tumor_truth, folder / "us_tumor_truth.nii.gz")
    write_tag(case.landmarks, folder / "landmarks.tag", TAG_COMMENT)
    write_text_atomic(folder / "LICENSE-MNI152.txt", template_licence())
    write_json_atomic(folder / "truth.json", truth_as_json(case))


def template_licence() -> str:
    """The licence of the MNI152 atlas, which every simulated image derives from."""
    return (Path(__file__).parent / "LICENSE-MNI152.txt").read_text(encoding="utf-8")


def truth_as_json(case: SimulatedCase) -> dict:
    """What `truth.json` holds."""
    truth = case.truth
    return {
        "schema": SCHEMA,
        "simulated": True,
        "seed": case.seed,
        "definition": TRUE_POSE_DEFINITION,
        "true_mri_to_us_ras": truth.true_mri_to_us_ras.round(9).tolist(),
        "navigation_error": {
            "translation_mm": truth.navigation_mm,
            "rotation_deg": truth.navigation_deg,
            "centre_ras": truth.navigation_centre_ras.round(6).tolist(),
            "mean_displacement_mm": round(truth.navigation_mean_displacement_mm, 4),
        },
        "brain_shift": {
            "largest_mm": round(truth.brain_shift_mm, 4),
            "mean_mm": round(truth.brain_shift_mean_mm, 4),
            "left_by_best_rigid_mm": round(truth.residual_mm, 4),
        },
        "landmarks": {
            "n": len(case.landmarks.mri_ras),
            "at_start_mm": round(truth.landmarks_at_start_mm, 4),
            "floor_at_true_pose_mm": round(truth.floor_mm, 4),
        },
        "tumor": {"radius_mm": round(truth.tumor_radius_mm, 3), "grade": "high" if truth.high_grade else "low"},
        "template": "MNI152 (ICBM 2009a nonlinear symmetric); see LICENSE-MNI152.txt",
    }


def _check(contrasts: tuple[str, ...]) -> None:
    if not contrasts:
        raise BadInput("at least one contrast", "none", f"name one of {', '.join(CONTRASTS)}")
    if unknown := [name for name in contrasts if name not in CONTRASTS]:
        raise BadInput(f"contrasts among {', '.join(CONTRASTS)}", ", ".join(unknown), "correct the contrast")
