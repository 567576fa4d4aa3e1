"""Bring a proposed case into a study: a new case folder appears whole or not at all, an old one only gains."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..atomic_files import atomic_path
from ..errors import BadInput
from ..file_hash import sha256_of
from ..study.case import CASE_FILE, Case, CaseFile, Licence, write_case
from .conversion import Conversions, link_or_copy, needs_conversion
from .licences import combined
from .proposal import Found, ProposedCase

SOURCES_FOLDER = "sources"


@dataclass(frozen=True)
class Placement:
    """How files come into a study: `copy` takes images along instead of pointing at them."""

    conversions: Conversions
    copy: bool = False


def write_new_case(proposed: ProposedCase, folder: Path, placement: Placement) -> Case:
    """Write the folder of a new case with its `case.json`, whole or not at all, and give the case back."""
    with new_case_folder(folder) as partial:
        case = _placed_case(proposed, partial, placement)
        write_case(case, partial)
    return case


def extended_case(case: Case, proposed: ProposedCase, folder: Path, placement: Placement) -> tuple[Case, list[str]]:
    """`case` with what `proposed` has and it lacks, and the names of what came; everything it has stays as it is."""
    mri = [found for found in proposed.mri if found.what not in {file.what for file in case.mri}]
    mri_labels = _lacking(proposed.mri_labels, case.mri_labels)
    us_labels = _lacking(proposed.us_labels, case.us_labels)
    landmarks = proposed.landmarks if case.landmarks is None else None
    if not (mri or mri_labels or us_labels or landmarks):
        return case, []
    only_new = replace(
        proposed, mri=tuple(mri), mri_labels=tuple(mri_labels), us_labels=tuple(us_labels), landmarks=landmarks
    )
    new = _placed_case(only_new, folder, placement, us=case.us)
    came = [file.what for file in (*new.mri, *new.mri_labels, *new.us_labels)] + ["landmarks"] * bool(new.landmarks)
    return replace(
        case,
        licence=combined([case.licence, new.licence]) if came else case.licence,
        mri=case.mri + new.mri,
        mri_labels=case.mri_labels + new.mri_labels,
        us_labels=case.us_labels + new.us_labels,
        landmarks=case.landmarks or new.landmarks,
        register_with=case.register_with or proposed.register_with,
        notes=case.notes + tuple(note for note in new.notes if note not in case.notes),
    ), came


def _placed_case(proposed: ProposedCase, folder: Path, placement: Placement, us: CaseFile | None = None) -> Case:
    """The case with its files in their places; `us` where the ultrasound is there already.

    A label, or an MRI that is not registered, that turns out to be unreadable is noted and left: it costs no case.
    """
    notes = list(proposed.notes)

    def placed(found: Found, *name: str) -> CaseFile:
        return _placed(found, "_".join(part for part in name if part), folder, placement)

    def placed_where_readable(found: Found, *name: str) -> CaseFile | None:
        try:
            return placed(found, *name)
        except BadInput as error:
            notes.append(f"Left without {found.what}: {error}")
            return None

    mri = [
        (placed if m.what in proposed.register_with else placed_where_readable)(m, "mri", m.what) for m in proposed.mri
    ]
    mri_labels = [placed_where_readable(label, "mri_label", label.what, label.on) for label in proposed.mri_labels]
    us_labels = [placed_where_readable(label, "us_label", label.what) for label in proposed.us_labels]
    return Case(
        case=proposed.case,
        patient=proposed.patient,
        source=proposed.source,
        licence=combined([proposed.licence, *_licences((*proposed.mri_labels, *proposed.us_labels))]),
        us=us or placed(proposed.us, "us"),
        mri=tuple(file for file in mri if file),
        mri_labels=tuple(file for file in mri_labels if file),
        us_labels=tuple(file for file in us_labels if file),
        landmarks=placed(proposed.landmarks, "landmarks") if proposed.landmarks else None,
        centre=proposed.centre,
        time_point=proposed.time_point,
        register_with=proposed.register_with,
        notes=tuple(notes),
    )


def _placed(found: Found, name: str, folder: Path, placement: Placement) -> CaseFile:
    """The file of a case: where it is, or converted or copied into `folder`."""
    source = found.paths[0].absolute()
    if needs_conversion(found):
        path = Path(SOURCES_FOLDER) / f"{_safe(name)}.nii.gz"
        converted = placement.conversions.converted(found)
        (folder / path).unlink(missing_ok=True)  # an earlier import that was killed before case.json named it
        link_or_copy(converted, folder / path)
    elif placement.copy:
        path = Path(SOURCES_FOLDER) / (_safe(name) + ending(source))
        with atomic_path(folder / path) as partial:
            shutil.copyfile(source, partial)
    else:
        path = source
    stat = (folder / path).stat()
    return CaseFile(path, sha256_of(folder / path), stat.st_size, stat.st_mtime, found.what, found.drawn_by, found.on)


def ending(path: Path) -> str:
    """The suffix of a file, the double one of compressed NIfTI as one."""
    return ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix


@contextmanager
def new_case_folder(final: Path) -> Iterator[Path]:
    """Yield a hidden folder that becomes `final`; never in the place of one that is there, as that may hold reviews."""
    partial = final.with_name(f".partial-{os.getpid()}-{final.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if not (final / CASE_FILE).exists():
            partial.rename(final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _lacking(found: Iterable[Found], has: Iterable[CaseFile]) -> list[Found]:
    known = {(file.what, file.on) for file in has}
    return [label for label in found if (label.what, label.on) not in known]


def _licences(labels: Iterable[Found]) -> list[Licence]:
    return [label.licence for label in labels if label.licence]


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
