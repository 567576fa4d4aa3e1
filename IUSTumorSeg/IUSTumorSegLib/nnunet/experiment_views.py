"""Which slices each model of an experiment learns from, and on which all of them are tested.

A view is a list of folds on slices that are written and preprocessed once; every view has the same patients in the same
fold, so differences between models come from the slices and not from the people.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadInput
from ..file_hash import sha256_of
from ..slices.folds import Split, check_splits
from ..slices.manifest import MANIFEST_FILE, Slice, read_manifest
from .raw_dataset import SPLITS_FILE, SliceFiles, list_slices

CUT_OFFS_MM2 = (0.0, 5.0, 15.0, 25.0, 35.0, 70.0, 100.0, 200.0, 300.0)
# Labels that were carried over from an MRI, also where a person corrected them afterwards.
FROM_MRI = ("propagated", "corrected", "mri")
FROM_US = ("us",)
SOURCES = {"MRI": FROM_MRI, "MRI+US": FROM_MRI + FROM_US, "US": FROM_US}


@dataclass(frozen=True)
class View:
    """One model's slices: its name, and nnU-Net's folds."""

    name: str
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class ReferenceSlice:
    """A slice to test on. `fold` is the only one whose network may be asked; `None` for all of them together."""

    name: str
    patient: str
    files: SliceFiles
    fold: int | None


def cut_off_views(dataset: Path, cut_offs_mm2: Sequence[float]) -> list[View]:
    """A view for each smallest tumour area in mm²; slices without tumour belong to all."""
    slices, splits = _read(dataset)
    lowest = json.loads((dataset / "dataset.json").read_text(encoding="utf-8")).get("iustumorseg", {})
    written = min(lowest.get("min_area_mm2", [0.0]))
    wanted = sorted({float(area) for area in cut_offs_mm2})
    if not wanted or wanted[0] < written:
        found = ", ".join(f"{area:g}" for area in wanted) or "none"
        raise BadInput(f"area cut-offs from the export's lowest, {written:g} mm²", found, "export with a lower one")
    return [_view(f"{area:g} mm2", splits, {item.name for item in slices if _has_area(item, area)}) for area in wanted]


def label_source_views(dataset: Path, min_area_mm2: float) -> list[View]:
    """A view each for labels from MRI, from MRI and ultrasound, and drawn on ultrasound, at one cut-off in mm²."""
    slices, splits = _read(dataset)
    large = [item for item in slices if _has_area(item, min_area_mm2)]
    views = []
    for name, sources in SOURCES.items():
        names = {item.name for item in large if item.label_source in sources}
        if not names:
            known = ", ".join(sorted({item.label_source for item in slices}))
            raise BadInput(
                f"slices with labels from {name} ({', '.join(sources)})", known, "export both kinds of cases"
            )
        views.append(_view(name, splits, names))
    return views


def held_out_slices(dataset: Path, folds: Sequence[int], is_asked: Callable[[Slice], bool]) -> list[ReferenceSlice]:
    """The slices of each fold's held-out patients for which `is_asked`, at the export's lowest cut-off."""
    slices, splits = _read(dataset)
    files, by_name = list_slices(dataset), {item.name: item for item in slices}
    return [
        ReferenceSlice(name, by_name[name].patient, files[name], fold)
        for fold in folds
        for name in splits[fold]["val"]
        if is_asked(by_name[name])
    ]


def slices_of_test_set(test: Path, training: Path) -> list[ReferenceSlice]:
    """All slices of the data set `test`; `BadInput` where an image of it is trained on."""
    manifest = test / MANIFEST_FILE
    if not manifest.is_file():
        raise BadInput(
            f"a test set with its {MANIFEST_FILE}, which tells patients apart", f"none in {test}", "export it"
        )
    files = list_slices(test)
    trained_on = {sha256_of(item.images[0]) for item in list_slices(training).values()}
    if leaked := next((name for name, item in files.items() if sha256_of(item.images[0]) in trained_on), None):
        raise BadInput("a test set of other patients", f"its slice {leaked} among the training's", "export it again")
    return [ReferenceSlice(item.name, item.patient, files[item.name], None) for item in read_manifest(manifest)]


def is_drawn_on_ultrasound(item: Slice) -> bool:
    """Whether a slice's label is a reference: drawn on the ultrasound itself."""
    return item.label_source in FROM_US


def _read(dataset: Path) -> tuple[list[Slice], list[Split]]:
    slices = read_manifest(dataset / MANIFEST_FILE)
    path = dataset / SPLITS_FILE
    if not path.is_file():
        raise BadInput("a data set with its folds", f"no {SPLITS_FILE} in {dataset}", "export it again")
    splits = json.loads(path.read_text(encoding="utf-8"))
    check_splits(splits, {item.name: item.patient for item in slices})
    return slices, splits


def _has_area(item: Slice, area_mm2: float) -> bool:
    return item.tumor_area_mm2 >= area_mm2 or item.tumor_area_mm2 == 0


def _view(name: str, splits: Sequence[Split], names: set[str]) -> View:
    kept = tuple(
        Split(train=[n for n in split["train"] if n in names], val=[n for n in split["val"] if n in names])
        for split in splits
    )
    for fold, split in enumerate(kept):
        for side, what in ((split["train"], "train"), (split["val"], "validate")):
            if not side:
                found = f"none in fold {fold}"
                raise BadInput(f"slices to {what} on for {name}", found, "leave this model out, or add patients")
    return View(name, kept)
