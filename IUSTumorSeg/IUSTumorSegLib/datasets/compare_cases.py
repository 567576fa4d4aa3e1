"""A case of the study against what its source offers now: what is missing, what changed, what moved."""

from dataclasses import replace
from pathlib import Path

from ..file_hash import sha256_of
from ..study.case import Case, CaseFile
from .conversion import needs_conversion
from .proposal import Found, ProposedCase


def missing_files(case: Case, proposed: ProposedCase) -> list[str]:
    """What the source has and the case has not, by name."""
    has = {(file.what, file.on) for file in case.mri_labels} | {("us", file.what) for file in case.us_labels}
    mri = [found.what for found in proposed.mri if found.what not in {file.what for file in case.mri}]
    labels = [found.what for found in proposed.mri_labels if (found.what, found.on) not in has]
    us_labels = [found.what for found in proposed.us_labels if ("us", found.what) not in has]
    landmarks = ["landmarks"] if proposed.landmarks and not case.landmarks else []
    return mri + labels + us_labels + landmarks


def _pairs(case: Case, proposed: ProposedCase) -> list[tuple[CaseFile, Found]]:
    """Files of the case left in their place, each with its counterpart at the source."""
    offered: dict[tuple[str, str, str], Found] = {("us", "", ""): proposed.us}
    offered |= {("mri", mri.what, ""): mri for mri in proposed.mri}
    offered |= {("mri label", label.what, label.on): label for label in proposed.mri_labels}
    offered |= {("us label", label.what, ""): label for label in proposed.us_labels}
    offered |= {("landmarks", "", ""): proposed.landmarks} if proposed.landmarks else {}
    ours: dict[tuple[str, str, str], CaseFile] = {("us", "", ""): case.us}
    ours |= {("mri", mri.what, ""): mri for mri in case.mri}
    ours |= {("mri label", label.what, label.on): label for label in case.mri_labels}
    ours |= {("us label", label.what, ""): label for label in case.us_labels}
    ours |= {("landmarks", "", ""): case.landmarks} if case.landmarks else {}
    keys = [key for key in ours if key in offered and not needs_conversion(offered[key])]
    return [(ours[key], offered[key]) for key in keys]


def changed_file(case: Case, proposed: ProposedCase, folder: Path) -> str:
    """A sentence where the source has another file than the one imported; empty where all are the same."""
    for ours, found in _pairs(case, proposed):
        path = found.paths[0]
        stat = path.stat()
        same_place = (folder / ours.path).absolute() == path.absolute()
        untouched = same_place and (stat.st_size, stat.st_mtime) == (ours.size_bytes, ours.modified_s)
        if not untouched and sha256_of(path) != ours.sha256:
            return (
                f"{path} is another file than the one imported, so the case stays as it is. To take the new one, "
                f"remove the folder {folder} first; for another patient of that name, give --name."
            )
    return ""


def with_moved_files(case: Case, proposed: ProposedCase) -> Case:
    """`case` with the new places of files that are no longer where they were; their content is known to be the same."""
    places = {
        ours: found.paths[0].absolute()
        for ours, found in _pairs(case, proposed)
        if ours.path.is_absolute() and not ours.path.exists()
    }

    def follow(file: CaseFile) -> CaseFile:
        if file not in places:
            return file
        return replace(file, path=places[file], modified_s=places[file].stat().st_mtime)

    return replace(
        case,
        us=follow(case.us),
        mri=tuple(map(follow, case.mri)),
        mri_labels=tuple(map(follow, case.mri_labels)),
        us_labels=tuple(map(follow, case.us_labels)),
        landmarks=case.landmarks and follow(case.landmarks),
    )
