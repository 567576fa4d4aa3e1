"""nnU-Net's fingerprint, plans and preprocessing of a data set, at full or at small scale.

Runs where nnU-Net's environment variables are set, which `run_training` does.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw

from ..atomic_files import write_json_atomic
from ..jobs.progress import Progress
from .fingerprint import write_fingerprint
from .preprocessing import preprocess_slices
from .raw_dataset import SliceFiles, list_slices
from .training_request import CONFIGURATION, FULL_PLANS, SMALL_PLANS

BEGUN_FILE = "iustumorseg_begun.json"
PREPARED_FILE = "iustumorseg_prepared.json"
# For the table of grey values in the fingerprint, which z-score normalisation does not use; nnU-Net takes 1e8, 400 MB.
SAMPLED_PIXELS = 1e6
# As many as nnU-Net itself provides for.
MOST_STAGES = 14
SMALL_FEATURES, SMALL_MOST_FEATURES = 8, 64
MOST_FEATURES = {SMALL_PLANS: SMALL_MOST_FEATURES, FULL_PLANS: 512}
# Of pixels at the lowest stage, and of halvings, which nnU-Net too leaves to the size of the patch.
SMALLEST_MAP, ANY_NUMBER = 4, 999999


class SmallPlanner(ExperimentPlanner):
    """Plans for a processor: patches of at most 128 x 128 pixels, a thin network, one convolution a stage."""

    largest_patch = 128
    batch_size = 8

    def __init__(self, dataset_name_or_id: str, plans_name: str = SMALL_PLANS, **settings: Any) -> None:
        super().__init__(dataset_name_or_id, plans_name=plans_name, **settings)
        self.UNet_base_num_features = SMALL_FEATURES
        self.UNet_max_features_2d = SMALL_MOST_FEATURES
        self.UNet_blocks_per_stage_encoder = (1,) * MOST_STAGES
        self.UNet_blocks_per_stage_decoder = (1,) * (MOST_STAGES - 1)

    def get_plans_for_configuration(
        self, spacing: Any, median_shape: Any, data_identifier: str, n_voxels: float, cache: dict
    ) -> dict:
        """nnU-Net's plan for slices no larger than `largest_patch`."""
        plan = super().get_plans_for_configuration(
            spacing, np.minimum(median_shape, self.largest_patch), data_identifier, n_voxels, cache
        )
        return plan | {"batch_size": self.batch_size, "median_image_size_in_voxels": median_shape}


def prepare_dataset(dataset: str, plans: str, data_sha256: str, progress: Progress) -> None:
    """Make `dataset` (its folder's name) ready for training with `plans`, unless that was done for the same data.

    Everything prepared from other data is removed first. A preprocessing that was interrupted goes on.
    """
    raw, folder = Path(nnUNet_raw) / dataset, Path(nnUNet_preprocessed) / dataset
    done = _prepared_plans(folder, data_sha256)
    begun = bool(done) or _was_begun(folder, data_sha256)
    if begun:
        _copy_descriptions(raw, folder)
    if plans in done:
        progress("preprocess", 1, 1, "slices are preprocessed already")
        return
    slices = list_slices(raw)
    if not begun:
        shutil.rmtree(folder, ignore_errors=True)
        progress("fingerprint", 0, 1, "measuring the data set")
        write_fingerprint(slices, raw, folder, SAMPLED_PIXELS)
        write_json_atomic(folder / BEGUN_FILE, {"data_sha256": data_sha256})
    progress("plan", 0, 1, "planning the network")
    planner = SmallPlanner if plans == SMALL_PLANS else ExperimentPlanner
    with _listed(slices):
        planner(dataset, plans_name=plans).plan_experiment()
    _preprocess(slices, raw, folder, plans, data_sha256, progress)
    write_json_atomic(folder / PREPARED_FILE, {"data_sha256": data_sha256, "plans": [*done, plans]})


