"""Which of ReMIND's series belong to a case before resection; rules on headers alone, so they can be tried on a list."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .dicom_scan import Series

PREOPERATIVE = "preop"
BEFORE_RESECTION = {"uspredura": "pre_dura", "uspostdura": "post_dura"}
AFTER_RESECTION = {"uspreimri": "pre_imri"}
TUMOR, PREVIOUS_CAVITY = "tumor", "previous_resection_cavity"
SEG_DESCRIPTION = re.compile(r"\s*(?P<structure>\w+)\s+seg\b.*?MR ref:\s*(?P<mri>\S+)", re.IGNORECASE)

RULES = (
    "Ultrasound US_pre_dura and US_post_dura lies before resection: two cases of one patient. US_pre_imri is left, as it "
    "lies after resection.",
    "Labels are the DICOM SEG objects of the study 'Preop'; 'tumor' is the tumour, other structures are kept beside it.",
    "A label's MRI is the series that the SEG refers to; where it refers to none, the one that its description names "
    "('MR ref: ..') in the same study. Without that MRI, or in another frame of reference, the label is left.",
    "Of several tumour labels the first is on a 3D series, after that on T1 with contrast, FLAIR, T2; the rest are kept.",
    "Registration takes the tumour label's MRI; without a label, the MRI that this order puts first.",
)


@dataclass(frozen=True)
class Label:
    """A segmentation with its structure, the MRI it was drawn on, and which rule found that."""

    series: Series
    structure: str
    mri: Series
    rule: str


@dataclass(frozen=True)
class Selected:
    """An ultrasound before resection with the labels (tumour first) and MRIs (the one to register first) it takes."""

    patient: str
    us: Series
    what: str
    labels: tuple[Label, ...]
    mri: tuple[Series, ...]
    notes: tuple[str, ...] = ()

    @property
    def has_tumor(self) -> bool:
        """Whether a tumour label exists before resection."""
        return any(label.structure == TUMOR for label in self.labels)


@dataclass(frozen=True)
class NotTaken:
    """A patient or a series that the rules left, with the sentence that says why."""

    patient: str
    what: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """What the rules made of a list of series."""

    taken: tuple[Selected, ...]
    left: tuple[NotTaken, ...]


def select(
    series: Iterable[Series],
    excluded: Mapping[str, str] | None = None,
    exclude_previous_cavity: bool = False,
    all_mri: bool = False,
) -> Selection:
    """Ultrasound before resection with its labels and MRI, patient by patient; `excluded` gives patients with a reason."""
    by_patient: dict[str, list[Series]] = {}
    for one in series:
        by_patient.setdefault(one.patient, []).append(one)
    taken: list[Selected] = []
    left: list[NotTaken] = []
    for patient, own in sorted(by_patient.items()):
        if reason := _reason_to_leave(patient, own, excluded or {}, exclude_previous_cavity):
            left.append(NotTaken(patient, "", reason))
            continue
        selected, others = _of_patient(patient, own, all_mri)
        taken += selected
        left += others
    return Selection(tuple(taken), tuple(left))


def ultrasound_before_resection(series: Series) -> str:
    """For an ultrasound before resection "pre_dura" or "post_dura", empty for anything else."""
    return BEFORE_RESECTION.get(_letters(series.description), "") if series.modality == "US" else ""


def is_preoperative(series: Series) -> bool:
    """Whether a series is of the study before the operation."""
    return _letters(series.study_description).startswith(PREOPERATIVE)


def structure_of(series: Series) -> str:
    """What a segmentation shows, from its description, such as "tumor" or "tumor_residual"; empty where it says none."""
    match = SEG_DESCRIPTION.match(series.description)
    return match["structure"].lower() if match and series.modality == "SEG" else ""


def mri_of_label(label: Series, mris: Iterable[Series]) -> tuple[Series | None, str]:
    """The MRI that a label was drawn on, and the rule that found it, or a sentence why there is none."""
    mris = list(mris)
    if label.references:
        found = next((mri for mri in mris if mri.uid in label.references), None)
        rule = "the SEG's own reference"
    else:
        match = SEG_DESCRIPTION.match(label.description)
        named = _letters(match["mri"]) if match else ""
        same = [mri for mri in mris if mri.study == label.study and _letters(mri.description) == named]
        found, rule = (same[0] if len(same) == 1 else None), "the SEG's description"
    if found is None:
        return None, f"its MRI is not in the source (by {rule})"
    frames = {found.frame_of_reference, label.frame_of_reference} - {""}
    if len(frames) > 1:
        return None, f"it lies in another frame of reference than its MRI {found.description}"
    return found, rule


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _reason_to_leave(patient: str, own: list[Series], excluded: Mapping[str, str], without_cavity: bool) -> str:
    if patient in excluded:
        return excluded[patient]
    if without_cavity and any(structure_of(s) == PREVIOUS_CAVITY for s in own):
        return f"Operated on before: a label {PREVIOUS_CAVITY} exists (--exclude-previous-cavity)."
    if not any(ultrasound_before_resection(s) for s in own):
        return "No ultrasound before resection (US_pre_dura, US_post_dura)."
    return ""


def _of_patient(patient: str, own: list[Series], all_mri: bool) -> tuple[list[Selected], list[NotTaken]]:
    mris = [s for s in own if s.modality == "MR" and is_preoperative(s)]
    labels, left = _labels(patient, own, mris)
    tumors = [label for label in labels if label.structure == TUMOR]
    first = tumors[0].mri if tumors else min(mris, key=_preference, default=None)
    used = [label.mri for label in labels if _same_frame(label.mri, first)]
    far = [label for label in labels if not _same_frame(label.mri, first)]
    more = sorted((mri for mri in mris if all_mri and _same_frame(mri, first)), key=_preference)
    chosen = tuple({mri.uid or mri.description: mri for mri in ([first] if first else []) + used + more}.values())
    kept = tuple(label for label in labels if label not in far)
    left += [NotTaken(patient, f.series.description, f"Its MRI {f.mri.description} is not in one frame of reference "
                      "with the MRI to register.") for f in far]  # fmt: skip
    left += [NotTaken(patient, s.description, "Ultrasound after resection, before the intraoperative MRI.")
             for s in own if s.modality == "US" and _letters(s.description) in AFTER_RESECTION]  # fmt: skip
    left += [NotTaken(patient, s.description, "An ultrasound whose description no rule knows.") for s in own
             if s.modality == "US" and _letters(s.description) not in BEFORE_RESECTION | AFTER_RESECTION]  # fmt: skip
    notes = tuple(_notes(kept, chosen))
    ultrasounds = [(s, what) for s in own if (what := ultrasound_before_resection(s))]
    return [Selected(patient, us, what, kept, chosen, notes) for us, what in ultrasounds], left


def _labels(patient: str, own: list[Series], mris: list[Series]) -> tuple[list[Label], list[NotTaken]]:
    """The preoperative labels, tumour first and in the order of preference of their MRI, and those without an MRI."""
    found: list[Label] = []
    left: list[NotTaken] = []
    for seg in (s for s in own if s.modality == "SEG" and is_preoperative(s)):
        mri, rule = mri_of_label(seg, mris)
        if mri is None or not structure_of(seg):
            reason = (
                f"A label is left: {rule}." if mri is None else "A segmentation whose description names no structure."
            )
            left.append(NotTaken(patient, seg.description, reason))
        else:
            found.append(Label(seg, structure_of(seg), mri, rule))
    return sorted(found, key=lambda l: (l.structure != TUMOR, l.structure, _preference(l.mri))), left  # noqa: E741


def _preference(mri: Series) -> tuple[int, int, str]:
    """3D before 2D, then T1 with contrast, FLAIR, T2, anything else."""
    name = _letters(mri.description)
    contrasts = ("t1postcontrast", "flair", "t2")
    rank = next((i for i, contrast in enumerate(contrasts) if contrast in name), len(contrasts))
    return (0 if name.startswith("3d") else 1, rank, mri.description)


def _same_frame(one: Series, other: Series | None) -> bool:
    return other is None or not one.frame_of_reference or one.frame_of_reference == other.frame_of_reference


def _notes(labels: tuple[Label, ...], mris: tuple[Series, ...]) -> list[str]:
    tumors = [label for label in labels if label.structure == TUMOR]
    by_description = [label.structure for label in labels if "description" in label.rule]
    return (
        ([] if mris else ["No MRI before the operation in the source."])
        + ([] if tumors else ["No tumour label before the operation."])
        + ([f"{len(tumors)} tumour labels; the first is on {tumors[0].mri.description}."] if len(tumors) > 1 else [])
        + ([f"MRI chosen by the SEG's description: {', '.join(by_description)}."] if by_description else [])
    )
