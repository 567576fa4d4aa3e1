"""How fast slices are written, preprocessed and loaded, beside the plain way, in turns within one run.

Three made cases of 300 x 300 x 300 voxels with spacings of 0.18, 0.20 and 0.22 mm: speckle in a sector, a tumour of 24 mm,
a random choice of whose slices is taken. The plans' spacing is the middle one, so two of three slices are resampled.

The plain way writes a slice with SimpleITK, and preprocesses and loads it with nnU-Net's own functions. Preprocessing
counts everything from the raw files to slices that can be trained on: their checksum, the fingerprint, the slices, and
for ours the comparison of some slices with nnU-Net's own.
"""

import hashlib
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..jobs.progress import Progress, silent
from ..slices.cut import SliceSelection, cut_slices
from .fingerprint import write_fingerprint
from .packed_dataset import PackedDataset, write_pack, write_table
from .preprocessing import SLICES_PER_PACK, short_way_agrees
from .raw_dataset import SliceFiles, list_slices, make_image_folders, write_dataset_json, write_pair
from .slice_preprocessing import Preprocessor, same_slice
from .training_record import data_fingerprint

COHORT = 105_000
SIDE, TUMOR_VOXELS, SPACINGS_MM = 300, 60, (0.18, 0.20, 0.22)
PORTION = 32
LOADS = 400
SAMPLED_PIXELS = 1e6


@dataclass(frozen=True)
class Measure:
    """One line of the result: ours beside the plain way (None where there is none), and the goal as text."""

    what: str
    unit: str
    ours: float
    plain: float | None
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast, or as few."""
        if not self.plain:
            return None
        return self.ours / self.plain if self.unit.endswith("/s") else self.plain / self.ours


@dataclass
class Clock:
    """Seconds on the wall and of the processor, summed over portions of work."""

    wall_s: float = 0.0
    processor_s: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what happens in the block."""
        wall, processor = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.processor_s += time.process_time() - processor


def benchmark_slices(*, slices_per_case: int = 96, progress: Progress = silent) -> tuple[list[Measure], bool]:
    """Measure; also says whether all slices came out equal to nnU-Net's own in every bit."""
    with tempfile.TemporaryDirectory(prefix="iustumorseg-benchmark-") as folder:
        progress("slices", 0, 4, "simulating ultrasound and cutting it")
        cut = [cut for number in range(len(SPACINGS_MM)) for cut in _made_slices(number, slices_per_case)]
        progress("slices", 1, 4, "writing slices")
        raw = _raw_folder(Path(folder) / "raw", len(cut))
        written = _measure_writing(cut, raw)
        progress("slices", 2, 4, "preprocessing slices")
        preprocessed, equal = _measure_preprocessing(raw, Path(folder))
        progress("slices", 3, 4, "loading slices")
        loaded = _measure_loading(Path(folder))
    progress("slices", 4, 4, "done")
    return [*written, *preprocessed, *loaded], equal


def benchmark_plans() -> dict[str, Any]:
    """Of nnU-Net's plans what preprocessing reads."""
    no_order = {"order_z": 0, "force_separate_z": None}
    resample = "resample_data_or_seg_to_shape"
    configuration = {
        "data_identifier": "nnUNetPlans_2d",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 12,
        "patch_size": [256, 256],
        "median_image_size_in_voxels": [SIDE, SIDE],
        "spacing": [SPACINGS_MM[1]] * 2,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": resample,
        "resampling_fn_seg": resample,
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, **no_order},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, **no_order},
        "architecture": {},
    }
    return {
        "dataset_name": "Dataset501_Benchmark",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d": configuration},
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
    }


def _made_slices(number: int, count: int) -> list[Any]:
    import SimpleITK as sitk

    random = np.random.default_rng(number)
    k, j, i = np.ogrid[:SIDE, :SIDE, :SIDE]
    depth = np.sqrt((i - SIDE / 2) ** 2 + (j + 60) ** 2 + (k - SIDE / 2) ** 2)
    sector = (depth < 350) & (abs(i - SIDE / 2) < 0.6 * (j + 60)) & (abs(k - SIDE / 2) < 0.6 * (j + 60))
    speckle = random.rayleigh(40, (SIDE, SIDE, SIDE)).astype(np.float32)
    speckle += np.roll(speckle, 1, 2) + np.roll(speckle, 1, 1) + np.roll(speckle, 1, 0)
    tumor = (i - SIDE / 2) ** 2 + (j - SIDE / 2) ** 2 + (k - SIDE / 2) ** 2 < TUMOR_VOXELS**2
    images = [np.where(sector, (speckle / 4).clip(1, 255), 0).astype(np.uint8), tumor.astype(np.uint8)]
    us, label = (sitk.GetImageFromArray(image) for image in images)
    us.SetSpacing([SPACINGS_MM[number]] * 3)
    cut = list(cut_slices(us, label, SliceSelection()))
    return [cut[place] for place in sorted(random.choice(len(cut), min(count, len(cut)), replace=False))]


def _raw_folder(folder: Path, slices: int) -> Path:
    make_image_folders(folder)
    write_dataset_json(folder, slices, {})
    return folder


