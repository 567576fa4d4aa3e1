"""RESECT, RESECT-SEG and CuRIOUS: files found by their names, in whatever folders they lie."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput
from ..file_hash import sha256_of
from ..jobs.progress import Progress, silent
from ..study.case import Licence
from .checks import is_empty_mask
from .licences import CC_BY, CC_BY_NC_SA, CURIOUS_TERMS
from .proposal import Found, Proposal, ProposedCase, Row, Source

TIME_POINTS = ("before", "during", "after")
IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
STRUCTURES = {
    "tumor": "tumor",
    "tumour": "tumor",
    "resection": "cavity",
    "cavity": "cavity",
    "sulci": "sulci",
    "falx": "falx",
}
MRI_CONTRASTS = {"t1": "T1", "flair": "FLAIR", "t2": "T2", "t1ce": "T1ce"}
REGISTERED_FIRST = ("FLAIR", "T1ce", "T1", "T2")  # the tumour label and the landmarks were drawn on FLAIR
CENTRE = "St. Olavs hospital, Trondheim"
RULES = (
    "Files are found by their names (CaseN-US-before, CaseN-FLAIR, CaseN-US-before-tumor ..), whatever their folder.",
    "Each ultrasound (before, during, after resection) is a case; those of one patient share its MRI and MRI labels.",
    "A mask of zeros only is not annotated. '*-seg' files of EASY-RESECT are spheres at landmarks, not anatomy.",
    "Registration takes FLAIR, on which tumour and landmarks were drawn, or T1 where FLAIR is missing.",
)
SAME_PATIENTS = "CuRIOUS's training cases are patients of RESECT: a study should hold only one of the two sets."
SPHERES = "A file of EASY-RESECT: spheres at landmarks, not anatomy, so it is no label."


@dataclass(frozen=True)
class _Named:
    """A file by what its name says; `role` is us, mri, us_label, mri_label, landmarks, us_landmarks, spheres or other."""

    number: int
    role: str
    path: Path
    what: str = ""
    time_point: str = ""
    on: str = ""


@dataclass(frozen=True)
class _Terms:
    source: str
    dataset: str
    images: Licence
    labels: Licence


_TERMS = {
    "resect": _Terms("RESECT", "resect", CC_BY, CC_BY_NC_SA),
    "resect-seg": _Terms("RESECT", "resect", CC_BY, CC_BY_NC_SA),
    "curious": _Terms("CuRIOUS", "curious", CURIOUS_TERMS, CC_BY_NC_SA),
}
_RESECT_SEG = Source("RESECT-SEG", "resect-seg", Path(), CC_BY_NC_SA)


def propose_resect(
    dataset: str, folders: list[Path], earlier: Iterable[Path] = (), progress: Progress = silent
) -> Proposal:
    """Cases of the RESECT family below `folders` and below the `earlier` folders, where the other part may lie.

    Raises `BadInput` where no file has a name of the family, or two different files have the same.
    """
    progress("scan", 0, 1, "Looking for files by their names")
    named = [file for folder in folders for file in _named_files(folder)]
    _check_anything(named, folders)
    sources = _sources(_TERMS[dataset], dataset, folders, named)
    known = {file.path for file in named}
    named += [file for folder in earlier for file in _named_files(folder) if file.path not in known]
    named, empty = _without_empty_masks(_unique(named), progress)
    cases, left = [], []
    for number in sorted({file.number for file in named if file.role != "other"} | {file.number for file in empty}):
        files = [file for file in named if file.number == number]
        cases += _cases(number, files, [f for f in empty if f.number == number], _TERMS[dataset])
        left += _left(number, files, _TERMS[dataset])
    rules = (*RULES, SAME_PATIENTS) if dataset == "curious" else RULES
    return Proposal(tuple(cases), tuple(left), rules, sources)


def _named_files(folder: Path) -> list[_Named]:
    paths = sorted(
        p for p in folder.rglob("*") if not any(part.startswith(".") for part in p.parts[len(folder.parts) :])
    )
    return [named for path in paths if path.is_file() and (named := _named(path))]


def _named(path: Path) -> _Named | None:
    """What a file's name says; None for files of no case, such as checksums and read-mes."""
    ending = next((e for e in (*IMAGE_ENDINGS, ".tag") if path.name.lower().endswith(e)), None)
    match = re.fullmatch(r"case[ _-]?0*(\d+)[-_](.+)", path.name.lower()[: -len(ending)]) if ending else None
    if not match:
        return None
    number, rest = int(match[1]), match[2].replace("_", "-")
    return _landmarks(number, rest, path) if ending == ".tag" else _image(number, rest, path)


def _landmarks(number: int, rest: str, path: Path) -> _Named:
    if re.fullmatch(r"mri-beforeus(-full)?", rest):
        return _Named(number, "landmarks", path)
    if re.match(r"(before|during|after)us-(before|during|after)us", rest):
        return _Named(number, "us_landmarks", path, what=path.name)
    return _Named(number, "other", path)


def _image(number: int, rest: str, path: Path) -> _Named:
    if re.search(r"-seg$", rest):
        return _Named(number, "spheres", path)
    structures = "|".join(STRUCTURES)
    if match := re.fullmatch(rf"us-({'|'.join(TIME_POINTS)})(?:-({structures}))?", rest):
        role = "us_label" if match[2] else "us"
        return _Named(number, role, path, STRUCTURES.get(match[2] or "", ""), match[1])
    if match := re.fullmatch(rf"({'|'.join(MRI_CONTRASTS)})(?:-({structures}))?", rest):
        contrast = MRI_CONTRASTS[match[1]]
        if match[2]:
            return _Named(number, "mri_label", path, STRUCTURES[match[2]], on=contrast)
        return _Named(number, "mri", path, contrast)
    return _Named(number, "other", path)


