"""Load a model, from its folder or a zip, into a predictor that is ready for slices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput
from ..file_hash import sha256_of
from ..jobs.freed_memory import keep_freed_memory
from ..jobs.threads import let_threads_sleep
from .lean_predictor import LeanPredictor
from .model_folder import ModelFolder
from .opened_model import opened_model

if TYPE_CHECKING:
    import torch

    from .tile_networks import TileNetwork

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "f32", "bf16", "f16")
ENGINES = ("auto", "torch", "openvino")
# Compiling for a GPU takes a minute.
WORTH_COMPILING = 1000


@dataclass(frozen=True)
class Means:
    """What to predict with. `mirroring` averages over mirrored slices, as nnU-Net does by default, at 4 times the time.

    Precision `auto` is f32 on a processor and f16 on a GPU, as nnU-Net's own; f16 needs a GPU. The engine `openvino` is
    for processors: all of bf16, and by choice f32, where it takes an eighth less time on large networks and more on
    small ones, once it has taken seconds to be ready. On a GPU very many `slices` make it worth compiling the network.
    """

    mirroring: bool = False
    device: str = "auto"
    precision: str = "auto"
    engine: str = "auto"
    slices: int = 1


def load_predictor(model: Path, folds: Sequence[int | str] | None = None, means: Means | None = None) -> LeanPredictor:
    """A predictor of the model in the folder or zip `model`, made without running any code that comes with it.

    `folds` (all that are there if None) make an ensemble. Raises `BadInput` for what is no 2D model of nnU-Net, for
    checkpoints that do not belong to its plans, and for a device or precision that is not to be had.
    """
    means = means or Means()
    _check(means)
    let_threads_sleep()
    keep_freed_memory()
    with opened_model(model, folds) as found:
        return _loaded(found, means)


def _loaded(model: ModelFolder, means: Means) -> LeanPredictor:
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    from .checkpoints import load_checkpoint

    checkpoints = [load_checkpoint(path) for path in model.checkpoints.values()]
    plans = PlansManager(model.plans)
    configuration = _configuration(plans, checkpoints[0], model.folder)
    labels = plans.get_label_manager(model.dataset)
    channels = determine_num_input_channels(plans, configuration, model.dataset)
    modules = [
        _module(plans, configuration, checkpoint, channels, labels.num_segmentation_heads, path)
        for checkpoint, path in zip(checkpoints, model.checkpoints.values(), strict=True)
    ]
    device, engine, precision, notes = _chosen(means)
    patch = (int(configuration.patch_size[0]), int(configuration.patch_size[1]))
    compiled = device == "cuda" and means.slices >= WORTH_COMPILING and can_compile()
    networks = [_network(module, channels, patch, (device, engine, precision), compiled) for module in modules]
    axes = checkpoints[0].get("inference_allowed_mirroring_axes") or ()
    return LeanPredictor(
        plans=plans,
        configuration=configuration,
        labels=labels,
        description=model.dataset,
        preprocessor=configuration.preprocessor_class(verbose=False),
        modules=modules,
        networks=networks,
        model=_identity(model, checkpoints[0]),
        mirror_axes=tuple(axes) if means.mirroring else (),
        device=device,
        engine=engine,
        precision=precision,
        may_leave_gpu=means.device == "auto",
        notes=notes,
    )


def _identity(model: ModelFolder, checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What tells this model from all others, without a path."""
    folds = {}
    for fold, path in model.checkpoints.items():
        folds[fold] = {"checkpoint": path.name, "sha256": sha256_of(path)}
    return {
        "name": model.folder.name,
        "dataset": model.plans.get("dataset_name"),
        "trainer": checkpoint["trainer_name"],
        "configuration": checkpoint["init_args"]["configuration"],
        "folds": folds,
    }


def _configuration(plans: Any, checkpoint: dict[str, Any], folder: Path) -> Any:
    name = checkpoint["init_args"].get("configuration")
    if name not in plans.available_configurations:
        known = ", ".join(plans.available_configurations)
        raise BadInput(
            f"checkpoints of a configuration in plans.json ({known})",
            f"'{name}' in {folder}",
            "put back the plans.json that the model was trained with",
        )
    configuration = plans.get_configuration(name)
    if len(configuration.patch_size) != 2:
        raise BadInput("a model of nnU-Net's 2D configuration", f"a 3D one in {folder}", "choose a 2D model")
    return configuration


