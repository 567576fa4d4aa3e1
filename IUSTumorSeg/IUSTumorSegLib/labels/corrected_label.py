"""A tumour label that a person corrected on the ultrasound, saved with the record of where it came from.

`us_tumor_corrected.nii.gz` is what exports take; `us_tumor_corrected.json` beside it says from which label and which
registration, by whom, when, in how many seconds, and how much was changed. The record knows its label by its hash.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import BadInput, Failed
from ..evaluation.overlap import overlap
from ..images.geometry import same_grid
from ..images.volumes import read_label, write_volume
from ..registration.registration_files import fingerprint

if TYPE_CHECKING:
    import SimpleITK as sitk

SCHEMA = "iustumorseg.corrected_label/1"
CORRECTED_FILE, RECORD_FILE = "us_tumor_corrected.nii.gz", "us_tumor_corrected.json"
VOLUME_DECIMALS = 4


@dataclass(frozen=True)
class Correction:
    """One correction: `from_label` is a file name and `from_sha256` its hash, `label_sha256` the corrected label's.

    `registration_sha256` is of the registration that had brought the label to the ultrasound, empty where none did.
    `when` is ISO 8601 in UTC, `seconds` the time spent, volumes in ml, `dice` against the label it came from.
    """

    label_sha256: str
    from_label: str
    from_sha256: str
    registration_sha256: str
    reviewer: str
    when: str
    seconds: float
    volume_before_ml: float
    volume_after_ml: float
    dice: float


def save_corrected_label(
    label: "sitk.Image",
    case_folder: Path,
    from_label: str,
    registration_sha256: str,
    reviewer: str,
    seconds: float,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Correction:
    """Write `label` (tumour where not zero) as the case's corrected label, and then its record; returns that.

    `from_label` names the file of the case folder that was corrected, the corrected label itself included; earlier
    corrections stay in the record. Raises `BadInput`, before anything is written, where the label is empty or its grid
    is not that of the label it came from, and `Failed` where the files could not be written.
    """
    import SimpleITK as sitk

    folder = Path(case_folder)
    if not reviewer.strip():
        raise BadInput("a reviewer's name", "none", "type your name first")
    before, source = read_label(folder / from_label, "tumour label"), fingerprint(folder / from_label)
    after = sitk.Cast(label != 0, sitk.sitkUInt8)
    _check(after, before)
    earlier = read_corrections(folder) if from_label == CORRECTED_FILE else []
    correction = Correction(
        label_sha256="",
        from_label=from_label,
        from_sha256=source.sha256,
        registration_sha256=registration_sha256,
        reviewer=reviewer.strip(),
        when=now().isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        volume_before_ml=volume_ml(before),
        volume_after_ml=volume_ml(after),
        dice=round(overlap(_voxels(before), _voxels(after)).dice, 6),
    )
    return _write(after, correction, earlier, folder)


def read_corrections(case_folder: Path) -> list[Correction]:
    """The corrections that led to the case's corrected label, oldest first; none where there is no readable record.

    A record of another label, left by an interrupted write or a label that another program wrote, does not count.
    """
    try:
        content = json.loads((Path(case_folder) / RECORD_FILE).read_bytes())
        if content["schema"] != SCHEMA:
            return []
        corrections = [Correction(**one) for one in [*content["earlier"], content["correction"]]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    label = Path(case_folder) / CORRECTED_FILE
    belongs = label.is_file() and fingerprint(label).sha256 == corrections[-1].label_sha256
    return corrections if belongs else []


def note_on_correction(case_folder: Path, registration_sha256: str | None) -> str:
    """What is to be said of the case's corrected label beside `registration_sha256`, the registration it has now.

    Who corrected it, and where the case was registered again since; empty where there is no corrected label.
    """
    if not (Path(case_folder) / CORRECTED_FILE).is_file():
        return ""
    return note_on_corrections(read_corrections(case_folder), registration_sha256)


def note_on_corrections(corrections: list[Correction], registration_sha256: str | None) -> str:
    """`note_on_correction` for a corrected label whose record, oldest first, was read already."""
    if not corrections:
        return "The label was corrected, but there is no record of by whom and from what."
    last = corrections[-1]
    said = (
        f"Corrected by {last.reviewer} on {last.when[:10]} "
        f"({last.volume_before_ml:.1f} to {last.volume_after_ml:.1f} ml, Dice {last.dice:.2f} with what it came from)."
    )
    if is_of_earlier_registration(last, registration_sha256):
        said += " Registered again since: it came from a label of the earlier registration."
    return said


def is_of_earlier_registration(correction: Correction, registration_sha256: str | None) -> bool:
    """Whether the label that was corrected had come from another registration than the case has now."""
    return bool(correction.registration_sha256) and correction.registration_sha256 != registration_sha256


def volume_ml(label: "sitk.Image") -> float:
    """The volume of a label's non-zero voxels in ml."""
    voxel_mm3 = float(np.prod(label.GetSpacing()))
    return round(int(np.count_nonzero(_voxels(label))) * voxel_mm3 / 1000, VOLUME_DECIMALS)


def _check(after: "sitk.Image", before: "sitk.Image") -> None:
    if not same_grid(after, before):
        raise BadInput(
            f"a label on the ultrasound's grid of {' x '.join(map(str, before.GetSize()))} voxels",
            f"another grid of {' x '.join(map(str, after.GetSize()))} voxels",
            "discard, and correct without changing the segmentation's geometry",
        )
    if not _voxels(after).any():
        raise BadInput(
            "a corrected label with some tumour", "nothing drawn",
            "undo, or discard and flag the case where no tumour is to be seen",
        )  # fmt: skip


def _write(label: "sitk.Image", correction: Correction, earlier: list[Correction], folder: Path) -> Correction:
    try:
        write_volume(label, folder / CORRECTED_FILE)
        known = replace(correction, label_sha256=fingerprint(folder / CORRECTED_FILE).sha256)
        write_json_atomic(folder / RECORD_FILE, _content(known, earlier))
    except (OSError, RuntimeError) as error:
        raise Failed(
            f"The corrected label could not be saved in {folder}: {getattr(error, 'strerror', None) or 'writing failed'}."
            " It is still open; make room or bring the drive back, and save again."
        ) from error
    return known


def _content(correction: Correction, earlier: list[Correction]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "label": CORRECTED_FILE,
        "correction": asdict(correction),
        "earlier": [asdict(one) for one in earlier],
    }


def _voxels(label: "sitk.Image") -> np.ndarray:
    import SimpleITK as sitk

    return sitk.GetArrayViewFromImage(label)
