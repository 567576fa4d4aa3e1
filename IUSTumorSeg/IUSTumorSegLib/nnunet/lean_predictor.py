"""The result of nnU-Net's predictor for a slice, without its queues, worker processes and weights loaded anew.

A slice goes through nnU-Net's own preprocessing, through its sliding window (`sliding_window`), through one network a
fold (`tile_networks`, `openvino_network`), and through its own export. In float32 the label equals that of
`nnUNetPredictor` in every pixel: where OpenVINO computed, a slice in which the known error could change a pixel's class
is computed again by torch.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput
from .sliding_window import Window, mean_of_folds, put_together, window_of, with_mirroring
from .tile_networks import GpuMemoryError, TileNetwork, TorchNetwork

if TYPE_CHECKING:
    import torch

# nnU-Net's reader gives a 2D image this many times its larger spacing as the distance to a slice that is not there.
NO_NEIGHBOR = 999


@dataclass(frozen=True)
class SlicePrediction:
    """Label (uint8, the model's values) and class probabilities (float32, classes first) of one slice's pixels."""

    label: np.ndarray
    probabilities: np.ndarray


@dataclass
class LeanPredictor:
    """A model that is loaded and warm; `load_predictor` makes it.

    `model` names it for records. `modules` are the folds' networks in torch, `networks` what runs them. `notes` are
    sentences about what was done otherwise than asked (the processor instead of the GPU); `redone` counts slices that
    were computed twice; `stage_seconds` adds up where the time went.
    """

    plans: Any
    configuration: Any
    labels: Any
    description: dict[str, Any]
    preprocessor: Any
    modules: list["torch.nn.Module"]
    networks: list[TileNetwork]
    mirror_axes: tuple[int, ...]
    model: dict[str, Any]
    device: str
    engine: str
    precision: str
    may_leave_gpu: bool = False
    notes: list[str] = field(default_factory=list)
    redone: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """How many class probabilities there are; the first is the background's, except for regions."""
        return self.labels.num_segmentation_heads

    @property
    def all_notes(self) -> list[str]:
        """The predictor's notes and its networks'."""
        return [*self.notes, *dict.fromkeys(note for one in self.networks for note in getattr(one, "notes", ()))]

    @property
    def patch(self) -> tuple[int, int]:
        """The network's tile, rows by columns."""
        rows, columns = self.configuration.patch_size
        return int(rows), int(columns)


def predict_slice(predictor: LeanPredictor, pixels: np.ndarray, spacing_mm: Sequence[float]) -> SlicePrediction:
    """Segment pixels (rows, columns) of any number type; `spacing_mm` is horizontal, then vertical.

    A slice without any signal is background.
    """
    if not pixels.any():
        return _background(predictor, pixels.shape)
    with _stage(predictor, "preprocess"):
        window, properties = _prepared(predictor, pixels, spacing_mm)
    with _stage(predictor, "network"):
        tile_logits = _run(predictor, window)
    with _stage(predictor, "put together"):
        logits = _on_slice(predictor, _ensemble(window, tile_logits), properties)
    with _stage(predictor, "check"):
        certain = _classes_are_certain(predictor, window, tile_logits, logits, properties)
    if not certain:
        predictor.redone += 1
        with _stage(predictor, "network again"):
            exact = [with_mirroring(one.exact, window.tiles, predictor.mirror_axes) for one in predictor.networks]
        logits = _on_slice(predictor, _ensemble(window, exact), properties)
    with _stage(predictor, "export"):
        return _exported(predictor, logits, properties)


def predict_frame(predictor: LeanPredictor, frame: np.ndarray, spacing_mm: Sequence[float]) -> np.ndarray:
    """Class probabilities, float32 of shape (classes, rows, columns), of a live frame (rows, columns) of uint8.

    `spacing_mm` is horizontal, then vertical. Never computes a frame twice; `warm_up` makes the first one fast too.
    """
    if not frame.any():
        return _background(predictor, frame.shape).probabilities
    window, properties = _prepared(predictor, frame, spacing_mm)
    logits = _on_slice(predictor, _ensemble(window, _run(predictor, window)), properties)
    return _exported(predictor, logits, properties).probabilities


def warm_up(predictor: LeanPredictor) -> None:
    """Have everything allocated and compiled that the first slice would wait for."""
    rows, columns = predictor.patch
    frame = np.random.default_rng(0).integers(1, 255, (rows, columns), dtype=np.uint8)
    height, width = predictor.configuration.spacing
    predict_frame(predictor, frame, (width, height))


def foreground_probability(predictor: LeanPredictor, probabilities: np.ndarray) -> np.ndarray:
    """The probability of tumour of whatever kind, float32, from class probabilities (classes first)."""
    found = probabilities.max(axis=0) if predictor.labels.has_regions else 1 - probabilities[0]
    return found.astype(np.float32)


def label_of(predictor: LeanPredictor, probabilities: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """Label (uint8) from class probabilities (classes first).

    Without a threshold the most probable class, as nnU-Net decides. With one, what is more probably tumour than
    `threshold` gets its most probable kind of tumour.
    """
    labels = predictor.labels
    if threshold is None:
        return labels.convert_probabilities_to_segmentation(probabilities).astype(np.uint8)
    if labels.has_regions:
        chosen = np.zeros(probabilities.shape[1:], dtype=np.uint8)
        for region, value in zip(probabilities, labels.regions_class_order, strict=True):
            chosen[region > threshold] = value
        return chosen
    kinds = np.asarray(labels.all_labels[1:], dtype=np.uint8)[probabilities[1:].argmax(axis=0)]
    return np.where(foreground_probability(predictor, probabilities) > threshold, kinds, 0).astype(np.uint8)


@contextmanager
def _stage(predictor: LeanPredictor, name: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        predictor.stage_seconds[name] = predictor.stage_seconds.get(name, 0.0) + time.perf_counter() - started


def _prepared(predictor: LeanPredictor, pixels: np.ndarray, spacing_mm: Sequence[float]) -> tuple[Window, dict]:
    import torch

    horizontal, vertical = spacing_mm
    properties = {"spacing": [NO_NEIGHBOR * max(spacing_mm), vertical, horizontal]}
    data, _, properties = predictor.preprocessor.run_case_npy(
        pixels[None, None].astype(np.float32),
        None,
        properties,
        predictor.plans,
        predictor.configuration,
        predictor.description,
    )
    if data.shape[0] != 1:
        raise BadInput("a model for one grey-value image", f"{data.shape[0]} channels", "choose a model for ultrasound")
    return window_of(torch.from_numpy(data), predictor.patch), properties


def _run(predictor: LeanPredictor, window: Window) -> "list[torch.Tensor]":
    """Each fold's logits of the tiles; leaves the GPU for the processor where its memory is too small."""
    try:
        return [with_mirroring(network, window.tiles, predictor.mirror_axes) for network in predictor.networks]
    except GpuMemoryError as error:
        if not predictor.may_leave_gpu:
            raise GpuMemoryError(f"{error} Choose the processor (device cpu), or auto.") from error
        predictor.networks = [TorchNetwork(module.cpu().float()) for module in predictor.modules]
        predictor.device, predictor.engine, predictor.precision = "cpu", "torch", "f32"
        predictor.notes.append(f"{error} Predicted on the processor instead.")
        return [with_mirroring(network, window.tiles, predictor.mirror_axes) for network in predictor.networks]


def _ensemble(window: Window, tile_logits: "Sequence[torch.Tensor]", shifts: Sequence[float] = ()) -> "torch.Tensor":
    chosen = shifts or [0.0] * len(tile_logits)
    return mean_of_folds([put_together(window, tiles, s) for tiles, s in zip(tile_logits, chosen, strict=True)])


def _on_slice(predictor: LeanPredictor, logits: "torch.Tensor", properties: dict[str, Any]) -> np.ndarray:
    """Logits on the slice's own pixels (still without its empty border), resampled as nnU-Net's export does."""
    plans, configuration = predictor.plans, predictor.configuration
    spacing = [properties["spacing"][axis] for axis in plans.transpose_forward]
    shape = properties["shape_after_cropping_and_before_resampling"]
    return np.asarray(
        configuration.resampling_fn_probabilities(logits, shape, [spacing[0], *configuration.spacing], spacing)
    )


def _classes_are_certain(
    predictor: LeanPredictor,
    window: Window,
    tile_logits: "Sequence[torch.Tensor]",
    logits: np.ndarray,
    properties: dict[str, Any],
) -> bool:
    """Whether no pixel's class can change within the networks' tolerances.

    Sums, rounding and linear resampling never make less of more. So a pixel cannot become class c unless it does when
    c's logits are all larger by the tolerance and those of the other classes smaller.
    """
    tolerances = [network.tolerance for network in predictor.networks]
    known = [tolerance for tolerance in tolerances if tolerance is not None]
    if not any(known) or len(known) < len(tolerances):
        return True
    low, high = (
        _on_slice(predictor, _ensemble(window, tile_logits, [sign * tolerance for tolerance in known]), properties)
        for sign in (-1, 1)
    )
    if predictor.labels.has_regions:
        return bool(((low > 0) == (high > 0)).all())
    label = logits.argmax(axis=0)
    return not any(_may_become(favoured, label, low, high) for favoured in range(predictor.classes))


def _may_become(favoured: int, label: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether a pixel of another class than `favoured` would be of that one, with its highest logits."""
    mixed = low.copy()
    mixed[favoured] = high[favoured]
    return bool(((mixed.argmax(axis=0) == favoured) & (label != favoured)).any())


def _exported(predictor: LeanPredictor, logits: np.ndarray, properties: dict[str, Any]) -> SlicePrediction:
    """nnU-Net's export, with probabilities."""
    from acvl_utils.cropping_and_padding.bounding_boxes import insert_crop_into_image

    labels, backward, box = predictor.labels, predictor.plans.transpose_backward, properties["bbox_used_for_cropping"]
    shape = properties["shape_before_cropping"]
    probabilities = labels.apply_inference_nonlin(logits)
    label = np.asarray(labels.convert_probabilities_to_segmentation(probabilities)).astype(np.uint8)
    label = insert_crop_into_image(np.zeros(shape, dtype=np.uint8), label, box).transpose(backward)
    whole = labels.revert_cropping_on_probabilities(probabilities, box, shape).numpy()
    whole = whole.transpose([0, *(axis + 1 for axis in backward)])
    return SlicePrediction(label[0], whole[:, 0])


def _background(predictor: LeanPredictor, shape: tuple[int, ...]) -> SlicePrediction:
    probabilities = np.zeros((predictor.classes, *shape), dtype=np.float32)
    if not predictor.labels.has_regions:
        probabilities[0] = 1
    return SlicePrediction(np.zeros(shape, dtype=np.uint8), probabilities)
