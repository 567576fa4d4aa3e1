"""nnU-Net's sliding window over a slice, with its Gaussian weights, its steps and its half-precision sums.

The arithmetic is that of `nnUNetPredictor`, operation by operation, so that the same network gives the same bits. Only
the order of work differs: all tiles go through the network first and are put together afterwards, which lets them go
through a GPU in batches and be put together twice, with and without an error added to them.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Failed

if TYPE_CHECKING:
    import torch

STEP = 0.5
SIGMA_SCALE = 1 / 8
# Scales the weights so that none is lost in half precision.
LARGEST_WEIGHT = 10


@dataclass(frozen=True)
class Window:
    """The tiles of one preprocessed slice: `tiles` has shape (n, channels, *patch), `places` says where each lies."""

    tiles: "torch.Tensor"
    places: tuple[tuple[Any, ...], ...]
    shape: tuple[int, ...]
    inside: tuple[slice, ...]
    patch: tuple[int, int]


def window_of(data: "torch.Tensor", patch: Sequence[int]) -> Window:
    """Cut preprocessed `data`, shape (channels, 1, rows, columns), into tiles; smaller than `patch`, it is padded."""
    import torch
    from acvl_utils.cropping_and_padding.padding import pad_nd_image
    from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

    size = (int(patch[0]), int(patch[1]))
    padded, inside = pad_nd_image(data, size, "constant", {"value": 0}, True, None)
    rows, columns = compute_steps_for_sliding_window(tuple(padded.shape[2:]), size, STEP)
    places = tuple(
        (slice(None), layer, slice(row, row + size[0]), slice(column, column + size[1]))
        for layer in range(padded.shape[1])
        for row in rows
        for column in columns
    )
    tiles = torch.stack([padded[place] for place in places])
    return Window(tiles, places, tuple(padded.shape[1:]), (slice(None), *inside[1:]), size)


def put_together(window: Window, tile_logits: "torch.Tensor", shift: float = 0.0) -> "torch.Tensor":
    """The slice's logits, shape (classes, 1, rows, columns) in half precision, from those of its tiles.

    `tile_logits` is float32 of shape (n, classes, *patch); `shift` is added to all of it.
    """
    import torch
    from nnunetv2.inference.sliding_window_prediction import compute_gaussian

    weights = compute_gaussian(
        window.patch, sigma_scale=SIGMA_SCALE, value_scaling_factor=LARGEST_WEIGHT, device=torch.device("cpu")
    )
    logits = torch.zeros((tile_logits.shape[1], *window.shape), dtype=torch.half)
    weight_sums = torch.zeros(window.shape, dtype=torch.half)
    for place, tile in zip(window.places, tile_logits, strict=True):
        shifted = tile + shift if shift else tile
        logits[place] += shifted * weights
        weight_sums[place[1:]] += weights
    torch.div(logits, weight_sums, out=logits)
    if torch.isinf(logits).any():
        raise Failed("The network's output is larger than half precision holds: the model is damaged.")
    return logits[window.inside]


def mean_of_folds(logits: "Sequence[torch.Tensor]") -> "torch.Tensor":
    """The ensemble's logits, summed in half precision as nnU-Net does."""
    total = logits[0].clone()
    for further in logits[1:]:
        total += further
    return total / len(logits) if len(logits) > 1 else total


def with_mirroring(
    network: "Callable[[torch.Tensor], torch.Tensor]", tiles: "torch.Tensor", axes: Sequence[int]
) -> "torch.Tensor":
    """Logits of `tiles`, averaged over all mirrorings along `axes` (0: rows, 1: columns; none: no mirroring)."""
    import torch

    total = network(tiles)
    flips = [pair for count in range(1, len(axes) + 1) for pair in itertools.combinations([a + 2 for a in axes], count)]
    for flip in flips:
        total = total + torch.flip(network(torch.flip(tiles, flip)), flip)
    return total / (len(flips) + 1) if flips else total
