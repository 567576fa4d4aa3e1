"""How fast prediction is beside nnU-Net's own predictor, in one run, and whether the labels are the same.

Each slice goes through all predictors one after the other, and a ratio is taken slice by slice: what else the machine
does disturbs both. Memory is measured in a process for each predictor. Run as a module, this is such a process.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import BadInput, Failed
from ..jobs.progress import Progress, silent
from .benchmark_model import make_untrained_model, simulated_slice
from .lean_predictor import LeanPredictor, predict_slice
from .load_predictor import Means, load_predictor

STOCK = "nnUNetPredictor, one slice at a time"
STOCK_FILES = "nnUNetPredictor, from files"
STOCK_MIRRORED = "nnUNetPredictor, mirroring"
LEAN = {
    "lean f32, torch": Means(device="cpu", precision="f32", engine="torch"),
    "lean f32, OpenVINO": Means(device="cpu", precision="f32", engine="openvino"),
    "lean bf16, OpenVINO": Means(device="cpu", precision="bf16", engine="openvino"),
}
SPACING_MM = (1.0, 1.0)
Segment = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Speed:
    """One predictor: median seconds a slice, how many times as fast as nnU-Net's, agreement with it, and memory."""

    method: str
    seconds: float
    ratio: float
    ratio_to_files: float | None
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
    memory: bool = True,
    progress: Progress = silent,
) -> PredictBenchmark:
    """Time all predictors on `slices` images of the folder `images` (simulated ones if None), without mirroring.

    Without `model` an untrained network of nnU-Net's default size for 512 x 512 slices. `from_files` also times
    `predict_from_files`, which is what nnU-Net's command runs, with its default number of processes; `memory` starts a
    process for each predictor. Writes `out`, a JSON file, where given.
    """
    if slices < 1:
        raise BadInput("1 slice or more", f"{slices}", "give a larger number")
    with tempfile.TemporaryDirectory(prefix="iustumorseg-benchmark-") as folder:
        found = _measured(model or make_untrained_model(Path(folder) / "untrained__nnUNetPlans__2d"), Path(folder),
                          _slices(images, slices), from_files, memory, model is not None, progress)  # fmt: skip
    if out is not None:
        write_json_atomic(out, asdict(found))
    return found


def _measured(
    model: Path,
    folder: Path,
    pixels: list[np.ndarray],
    from_files: bool,
    memory: bool,
    trained: bool,
    progress: Progress,
) -> PredictBenchmark:
    import torch

    if not (model / "plans.json").is_file():
        raise BadInput("the folder of a model, for nnU-Net's own predictor", f"{model}", "unpack the model")
    progress("load", 0, 1, "loading the predictors")
    loading: dict[str, float] = {}
    lean: dict[str, LeanPredictor] = {}
    methods: dict[str, Segment] = {STOCK: _timed_loading(loading, STOCK, lambda: _stock(model, False))}
    for name, means in available().items():
        lean[name] = _timed_loading(loading, name, lambda means=means: load_predictor(model, [_fold(model)], means))  # type: ignore[misc]
        methods[name] = _by(lean[name])
    for segment in methods.values():
        segment(pixels[0])
    for predictor in lean.values():
        predictor.stage_seconds.clear()
        predictor.redone = 0
    seconds, labels = _interleaved(methods, pixels, progress)
    started = time.perf_counter()
    _stock(model, True)(pixels[0])
    mirrored = time.perf_counter() - started
    files = _stock_from_files(model, pixels, folder, progress) if from_files else None
    peaks = {name: peak_memory_mb(model, name) for name in methods} if memory else {}
    speeds = [
        _speed(name, seconds, labels, files, loading[name], lean.get(name), peaks.get(name), len(pixels))
        for name in methods
    ]
    speeds += [_bare(STOCK_MIRRORED, mirrored, seconds, files)]
    speeds += [] if files is None else [_bare(STOCK_FILES, files, seconds, files)]
    return PredictBenchmark(tuple(speeds), len(pixels), trained, torch.get_num_threads())


def available() -> dict[str, Means]:
    """The lean predictors that this installation has."""
    from .openvino_network import has_openvino

    return {name: means for name, means in LEAN.items() if means.engine != "openvino" or has_openvino()}


def peak_memory_mb(model: Path, method: str) -> float | None:
    """The largest memory of a process that loads the model and segments one slice by `method`; None on Windows."""
    if sys.platform == "win32":
        return None
    library = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, {library!r}); from {__name__} import print_peak; print_peak()"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(model), method], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise Failed(f"Measuring the memory of {method} failed: {(ended.stderr or 'no message').splitlines()[-1]}")
    return float(json.loads(ended.stdout.splitlines()[-1]))