def _check_anything(named: list[_Named], folders: list[Path]) -> None:
    where = " and ".join(map(str, folders))
    roles = {file.role for file in named}
    if roles == {"spheres"}:
        raise BadInput("labels of anatomy", f"EASY-RESECT's spheres at landmarks in {where}", "give RESECT-SEG's masks")
    if not roles - {"other", "spheres"}:
        raise BadInput(
            "files named as RESECT's, such as Case1-US-before.nii.gz", f"none below {where}",
            "check --source, or import other folders with --dataset folder",
        )  # fmt: skip


def _sources(terms: _Terms, dataset: str, folders: list[Path], named: list[_Named]) -> tuple[Source, ...]:
    sources = []
    masks = Source("CuRIOUS labels", "curious", Path(), terms.labels) if dataset == "curious" else _RESECT_SEG
    for folder in folders:
        roles = {file.role for file in named if file.path.is_relative_to(folder)}
        if roles & {"us", "mri", "landmarks"}:
            sources.append(Source(terms.source, terms.dataset, folder, terms.images))
        if roles & {"us_label", "mri_label"}:
            sources.append(replace(masks, folder=folder))
    return tuple(sources)


def _unique(named: list[_Named]) -> list[_Named]:
    """One file for each role; copies of the same content count once."""
    found: dict[tuple, _Named] = {}
    for file in named:
        key = (file.number, file.role, file.what, file.time_point, file.on, file.role == "other" and file.path)
        first = found.setdefault(key, file)
        if first is not file and file.role != "spheres" and sha256_of(first.path) != sha256_of(file.path):
            raise BadInput(
                f"one file for each image of case {file.number}", f"two that differ, {first.path} and {file.path}",
                "name a --source that holds only one of them",
            )  # fmt: skip
    return list(found.values())


def _without_empty_masks(named: list[_Named], progress: Progress) -> tuple[list[_Named], list[_Named]]:
    """Files without, and masks with, nothing but zeros."""
    masks = [file for file in named if file.role.endswith("_label")]
    empty = []
    for done, mask in enumerate(masks):
        progress("masks", done, len(masks), f"Looking into {mask.path.name}")
        if is_empty_mask(mask.path):
            empty.append(mask)
    return [file for file in named if file not in empty], empty


def _cases(number: int, files: list[_Named], empty: list[_Named], terms: _Terms) -> list[ProposedCase]:
    """The cases of one patient, one for each of its ultrasounds."""
    us = {file.time_point: file for file in files if file.role == "us"}
    return [_case(number, point, us[point], files, empty, terms) for point in TIME_POINTS if point in us]


def _case(number: int, point: str, us: _Named, files: list[_Named], empty: list[_Named], terms: _Terms) -> ProposedCase:
    def found(role: str, time_point: str = "") -> tuple[Found, ...]:
        chosen = sorted((f for f in files if f.role == role and f.time_point == time_point), key=_order)
        if role.endswith("_label"):
            return tuple(Found((f.path,), f.what, "expert", f.on, licence=terms.labels) for f in chosen)
        return tuple(Found((f.path,), f.what) for f in chosen)

    mri = found("mri")
    contrasts = [image.what for image in mri]
    landmarks = found("landmarks")
    return ProposedCase(
        case=f"{terms.source}-Case{number}-{point}",
        patient=f"{terms.source}-Case{number}",
        source=terms.source,
        licence=terms.images,
        us=Found((us.path,)),
        mri=mri,
        mri_labels=found("mri_label"),
        us_labels=found("us_label", point),
        landmarks=landmarks[0] if landmarks and point == "before" else None,
        centre=CENTRE,
        time_point=point,
        register_with=tuple([c for c in REGISTERED_FIRST if c in contrasts][:1]),
        notes=tuple(_notes(point, files, empty, mri)),
    )


def _order(file: _Named) -> tuple[int, str]:
    return (REGISTERED_FIRST.index(file.what) if file.what in REGISTERED_FIRST else 0, file.what)


def _notes(point: str, files: list[_Named], empty: list[_Named], mri: tuple[Found, ...]) -> list[str]:
    zeros = [f"{e.what} on {e.on or 'ultrasound'}" for e in empty if e.time_point in ("", point)]
    between = [f.what for f in files if f.role == "us_landmarks" and f"{point}us" in f.what.lower()]
    return (
        (["No MRI of this patient in the source."] if not mri else [])
        + ([f"Not annotated (a mask of zeros only): {', '.join(zeros)}."] if zeros else [])
        + ([f"Landmarks between two ultrasounds are left at the source: {', '.join(between)}."] if between else [])
    )


def _left(number: int, files: list[_Named], terms: _Terms) -> list[Row]:
    patient = f"{terms.source}-Case{number}"
    rows = [
        Row(patient, f.path.name, "left", SPHERES if f.role == "spheres" else "Its name says no role.", terms.source)
        for f in files
        if f.role in ("spheres", "other")
    ]
    taken = {f.time_point for f in files if f.role == "us"}
    orphans = {f.time_point for f in files if f.role == "us_label"} - taken
    for point in sorted(orphans, key=TIME_POINTS.index):
        reason = (
            f"Labels without their ultrasound: import the images of {terms.source} into this study, they then meet."
        )
        rows.append(Row(patient, f"{patient}-{point}", "left", reason, terms.source))
    if not taken and not orphans and any(f.role in ("mri", "mri_label", "landmarks") for f in files):
        rows.append(Row(patient, patient, "left", "No ultrasound of this patient below the source.", terms.source))
    return rows
