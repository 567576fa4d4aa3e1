"""How much GPU memory a training will take, from its plans, and what to change where that is too much.

Counted for nnU-Net's plain U-Net in 2D: what the backward pass needs of every layer, weights with gradients and momentum,
and what CUDA itself takes. A test holds the count against what torch keeps. No torch is needed here, so a window can ask.
"""

import json
import math
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput
from .training_request import CONFIGURATION, FULL_PLANS, SMALLEST_BATCH, SMALLEST_PATCH

HALF, SINGLE = 2, 4
# CUDA's context, its libraries and the workspace of cuDNN.
CUDA_BYTES = 900 << 20
# For the memory that PyTorch cannot fill exactly.
MARGIN = 1.15
# What nnU-Net plans its networks for, and the small plans' at most.
PLANNED_BYTES = {FULL_PLANS: 8 << 30}
SMALL_BYTES = 2 << 30
GIB = 1 << 30


@dataclass(frozen=True)
class Gpu:
    """A graphics processor as the driver names it; memory in bytes."""

    index: int
    name: str
    total: int
    free: int


def planned_bytes(plans_file: Path, plans: str, batch_size: int | None = None) -> int:
    """Bytes of GPU memory for a training with the plans in `plans_file`; before they are made, what nnU-Net plans for."""
    if not Path(plans_file).is_file():
        return PLANNED_BYTES.get(plans, SMALL_BYTES)
    content = json.loads(Path(plans_file).read_text(encoding="utf-8"))
    configuration = content["configurations"][CONFIGURATION]
    return training_bytes(configuration | ({"batch_size": batch_size} if batch_size else {}))


def training_bytes(configuration: Mapping[str, Any], channels: int = 1, classes: int = 2) -> int:
    """Bytes of GPU memory for a training by a 2D configuration of plans.json, in mixed precision."""
    saved = saved_bytes(configuration, channels, classes, HALF)
    network = architecture_of(configuration)
    # The gradients of the two largest tensors, joined features and the layer after them, exist beside what is saved.
    passing = 3 * network["features_per_stage"][0] * _pixels(configuration) * int(configuration["batch_size"]) * HALF
    weights = parameter_count(configuration, channels, classes) * (3 * SINGLE + HALF)
    return round(MARGIN * (saved + passing + weights)) + CUDA_BYTES


def saved_bytes(configuration: Mapping[str, Any], channels: int, classes: int, number_bytes: int) -> int:
    """Bytes of activations that the backward pass of a plain U-Net needs, with `number_bytes` for a number."""
    network = architecture_of(configuration)
    features, sizes = network["features_per_stage"], _stage_pixels(configuration)
    numbers = channels * sizes[0]
    # A convolution's result is kept for the normalisation, and the rectified result for the next convolution.
    numbers += sum(2 * n * f * p for n, f, p in zip(network["n_conv_per_stage"], features, sizes, strict=True))
    for stage, convolutions in enumerate(reversed(network["n_conv_per_stage_decoder"])):
        # Joined with the encoder's features; and an output at this stage for deep supervision.
        numbers += (2 * features[stage] * (1 + convolutions) + classes) * sizes[stage]
    return int(configuration["batch_size"]) * number_bytes * numbers


def parameter_count(configuration: Mapping[str, Any], channels: int = 1, classes: int = 2) -> int:
    """How many weights the plain U-Net of a 2D configuration has."""
    network = architecture_of(configuration)
    features, kernels = network["features_per_stage"], network["kernel_sizes"]
    total, incoming = 0, channels
    for stage, convolutions in enumerate(network["n_conv_per_stage"]):
        total += _convolutions(incoming, features[stage], convolutions, kernels[stage])
        incoming = features[stage]
    for stage, convolutions in enumerate(reversed(network["n_conv_per_stage_decoder"])):
        below, here = features[stage + 1], features[stage]
        total += below * here * math.prod(network["strides"][stage + 1]) + here
        total += _convolutions(2 * here, here, convolutions, kernels[stage])
        total += (here + 1) * classes
    return total


def architecture_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The plain U-Net's numbers; `BadInput` for another network, which is not counted here."""
    architecture = configuration["architecture"]
    if not architecture["network_class_name"].endswith("PlainConvUNet"):
        raise BadInput("plans of a plain U-Net", architecture["network_class_name"], "use nnU-Net's default planner")
    return architecture["arch_kwargs"]


