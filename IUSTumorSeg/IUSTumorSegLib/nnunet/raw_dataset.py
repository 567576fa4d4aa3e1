"""The layout of a data set in `nnUNet_raw`: names, image pairs and `dataset.json`."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import BadInput
from ..slices.nifti_slice import write_slice_file
from ..version import VERSION

FILE_ENDING = ".nii.gz"
FILE_ENDINGS = (FILE_ENDING, ".nii")
LABELS = {"background": 0, "tumor": 1}
SPLITS_FILE = "splits_final.json"


@dataclass(frozen=True)
class SliceFiles:
    """Where a slice of a raw data set is: an image for each channel, and the label."""

    images: tuple[Path, ...]
    label: Path


def dataset_folder_name(dataset: str) -> str:
    """The folder of a data set given as "501_Name" or "Dataset501_Name"; `BadInput` for anything else."""
    found = re.fullmatch(r"(?:Dataset)?(\d{3})_([A-Za-z0-9][A-Za-z0-9_-]*)", dataset)
    if not found:
        raise BadInput(
            "a data set as NNN_Name, such as 501_Tumor", f"'{dataset}'", "use three digits, an underscore and a name"
        )
    return f"Dataset{found[1]}_{found[2]}"


def check_dataset_number(raw: Path, folder_name: str) -> None:
    """Raise `BadInput` where another data set in `raw` has the same number: nnU-Net could not tell them apart."""
    number = folder_name.split("_")[0]
    others = [path.name for path in Path(raw).glob(f"{number}_*") if path.name != folder_name]
    if others:
        raise BadInput(
            f"the number of {folder_name} free in {raw}",
            f"{others[0]}",
            "choose another number or remove that data set",
        )


def find_dataset(raw: Path, dataset: str) -> Path:
    """The folder in `raw` of the data set "501", "501_Name" or "Dataset501_Name"; `BadInput` where there is none."""
    raw = Path(raw)
    number = dataset.removeprefix("Dataset")
    found = sorted(raw.glob(f"Dataset{number}_*" if number.isdecimal() else f"Dataset{number}"))
    if len(found) != 1 or not (found[0] / "dataset.json").is_file():
        names = ", ".join(path.name for path in found or sorted(raw.glob("Dataset*"))) or "no data set"
        raise BadInput(
            f"the data set {dataset} with its dataset.json in {raw}", names, "export it first or correct its name"
        )
    return found[0]


def splits_path(folder: Path, min_area_mm2: float | None) -> Path | None:
    """The splits file of an area cut-off in mm², of the lowest if None; `None` for a data set without splits."""
    if min_area_mm2 is None:
        path = folder / SPLITS_FILE
        return path if path.is_file() else None
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    cut_offs = description.get("iustumorseg", {}).get("min_area_mm2", [])
    if min_area_mm2 not in cut_offs:
        known = ", ".join(f"{area:g}" for area in cut_offs) or "no cut-off"
        raise BadInput(
            f"an area cut-off of {folder.name}",
            f"{min_area_mm2:g} mm² beside {known}",
            "export the slices with that cut-off",
        )
    return folder / splits_file_name(min_area_mm2, cut_offs[0])


def splits_file_name(min_area_mm2: float, lowest_mm2: float) -> str:
    """The splits file of a cut-off; nnU-Net's own name for the lowest."""
    return SPLITS_FILE if min_area_mm2 == lowest_mm2 else f"splits_min_area_{min_area_mm2:g}.json"


def list_slices(folder: Path) -> dict[str, SliceFiles]:
    """The slices of a data set's folder by name, sorted; every name is looked at once.

    `BadInput` where there is none, or no label for an image. (nnU-Net's own listing compares every name with every
    file: hours for 100,000 slices.)
    """
    ending = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["file_ending"]
    channels: dict[str, list[Path]] = defaultdict(list)
    pattern = re.compile(rf"(.+)_\d{{4}}{re.escape(ending)}")
    for path in sorted((folder / "imagesTr").iterdir()):
        if found := pattern.fullmatch(path.name):
            channels[found[1]].append(path)
    labels = {path.name for path in (folder / "labelsTr").iterdir()}
    missing = [name for name in channels if f"{name}{ending}" not in labels]
    if missing or not channels:
        found_text = f"none of {missing[0]}" if missing else f"no image in {folder / 'imagesTr'}"
        raise BadInput(f"images with their labels in {folder}", found_text, "export the data set again")
    return {
        name: SliceFiles(tuple(channels[name]), folder / "labelsTr" / f"{name}{ending}") for name in sorted(channels)
    }


def make_image_folders(folder: Path) -> None:
    """Create `imagesTr` and `labelsTr` in the data set's folder."""
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)


def write_pair(
    pixels: np.ndarray, label: np.ndarray, spacing: tuple[float, float], name: str, folder: Path, ending: str
) -> None:
    """Write a slice and its label (uint8, rows by columns, spacing in mm) under nnU-Net's names."""
    write_slice_file(pixels, spacing, folder / "imagesTr" / f"{name}_0000{ending}")
    write_slice_file(label, spacing, folder / "labelsTr" / f"{name}{ending}")


def check_file_ending(ending: str) -> str:
    """The ending, with its dot; `BadInput` unless it is one of `FILE_ENDINGS`."""
    if f".{ending.removeprefix('.')}" not in FILE_ENDINGS:
        raise BadInput(f"the file ending {' or '.join(FILE_ENDINGS)}", f"'{ending}'", "choose one of them")
    return f".{ending.removeprefix('.')}"


def write_dataset_json(
    folder: Path, number_of_slices: int, export: Mapping[str, Any], licence: str = "", ending: str = FILE_ENDING
) -> None:
    """Write `dataset.json`; `export` records how the slices were chosen, and travels with every model.

    The reader is named because nnU-Net would take another one for `.nii`, and SimpleITK's keeps 2D images as they are.
    """
    content = {
        "channel_names": {"0": "ultrasound"},
        "labels": LABELS,
        "numTraining": number_of_slices,
        "file_ending": ending,
        "overwrite_image_reader_writer": "SimpleITKIO",
        "licence": licence,
        "iustumorseg": {"version": VERSION, **export},
    }
    write_json_atomic(folder / "dataset.json", content)