def write_resized_plans(
    folder: Path, plans: str, name: str, patch_size: Sequence[int] | None, batch_size: int | None
) -> None:
    """Write the plans `name` into the preprocessed data set's `folder`: those of `plans` with another patch or batch.

    The slices that were preprocessed for `plans` serve them too. The network gets as many stages as nnU-Net gives a patch
    of that size, and the patch is rounded up to what they can halve.
    """
    content = json.loads((folder / f"{plans}.json").read_text(encoding="utf-8"))
    configuration = content["configurations"][CONFIGURATION]
    if batch_size is not None:
        configuration["batch_size"] = batch_size
    if patch_size is not None:
        _resize(configuration, patch_size, MOST_FEATURES[plans])
    write_json_atomic(folder / f"{name}.json", content | {"plans_name": name})


def _resize(configuration: dict[str, Any], patch_size: Sequence[int], most_features: int) -> None:
    _, strides, kernels, patch, _ = get_pool_and_conv_props(
        configuration["spacing"], np.array(patch_size), SMALLEST_MAP, ANY_NUMBER
    )
    network, stages = configuration["architecture"]["arch_kwargs"], len(strides)
    first = network["features_per_stage"][0]
    network["n_stages"] = stages
    network["features_per_stage"] = [min(first * 2**stage, most_features) for stage in range(stages)]
    network["kernel_sizes"] = [list(map(int, kernel)) for kernel in kernels]
    network["strides"] = [list(map(int, stride)) for stride in strides]
    network["n_conv_per_stage"] = [network["n_conv_per_stage"][0]] * stages
    network["n_conv_per_stage_decoder"] = [network["n_conv_per_stage_decoder"][0]] * (stages - 1)
    configuration["patch_size"] = [int(side) for side in patch]


def _prepared_plans(folder: Path, data_sha256: str) -> list[str]:
    record = folder / PREPARED_FILE
    if not record.is_file():
        return []
    content = json.loads(record.read_text(encoding="utf-8"))
    return content["plans"] if content["data_sha256"] == data_sha256 else []


def _copy_descriptions(raw: Path, folder: Path) -> None:
    """The same slices may have been exported with other folds or cut-offs; nnU-Net copies these files only once."""
    for name in ("dataset.json", "splits_final.json"):
        if (raw / name).is_file():
            shutil.copyfile(raw / name, folder / name)


def _was_begun(folder: Path, data_sha256: str) -> bool:
    record = folder / BEGUN_FILE
    return record.is_file() and json.loads(record.read_text(encoding="utf-8")) == {"data_sha256": data_sha256}


@contextmanager
def _listed(slices: Mapping[str, SliceFiles]) -> Iterator[None]:
    """Let nnU-Net's planner take our list of the slices: its own takes hours for 100,000 (see `list_slices`)."""
    listing = default_experiment_planner.get_filenames_of_train_images_and_targets
    files = {name: {"images": list(map(str, item.images)), "label": str(item.label)} for name, item in slices.items()}
    default_experiment_planner.get_filenames_of_train_images_and_targets = lambda *_: files
    try:
        yield
    finally:
        default_experiment_planner.get_filenames_of_train_images_and_targets = listing


def _preprocess(
    slices: Mapping[str, SliceFiles], raw: Path, folder: Path, plans: str, data_sha256: str, progress: Progress
) -> None:
    content = json.loads((folder / f"{plans}.json").read_text(encoding="utf-8"))
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    target = folder / content["configurations"][CONFIGURATION]["data_identifier"]
    preprocess_slices(slices, content, description, target, data_sha256, progress)
    _show_labels(raw / "labelsTr", folder / "gt_segmentations")


def _show_labels(labels: Path, place: Path) -> None:
    """Where nnU-Net's validation looks for the labels: a link, or a copy where links are not allowed."""
    if place.is_dir():
        return
    try:
        place.symlink_to(labels.resolve(), target_is_directory=True)
    except OSError:
        shutil.copytree(labels, place)