def _measure_writing(cut: Sequence[Any], raw: Path) -> list[Measure]:
    measures = []
    for ending, goal in ((".nii.gz", 300), (".nii", 800)):
        folder = raw if ending == ".nii.gz" else raw.with_name("uncompressed")
        folders = [folder, folder.with_name(folder.name + "_by_simpleitk")]
        for missing in (path for path in folders if not path.exists()):
            make_image_folders(missing)
        clocks = Clock(), Clock()
        for portion in _portions(list(enumerate(cut))):
            with clocks[0].running():
                for number, item in portion:
                    write_pair(item.pixels, item.tumor, item.spacing, f"slice{number:05d}", folders[0], ending)
            with clocks[1].running():
                for number, item in portion:
                    _write_by_simpleitk(item, f"slice{number:05d}", folders[1], ending)
        rates = [len(cut) / clock.wall_s for clock in clocks]
        by_processor = [len(cut) / clock.processor_s for clock in clocks]
        measures.append(Measure(f"raw pairs, {ending}", "pairs/s", rates[0], rates[1], f"{goal} or more"))
        measures.append(Measure(f"raw pairs, {ending}, by processor time", "pairs/s", by_processor[0], by_processor[1]))
    return measures


def _write_by_simpleitk(item: Any, name: str, folder: Path, ending: str) -> None:
    import SimpleITK as sitk

    compressed = ending == ".nii.gz"
    sitk.WriteImage(item.image, str(folder / "imagesTr" / f"{name}_0000{ending}"), compressed)
    sitk.WriteImage(item.label, str(folder / "labelsTr" / f"{name}{ending}"), compressed)


def _measure_preprocessing(raw: Path, folder: Path) -> tuple[list[Measure], bool]:
    from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor

    slices = list_slices(raw)
    description = {"channel_names": {"0": "ultrasound"}, "labels": {"background": 0, "tumor": 1}}
    preprocessor = Preprocessor(benchmark_plans(), description | {"file_ending": ".nii.gz"})
    reader = preprocessor.manager.image_reader_writer_class
    (folder / "plain").mkdir()
    (folder / "packed").mkdir()
    ours, plain = Clock(), Clock()
    with ours.running():
        data_fingerprint(raw)
        write_fingerprint(slices, raw, folder, SAMPLED_PIXELS)
    with plain.running():
        hashlib.sha256(
            b"".join(path.read_bytes() for files in slices.values() for path in (*files.images, files.label))
        )
        for files in slices.values():
            names = [str(path) for path in files.images]
            DatasetFingerprintExtractor.analyze_case(
                names, str(files.label), reader, int(SAMPLED_PIXELS // len(slices))
            )
    portions = _portions(list(slices.items()))
    for number, portion in enumerate(portions):
        with ours.running():
            if number % (SLICES_PER_PACK // PORTION) == 0:
                short_way_agrees(preprocessor, portion)
            write_pack(((name, preprocessor.preprocess(files)) for name, files in portion), folder / "packed", number)
        with plain.running():
            for name, files in portion:
                _preprocess_plainly(preprocessor, files, str(folder / "plain" / name))
    write_table(folder / "packed", len(portions))
    per_slice = [1000 * clock.processor_s / len(slices) for clock in (ours, plain)]
    minutes = [each * COHORT / 60_000 for each in per_slice]
    packs = math.ceil(COHORT / SLICES_PER_PACK)
    packed_kb, plain_kb = (_kilobytes(folder / name, len(slices)) for name in ("packed", "plain"))
    measures = [
        Measure("preprocessing, processor time a slice", "ms", per_slice[0], per_slice[1]),
        Measure(f"... of {COHORT} slices", "CPU min", minutes[0], minutes[1], "20 or less"),
        Measure("preprocessing", "slices/s", len(slices) / ours.wall_s, len(slices) / plain.wall_s),
        Measure(f"files of {COHORT} slices", "files", 2 * packs + 1, 3 * COHORT, "below 5000"),
        Measure("size of a slice", "kB", packed_kb, plain_kb),
    ]
    equal = all(
        same_slice(preprocessor.preprocess(files), preprocessor.preprocess_by_nnunet(files))
        for files in list(slices.values())[:: max(1, len(slices) // 30)]
    )
    return measures, equal


def _preprocess_plainly(preprocessor: Preprocessor, files: SliceFiles, target: str) -> None:
    preprocessor.by_nnunet.run_case_save(
        target, [str(path) for path in files.images], str(files.label), preprocessor.manager,
        preprocessor.configuration, preprocessor.description,
    )  # fmt: skip


def _measure_loading(folder: Path) -> list[Measure]:
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    datasets = PackedDataset(str(folder / "packed")), nnUNetDatasetBlosc2(str(folder / "plain"))
    names = [str(name) for name in np.random.default_rng(0).choice(datasets[0].identifiers, LOADS)]
    clocks = Clock(), Clock()
    for portion in _portions(names):
        for clock, dataset in zip(clocks, datasets, strict=True):
            with clock.running():
                for name in portion:
                    _load(dataset.load_case, name)
    rates = [LOADS / clock.wall_s for clock in clocks]
    return [Measure("loading a slice", "loads/s", rates[0], rates[1], "32 or more, and no less than nnU-Net's")]


def _load(load_case: Callable[[str], Any], name: str) -> None:
    """As nnU-Net's loader does: the arrays' content from the middle, and the drawn pixels."""
    image, label, _, properties = load_case(name)
    rows, columns = (slice(max(0, n // 2 - 128), n // 2 + 128) for n in image.shape[2:])
    image[:, :, rows, columns].sum()
    label[:, :, rows, columns].sum()
    len(properties["class_locations"][1])


def _portions(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + PORTION] for start in range(0, len(items), PORTION)]


def _kilobytes(folder: Path, slices: int) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / slices / 1000
