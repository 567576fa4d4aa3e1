"""The task that turns cases into slices for nnU-Net."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import atomic_folder, check_output_folder, write_json_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..nnunet.raw_dataset import (
    FILE_ENDING,
    check_dataset_number,
    check_file_ending,
    dataset_folder_name,
    make_image_folders,
    splits_file_name,
    write_dataset_json,
)
from ..study.disk import told_if_not_written
from .case_table import CaseForExport
from .choice import CaseFilter, ChosenCases, choose_from_study, choose_from_table
from .cut import DIRECTIONS, SliceSelection, check_directions
from .folds import assign_patients, check_fold_count, check_splits, make_splits
from .manifest import MANIFEST_FILE, Slice, write_manifest
from .write_cases import CARRIED_OVER, NumberedCase, WrittenCase, write_cases


@dataclass(frozen=True)
class ExportedDataset:
    """A data set in `nnUNet_raw`: its folder, its slices, and which case each case number stands for.

    `left` says of each case that was not taken why not; `licence` under which terms the slices may be used ("" where
    that is not known); `notes` are sentences about the slices.
    """

    folder: Path
    slices: tuple[Slice, ...]
    min_area_mm2: tuple[float, ...]
    case_names: dict[str, str]
    left: dict[str, str]
    licence: str
    notes: tuple[str, ...]


def export_slices(
    *,
    dataset: str,
    out: Path,
    cases: Path | None = None,
    study: Path | None = None,
    verdicts: Sequence[str] = (),
    labels: Sequence[str] = (),
    time_points: Sequence[str] = (),
    max_displacement_mm: float | None = None,
    min_area_mm2: Sequence[float] = (0.0,),
    folds: int = 5,
    directions: Sequence[str] = DIRECTIONS,
    empty_share: float = 0.0,
    file_ending: str = FILE_ENDING,
    processes: int | None = None,
    progress: Progress = silent,
) -> ExportedDataset:
    """Cut cases into slices and write them as the data set `dataset` ("501_Name") below `out`.

    The cases are those of a table (`cases`, CSV) or of a study's folder (`study`) that pass `verdicts`, `labels`,
    `time_points` and `max_displacement_mm` (see `CaseFilter`). Slices that hold tumour of at least the lowest of
    `min_area_mm2` (mm²) are written once. Each cut-off has a splits file on the same slices: the lowest nnU-Net's own
    `splits_final.json`, the others `splits_min_area_<mm²>.json`, all with the same patients in the same of the `folds`.
    `empty_share` of the slices are without tumour and belong to every cut-off. Labels carried over from an MRI are cut
    at the ultrasound's field of view. Cases and patients appear as numbers.

    The data set's folder appears whole or not at all, and replaces one of the same name. A study keeps, in `exports`,
    which case each number stands for. Raises `BadInput` where the cases cannot be used.
    """
    folder_name = dataset_folder_name(dataset)
    cut_offs = _check_cut_offs(min_area_mm2)
    selection = SliceSelection(check_directions(directions), cut_offs[0], _check_share(empty_share))
    ending = check_file_ending(file_ending)
    wanted = CaseFilter(tuple(verdicts), tuple(labels), tuple(time_points), max_displacement_mm)
    chosen = _choose(cases, study, wanted)
    check_fold_count(folds, len({case.patient for case in chosen.cases}))
    check_output_folder(out)
    check_dataset_number(out, folder_name)
    numbered = _numbered(chosen.cases)
    with atomic_folder(out / folder_name) as folder:
        written = _write(numbered, folder, selection, ending, processes, progress)
        slices = [item for case in written for item in case.slices]
        record = asdict(selection) | asdict(wanted) | {"min_area_mm2": cut_offs, "folds": folds}
        record["cut_at_field_of_view"] = sorted({item.label_source for item in slices} & set(CARRIED_OVER))
        with told_if_not_written(out / folder_name):
            _write_views(slices, folder, cut_offs, folds)
            write_manifest(slices, folder / MANIFEST_FILE, ending)
            write_dataset_json(folder, len(slices), record, chosen.licence, ending)
    names = {case.number: case.case.case for case in numbered}
    made = ExportedDataset(
        out / folder_name, tuple(slices), tuple(cut_offs), names, chosen.left, chosen.licence, _notes(numbered, written)
    )
    if study is not None:
        write_json_atomic(study / "exports" / f"{folder_name}.json", _as_record(made))
    progress("export", len(numbered), len(numbered), f"{len(slices)} slices of {len(numbered)} cases")
    return made


def _choose(cases: Path | None, study: Path | None, wanted: CaseFilter) -> ChosenCases:
    if cases is not None and study is None:
        return choose_from_table(cases, wanted)
    if study is not None and cases is None:
        return choose_from_study(study, wanted)
    found = "neither" if study is None else "both"
    raise BadInput("a study's folder or a table of cases", found, "name one of them")


def _numbered(cases: Sequence[CaseForExport]) -> list[NumberedCase]:
    patients = {patient: n for n, patient in enumerate(dict.fromkeys(case.patient for case in cases), start=1)}
    return [
        NumberedCase(f"case{row:03d}", f"patient{patients[case.patient]:03d}", case)
        for row, case in enumerate(cases, start=1)
    ]


def _write(
    numbered: Sequence[NumberedCase],
    folder: Path,
    selection: SliceSelection,
    ending: str,
    processes: int | None,
    progress: Progress,
) -> list[WrittenCase]:
    make_image_folders(folder)
    progress("export", 0, len(numbered), f"cutting case {numbered[0].case.case}")
    written = []
    for done, case in enumerate(write_cases(numbered, folder, selection, ending, processes), start=1):
        written.append(case)
        if done < len(numbered):
            progress("export", done, len(numbered), f"cutting case {numbered[done].case.case}")
    if not any(case.slices for case in written):
        raise BadInput(
            f"slices with at least {selection.min_area_mm2:g} mm² of tumour",
            "none in any case",
            "lower the area cut-off",
        )
    return written


def _write_views(slices: Sequence[Slice], folder: Path, cut_offs: Sequence[float], folds: int) -> None:
    assignment = assign_patients(slices, folds)
    patient_of = {item.name: item.patient for item in slices}
    for cut_off in cut_offs:
        splits = make_splits(
            [item for item in slices if item.tumor_area_mm2 >= cut_off or item.tumor_area_mm2 == 0], assignment, folds
        )
        check_splits(splits, patient_of)
        write_json_atomic(folder / splits_file_name(cut_off, cut_offs[0]), splits)


def _notes(numbered: Sequence[NumberedCase], written: Sequence[WrittenCase]) -> tuple[str, ...]:
    notes = []
    empty = [case.case.case for case, found in zip(numbered, written, strict=True) if not found.slices]
    if empty:
        notes.append(f"No slice of {', '.join(empty)}: too little tumour in the ultrasound's field of view.")
    sides = [length for case in written for spacing in case.spacings for length in spacing]
    if len({f"{length:.3g}" for length in sides}) > 1:
        notes.append(
            f"Pixels are from {min(sides):.3g} to {max(sides):.3g} mm wide; nnU-Net resamples all slices to the median."
        )
    return tuple(notes)


def _as_record(made: ExportedDataset) -> dict[str, Any]:
    return {
        "dataset": str(made.folder),
        "slices": len(made.slices),
        "min_area_mm2": list(made.min_area_mm2),
        "cases": made.case_names,
        "left": made.left,
        "licence": made.licence,
        "notes": list(made.notes),
    }


def _check_cut_offs(min_area_mm2: Sequence[float]) -> list[float]:
    cut_offs = sorted({float(area) for area in min_area_mm2})
    if not cut_offs or not cut_offs[0] >= 0:
        raise BadInput("area cut-offs of 0 mm² or more", f"{list(min_area_mm2)}", "name at least one, such as 0 or 15")
    return cut_offs


def _check_share(empty_share: float) -> float:
    if not 0 <= empty_share < 1:
        raise BadInput("a share of empty slices from 0 to below 1", f"{empty_share:g}", "give a share such as 0.2")
    return empty_share
