"""LC2 written out literally, patch by patch and with numpy's own least squares, to hold the fast one against."""

import itertools

import numpy as np


def lc2_by_loops(u, mask, channels, inside, patch=5, stride=2, minimum_inside=0.6, outside_score=0.1, ridge=1e-5):
    """LC2 of ultrasound `u` (nz, ny, nx) with `channels` (c, nz, ny, nx) sampled at the same voxels."""
    total = weights = 0.0
    for corner in itertools.product(*[_starts(n, patch, stride) for n in u.shape]):
        box = tuple(slice(s, s + patch) for s in corner)
        chosen = mask[box] > 0
        if chosen.sum() < minimum_inside * patch**3:
            continue
        values = u[box][chosen]
        deviation = values.std()
        design = np.stack([c[box][chosen] - c[box][chosen].mean() for c in channels], axis=1)
        target = values - values.mean()
        # Ridge regression as ordinary least squares with one extra row a channel.
        rows = np.vstack([design, np.sqrt(ridge * len(values)) * np.eye(len(channels))])
        fit, *_ = np.linalg.lstsq(rows, np.concatenate([target, np.zeros(len(channels))]), rcond=None)
        explained = float(target @ design @ fit) / len(values) / max(deviation**2, 1e-6)
        share = inside[box][chosen].mean()
        total += deviation * (share * np.clip(explained, 0, 1) + (1 - share) * outside_score)
        weights += deviation
    return total / weights


def _starts(n, patch, stride):
    starts = list(range(0, n - patch + 1, stride))
    return starts if starts[-1] == n - patch else [*starts, n - patch]
