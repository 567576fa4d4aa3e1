"""`study import`: what a source offers is proposed, compared with what the study has, and brought in case by case."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput, Failed
from ..jobs.progress import Progress, silent
from ..study.case import Case, read_case, write_case
from ..study.file_lock import Busy, locked_file
from ..study.study_folder import Study, add_source, case_folder, case_names, check_writable, open_study, read_study
from .checks import check_case, without_empty
from .compare_cases import changed_file, missing_files, with_moved_files
from .conversion import Conversions
from .import_table import contents, write_import_table
from .known_cases import KnownCases, read_or_none, with_own_name
from .licences import non_commercial_sentence
from .place_files import Placement, extended_case, write_new_case
from .proposal import Proposal, ProposedCase, Row, Source

DATASETS = ("resect", "resect-seg", "curious", "remind", "folder")
LOCK_FILE = ".import.lock"
NEW, ADDED, UNCHANGED, LEFT = "new", "added to", "unchanged", "left"


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do: a row for each case and for all that was left, rules, and what to know."""

    rows: tuple[Row, ...]
    rules: tuple[str, ...]
    warnings: tuple[str, ...]
    proposed: tuple[ProposedCase, ...]

    def count(self, state: str) -> int:
        """How many rows are in `state`."""
        return sum(row.state == state for row in self.rows)


def import_dataset(
    *,
    study: Path,
    dataset: str,
    source: list[Path],
    copy: bool = False,
    dry_run: bool = False,
    table: Path | None = None,
    write_table: Path | None = None,
    clinical: Path | None = None,
    keep: str = "",
    exclude_previous_cavity: bool = False,
    all_mri: bool = False,
    centre: str = "",
    name: str = "",
    progress: Progress = silent,
) -> ImportReport:
    """Bring the cases of `source` (folders of one data set) into a study; what the study has already stays as it is.

    `copy` takes images along instead of pointing at them; `dry_run` writes nothing but `write_table`, the guesses about
    own folders as a CSV to correct and to give back as `table`. `clinical`, `keep` ('COLUMN=VALUE,VALUE'),
    `exclude_previous_cavity` and `all_mri` choose among ReMIND's patients and MRIs; `centre` names the hospital of own
    folders, `name` their source, which is called as its folder otherwise. Every case appears whole or not at all, and a
    cancelled import goes on where it was. Raises `BadInput` with nothing written.
    """
    opened = open_study(study)
    folders = [Path(folder).absolute() for folder in source]
    _check(opened, dataset, folders, dry_run)
    _check_options(
        dataset, "folder", {"--table": table, "--write-table": write_table, "--centre": centre, "--name": name}
    )
    _check_options(
        dataset, "remind", {"--clinical": clinical, "--keep": keep, "--all-mri": all_mri,
                            "--exclude-previous-cavity": exclude_previous_cavity},
    )  # fmt: skip
    choices = _Choices(table, clinical, keep, exclude_previous_cavity, all_mri, centre, name)
    proposal = _proposal(opened, dataset, folders, choices, progress)
    _check_names(proposal.cases)
    if write_table:
        _check_outside(write_table, folders)
        from .case_table import write_case_table

        write_case_table(proposal.cases, write_table)
    with _alone(opened, dry_run), Conversions(opened.folder / "cases" / f".partial-{os.getpid()}-conversions") as done:
        rows = _import(opened, proposal, Placement(done, copy), dry_run, progress)
        if not dry_run:
            write_import_table(opened.folder, rows)
    return ImportReport(tuple(rows), proposal.rules, _warnings(opened, proposal, dry_run), proposal.cases)


@dataclass(frozen=True)
class _Choices:
    table: Path | None
    clinical: Path | None
    keep: str
    exclude_previous_cavity: bool
    all_mri: bool
    centre: str
    name: str


def _check(study: Study, dataset: str, folders: list[Path], dry_run: bool) -> None:
    if dataset not in DATASETS:
        raise BadInput(f"a data set among {', '.join(DATASETS)}", f"'{dataset}'", "choose one of them")
    if not folders:
        raise BadInput("the folder of the data set", "none", "name it with --source")
    if not dry_run:
        check_writable(study)
    for folder in folders:
        if not folder.is_dir():
            raise BadInput(
                f"the folder of {dataset}", f"nothing at {folder}", "check --source, or connect the drive or share"
            )
        if study.folder.is_relative_to(folder.resolve()):
            raise BadInput(
                "a study outside of its sources, which are never written to",
                f"the study {study.folder} inside {folder}", "make the study somewhere else",
            )  # fmt: skip


