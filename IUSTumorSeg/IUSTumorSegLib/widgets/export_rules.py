"""What is missing before slices can be exported, as sentences for a tool tip."""

import re
from pathlib import Path

from slicer.i18n import tr as _

# Each case is a patient, and patients are divided into folds to train and to validate on.
FEWEST_CASES = 2
DATASET_NAME = re.compile(r"[0-9]{3}_[A-Za-z0-9]+")


def case_reasons(ticked: int) -> list[str]:
    """What is wrong with the number of cases, if anything."""
    if ticked >= FEWEST_CASES:
        return []
    return [_("Tick at least two cases: one is trained on while the other is validated on.")]


def dataset_reasons(dataset: str) -> list[str]:
    """What is wrong with a data set's name, if anything."""
    if DATASET_NAME.fullmatch(dataset):
        return []
    return [_("Name the data set with three digits, an underscore, letters and digits, as in 501_BrainUltrasound.")]


def folder_reasons(folder: Path) -> list[str]:
    """What is wrong with the export's folder, if anything; it is made where only itself is missing."""
    if folder == Path():
        return [_("Choose a folder for the slices.")]
    if not folder.parent.is_dir():
        return [_("Choose another folder for the slices: {folder} does not exist.").format(folder=folder.parent)]
    return []
