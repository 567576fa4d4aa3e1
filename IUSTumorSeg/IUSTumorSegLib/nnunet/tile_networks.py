"""Networks that turn tiles into logits: nnU-Net's arithmetic on the processor, and half precision on a GPU.

A tile network is called with float32 tiles of shape (n, channels, *patch) on the processor and returns their logits,
float32 of shape (n, classes, *patch), on the processor. `tolerance` bounds how far they may lie from those that
nnU-Net's own arithmetic gives: 0 where they are the same, `None` where nothing is promised.
"""

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import Failed

if TYPE_CHECKING:
    import torch

MOST_TILES_AT_ONCE = 16


class TileNetwork(Protocol):
    """What the predictor asks of a network."""

    tolerance: float | None

    def __call__(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles."""

    def exact(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles by nnU-Net's own arithmetic."""


class TorchNetwork:
    """nnU-Net's own arithmetic on the processor, one tile at a time."""

    tolerance: float | None = 0.0

    def __init__(self, module: "torch.nn.Module") -> None:
        self._module = module.eval()

    def __call__(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles."""
        import torch

        with torch.inference_mode():
            return torch.cat([self._module(tile[None]) for tile in tiles])

    exact = __call__


class BatchedNetwork:
    """Tiles in batches on a GPU: channels last, by choice in half precision and as a compiled graph.

    Where compiling fails it goes on without, and `notes` says so.
    A batch that does not fit into the GPU's memory is halved; `GpuMemoryError` where not even one tile fits.
    """

    tolerance: float | None = None

    def __init__(self, module: "torch.nn.Module", device: str, precision: str, compiled: bool = False) -> None:
        import torch

        self._device, self._half = torch.device(device), {"f16": torch.float16, "bf16": torch.bfloat16}.get(precision)
        self._module: Any = module.eval().to(self._device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._plain = self._module if compiled else None
        if compiled:
            self._module = torch.compile(self._module)
        self.notes: list[str] = []
        self.batch = MOST_TILES_AT_ONCE

    def __call__(self, tiles: "torch.Tensor") -> "torch.Tensor":
        """Logits of the tiles."""
        import torch

        while True:
            try:
                with torch.inference_mode():
                    return torch.cat([self._run(part) for part in tiles.split(self.batch)])
            except torch.OutOfMemoryError as error:
                torch.cuda.empty_cache()
                if self.batch == 1:
                    raise GpuMemoryError("The GPU's memory does not hold the network with a single tile.") from error
                # No more tiles at a time than there were, halved.
                self.batch = max(1, min(self.batch, len(tiles)) // 2)

    exact = __call__

    def _run(self, tiles: "torch.Tensor") -> "torch.Tensor":
        import torch

        try:
            return self._forward(tiles)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            # Compiling happens at the first call; what cannot be compiled can still be run.
            if self._plain is None:
                raise
            self._module, self._plain = self._plain, None
            self.notes.append(f"The network was not compiled for the GPU ({type(error).__name__}): it runs as it is.")
            return self._forward(tiles)

    def _forward(self, tiles: "torch.Tensor") -> "torch.Tensor":
        import torch

        on_device = tiles.to(self._device, memory_format=torch.channels_last)
        with torch.autocast(self._device.type, dtype=self._half, enabled=self._half is not None):
            return self._module(on_device).float().cpu()


class GpuMemoryError(Failed):
    """Not even one tile fits into the GPU's memory."""
