"""Preprocess a data set of slices into packs: in portions, on several cores, going on where it was interrupted."""

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..atomic_files import write_json_atomic
from ..errors import Failed
from ..jobs.progress import Progress, silent
from ..jobs.worker_processes import worker_processes
from ..study.disk import told_if_not_written
from .packed_dataset import has_pack, is_packed, pack_path, write_pack, write_table
from .raw_dataset import SliceFiles
from .slice_preprocessing import PreprocessedSlice, Preprocessor, same_slice

SCHEMA = "iustumorseg.packs/1"
SETTINGS_ENDING = "_packs.json"
SLICES_PER_PACK = 256
# A process takes some seconds to import nnU-Net: as long as a thousand slices.
PACKS_PER_PROCESS = 4


@dataclass(frozen=True)
class _Portion:
    """The slices of one pack, and where it goes."""

    number: int
    slices: tuple[tuple[str, SliceFiles], ...]
    folder: Path


def preprocess_slices(
    slices: Mapping[str, SliceFiles],
    plans: Mapping[str, Any],
    description: Mapping[str, Any],
    folder: Path,
    data_sha256: str,
    progress: Progress = silent,
    processes: int | None = None,
) -> None:
    """Preprocess `slices` by nnU-Net's `plans` and `description` (dataset.json) into packs in `folder`.

    Packs that are there from a run with the same data (`data_sha256`), plans and labels are kept; anything else in
    `folder` is removed. The first and the last slice of each pack are compared with nnU-Net's own preprocessing, and where they
    differ in a bit the whole pack is nnU-Net's own. `processes` is chosen by cores and slices where it is None.
    """
    settings, record = _settings(slices, plans, description, data_sha256), settings_path(folder)
    if not (folder.is_dir() and record.is_file() and json.loads(record.read_text(encoding="utf-8")) == settings):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write_json_atomic(record, settings)
    for begun in folder.glob(".partial-*"):
        begun.unlink()
    portions = _portions(slices, folder)
    left = [portion for portion in portions if not has_pack(folder, portion.number)]
    done = len(slices) - sum(len(portion.slices) for portion in left)
    progress("preprocess", done, len(slices), f"{done} of {len(slices)} slices")
    for written in _write_packs(left, plans, description, processes or _process_count(len(left))):
        done += written
        progress("preprocess", done, len(slices), f"{done} of {len(slices)} slices")
    if not is_packed(folder):
        write_table(folder, len(portions))


def settings_path(folder: Path) -> Path:
    """What the packs in `folder` were made of; beside it, because nnU-Net goes by the endings of the files in it."""
    return folder.with_name(folder.name + SETTINGS_ENDING)


def _settings(
    slices: Mapping[str, SliceFiles], plans: Mapping[str, Any], description: Mapping[str, Any], data_sha256: str
) -> dict[str, Any]:
    decisive = [data_sha256, plans, description["labels"], description["channel_names"], list(slices)]
    return {
        "schema": SCHEMA,
        "sha256": hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest(),
        "slices": len(slices),
        "slices_per_pack": SLICES_PER_PACK,
    }


def _portions(slices: Mapping[str, SliceFiles], folder: Path) -> list[_Portion]:
    items = list(slices.items())
    starts = range(0, len(items), SLICES_PER_PACK)
    return [_Portion(number, tuple(items[i : i + SLICES_PER_PACK]), folder) for number, i in enumerate(starts)]


def _process_count(packs: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, packs // PACKS_PER_PROCESS))


def _write_packs(
    portions: Sequence[_Portion], plans: Mapping[str, Any], description: Mapping[str, Any], processes: int
) -> Iterator[int]:
    """Write the packs and yield how many slices each of them has."""
    write = partial(_write_portion, plans, description)
    if processes == 1:
        yield from map(write, portions)
        return
    with worker_processes(processes) as pool:
        yield from pool.map(write, portions)


def _write_portion(plans: Mapping[str, Any], description: Mapping[str, Any], portion: _Portion) -> int:
    preprocessor = Preprocessor(plans, description)
    with told_if_not_written(pack_path(portion.folder, portion.number)):
        write_pack(_preprocessed(preprocessor, portion), portion.folder, portion.number)
    return len(portion.slices)


def _preprocessed(preprocessor: Preprocessor, portion: _Portion) -> Iterator[tuple[str, PreprocessedSlice]]:
    agrees = short_way_agrees(preprocessor, portion.slices)
    preprocess = preprocessor.preprocess if agrees else preprocessor.preprocess_by_nnunet
    for name, files in portion.slices:
        with _naming(name):
            item = preprocess(files)
        yield name, item


def short_way_agrees(preprocessor: Preprocessor, slices: Sequence[tuple[str, SliceFiles]]) -> bool:
    """Whether the short way gives nnU-Net's own result, on the first and the last of named slices."""
    for name, files in (slices[0], slices[-1]):
        with _naming(name):
            if not same_slice(preprocessor.preprocess(files), preprocessor.preprocess_by_nnunet(files)):
                return False
    return True


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say which slice it was that could not be read."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, AssertionError, zlib.error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise Failed(f"The slice {name} could not be preprocessed: {reason}. Export the data set again.") from error
