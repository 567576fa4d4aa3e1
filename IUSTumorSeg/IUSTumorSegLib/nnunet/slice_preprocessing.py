"""nnU-Net's preprocessing of one slice: crop, normalise, resample, draw foreground pixels.

`preprocess` gives to the last bit what `DefaultPreprocessor.run_case` gives. Where plans and files are those of a data
set of slices (bytes, z-score, cubic splines, plain labels) it takes a short way of its own; anything else, and any
slice that is no such file, goes through nnU-Net's own functions.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nnunetv2.preprocessing.preprocessors.default_preprocessor import DefaultPreprocessor
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from ..slices.nifti_slice import read_slice_file
from .raw_dataset import SliceFiles
from .slice_resampling import resize_image, resize_label
from .training_request import CONFIGURATION

# nnU-Net's own numbers: `DefaultPreprocessor._sample_foreground_locations` and `ZScoreNormalization`.
SEED, MOST_LOCATIONS, LEAST_SHARE, SMALLEST_DEVIATION = 1234, 10000, 0.01, 1e-8
OUTSIDE = -1
LARGEST_INT8 = 127
# nnU-Net's spacing between slices of a true 2D image, in pixels.
APART = 999
SPLINES = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
LINEAR_LABELS = {"is_seg": True, "order": 1, "order_z": 0, "force_separate_z": None}


@dataclass(frozen=True)
class Grey:
    """A slice that needed no resampling: its bytes, and what turns them into nnU-Net's values.

    A value is `(pixel - mean) / deviation` in single precision; with `masked`, 0 where the label is `OUTSIDE`.
    """

    pixels: np.ndarray
    mean: np.float32
    deviation: np.float32
    masked: bool

    def values(self, label: np.ndarray) -> np.ndarray:
        """The normalised slice, float32, of the shape of `pixels`; `label` has it as well."""
        of_byte = np.arange(256, dtype=np.float32)
        of_byte -= self.mean
        of_byte /= self.deviation
        values = of_byte[self.pixels]
        if self.masked:
            values[label == OUTSIDE] = 0
        return values


@dataclass(frozen=True)
class PreprocessedSlice:
    """What nnU-Net keeps of a slice: `image` (channels, 1, rows, columns), float32 or as `Grey`, `label` and properties.

    `label` is int8 where its numbers allow. `locations` are the drawn foreground pixels of each label as flat indices
    into `label`; in nnU-Net's properties they are the rows of `class_locations`.
    """

    image: "np.ndarray | Grey"
    label: np.ndarray
    locations: dict[Any, np.ndarray]
    properties: dict[str, Any]


class Preprocessor:
    """Preprocesses slices by the plans and the description (dataset.json) of a data set."""

    def __init__(self, plans: Mapping[str, Any], description: Mapping[str, Any]) -> None:
        self.manager = PlansManager(dict(plans))
        self.configuration = self.manager.get_configuration(CONFIGURATION)
        self.description = dict(description)
        self.labels = self.manager.get_label_manager(self.description)
        self.by_nnunet = self.configuration.preprocessor_class(verbose=False)
        self.short = self._has_short_way()

    def preprocess(self, files: SliceFiles) -> PreprocessedSlice:
        """One slice from its files, by the short way where there is one."""
        short = self._preprocess_shortly(files) if self.short and len(files.images) == 1 else None
        return short or self.preprocess_by_nnunet(files)

    def preprocess_by_nnunet(self, files: SliceFiles) -> PreprocessedSlice:
        """One slice from its files, by nnU-Net's own preprocessor."""
        data, label, properties = self.by_nnunet.run_case(
            [str(path) for path in files.images], str(files.label), self.manager, self.configuration, self.description
        )
        locations = properties.pop("class_locations")
        flat = {key: _flat(rows, label.shape) for key, rows in locations.items()}
        return PreprocessedSlice(np.ascontiguousarray(data, np.float32), np.ascontiguousarray(label), flat, properties)

    def _has_short_way(self) -> bool:
        plan = self.configuration.configuration
        return (
            type(self.by_nnunet) is DefaultPreprocessor
            and self.manager.plans["image_reader_writer"] == "SimpleITKIO"
            and list(self.manager.transpose_forward) == [0, 1, 2]
            and plan["normalization_schemes"] == ["ZScoreNormalization"]
            and {plan["resampling_fn_data"], plan["resampling_fn_seg"]} == {"resample_data_or_seg_to_shape"}
            and plan["resampling_fn_data_kwargs"] == SPLINES
            and plan["resampling_fn_seg_kwargs"] == LINEAR_LABELS
            and not (self.labels.has_regions or self.labels.has_ignore_label)
        )

    def _preprocess_shortly(self, files: SliceFiles) -> PreprocessedSlice | None:
        image, mask = (read_slice_file(path) for path in (files.images[0], files.label))
        if image is None or mask is None or image[0].shape != mask[0].shape or not image[0].any():
            return None
        pixels, (horizontal, vertical) = image
        rows, columns = nonzero_box(pixels)
        cropped = pixels[rows, columns]
        label = mask[0][rows, columns].astype(np.int8 if mask[0].max() <= LARGEST_INT8 else np.int16)
        label[(label == 0) & (cropped == 0)] = OUTSIDE
        grey = self._grey(pixels, rows, columns, label)
        spacing = [max(horizontal, vertical) * APART, vertical, horizontal]
        shape = tuple(compute_new_shape(cropped.shape, spacing[1:], self.configuration.spacing).tolist())
        resampled: np.ndarray | Grey = grey
        if shape != cropped.shape:
            resampled = resize_image(grey.values(label), shape)[None, None]
            label = resize_label(label, shape)
        properties = {
            "sitk_stuff": {
                "spacing": (horizontal, vertical), "origin": (0.0, 0.0), "direction": (1.0, 0.0, 0.0, 1.0),
            },
            "spacing": spacing,
            "shape_before_cropping": (1, *pixels.shape),
            "bbox_used_for_cropping": [[0, 1], [rows.start, rows.stop], [columns.start, columns.stop]],
            "shape_after_cropping_and_before_resampling": (1, *cropped.shape),
        }  # fmt: skip
        locations = draw_locations(label, self.labels.foreground_labels)
        return PreprocessedSlice(resampled, label[None, None], locations, properties)

    def _grey(self, pixels: np.ndarray, rows: slice, columns: slice, label: np.ndarray) -> Grey:
        # The mean of a part of an array is summed row by row, so the part has to lie in the whole as nnU-Net's does.
        values = pixels.astype(np.float32)[None, rows, columns]
        masked = bool(self.configuration.use_mask_for_norm[0])
        if masked:
            values = values[label[None] >= 0]
        deviation = np.float32(max(values.std(), SMALLEST_DEVIATION))
        return Grey(pixels[rows, columns], values.mean(), deviation, masked)


