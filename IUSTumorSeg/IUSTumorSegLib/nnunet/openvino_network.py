"""A network through OpenVINO, on the processor: float32, or bfloat16 where the processor has it.

OpenVINO sums the pixels of a channel one after another in float32, which costs an instance normalisation of 512 x 512
pixels three digits. Averaging blocks of pixels first keeps the digits that torch keeps, for a tenth of the time. In
bfloat16 the means of blocks would be rounded too: there OpenVINO's own normalisation is nearer to float32, and faster.
"""

import importlib.util
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import BadInput

if TYPE_CHECKING:
    import torch

BLOCK = 16
# The tolerance is this many times the largest difference from torch on the first slice. The differences of some hundred
# thousand logits have a normal distribution: hardly one in a million is larger than that.
TOLERANCE_FACTOR = 1.25
# Above it OpenVINO's float32 is not used: something other than rounding differs.
LARGEST_DIFFERENCE = 0.02


def has_openvino() -> bool:
    """Whether the package is installed; does not import it."""
    return importlib.util.find_spec("openvino") is not None


def processor_has_bf16() -> bool:
    """Whether OpenVINO knows bfloat16 instructions on this processor (AVX512_BF16 or AMX)."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class OpenVinoNetwork:
    """One fold's network, compiled for one tile size.

    In float32 the first tile also goes through torch: the difference sets `tolerance`, and where it is more than
    rounding all tiles go through torch. In bfloat16 `tolerance` is `None`.
    """

    def __init__(self, module: "torch.nn.Module", channels: int, patch: tuple[int, int], precision: str) -> None:
        if not has_openvino():
            raise BadInput(
                "OpenVINO (package openvino) for bf16 on a processor", "no such package", "install it or use f32"
            )
        self._module = module.eval()
        self._request = _compile(module, (1, channels, *patch), precision)
        self._measured = precision != "f32"
        self.tolerance: float | None = None if precision != "f32" else 0.0
        self.agrees = True

    def __call__(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles."""
        import torch

        if not self.agrees:
            return self.exact(tiles)
        found = torch.from_numpy(np.concatenate([self._infer(tile) for tile in tiles]))
        if self._measured:
            return found
        self._measured = True
        return self._compared(found, self.exact(tiles))

    def exact(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles by torch."""
        import torch

        with torch.inference_mode():
            return torch.cat([self._module(tile[None]) for tile in tiles])

    def _compared(self, found: "torch.Tensor", wanted: "torch.Tensor") -> "torch.Tensor":
        difference = float((found - wanted).abs().max())
        self.agrees = difference <= LARGEST_DIFFERENCE
        self.tolerance = TOLERANCE_FACTOR * difference if self.agrees else 0.0
        return wanted

    def _infer(self, tile: "torch.Tensor") -> np.ndarray:
        # The request owns its output and writes over it at the next call.
        return self._request.infer([tile[None].numpy()])[0].copy()


def _compile(module: "torch.nn.Module", shape: tuple[int, ...], precision: str) -> Any:
    import openvino
    import torch

    model = _converted(_with_careful_norms(module) if precision == "f32" else module, torch.zeros(shape))
    model.reshape(list(shape))
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    return openvino.Core().compile_model(model, "CPU", settings).create_infer_request()


def _converted(module: "torch.nn.Module", example: "torch.Tensor") -> Any:
    """OpenVINO's model. Its own `convert_model` would report its use over the network, and take ten times as long."""
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    # Tracing is called old by torch, and warns of sizes that become constants, as they should.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(module, example, check_trace=False, strict=False))
        decoder = TorchScriptPythonDecoder(traced, example_input=example)
    frontend = FrontEndManager().load_by_framework("pytorch")
    return frontend.convert(frontend.load(decoder))


def _with_careful_norms(module: "torch.nn.Module") -> "torch.nn.Module":
    """A copy of the network whose instance normalisations average blocks of pixels first."""
    import copy

    from torch import nn

    prepared = copy.deepcopy(module).eval()
    for part in list(prepared.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.InstanceNorm2d):
                setattr(part, name, _careful_norm(child))
    return prepared


def _careful_norm(norm: Any) -> "torch.nn.Module":
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool2d

    def spatial_mean(x: torch.Tensor) -> torch.Tensor:
        # The tile size is fixed, so tracing may keep the block.
        block = math.gcd(BLOCK, int(x.shape[-1]), int(x.shape[-2]))
        return avg_pool2d(x, block).mean(-1, keepdim=True).mean(-2, keepdim=True)

    class CarefulNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            ones = torch.ones(norm.num_features)
            weight, bias = (ones, 0 * ones) if norm.weight is None else (norm.weight.detach(), norm.bias.detach())
            self.register_buffer("weight", weight[:, None, None].clone())
            self.register_buffer("bias", bias[:, None, None].clone())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            centred = x - spatial_mean(x)
            variance = spatial_mean(centred * centred)
            return centred * (self.weight * torch.rsqrt(variance + norm.eps)) + self.bias  # type: ignore[operator]

    return CarefulNorm()
