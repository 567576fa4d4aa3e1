"""Sampling volumes at points, and smooth random fields: what the simulated anatomy is woven from.

Points are (n, 3) RAS millimetres; volumes are indexed [k, j, i, channel], their axes along S, A and R.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class Field:
    """Values (k, j, i, channels) on a grid whose axes are RAS; `origin` and `spacing` in mm."""

    values: np.ndarray
    origin: np.ndarray
    spacing: float

    def at(self, points: np.ndarray) -> np.ndarray:
        """Trilinear values (n, channels) at `points`; outside the grid, those of its border."""
        return self._sampled(points, "bilinear")

    def nearest(self, points: np.ndarray) -> np.ndarray:
        """Values (n, channels) of the nearest grid points."""
        return self._sampled(points, "nearest")

    def _sampled(self, points: np.ndarray, mode: str) -> np.ndarray:
        import torch

        volume = torch.from_numpy(self.values).permute(3, 0, 1, 2)[None]
        half = (np.array(self.values.shape[2::-1]) - 1) / 2
        # torch counts from -1 to 1 along each axis.
        scale, offset = 1 / (self.spacing * half), self.origin / (self.spacing * half) + 1
        grid = torch.from_numpy((points * scale - offset).astype(np.float32))[None, None, None]
        sampled = torch.nn.functional.grid_sample(volume, grid, mode, padding_mode="border", align_corners=True)
        return sampled[0, :, 0, 0].T.numpy()


def random_field(
    rng: np.random.Generator, lower: np.ndarray, upper: np.ndarray, correlation_mm: float, channels: int = 1
) -> Field:
    """Gaussian noise of unit variance, smoothed to a correlation length, over the box from `lower` to `upper`."""
    spacing = correlation_mm / 2
    pad = 4
    origin = lower - pad * spacing
    size = np.ceil((upper - origin) / spacing).astype(int) + pad
    noise = rng.standard_normal((*size[::-1], channels)).astype(np.float32)
    smooth = gaussian_filter(noise, (1.4, 1.4, 1.4, 0), mode="nearest")
    smooth /= smooth.std(axis=(0, 1, 2)) + 1e-12
    return Field(smooth, origin, spacing)


def step(distance: np.ndarray, softness: float) -> np.ndarray:
    """1 where `distance` is well below 0, 0 where well above; `softness` in the distance's unit."""
    return (0.5 - 0.5 * np.tanh(distance / (2 * softness))).astype(np.float32)
