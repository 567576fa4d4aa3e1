"""Read checkpoints without running what is in them.

A checkpoint is a pickle, and a pickle can call anything. torch's restricted reader builds tensors, plain values and
the few types that nnU-Net's own checkpoints hold beside them; anything else is refused.
"""

import pickle
from pathlib import Path
from typing import Any

from ..errors import BadInput

REQUIRED_KEYS = ("network_weights", "trainer_name", "init_args")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint of nnU-Net, on the processor; `BadInput` where it is none or holds code."""
    import torch

    try:
        with torch.serialization.safe_globals(_allowed_types()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        found = f"{path}, which {_reason(error)}"
        raise BadInput(
            "a checkpoint of nnU-Net, weights and plain values", found, "get the model from its source again"
        ) from error
    if not isinstance(content, dict) or any(key not in content for key in REQUIRED_KEYS):
        raise BadInput(
            f"a checkpoint of nnU-Net with {', '.join(REQUIRED_KEYS)}",
            f"{path} without them",
            "name a model that nnU-Net trained",
        )
    return content


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