def check_memory(configuration: Mapping[str, Any], channels: int, classes: int, free: int, device: str) -> None:
    """Raise `BadInput`, with a batch and a patch that fit, where `free` bytes are not enough for the training."""
    needed = training_bytes(configuration, channels, classes)
    if needed <= free:
        return
    patch, batch = configuration["patch_size"], configuration["batch_size"]
    raise BadInput(
        f"about {needed / GIB:.1f} GiB of free GPU memory for batches of {batch} patches of {patch[0]} x {patch[1]}",
        f"{free / GIB:.1f} GiB on {device}",
        advice(configuration, free, channels, classes),
    )


def advice(configuration: Mapping[str, Any], free: int, channels: int = 1, classes: int = 2) -> str:
    """What to train with where `free` bytes of GPU memory are all there is."""
    ways = []
    if batch := fitting_batch(configuration, free, channels, classes):
        ways.append(f"with --batch-size {batch}")
    if patch := fitting_patch(configuration, free, channels, classes):
        ways.append(f"with --patch-size {patch[0]},{patch[1]}")
    ways.append("on another GPU" if ways else "on another GPU, or on the processor with --device cpu")
    return f"train {', or '.join(ways)}"


def fitting_batch(configuration: Mapping[str, Any], free: int, channels: int = 1, classes: int = 2) -> int | None:
    """The largest batch below the planned one that fits into `free` bytes; `None` where not even two slices do."""
    for batch in range(int(configuration["batch_size"]) - 1, SMALLEST_BATCH - 1, -1):
        if training_bytes({**configuration, "batch_size": batch}, channels, classes) <= free:
            return batch
    return None


def fitting_patch(
    configuration: Mapping[str, Any], free: int, channels: int = 1, classes: int = 2
) -> tuple[int, int] | None:
    """The largest smaller patch of about the same shape with which the planned batch fits; `None` where none does."""
    rows, columns = (int(side) for side in configuration["patch_size"])
    down_rows, down_columns = _downsampling(configuration)
    for height in range(rows - down_rows, 0, -down_rows):
        width = max(down_columns, round(columns * height / rows / down_columns) * down_columns)
        smaller = {**configuration, "patch_size": (height, width)}
        if min(height, width) >= SMALLEST_PATCH and training_bytes(smaller, channels, classes) <= free:
            return height, width
    return None


def gpus() -> list[Gpu]:
    """The graphics processors that NVIDIA's driver shows; none without a driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = [program, "--query-gpu=index,name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return parsed_gpus(answer)


def parsed_gpus(answer: str) -> list[Gpu]:
    """The graphics processors in nvidia-smi's answer: a line each, memory in MiB."""
    rows = [[part.strip() for part in line.split(",")] for line in answer.splitlines() if line.count(",") == 3]
    return [
        Gpu(int(index), name, int(total) << 20, int(free) << 20)
        for index, name, total, free in rows
        if index.isdecimal() and total.isdecimal() and free.isdecimal()
    ]


def _stage_pixels(configuration: Mapping[str, Any]) -> list[int]:
    """Pixels of a patch at each stage of the encoder."""
    rows, columns = configuration["patch_size"]
    sizes = []
    for down_rows, down_columns in architecture_of(configuration)["strides"]:
        rows, columns = math.ceil(rows / down_rows), math.ceil(columns / down_columns)
        sizes.append(rows * columns)
    return sizes


def _downsampling(configuration: Mapping[str, Any]) -> tuple[int, int]:
    strides = architecture_of(configuration)["strides"]
    return math.prod(stride[0] for stride in strides), math.prod(stride[1] for stride in strides)


def _pixels(configuration: Mapping[str, Any]) -> int:
    return math.prod(int(side) for side in configuration["patch_size"])


def _convolutions(incoming: int, features: int, count: int, kernel: Sequence[int]) -> int:
    """Weights of `count` convolutions one after the other, each with bias and an affine normalisation."""
    taps = math.prod(kernel)
    return incoming * features * taps + (count - 1) * features * features * taps + count * 3 * features
