"""Read checkpoints without running what is in them.

A checkpoint is a pickle, and a pickle can call anything. torch's restricted reader builds tensors, plain values and
the few types that nnU-Net's own checkpoints hold beside them; anything else is refused.
"""

import pickle
import zipfile
from pathlib import Path
from typing import Any

from ..errors import BadInput

REQUIRED_KEYS = {"network_weights": dict, "trainer_name": str, "init_args": dict}
# nnU-Net's largest presets have 1.5 GB of weights, and as much again twice for the optimiser.
MOST_BYTES = 8 * 2**30


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint of nnU-Net, on the processor; `BadInput` where it is none or holds code."""
    import torch

    _check_size(path)
    try:
        with torch.serialization.safe_globals(_allowed_types()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        found = f"{path}, which {_reason(error)}"
        raise BadInput(
            "a checkpoint of nnU-Net, weights and plain values", found, "get the model from its source again"
        ) from error
    if not isinstance(content, dict) or any(not isinstance(content.get(k), kind) for k, kind in REQUIRED_KEYS.items()):
        raise BadInput(
            f"a checkpoint of nnU-Net with {', '.join(REQUIRED_KEYS)}",
            f"{path} without them",
            "name a model that nnU-Net trained",
        )
    _check_values(content, path)
    return content


def _check_size(path: Path) -> None:
    """A checkpoint is a zip, which may unpack to more than any memory holds."""
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError):
        return
    if size > MOST_BYTES:
        found = f"{size / 2**30:.1f} GiB in {path}"
        raise BadInput(f"a checkpoint of at most {MOST_BYTES / 2**30:.0f} GiB", found, "use a smaller model")


def _check_values(content: dict[str, Any], path: Path) -> None:
    import torch

    weights, axes = content["network_weights"], content.get("inference_allowed_mirroring_axes")
    tensors = all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items())
    if not tensors or not (axes is None or set(axes) <= {0, 1, 2}):
        raise BadInput(
            "a checkpoint of nnU-Net with tensors as weights and axes to mirror from 0 to 2",
            f"other values in {path}",
            "get the model from its source again",
        )


def _allowed_types() -> list[Any]:
    """NumPy's numbers, in which nnU-Net logs losses and Dice, under the names of NumPy 1 and of NumPy 2."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    numbers = [
        np.dtypes.Float16DType,
        np.dtypes.Float32DType,
        np.dtypes.Float64DType,
        np.dtypes.Int32DType,
        np.dtypes.Int64DType,
    ]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *numbers]


def _reason(error: Exception) -> str:
    # torch's sentences: "Unsupported global: GLOBAL x.y ...", "unsupported GLOBAL x.y whose module x is blocked".
    return "holds code or objects that are not allowed" if "GLOBAL" in str(error) else "cannot be read as one"
