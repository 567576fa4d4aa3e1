"""nnU-Net's fingerprint of a data set: sizes, spacings and grey values of the tumour, from one pass over the slices."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json

from ..atomic_files import write_json_atomic
from ..slices.nifti_slice import read_slice_file
from .raw_dataset import SliceFiles
from .slice_preprocessing import APART, SEED, nonzero_box

FINGERPRINT_FILE = "dataset_fingerprint.json"
PERCENTILES = (0.5, 50.0, 99.5)


def write_fingerprint(slices: Mapping[str, SliceFiles], raw: Path, folder: Path, sampled_pixels: float) -> None:
    """Write `dataset_fingerprint.json` into `folder`, equal to what nnU-Net writes for the data set in `raw`.

    `sampled_pixels` of the labels' pixels make the table of grey values, equally many from each slice.
    """
    description = json.loads((raw / "dataset.json").read_text(encoding="utf-8"))
    first = next(iter(slices.values()))
    reader = determine_reader_writer_from_dataset_json(description, str(first.images[0]), verbose=False)
    samples = int(sampled_pixels // len(slices))
    found = [_analyse(files, reader, samples) for files in slices.values()]
    channels = range(len(description["channel_names"]))
    pixels = [np.concatenate([item[2][channel] for item in found]) for channel in channels]
    content = {
        "spacings": [[float(length) for length in item[1]] for item in found],
        "shapes_after_crop": [[int(length) for length in item[0]] for item in found],
        "foreground_intensity_properties_per_channel": {str(c): _statistics(np.array(pixels)[c]) for c in channels},
        "median_relative_size_after_cropping": float(np.median([item[3] for item in found], 0)),
    }
    write_json_atomic(folder / FINGERPRINT_FILE, content)


def _analyse(files: SliceFiles, reader: Any, samples: int) -> tuple[Any, Any, list[Any], float]:
    """Size after cropping, spacing, sampled grey values a channel, and the share that cropping leaves."""
    image = read_slice_file(files.images[0]) if _is_nifti(files) else None
    mask = read_slice_file(files.label) if image else None
    if image is None or mask is None or image[0].shape != mask[0].shape or not image[0].any():
        names = [str(path) for path in files.images]
        shape, spacing, pixels, _, share = DatasetFingerprintExtractor.analyze_case(
            names, str(files.label), reader, samples
        )
        return shape, spacing, pixels, share
    grey, (horizontal, vertical) = image
    rows, columns = nonzero_box(grey)
    cropped = grey[rows, columns]
    tumor = cropped[mask[0][rows, columns] > 0].astype(np.float32)
    drawn: Any = np.random.RandomState(SEED).choice(tumor, samples, replace=True) if len(tumor) else []
    spacing = [max(horizontal, vertical) * APART, vertical, horizontal]
    return (1, *cropped.shape), spacing, [drawn], cropped.size / grey.size


def _is_nifti(files: SliceFiles) -> bool:
    return len(files.images) == 1 and files.label.name.endswith((".nii", ".nii.gz"))


def _statistics(pixels: np.ndarray) -> dict[str, float]:
    low, median, high = np.percentile(pixels, np.array(PERCENTILES))
    return {
        "mean": float(np.mean(pixels)),
        "median": float(median),
        "std": float(np.std(pixels)),
        "min": float(np.min(pixels)),
        "max": float(np.max(pixels)),
        "percentile_99_5": float(high),
        "percentile_00_5": float(low),
    }