def draw_locations(label: np.ndarray, wanted: list[int]) -> dict[Any, np.ndarray]:
    """Up to `MOST_LOCATIONS` pixels of each wanted label, drawn as nnU-Net draws them, as flat indices (uint32)."""
    random = np.random.RandomState(SEED)
    drawn: dict[Any, np.ndarray] = {}
    for value in wanted:
        places = np.flatnonzero(label == value)
        number = max(min(MOST_LOCATIONS, len(places)), int(np.ceil(len(places) * LEAST_SHARE)))
        if number:
            places = places[random.choice(len(places), number, replace=False)]
        drawn[int(value)] = places.astype(np.uint32)
    return drawn


def class_locations(locations: Mapping[Any, np.ndarray], shape: tuple[int, ...]) -> dict[Any, Any]:
    """nnU-Net's property of that name: for each label rows of (0, 0, row, column), an empty list where there is none."""
    return {
        key: np.stack(np.unravel_index(flat, shape), axis=1) if len(flat) else [] for key, flat in locations.items()
    }


def _flat(rows: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not len(rows):
        return np.zeros(0, np.uint32)
    return np.ravel_multi_index(tuple(np.asarray(rows).T), shape).astype(np.uint32)


def nonzero_box(pixels: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the smallest box around everything that is not zero."""
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def same_slice(one: PreprocessedSlice, other: PreprocessedSlice) -> bool:
    """Whether both are equal in every bit of image, label, drawn pixels and properties."""
    return (
        np.array_equal(image_values(one), image_values(other))
        and np.array_equal(one.label, other.label)
        and one.properties == other.properties
        and one.locations.keys() == other.locations.keys()
        and all(np.array_equal(one.locations[key], other.locations[key]) for key in one.locations)
    )


def image_values(preprocessed: PreprocessedSlice) -> np.ndarray:
    """The image as nnU-Net has it: float32, (channels, 1, rows, columns)."""
    image = preprocessed.image
    return image.values(preprocessed.label[0, 0])[None, None] if isinstance(image, Grey) else image
