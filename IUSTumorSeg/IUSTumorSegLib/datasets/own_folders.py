"""A hospital's own folders, one for each patient: roles guessed from headers and names, for a person to check."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput
from ..jobs.progress import Progress, silent
from .dicom_scan import Series, scan_dicom
from .licences import UNKNOWN
from .names import contrast_of, safe_name, words_of
from .place_files import ending
from .proposal import DICOM_SEG, DICOM_SERIES, FILE, Found, Proposal, ProposedCase, Row, Source
from .resect import SPHERES

IMAGE_ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
US_WORDS = {"us", "ius", "usg", "ultrasound", "ultrasonography", "bmode", "sono", "predura", "postdura"}
MR_WORDS = {
    "mr",
    "mri",
    "t1",
    "t1w",
    "t1ce",
    "t1c",
    "t1gd",
    "t2",
    "t2w",
    "flair",
    "mprage",
    "space",
    "swi",
    "dwi",
    "adc",
}
TUMOR_WORDS = {"tumor", "tumour", "lesion", "glioma", "gtv"}
STRUCTURE_WORDS = {
    "cavity": "cavity", "resection": "cavity", "sulci": "sulci", "falx": "falx", "ventricle": "ventricles",
    "ventricles": "ventricles", "cerebrum": "cerebrum", "brain": "brain", "edema": "oedema", "oedema": "oedema",
}  # fmt: skip
LABEL_WORDS = {"seg", "segmentation", "label", "labels", "mask", "roi", "annotation", "groundtruth", "gt"} | TUMOR_WORDS
BEFORE_WORDS = {"before", "pre", "preop", "predura", "postdura", "preresection"}
DURING_WORDS, AFTER_WORDS = {"during"}, {"after", "post", "postop", "postresection"}
REGISTERED_FIRST = ("T1ce", "FLAIR", "T2", "T1")
EASY_RESECT = re.compile(r"case\d+-(us|flair|t1).*-seg$")
RULES = (
    "Each folder of the source is a patient; each ultrasound in it is a case.",
    "DICOM: the header's modality and series description say the role; other files: the words of their names, then of "
    "their folders.",
    "A label belongs to the image that its name tells, or else to the one on whose grid it lies; a label of no other "
    "structure is taken for the tumour.",
    "What neither name nor header explains is left: correct the table (--write-table F.csv) and give it as --table F.csv.",
)


@dataclass(frozen=True)
class _Guess:
    """A file or series of a patient with its role: "us", "mri", "us label", "mri label", "label", "landmarks" or ""."""

    found: Found
    role: str
    name: str
    words: tuple[str, ...]
    reason: str = ""

    @property
    def path(self) -> Path:
        return self.found.paths[0]


def propose_own_folders(
    folders: list[Path], table: Path | None = None, centre: str = "", name: str = "", progress: Progress = silent
) -> Proposal:
    """Cases below `folders`, guessed, or as `table` says. Raises `BadInput` where there are no patients' folders."""
    source = name or folders[0].name
    sources = tuple(Source(source, "folder", folder, UNKNOWN) for folder in folders)
    if table:
        from .case_table import cases_of_table

        rules = (f"Cases are those of the table {table.name}; nothing was guessed.",)
        return Proposal(cases_of_table(table, folders[0], source, centre), (), rules, sources)
    patients = [path for folder in folders for path in sorted(folder.iterdir()) if _is_patient(path)]
    if not patients:
        raise BadInput("one folder a patient", f"no folder in {folders[0]}", "name the folder that holds the patients'")
    cases: list[ProposedCase] = []
    left: list[Row] = []
    for done, patient in enumerate(patients):
        progress("scan", done, len(patients), f"Looking into folder {done + 1} of {len(patients)}")
        found, others = _of_patient(patient, source, centre)
        cases += found
        left += others
    return Proposal(tuple(cases), tuple(left), RULES, sources)


