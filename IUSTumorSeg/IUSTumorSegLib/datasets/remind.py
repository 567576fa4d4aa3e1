"""ReMIND from TCIA or IDC: DICOM by header; the rules that choose are in `remind_rules`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import BadInput
from ..jobs.progress import Progress, silent
from .clinical_table import patients_left_out
from .dicom_scan import scan_dicom
from .licences import CC_BY
from .names import safe_name
from .proposal import DICOM_SEG, DICOM_SERIES, Found, Proposal, ProposedCase, Row, Source
from .remind_rules import RULES, Label, Selected, select

SOURCE = "ReMIND"
CENTRE = "Brigham and Women's Hospital, Boston"
FILES_A_STEP = 500


def propose_remind(
    folders: list[Path],
    clinical: Path | None = None,
    keep: str = "",
    exclude_previous_cavity: bool = False,
    all_mri: bool = False,
    progress: Progress = silent,
) -> Proposal:
    """Cases of ReMIND below `folders`. Raises `BadInput` where there is no DICOM ultrasound or the clinical table is wrong."""
    excluded = patients_left_out(clinical, keep)
    series = scan_dicom(_files(folders), lambda n: _report(n, progress))
    if not any(one.modality == "US" for one in series):
        raise BadInput(
            "ReMIND's DICOM files with ultrasound",
            f"{len(series)} DICOM series and no ultrasound below {' and '.join(map(str, folders))}",
            "name the folder that holds the patients, with the modality US downloaded",
        )
    selection = select(series, excluded(one.patient for one in series), exclude_previous_cavity, all_mri)
    left = [Row(n.patient, n.what, "left", n.reason, SOURCE) for n in selection.left]
    cases = tuple(_case(selected) for selected in selection.taken)
    sources = tuple(Source(SOURCE, "remind", folder, CC_BY) for folder in folders)
    return Proposal(cases, tuple(left), RULES, sources)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def _report(count: int, progress: Progress) -> None:
    if count % FILES_A_STEP == 0:
        progress("scan", count, 0, f"Read {count} headers")


def _case(selected: Selected) -> ProposedCase:
    mri = tuple(Found(series.files, series.description, form=DICOM_SERIES) for series in selected.mri)
    return ProposedCase(
        case=safe_name(f"{selected.patient}-{selected.what}"),
        patient=selected.patient,
        source=SOURCE,
        licence=CC_BY,
        us=Found(selected.us.files, form=DICOM_SERIES),
        mri=mri,
        mri_labels=_labels(selected.labels),
        centre=CENTRE,
        time_point="before",
        register_with=tuple(found.what for found in mri[:1]),
        notes=selected.notes,
    )


def _labels(labels: tuple[Label, ...]) -> tuple[Found, ...]:
    """The labels as files; a second one of a structure on one MRI gets a number, as it may be another lesion."""
    found: list[Found] = []
    for label in labels:
        same = sum(f.on == label.mri.description and f.what.split("-")[0] == label.structure for f in found)
        what = f"{label.structure}-{same + 1}" if same else label.structure
        found.append(Found(label.series.files, what, "expert", label.mri.description, DICOM_SEG, grid=label.mri.files))
    return tuple(found)
