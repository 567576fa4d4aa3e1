"""What an importer found at a source: cases it proposes, and what it leaves, each with the reason."""

from dataclasses import dataclass
from pathlib import Path

from ..study.case import Licence

FILE, DICOM_SERIES, DICOM_SEG = "file", "DICOM series", "DICOM SEG"


@dataclass(frozen=True)
class Found:
    """An image, label or table at its source. `what`, `drawn_by` and `on` as in `study.case.CaseFile`.

    `form` is "file" (stays in its place, or is copied), "DICOM series" or "DICOM SEG" (read once into the study).
    `licence` is that of a label whose terms differ from its images'; `grid` names the files of the DICOM series on whose
    grid a DICOM SEG is written.
    """

    paths: tuple[Path, ...]
    what: str = ""
    drawn_by: str = ""
    on: str = ""
    form: str = FILE
    licence: Licence | None = None
    grid: tuple[Path, ...] = ()


@dataclass(frozen=True)
class ProposedCase:
    """One ultrasound volume with what belongs to it, not yet written; the fields are those of `study.case.Case`."""

    case: str
    patient: str
    source: str
    licence: Licence
    us: Found
    mri: tuple[Found, ...] = ()
    mri_labels: tuple[Found, ...] = ()
    us_labels: tuple[Found, ...] = ()
    landmarks: Found | None = None
    centre: str = ""
    time_point: str = ""
    register_with: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of the import's table. `state`: "new", "added to", "unchanged", or "left"; `reason` is a sentence."""

    patient: str
    case: str
    state: str
    reason: str
    source: str = ""


@dataclass(frozen=True)
class Source:
    """A data set's folder, as `study.json` keeps it."""

    name: str
    dataset: str
    folder: Path
    licence: Licence


@dataclass(frozen=True)
class Proposal:
    """All that one source offers: its cases, what is left of it, and the rules that chose, in words.

    `sources` names the data sets that were met and their folders.
    """

    cases: tuple[ProposedCase, ...]
    left: tuple[Row, ...] = ()
    rules: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