def _is_patient(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _of_patient(folder: Path, source: str, centre: str) -> tuple[list[ProposedCase], list[Row]]:
    patient = safe_name(folder.name)
    guesses = _with_grids(_guesses(folder))
    ultrasounds = [g for g in guesses if g.role == "us"]
    mri = _named_mri([g for g in guesses if g.role == "mri"])
    mri_labels = _mri_labels([g for g in guesses if g.role == "mri label"], mri)
    landmarks = [g.found for g in guesses if g.role == "landmarks"]
    cases = [
        ProposedCase(
            case=_case_name(patient, us),
            patient=patient,
            source=source,
            licence=UNKNOWN,
            us=us.found,
            mri=tuple(mri),
            mri_labels=tuple(mri_labels),
            us_labels=_us_labels(us, ultrasounds, guesses),
            landmarks=landmarks[0] if len(landmarks) == len(ultrasounds) == 1 else None,
            centre=centre,
            time_point=_time_point(us.words),
            register_with=_chosen(mri, mri_labels),
            notes=("Roles were guessed from names and headers.",),
        )
        for us in ultrasounds
    ]
    return cases, [Row(patient, name, "left", reason, source) for name, reason in _left(patient, guesses, ultrasounds)]


def _left(patient: str, guesses: list[_Guess], ultrasounds: list[_Guess]) -> list[tuple[str, str]]:
    """Files and series that go nowhere, each with a sentence."""
    left = [(g.name, g.reason) for g in guesses if g.reason]
    if not ultrasounds:
        return [*left, (patient, "No ultrasound was recognised in the patient's folder.")]
    loose = [g for g in guesses if g.role == "us label" and not _owner(g, ultrasounds)]
    tags = [g for g in guesses if g.role == "landmarks"]
    unclear = tags if len(tags) > 1 or (tags and len(ultrasounds) > 1) else []
    return (
        left
        + [(g.name, "A label that fits several ultrasounds of the patient.") for g in loose]
        + [(g.name, "Landmarks whose ultrasound is not clear: name it in a --table.") for g in unclear]
    )


def _guesses(folder: Path) -> list[_Guess]:
    files = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    images = [p for p in files if ending(p).lower() in IMAGE_ENDINGS]
    tags = [p for p in files if p.suffix.lower() == ".tag"]
    series = scan_dicom(p for p in files if p not in set(images) | set(tags))
    return (
        [_guess_file(path, folder) for path in images]
        + [_guess_series(one) for one in series]
        + [_Guess(Found((path,)), "landmarks", path.name, ()) for path in tags]
    )


def _guess_file(path: Path, folder: Path) -> _Guess:
    stem = path.name[: -len(ending(path))]
    own = words_of(stem)
    around = words_of(" ".join(path.relative_to(folder).parent.parts))
    found = Found((path,))
    if EASY_RESECT.match(stem.lower()):
        return _Guess(found, "", path.name, own, SPHERES)
    if _is_label(own) or (_is_label(around) and not set(own) & (US_WORDS | MR_WORDS)):
        return _label(found, path.name, own, around)
    if path.name.lower().endswith(".seg.nrrd"):
        return _label(found, path.name, own, around)
    role = _modality(own) or _modality(around)
    reason = "" if role else "Neither its name nor its folder says ultrasound or MRI."
    return _Guess(found, role, stem, own + around, reason)


def _guess_series(series: Series) -> _Guess:
    words = words_of(series.description)
    form = DICOM_SEG if series.modality == "SEG" else DICOM_SERIES
    found = Found(series.files, form=form)
    name = safe_name(series.description or series.modality)
    if series.modality == "SEG":
        return _label(found, name, words, ())
    role = {"US": "us", "MR": "mri"}.get(series.modality, "")
    reason = "" if role else f"DICOM of modality {series.modality or 'unknown'}: neither ultrasound nor MRI."
    return _Guess(found, role, name, words, reason)


def _label(found: Found, name: str, own: tuple[str, ...], around: tuple[str, ...]) -> _Guess:
    modality = _modality(own)
    role = f"{modality} label" if modality else "label"
    return _Guess(replace(found, what=_structure(own, around)), role, name, own + around)


def _is_label(words: Iterable[str]) -> bool:
    return bool(set(words) & (LABEL_WORDS | set(STRUCTURE_WORDS)))


def _structure(own: Iterable[str], around: Iterable[str]) -> str:
    if set(own) & TUMOR_WORDS:
        return "tumor"
    return next((STRUCTURE_WORDS[word] for word in (*own, *around) if word in STRUCTURE_WORDS), "tumor")


def _modality(words: Iterable[str]) -> str:
    words = set(words)
    return "us" if words & US_WORDS else "mri" if words & MR_WORDS else ""


def _with_grids(guesses: list[_Guess]) -> list[_Guess]:
    """Labels whose name tells no image go with the image on whose grid they lie."""
    images = [g for g in guesses if g.role in ("us", "mri")]
    return [_by_grid(g, images) if g.role == "label" else g for g in guesses]


def _by_grid(label: _Guess, images: list[_Guess]) -> _Guess:
    roles = {image.role for image in images if _same_grid(label.found, image.found)}
    kinds = {image.role for image in images}
    if len(roles) != 1 and label.found.form == DICOM_SEG and "mri" in kinds:
        roles = {"mri"}
    if len(roles) == 1:
        return replace(label, role=f"{roles.pop()} label")
    return replace(label, role="", reason="A label whose name and grid do not tell which image it was drawn on.")


def _same_grid(one: Found, other: Found) -> bool:
    if FILE not in (one.form, other.form) or one.form != other.form:
        return False
    return _grid(one.paths[0]) == _grid(other.paths[0])


def _grid(path: Path) -> tuple:
    """Size and geometry in a file's header, in whole micrometres."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return (path,)
    numbers = (*reader.GetOrigin(), *reader.GetSpacing(), *reader.GetDirection())
    return (*reader.GetSize(), *(round(1000 * number) for number in numbers))


def _named_mri(guesses: list[_Guess]) -> list[Found]:
    """The MRIs by contrast, each with a name of its own."""
    found: list[Found] = []
    for guess in guesses:
        what = contrast_of(guess.words) or guess.name
        same = sum(f.what == what or f.what.startswith(f"{what}-") for f in found)
        found.append(replace(guess.found, what=f"{what}-{same + 1}" if same else what))
    return sorted(found, key=lambda f: REGISTERED_FIRST.index(f.what) if f.what in REGISTERED_FIRST else 9)


def _mri_labels(guesses: list[_Guess], mri: list[Found]) -> list[Found]:
    labels: list[Found] = []
    for guess in guesses:
        on = _image_of(guess, mri)
        grid = on.paths if on and guess.found.form == DICOM_SEG and on.form == DICOM_SERIES else ()
        label = replace(guess.found, on=on.what if on else "", grid=grid)
        same = sum((f.what.split("-")[0], f.on) == (label.what, label.on) for f in labels)
        labels.append(replace(label, what=f"{label.what}-{same + 1}") if same else label)
    return labels


def _image_of(label: _Guess, mri: list[Found]) -> Found | None:
    """The MRI that a label's name tells, or on whose grid it lies, or the only one."""
    contrast = contrast_of(label.words)
    named = [image for image in mri if contrast and image.what == contrast]
    on_grid = [image for image in mri if _same_grid(label.found, image)]
    return next(iter(named or on_grid or (mri if len(mri) == 1 else [])), None)


def _us_labels(us: _Guess, ultrasounds: list[_Guess], guesses: list[_Guess]) -> tuple[Found, ...]:
    """The labels of one ultrasound; a second one of a structure gets a number."""
    labels: list[Found] = []
    for guess in (g for g in guesses if g.role == "us label" and _owner(g, ultrasounds) is us):
        what = guess.found.what
        same = sum(label.what.split("-")[0] == what for label in labels)
        labels.append(replace(guess.found, what=f"{what}-{same + 1}" if same else what))
    return tuple(labels)


def _owner(label: _Guess, ultrasounds: list[_Guess]) -> _Guess | None:
    """The ultrasound that a label fits best; None where two fit as well."""

    def likeness(us: _Guess) -> tuple[bool, bool, int]:
        same_time = bool(_time_point(label.words)) and _time_point(label.words) == _time_point(us.words)
        return _same_grid(label.found, us.found), same_time, len(set(label.words) & set(us.words))

    ranked = sorted(ultrasounds, key=likeness, reverse=True)
    tied = len(ranked) > 1 and likeness(ranked[0]) == likeness(ranked[1])
    return None if tied or not ranked else ranked[0]


def _time_point(words: Iterable[str]) -> str:
    words = set(words)
    found = [name for name, known in (("before", BEFORE_WORDS), ("during", DURING_WORDS), ("after", AFTER_WORDS))
             if words & known]  # fmt: skip
    if {"post", "dura"} <= words:
        return "before"
    return found[0] if len(found) == 1 else ""


def _chosen(mri: list[Found], labels: list[Found]) -> tuple[str, ...]:
    """The MRI to register: the tumour label's, or the first in the order of contrasts."""
    tumor = next((label.on for label in labels if label.what == "tumor" and label.on), "")
    return (tumor,) if tumor else tuple(found.what for found in mri[:1])


def _case_name(patient: str, us: _Guess) -> str:
    """Patient and ultrasound, so that a further ultrasound of the patient renames nothing."""
    name = safe_name(us.name)
    return name if name.casefold().startswith(patient.casefold()) else f"{patient}-{name}"