def _module(
    plans: Any, configuration: Any, checkpoint: dict[str, Any], channels: int, heads: int, path: Path
) -> "torch.nn.Module":
    """The fold's network. It is built without memory first, so plans that do not fit the weights cost none."""
    import torch

    from .trainer_search import find_trainer

    trainer = find_trainer(checkpoint["trainer_name"])
    with torch.device("meta"):
        network = trainer.build_network_architecture(
            plans, configuration, channels, heads, enable_deep_supervision=False
        )
    weights = checkpoint["network_weights"]
    _check_weights(network.state_dict(), weights, path)
    network.load_state_dict(weights, assign=True)
    return network.eval().requires_grad_(False)


def _check_weights(planned: dict[str, Any], weights: dict[str, Any], path: Path) -> None:
    for name in sorted(set(planned) | set(weights)):
        shapes = [tuple(getattr(part.get(name), "shape", ())) for part in (planned, weights)]
        if name not in planned or name not in weights or shapes[0] != shapes[1]:
            raise BadInput(
                f"weights of the network in plans.json ({name}: {_shape(planned, name)})",
                f"{name}: {_shape(weights, name)} in {path.parent.name}/{path.name}",
                "the checkpoint is of another configuration: put model and plans together again",
            )


def _shape(weights: dict[str, Any], name: str) -> str:
    return " x ".join(map(str, weights[name].shape)) or "one number" if name in weights else "none"


def _chosen(means: Means) -> tuple[str, str, str, list[str]]:
    """Device, engine, precision, and a sentence about each that is not what was asked for."""
    import torch

    on_gpu = means.device == "cuda" or (means.device == "auto" and torch.cuda.is_available())
    if on_gpu:
        if not torch.cuda.is_available():
            raise BadInput("a GPU that PyTorch can use", "none", "choose the device cpu or auto")
        if means.engine == "openvino":
            raise BadInput("the engine torch on a GPU", "openvino", "leave it out or choose the device cpu")
        return "cuda", "torch", "f16" if means.precision == "auto" else means.precision, []
    return "cpu", *_chosen_on_processor(means)


def _chosen_on_processor(means: Means) -> tuple[str, str, list[str]]:
    from .openvino_network import has_openvino, processor_has_bf16

    if means.precision == "f16":
        raise BadInput("f32 or bf16 on a processor", "f16", "choose one of them, or a GPU")
    if means.precision == "bf16":
        if means.engine == "torch" or not has_openvino():
            raise BadInput("OpenVINO (package openvino) for bf16 on a processor", "none", "install it, or choose f32")
        if processor_has_bf16():
            return "openvino", "bf16", []
        slow = "This processor has no bf16 instructions (AVX512_BF16 or AMX): f32 was used instead."
        return "openvino", "f32", [slow]
    if means.engine == "openvino" and not has_openvino():
        raise BadInput("OpenVINO (package openvino)", "no such package", "install it, or choose the engine torch")
    return "openvino" if means.engine == "openvino" else "torch", "f32", []


def _network(
    module: "torch.nn.Module", channels: int, patch: tuple[int, int], chosen: tuple[str, str, str], compiled: bool
) -> "TileNetwork":
    from .openvino_network import OpenVinoNetwork
    from .tile_networks import BatchedNetwork, TorchNetwork

    device, engine, precision = chosen
    if device == "cuda":
        return BatchedNetwork(module, device, precision, compiled)
    if engine == "openvino":
        return OpenVinoNetwork(module, channels, patch, precision)
    return TorchNetwork(module)


def can_compile() -> bool:
    """Whether torch can compile graphs for the GPU here: it needs Triton and a recent device."""
    import importlib.util

    import torch

    return importlib.util.find_spec("triton") is not None and torch.cuda.get_device_capability() >= (7, 0)


def _check(means: Means) -> None:
    for what, value, known in (
        ("a device", means.device, DEVICES),
        ("a precision", means.precision, PRECISIONS),
        ("an engine", means.engine, ENGINES),
    ):
        if value not in known:
            raise BadInput(f"{what} among {', '.join(known)}", f"'{value}'", "choose one of them")
