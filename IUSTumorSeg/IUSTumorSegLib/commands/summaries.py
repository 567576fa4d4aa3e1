"""What the terminal prints of a result."""

import json
from pathlib import Path

from ..registration.register_files import BORDER_FILE
from ..registration.registration import Registration


def print_registration(registration: Registration, out: Path) -> None:
    """Print verdict, reasons, landmark error and files of a registration."""
    print(f"Verdict: {registration.verdict}")
    for reason in registration.reasons:
        print(f"  {reason}")
    if registration.landmarks is not None:
        marks = registration.landmarks
        print(
            f"Landmark error: {marks.initial_mm:.2f} mm before, {marks.final_mm:.2f} mm after (mean of {marks.n} pairs)"
        )
    for sentence in _border_sentences(out):
        print(f"Border: {sentence}")
    print(
        f"Score: {registration.method_name} {registration.score:.3f}, {registration.seconds:.1f} s on {registration.device}"
    )
    pictures = "comparison.png, diagnostics.png" if registration.method_name == "lc2" else "comparison.png"
    print(f"Written: {out}/registration.json, mri_to_us.tfm, {pictures}")


def _border_sentences(out: Path) -> list[str]:
    path = Path(out) / BORDER_FILE
    return json.loads(path.read_text(encoding="utf-8"))["sentences"] if path.is_file() else []


def print_means(means: dict[str, float | None], cases: int) -> None:
    """Print the means of an evaluation over `cases` images."""
    print(f"Mean over {cases} images")
    for name, value in means.items():
        print(f"  {name.replace('_', ' ')}: {'undefined' if value is None else f'{value:.3f}'}")
