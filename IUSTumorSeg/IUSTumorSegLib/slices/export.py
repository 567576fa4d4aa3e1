"""The task that turns cases into slices for nnU-Net."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..atomic_files import atomic_folder, check_output_folder, write_json_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from ..nnunet.raw_dataset import (
    FILE_ENDING,
    check_dataset_number,
    dataset_folder_name,
    make_image_folders,
    splits_file_name,
    write_dataset_json,
    write_pair,
)
from .case_table import CaseForExport, read_case_table
from .cut import DIRECTIONS, SliceSelection, check_directions, cut_slices
from .folds import assign_patients, check_fold_count, check_splits, make_splits
from .manifest import MANIFEST_FILE, Slice, write_manifest

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class ExportedDataset:
    """A data set in `nnUNet_raw`: its folder, its slices, and which case of the table each case number stands for."""

    folder: Path
    slices: tuple[Slice, ...]
    min_area_mm2: tuple[float, ...]
    case_names: dict[str, str]


def export_slices(
    *,
    cases: Path,
    dataset: str,
    out: Path,
    min_area_mm2: Sequence[float] = (0.0,),
    folds: int = 5,
    directions: Sequence[str] = DIRECTIONS,
    empty_share: float = 0.0,
    progress: Progress = silent,
) -> ExportedDataset:
    """Cut the cases of a table into slices and write them as the data set `dataset` ("501_Name") below `out`.

    Slices that hold tumour of at least the lowest of `min_area_mm2` (mm²) are written once. Each cut-off has a splits
    file on the same slices: the lowest nnU-Net's own `splits_final.json`, the others `splits_min_area_<mm²>.json`, all
    with the same patients in the same of the `folds`. `empty_share` of the slices are without tumour and belong to every
    cut-off. Cases and patients appear as numbers, in the order of the table.
    The data set's folder appears whole or not at all, and replaces one of the same name. Raises `BadInput` where the
    cases cannot be used.
    """
    folder_name = dataset_folder_name(dataset)
    cut_offs = _check_cut_offs(min_area_mm2)
    selection = SliceSelection(check_directions(directions), cut_offs[0], _check_share(empty_share))
    table = read_case_table(cases)
    check_fold_count(folds, len({case.patient for case in table}))
    check_output_folder(out)
    check_dataset_number(out, folder_name)
    with atomic_folder(out / folder_name) as folder:
        slices = _write_cases(table, folder, selection, progress)
        _write_views(slices, folder, cut_offs, folds)
        write_manifest(slices, folder / MANIFEST_FILE, FILE_ENDING)
        write_dataset_json(folder, len(slices), asdict(selection) | {"min_area_mm2": cut_offs, "folds": folds})
    progress("export", len(table), len(table), f"{len(slices)} slices of {len(table)} cases")
    return ExportedDataset(
        out / folder_name,
        tuple(slices),
        tuple(cut_offs),
        dict(zip(_numbers("case", table), _names(table), strict=True)),
    )


def _write_cases(
    table: Sequence[CaseForExport], folder: Path, selection: SliceSelection, progress: Progress
) -> list[Slice]:
    make_image_folders(folder)
    patients = list(dict.fromkeys(case.patient for case in table))
    slices: list[Slice] = []
    for done, (number, case) in enumerate(zip(_numbers("case", table), table, strict=True)):
        progress("export", done, len(table), f"cutting case {case.case}")
        patient = f"patient{patients.index(case.patient) + 1:03d}"
        slices += _write_case(case, number, patient, folder, selection)
    if not slices:
        raise BadInput(
            f"slices with at least {selection.min_area_mm2:g} mm² of tumour",
            "none in any case",
            "lower the area cut-off",
        )
    return slices


def _write_case(case: CaseForExport, number: str, patient: str, folder: Path, selection: SliceSelection) -> list[Slice]:
    from ..images.geometry import same_grid
    from ..images.volumes import read_label, read_volume

    us, label = read_volume(case.us, "ultrasound"), read_label(case.us_tumor, "tumour label")
    if not same_grid(us, label):
        raise BadInput(
            f"the tumour label of case {case.case} on the ultrasound's grid",
            f"{_grid_text(label)} in {case.us_tumor} for {_grid_text(us)} in {case.us}",
            "propagate or resample the label onto the ultrasound first",
        )
    slices = []
    for cut in cut_slices(us, label, selection):
        item = Slice(
            number,
            patient,
            cut.direction,
            cut.index,
            cut.tumor_area_mm2,
            case.label_source,
            case.verdict,
            case.predicted_error_mm,
        )
        write_pair(cut.image, cut.label, item.name, folder)
        slices.append(item)
    return slices


def _write_views(slices: Sequence[Slice], folder: Path, cut_offs: Sequence[float], folds: int) -> None:
    assignment = assign_patients(slices, folds)
    patient_of = {item.name: item.patient for item in slices}
    for cut_off in cut_offs:
        splits = make_splits(
            [item for item in slices if item.tumor_area_mm2 >= cut_off or item.tumor_area_mm2 == 0], assignment, folds
        )
        check_splits(splits, patient_of)
        write_json_atomic(folder / splits_file_name(cut_off, cut_offs[0]), splits)


def _check_cut_offs(min_area_mm2: Sequence[float]) -> list[float]:
    cut_offs = sorted({float(area) for area in min_area_mm2})
    if not cut_offs or not cut_offs[0] >= 0:
        raise BadInput("area cut-offs of 0 mm² or more", f"{list(min_area_mm2)}", "name at least one, such as 0 or 15")
    return cut_offs


def _check_share(empty_share: float) -> float:
    if not 0 <= empty_share < 1:
        raise BadInput("a share of empty slices from 0 to below 1", f"{empty_share:g}", "give a share such as 0.2")
    return empty_share


def _numbers(kind: str, table: Sequence[CaseForExport]) -> list[str]:
    return [f"{kind}{row:03d}" for row in range(1, len(table) + 1)]


def _names(table: Sequence[CaseForExport]) -> list[str]:
    return [case.case for case in table]


def _grid_text(image: "sitk.Image") -> str:
    return f"{' x '.join(map(str, image.GetSize()))} voxels of {' x '.join(f'{s:.3g}' for s in image.GetSpacing())} mm"