def print_peak() -> None:
    """Segment one slice by the model and the method in the arguments, and print this process's largest memory in MB."""
    model, method = Path(sys.argv[1]), sys.argv[2]
    segment = _stock(model, False) if method == STOCK else _by(load_predictor(model, [_fold(model)], LEAN[method]))
    for seed in range(2):
        segment(simulated_slice(seed))
    print(json.dumps(_own_peak_mb()))


def _own_peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux's getrusage would count the process that started this one.
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _slices(images: Path | None, count: int) -> list[np.ndarray]:
    from .prediction import read_grey_2d

    if images is None:
        return [simulated_slice(seed) for seed in range(count)]
    files = sorted(path for path in Path(images).iterdir() if path.is_file())[:count]
    if not files:
        raise BadInput("a folder with 2D images", f"none in {images}", "name another folder")
    return [read_grey_2d(file) for file in files]


def _interleaved(
    methods: dict[str, Segment], pixels: list[np.ndarray], progress: Progress
) -> tuple[dict[str, list[float]], dict[str, list[np.ndarray]]]:
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    labels: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    for number, image in enumerate(pixels):
        progress("predict", number, len(pixels), f"slice {number + 1} of {len(pixels)}")
        for name, segment in methods.items():
            started = time.perf_counter()
            labels[name].append(segment(image))
            seconds[name].append(time.perf_counter() - started)
    return seconds, labels


def _speed(
    name: str,
    seconds: dict[str, list[float]],
    labels: dict[str, list[np.ndarray]],
    files: float | None,
    load_seconds: float,
    predictor: LeanPredictor | None,
    peak: float | None,
    slices: int,
) -> Speed:
    pairs = list(zip(labels[name], labels[STOCK], strict=True))
    ratios = [stock / own for stock, own in zip(seconds[STOCK], seconds[name], strict=True)]
    stages = {} if predictor is None else predictor.stage_seconds
    return Speed(
        method=name,
        seconds=statistics.median(seconds[name]),
        ratio=statistics.median(ratios),
        ratio_to_files=files / statistics.median(seconds[name]) if files else None,
        other_pixels=None if name == STOCK else sum(int((own != stock).sum()) for own, stock in pairs),
        dice_with_stock=None if name == STOCK else _dice(pairs),
        slices_computed_twice=None if predictor is None else predictor.redone,
        stage_seconds={stage: total / slices for stage, total in stages.items()},
        load_seconds=load_seconds,
        peak_memory_mb=peak,
        notes=() if predictor is None else tuple(predictor.notes),
    )


def _bare(name: str, seconds: float, all_seconds: dict[str, list[float]], files: float | None) -> Speed:
    stock = statistics.median(all_seconds[STOCK])
    return Speed(name, seconds, stock / seconds, files / seconds if files else None, None, None, None, {}, 0.0, None)


def _dice(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean Dice of the slices where either label has tumour; 1 where none has."""
    values = [2 * ((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()) for a, b in pairs if a.any() or b.any()]
    return float(np.mean(values)) if values else 1.0


def _timed_loading(seconds: dict[str, float], name: str, load: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    loaded = load()
    seconds[name] = time.perf_counter() - started
    return loaded


def _by(predictor: LeanPredictor) -> Segment:
    return lambda pixels: predict_slice(predictor, pixels, SPACING_MM).label


def _stock(model: Path, mirroring: bool) -> Segment:
    predictor = _stock_predictor(model, mirroring)

    def segment(pixels: np.ndarray) -> np.ndarray:
        properties = {"spacing": [999 * max(SPACING_MM), *SPACING_MM[::-1]]}
        return predictor.predict_single_npy_array(pixels[None, None].astype(np.float32), properties)[0]

    return segment


def _stock_predictor(model: Path, mirroring: bool) -> Any:
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from .model_folder import find_model

    fold, checkpoint = next(iter(find_model(model, [_fold(model)]).checkpoints.items()))
    with contextlib.redirect_stdout(None):
        predictor = nnUNetPredictor(use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False)
        predictor.initialize_from_trained_model_folder(str(model), [fold], checkpoint.name)
    return predictor


def _stock_from_files(model: Path, pixels: list[np.ndarray], folder: Path, progress: Progress) -> float:
    """Seconds a slice of nnU-Net's `predict_from_files`, worker processes and all, without mirroring."""
    import io

    from ..images.volumes import write_volume
    from ..slices.cut import as_image

    progress("predict", 0, 1, "nnU-Net from files")
    for number, image in enumerate(pixels):
        write_volume(as_image(image, SPACING_MM), folder / "images" / f"slice_{number}_0000.nii.gz")
    predictor = _stock_predictor(model, False)
    started = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        predictor.predict_from_files(str(folder / "images"), str(folder / "labels"))
    return (time.perf_counter() - started) / len(pixels)


def _fold(model: Path) -> str:
    from .model_folder import find_model

    return next(iter(find_model(model).checkpoints))
