"""Cut each case and write its slices into a data set's folder, several cases at a time."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BadInput
from ..jobs.worker_processes import worker_processes
from ..nnunet.raw_dataset import write_pair
from ..study.disk import told_if_not_written
from .case_table import CaseForExport
from .cut import SliceSelection, cut_slices, within_field_of_view
from .manifest import Slice

if TYPE_CHECKING:
    import SimpleITK as sitk

# Labels that a registration carried over may reach beyond the sector; one drawn on the ultrasound is left as drawn.
CARRIED_OVER = ("propagated", "mri", "corrected")
# A process takes about as long to start as some cases to be cut.
CASES_PER_PROCESS = 8


@dataclass(frozen=True)
class NumberedCase:
    """A case and the numbers under which it is exported: "case003", "patient002"."""

    number: str
    patient: str
    case: CaseForExport


@dataclass(frozen=True)
class WrittenCase:
    """The slices of a case that were written, and their spacings in mm."""

    slices: tuple[Slice, ...]
    spacings: frozenset[tuple[float, float]]


def write_cases(
    cases: Sequence[NumberedCase], folder: Path, selection: SliceSelection, ending: str, processes: int | None = None
) -> Iterator[WrittenCase]:
    """Write the selected slices of each case below `folder` and yield what was written, in the order of the cases."""
    write = partial(write_case, folder=folder, selection=selection, ending=ending)
    count = processes or _process_count(len(cases))
    if count == 1:
        yield from map(write, cases)
        return
    with worker_processes(count) as pool:
        yield from pool.map(write, cases)


def write_case(case: NumberedCase, folder: Path, selection: SliceSelection, ending: str) -> WrittenCase:
    """Write one case.

    A label that was carried over from an MRI is cut at the ultrasound's field of view first, and areas are counted after
    that: tumour over black would teach the network to see it where nothing is shown.
    """
    us, label = _read(case.case)
    with told_if_not_written(folder):
        return _write_slices(case, us, label, folder, selection, ending)


def _write_slices(
    case: NumberedCase, us: "sitk.Image", label: "sitk.Image", folder: Path, selection: SliceSelection, ending: str
) -> WrittenCase:
    slices, spacings = [], set()
    for cut in cut_slices(us, label, selection):
        item = Slice(
            case=case.number,
            patient=case.patient,
            direction=cut.direction,
            index=cut.index,
            tumor_area_mm2=cut.tumor_area_mm2,
            label_source=case.case.label_source,
            verdict=case.case.verdict,
            predicted_error_mm=case.case.predicted_error_mm,
            source=case.case.source,
            time_point=case.case.time_point,
            displacement_mm=case.case.displacement_mm,
        )
        write_pair(cut.pixels, cut.tumor, cut.spacing, item.name, folder, ending)
        slices.append(item)
        spacings.add(cut.spacing)
    return WrittenCase(tuple(slices), frozenset(spacings))


def _read(case: CaseForExport) -> "tuple[sitk.Image, sitk.Image]":
    from ..images.geometry import same_grid
    from ..images.volumes import read_label, read_volume

    us, label = read_volume(case.us, "ultrasound"), read_label(case.us_tumor, "tumour label")
    if not same_grid(us, label):
        raise BadInput(
            f"the tumour label of case {case.case} on the ultrasound's grid",
            f"{_grid_text(label)} in {case.us_tumor} for {_grid_text(us)} in {case.us}",
            "propagate or resample the label onto the ultrasound first",
        )
    return us, within_field_of_view(label, us) if case.label_source in CARRIED_OVER else label


def _process_count(cases: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, cases // CASES_PER_PROCESS))


def _grid_text(image: "sitk.Image") -> str:
    return f"{' x '.join(map(str, image.GetSize()))} voxels of {' x '.join(f'{s:.3g}' for s in image.GetSpacing())} mm"
