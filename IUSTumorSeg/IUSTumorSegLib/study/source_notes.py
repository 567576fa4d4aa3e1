"""What is to be said of a case's files beside those that were imported: which are gone, and which have changed."""

from pathlib import Path

from ..errors import BadInput
from .case import CaseFile, read_case
from .study_folder import changed_since_import, files_of, located


def notes_on_sources(case_folder: Path) -> tuple[str, ...]:
    """A sentence for the files that are missing and one for those that changed; none where all are as they were.

    May take seconds: the content of a file is read where its size or time differ from those at import.
    """
    folder = Path(case_folder)
    try:
        files = files_of(read_case(folder))
    except (BadInput, OSError) as error:
        return (str(error),)
    missing = [file.path for file in files if not located(folder, file).exists()]
    changed = [file.path for file in files if _has_changed(folder, file)]
    sentences = []
    if missing:
        sentences.append(f"Missing: {_names(missing)}. Connect the drive or share, or bring the files back.")
    if changed:
        sentences.append(
            f"Changed since import: {_names(changed)}. The registration and the labels were made of the files as they "
            "were: bring these back, or import the case again."
        )
    return tuple(sentences)


def _has_changed(folder: Path, file: CaseFile) -> bool:
    try:
        return changed_since_import(folder, file)
    except OSError:  # it went away while it was read
        return False


def _names(paths: list[Path]) -> str:
    return ", ".join(dict.fromkeys(str(path) for path in paths))