def _check_outside(table: Path, folders: list[Path]) -> None:
    if any(table.resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise BadInput("a --write-table outside of the source, which is never written to", f"{table}", "name another")


def _check_options(dataset: str, belongs_to: str, options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value]
    if given and dataset != belongs_to:
        raise BadInput(f"{given[0]} with --dataset {belongs_to}", f"--dataset {dataset}", "leave the option out")


@contextmanager
def _alone(study: Study, dry_run: bool) -> Iterator[None]:
    """One import at a time in a study; what a killed one left half done is removed."""
    if dry_run:
        yield
        return
    try:
        with locked_file(study.folder / LOCK_FILE, wait=False):
            for left_over in (study.folder / "cases").glob(".partial-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            yield
    except Busy as error:
        raise BadInput(
            "a study into which nobody imports", f"another import into {study.folder}", "wait for it"
        ) from error


def _proposal(study: Study, dataset: str, folders: list[Path], choices: _Choices, progress: Progress) -> Proposal:
    if dataset == "remind":
        from .remind import propose_remind

        return propose_remind(
            folders, choices.clinical, choices.keep, choices.exclude_previous_cavity, choices.all_mri, progress
        )
    if dataset == "folder":
        from .own_folders import propose_own_folders

        return propose_own_folders(folders, choices.table, choices.centre, choices.name, progress)
    from .resect import propose_resect

    return propose_resect(dataset, folders, _earlier_sources(study, dataset), progress)


def _earlier_sources(study: Study, dataset: str) -> list[Path]:
    """Folders of RESECT and RESECT-SEG imported before, so that images and labels meet in either order."""
    family = ("curious",) if dataset == "curious" else ("resect", "resect-seg")
    sources = read_study(study.folder)["sources"].values()
    return [Path(s["path"]) for s in sources if s["dataset"] in family and Path(s["path"]).is_dir()]


def _check_names(cases: Iterable[ProposedCase]) -> None:
    """Case names become folders, on disks that take `P1` and `p1` for one."""
    seen: dict[str, ProposedCase] = {}
    for case in cases:
        other = seen.setdefault(case.case.casefold(), case)
        if other is not case:
            raise BadInput(
                "a name of its own for every case", f"'{other.case}' and '{case.case}' (patients '{other.patient}' and "
                f"'{case.patient}')", "rename one of the folders, or name the cases in a --table",
            )  # fmt: skip


def _import(study: Study, proposal: Proposal, placement: Placement, dry_run: bool, progress: Progress) -> list[Row]:
    rows: list[Row] = []
    total = len(proposal.cases)
    ours = KnownCases(study)
    if not dry_run:
        for source in proposal.sources:
            _note_source(study, source)
    patient = ""
    for done, proposed in enumerate(proposal.cases):
        progress("import", done, total, f"{'Comparing' if dry_run else 'Importing'} {proposed.case}")
        if proposed.patient != patient:
            placement.conversions.forget()
            patient = proposed.patient
        try:
            rows.append(_import_case(study, ours, proposed, placement, dry_run))
        except OSError as error:  # a full disk, a drive that went away
            raise Failed(
                f"{proposed.case} could not be imported ({error.strerror or error}); {done} cases before it are whole. "
                "Free some space or connect the drive, and import again, which goes on there."
            ) from error
    progress("import", total, total, f"{total} cases")
    return rows + list(proposal.left)


def _note_source(study: Study, source: Source) -> None:
    """Note a source, under a name of its own where the same data set was imported from another folder too."""
    noted = read_study(study.folder)["sources"]
    name, number = source.name, 1
    while name in noted and Path(noted[name]["path"]) != source.folder:
        number += 1
        name = f"{source.name} ({number})"
    add_source(study, name, source.dataset, source.folder, source.licence)


def _import_case(study: Study, ours: KnownCases, proposed: ProposedCase, placement: Placement, dry_run: bool) -> Row:
    proposed = _annotated(with_own_name(ours, proposed))
    existing = ours.name(proposed.case)
    folder = case_folder(study, existing or proposed.case)
    row = Row(proposed.patient, proposed.case, NEW, contents(proposed), proposed.source)
    try:
        if existing is None:
            if twin := ours.twin(proposed):
                return replace(row, state=LEFT, reason=f"The same ultrasound file is in the study as {twin}.")
            check_case(proposed)
            if not dry_run:
                made = write_new_case(proposed, folder, placement)
                ours.add(proposed.case, made)
                row = replace(row, reason=" ".join([row.reason, *made.notes[len(proposed.notes) :]]))
            return row
        return _compare(read_case(folder), proposed, folder, placement, row, dry_run)
    except BadInput as error:
        return replace(row, state=LEFT, reason=str(error))


def _annotated(proposed: ProposedCase) -> ProposedCase:
    """`proposed` without masks of zeros, which it notes."""
    on_mri, mri_notes = without_empty(proposed.mri_labels)
    on_us, us_notes = without_empty(proposed.us_labels)
    return replace(proposed, mri_labels=on_mri, us_labels=on_us, notes=proposed.notes + mri_notes + us_notes)


def _compare(case: Case, proposed: ProposedCase, folder: Path, placement: Placement, row: Row, dry_run: bool) -> Row:
    """What to do with a case that the study has: add what it lacks, follow moved files, or leave it alone."""
    if other := changed_file(case, proposed, folder):
        return replace(row, state=LEFT, reason=other)
    moved = with_moved_files(case, proposed)
    if dry_run:
        missing = missing_files(case, proposed)
        return replace(row, state=ADDED if missing else UNCHANGED, reason=_came(missing, moved != case))
    extended, came = extended_case(moved, proposed, folder, placement)
    if extended != case:
        write_case(extended, folder)
    return replace(row, state=ADDED if came else UNCHANGED, reason=_came(came, moved != case))


def _came(names: list[str], moved: bool) -> str:
    sentences = [f"Added: {', '.join(names)}."] if names else []
    return " ".join([*sentences, *(["Its files were found at their new place."] if moved else [])]) or "Nothing new."


def _warnings(study: Study, proposal: Proposal, dry_run: bool) -> tuple[str, ...]:
    """What the licences of the sources forbid, said at import."""
    if dry_run:
        forbidden = sorted({s.licence.name for s in proposal.sources if s.licence.commercial_use is False})
        return (f"No commercial use: {', '.join(forbidden)}.",) if forbidden else ()
    cases = [read_or_none(case_folder(study, name)) for name in case_names(study)]
    sentence = non_commercial_sentence(case for case in cases if case)
    return (sentence,) if sentence else ()
