"""The cases that a study has already, as an import meets them."""

from dataclasses import replace
from pathlib import Path

from ..errors import BadInput
from ..file_hash import sha256_of
from ..study.case import Case, read_case
from ..study.study_folder import Study, case_folder, case_names
from .conversion import needs_conversion
from .proposal import ProposedCase


class KnownCases:
    """The cases of the study: by name, by patient and by what their ultrasound holds."""

    def __init__(self, study: Study) -> None:
        self._names: dict[str, str] = {}
        self._cases: dict[str, Case] = {}
        for name in case_names(study):
            self.add(name, read_or_none(case_folder(study, name)))

    def add(self, name: str, case: Case | None) -> None:
        """Note a case; None for one whose `case.json` cannot be read."""
        self._names[name.casefold()] = name
        if case:
            self._cases[name] = case

    def name(self, wanted: str) -> str | None:
        """The existing case of that name, on a disk that may take upper and lower case for one."""
        return self._names.get(wanted.casefold())

    def other_source(self, proposed: ProposedCase) -> bool:
        """Whether another source has a case or a patient of the proposed names."""
        same = self._cases.get(self.name(proposed.case) or "")
        patients = (case for case in self._cases.values() if case.patient == proposed.patient)
        return any(case.source != proposed.source for case in (*([same] if same else []), *patients))

    def twin(self, proposed: ProposedCase) -> str | None:
        """The case that has the very ultrasound file of the proposed one."""
        if needs_conversion(proposed.us):
            return None
        path = proposed.us.paths[0]
        size = path.stat().st_size
        alike = [name for name, case in self._cases.items() if case.us.size_bytes == size]
        sha256 = sha256_of(path) if alike else ""
        return next((name for name in alike if self._cases[name].us.sha256 == sha256), None)


def with_own_name(ours: KnownCases, proposed: ProposedCase) -> ProposedCase:
    """`proposed` with its source before its names where another source has a case or patient of that name."""
    if not ours.other_source(proposed):
        return proposed
    return replace(
        proposed, case=f"{proposed.source}-{proposed.case}", patient=f"{proposed.source}-{proposed.patient}",
        notes=(*proposed.notes, f"Another source has a patient '{proposed.patient}' too: taken for someone else."),
    )  # fmt: skip


def read_or_none(folder: Path) -> Case | None:
    """The case of a folder; None where its `case.json` cannot be read."""
    try:
        return read_case(folder)
    except BadInput:
        return None
