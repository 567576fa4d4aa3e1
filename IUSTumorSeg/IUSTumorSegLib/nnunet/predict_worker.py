"""One predictor in a process of its own, for the benchmark: threads, memory and settings as its user would have them.

The process reads the path of a slice (.npy) and of its label, one pair a line, and answers each with a line of JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from ..errors import Failed
from .lean_predictor import LeanPredictor, predict_slice
from .load_predictor import Means, load_predictor
from .model_folder import find_model
from .trainer_search import find_trainer

STOCK = "nnU-Net"
STOCK_MIRRORED = "nnU-Net, mirroring"
LEAN = {
    "lean f32, torch": Means(device="cpu", precision="f32", engine="torch"),
    "lean f32, OpenVINO": Means(device="cpu", precision="f32", engine="openvino"),
    "lean bf16, OpenVINO": Means(device="cpu", precision="bf16", engine="openvino"),
}
SPACING_MM = (1.0, 1.0)
Segment = Callable[[np.ndarray], np.ndarray]


@dataclass
class PredictorProcess:
    """A running predictor; leaving the context ends it. Seconds are the process's own measurements."""

    model: Path
    method: str
    load_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="iustumorseg-predictor-")
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            python_command("serve", self.model, self.method), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, env=plain_environment(),
        )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()
        self._folder.cleanup()

    def load(self, pixels: np.ndarray) -> None:
        """Wait until the model is loaded and has segmented one slice that does not count."""
        self.load_seconds = float(self._answer()["seconds"])
        self._segment(pixels)

    def segment(self, pixels: np.ndarray) -> None:
        """Segment a slice; adds to seconds and labels."""
        answer, label = self._segment(pixels)
        self.seconds.append(float(answer["seconds"]))
        self.processor_seconds.append(float(answer["processor_seconds"]))
        self.labels.append(label)

    def finish(self) -> None:
        """Ask for the report on all slices: stages, slices computed twice, notes, memory, threads."""
        self._write("")
        self.report = self._answer()

    def _segment(self, pixels: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        source, target = (Path(self._folder.name) / f"{name}.npy" for name in ("slice", "label"))
        np.save(source, pixels)
        self._write(json.dumps([str(source), str(target)]))
        return self._answer(), np.load(target)

    def _write(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).write(line + "\n")
            _pipe(self._process.stdin).flush()

    def _answer(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise Failed(f"{self.method} failed: {(self._errors.read().strip() or 'no message').splitlines()[-1]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def seconds_from_files(model: Path, method: str, images: Path, labels: Path) -> float:
    """Seconds that a process takes to segment the folder `images`, from its start to its end, as a command does."""
    started = time.perf_counter()
    ended = subprocess.run(python_command("segment_files", model, method, images, labels), capture_output=True,
                           text=True, check=False, env=plain_environment())  # fmt: skip
    if ended.returncode:
        raise Failed(f"{method} from files failed: {(ended.stderr.strip() or 'no message').splitlines()[-1]}")
    return time.perf_counter() - started


def python_command(function: str, *arguments: object) -> list[str]:
    """A command that calls a function of this module with `arguments` as texts."""
    library = str(Path(__file__).resolve().parents[2])
    code = f"""import sys
sys.path.insert(0, {library!r})
from {__name__} import {function}
if __name__ == "__main__":
    {function}(*sys.argv[1:])"""
    return [sys.executable, "-c", code, *map(str, arguments)]


def plain_environment() -> dict[str, str]:
    """The environment of this process without what our commands set for themselves."""
    return {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}


def serve(model: str, method: str) -> None:
    """Load the predictor, then answer each line of the standard input; an empty line asks for the report."""
    answers, sys.stdout = sys.stdout, sys.stderr
    started = time.perf_counter()
    predictor, segment = _predictor(Path(model), method)
    _send(answers, {"seconds": time.perf_counter() - started})
    for number, line in enumerate(sys.stdin):
        if not line.strip():
            return _send(answers, _report(predictor, number - 1))
        if number == 1 and predictor is not None:
            # The first slice was for warming up.
            predictor.stage_seconds.clear()
            predictor.redone = 0
        source, target = json.loads(line)
        pixels = np.load(source)
        wall, processor = time.perf_counter(), time.process_time()
        label = segment(pixels)
        took = {"seconds": time.perf_counter() - wall, "processor_seconds": time.process_time() - processor}
        np.save(target, label)
        _send(answers, took)
    return None


def segment_files(model: str, method: str, images: str, labels: str) -> None:
    """Segment all images of a folder with the files' path of the method."""
    from .prediction import predict_files

    if method in LEAN:
        means = LEAN[method]
        predict_files(model=Path(model), input=Path(images), out=Path(labels), folds=[_fold(Path(model))],
                      device=means.device, precision=means.precision, engine=means.engine)  # fmt: skip
        return
    _stock_predictor(Path(model), method == STOCK_MIRRORED).predict_from_files(images, labels)


def _predictor(model: Path, method: str) -> tuple[LeanPredictor | None, Segment]:
    if method in LEAN:
        lean = load_predictor(model, [_fold(model)], LEAN[method])
        return lean, lambda pixels: predict_slice(lean, pixels, SPACING_MM).label
    stock = _stock_predictor(model, method == STOCK_MIRRORED)

    def segment(pixels: np.ndarray) -> np.ndarray:
        properties = {"spacing": [999 * max(SPACING_MM), *SPACING_MM[::-1]]}
        label: np.ndarray = stock.predict_single_npy_array(pixels[None, None].astype(np.float32), properties)[0]
        return label

    return None, segment


def _stock_predictor(model: Path, mirroring: bool) -> Any:
    import torch
    from nnunetv2.inference import predict_from_raw_data

    # Its own search imports every trainer there is, with packages that may be missing or not fit torch.
    predict_from_raw_data.recursive_find_trainer_class_by_name = find_trainer
    fold, checkpoint = next(iter(find_model(model, [_fold(model)]).checkpoints.items()))
    predictor = predict_from_raw_data.nnUNetPredictor(
        use_mirroring=mirroring, device=torch.device("cpu"), allow_tqdm=False
    )
    predictor.initialize_from_trained_model_folder(str(model), [fold], checkpoint.name)
    return predictor


def _fold(model: Path) -> str:
    return next(iter(find_model(model).checkpoints))


def _report(predictor: LeanPredictor | None, slices: int) -> dict[str, Any]:
    import torch

    report: dict[str, Any] = {"threads": torch.get_num_threads(), "peak_mb": _own_peak_mb()}
    if predictor is not None:
        stages = {stage: total / slices for stage, total in predictor.stage_seconds.items()}
        report |= {"stages": stages, "redone": predictor.redone, "notes": predictor.all_notes}
    return report


def _own_peak_mb() -> float | None:
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if status.is_file():
        # Linux's getrusage would count the process that started this one.
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _send(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
