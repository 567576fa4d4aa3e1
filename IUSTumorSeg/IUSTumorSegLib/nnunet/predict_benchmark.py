"""How fast prediction is beside nnU-Net's own predictor, in one run, and whether the labels are the same.

Each predictor has a process of its own (`predict_worker`). Each slice goes through all of them one after the other,
and a ratio is taken slice by slice: what else the machine does disturbs both.
"""

import contextlib
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import BadInput
from ..jobs.progress import Progress, silent
from .benchmark_model import make_untrained_model, simulated_slice
from .predict_worker import LEAN, SPACING_MM, STOCK, STOCK_MIRRORED, PredictorProcess, seconds_from_files


@dataclass(frozen=True)
class Speed:
    """One predictor: median seconds a slice, how many times as fast as nnU-Net's, agreement with it, and memory.

    `ratio` is to nnU-Net's predictor without mirroring, which none of ours does here; `ratio_to_default` to it with
    mirroring, as it comes, which gives other labels. `ratio_from_files` compares whole processes, from their start to
    the last label's file, both without mirroring. `processor_seconds` adds up all threads, waiting ones that spin too.
    """

    method: str
    seconds: float
    processor_seconds: float
    ratio: float
    ratio_to_default: float
    seconds_from_files: float | None
    ratio_from_files: float | None
    other_pixels: int | None
    dice_with_stock: float | None
    slices_computed_twice: int | None
    stage_seconds: dict[str, float]
    load_seconds: float
    peak_memory_mb: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PredictBenchmark:
    """All predictors on the same slices, and with what."""

    speeds: tuple[Speed, ...]
    slices: int
    trained: bool
    threads: int


def benchmark_predict(
    *,
    model: Path | None = None,
    images: Path | None = None,
    slices: int = 4,
    out: Path | None = None,
    from_files: bool = True,
    methods: Sequence[str] | None = None,
    progress: Progress = silent,
) -> PredictBenchmark:
    """Time all predictors on `slices` images of the folder `images` (simulated ones if None).

    Without `model` an untrained network of nnU-Net's default size for 512 x 512 slices. `from_files` also times whole
    processes: nnU-Net's `predict_from_files` with its default number of worker processes, and our `predict_files`.
    `methods` are those of ours to time, all that can run here if None. Writes `out`, a JSON file, where given.
    """
    if slices < 1:
        raise BadInput("1 slice or more", f"{slices}", "give a larger number")
    pixels = _slices(images, slices)
    chosen = (STOCK, STOCK_MIRRORED, *(available() if methods is None else methods))
    with tempfile.TemporaryDirectory(prefix="iustumorseg-benchmark-") as folder:
        used = model or make_untrained_model(Path(folder) / "untrained__nnUNetPlans__2d")
        if not (used / "plans.json").is_file():
            raise BadInput("the folder of a model, for nnU-Net's own predictor", f"{used}", "unpack the model")
        ended = _interleaved(used, chosen, pixels, progress)
        files = _from_files(used, chosen, pixels, Path(folder), progress) if from_files else {}
    stock, mirrored = ended[:2]
    speeds = tuple(_speed(one, stock, mirrored, files) for one in ended)
    found = PredictBenchmark(speeds, len(pixels), model is not None, int(stock.report["threads"]))
    if out is not None:
        write_json_atomic(out, asdict(found))
    return found


def available() -> tuple[str, ...]:
    """The lean predictors that this installation has."""
    from .openvino_network import has_openvino

    return tuple(name for name, means in LEAN.items() if means.engine != "openvino" or has_openvino())


def _slices(images: Path | None, count: int) -> list[np.ndarray]:
    from .prediction import read_grey_2d

    if images is None:
        return [simulated_slice(seed) for seed in range(count)]
    files = sorted(path for path in Path(images).iterdir() if path.is_file())[:count]
    if not files:
        raise BadInput("a folder with 2D images", f"none in {images}", "name another folder")
    return [read_grey_2d(file) for file in files]


def _interleaved(
    model: Path, methods: Sequence[str], pixels: list[np.ndarray], progress: Progress
) -> list[PredictorProcess]:
    progress("load", 0, 1, "loading the predictors")
    with contextlib.ExitStack() as processes:
        started = [processes.enter_context(PredictorProcess(model, method)) for method in methods]
        for one in started:
            one.load(pixels[0])
        for number, image in enumerate(pixels):
            progress("predict", number, len(pixels), f"slice {number + 1} of {len(pixels)}")
            for one in started:
                one.segment(image)
        for one in started:
            one.finish()
    return started


def _from_files(
    model: Path, methods: Sequence[str], pixels: list[np.ndarray], folder: Path, progress: Progress
) -> dict[str, float]:
    """Seconds of a whole process for all slices, of each method without mirroring."""
    from ..images.volumes import write_volume
    from ..slices.cut import as_image

    for number, image in enumerate(pixels):
        write_volume(as_image(image, SPACING_MM), folder / "images" / f"slice_{number}_0000.nii.gz")
    timed = [method for method in methods if method != STOCK_MIRRORED]
    found = {}
    for number, method in enumerate(timed):
        progress("predict from files", number, len(timed), method)
        found[method] = seconds_from_files(model, method, folder / "images", folder / f"labels_{number}")
    return found


def _speed(
    one: PredictorProcess, stock: PredictorProcess, mirrored: PredictorProcess, files: dict[str, float]
) -> Speed:
    own_files = files.get(one.method)
    lean = one.method in LEAN
    pairs = list(zip(one.labels, stock.labels, strict=True))
    return Speed(
        method=one.method,
        seconds=statistics.median(one.seconds),
        processor_seconds=statistics.median(one.processor_seconds),
        ratio=_ratio(stock, one),
        ratio_to_default=_ratio(mirrored, one),
        seconds_from_files=None if own_files is None else own_files / len(pairs),
        ratio_from_files=None if own_files is None else files[STOCK] / own_files,
        other_pixels=sum(int((own != theirs).sum()) for own, theirs in pairs) if lean else None,
        dice_with_stock=_dice(pairs) if lean else None,
        slices_computed_twice=one.report.get("redone"),
        stage_seconds=one.report.get("stages", {}),
        load_seconds=one.load_seconds,
        peak_memory_mb=one.report["peak_mb"],
        notes=tuple(one.report.get("notes", ())),
    )


def _ratio(slow: PredictorProcess, fast: PredictorProcess) -> float:
    return statistics.median(theirs / own for theirs, own in zip(slow.seconds, fast.seconds, strict=True))


def _dice(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean Dice of the slices where either label has tumour; 1 where none has."""
    values = [2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()) for a, b in pairs if a.any() or b.any()]
    return float(np.mean(values)) if values else 1.0
