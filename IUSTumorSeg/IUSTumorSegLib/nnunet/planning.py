"""nnU-Net's fingerprint, plans and preprocessing of a data set, at full or at small scale.

Runs where nnU-Net's environment variables are set, which `run_training` does.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from nnunetv2.experiment_planning.dataset_fingerprint.fingerprint_extractor import DatasetFingerprintExtractor
from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
from nnunetv2.paths import nnUNet_preprocessed, nnUNet_raw
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from nnunetv2.utilities.utils import get_filenames_of_train_images_and_targets

from ..atomic_files import write_json_atomic
from ..jobs.progress import Progress
from .training import CONFIGURATION, SMALL_PLANS

PREPARED_FILE = "iustumorseg_prepared.json"
# For the table of grey values in the fingerprint, which z-score normalisation does not use; nnU-Net takes 1e8, 400 MB.
SAMPLED_PIXELS = 1e6
# As many as nnU-Net itself provides for.
MOST_STAGES = 14


class SmallPlanner(ExperimentPlanner):
    """Plans for a processor: patches of at most 128 x 128 pixels, a thin network, one convolution a stage."""

    largest_patch = 128
    batch_size = 8

    def __init__(self, dataset_name_or_id: str, plans_name: str = SMALL_PLANS, **settings: Any) -> None:
        super().__init__(dataset_name_or_id, plans_name=plans_name, **settings)
        self.UNet_base_num_features = 8
        self.UNet_max_features_2d = 64
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

    Everything prepared from other data is removed first. What was begun and not finished is done again.
    """
    folder = Path(nnUNet_preprocessed) / dataset
    done = _prepared_plans(folder, data_sha256)
    if done:
        _copy_descriptions(Path(nnUNet_raw) / dataset, folder)
    if plans in done:
        progress("preprocess", 1, 1, "slices are preprocessed already")
        return
    if not done:
        shutil.rmtree(folder, ignore_errors=True)
        progress("fingerprint", 0, 1, "measuring the data set")
        extractor = DatasetFingerprintExtractor(dataset, num_processes=1)
        extractor.show_progress_bar = False
        extractor.num_foreground_voxels_for_intensitystats = SAMPLED_PIXELS
        extractor.run(overwrite_existing=True)
    progress("plan", 0, 1, "planning the network")
    planner = SmallPlanner if plans == SMALL_PLANS else ExperimentPlanner
    planner(dataset, plans_name=plans).plan_experiment()
    _preprocess(dataset, folder, plans, progress)
    write_json_atomic(folder / PREPARED_FILE, {"data_sha256": data_sha256, "plans": [*done, plans]})


def data_fingerprint(dataset_folder: Path) -> str:
    """SHA-256 over the names and contents of a raw data set's images and labels."""
    digest = hashlib.sha256()
    for path in sorted(path for name in ("imagesTr", "labelsTr") for path in (dataset_folder / name).iterdir()):
        digest.update(f"{path.parent.name}/{path.name}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


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


def _preprocess(dataset: str, folder: Path, plans: str, progress: Progress) -> None:
    """What `nnUNetv2_preprocess` does, here in this process: its workers take longer to start than to work."""
    manager = PlansManager(str(folder / f"{plans}.json"))
    configuration = manager.get_configuration(CONFIGURATION)
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    raw = Path(nnUNet_raw) / dataset
    target = folder / configuration.data_identifier
    shutil.rmtree(target, ignore_errors=True)
    labels = folder / "gt_segmentations"
    for path in (target, labels):
        path.mkdir(parents=True, exist_ok=True)
    preprocessor = configuration.preprocessor_class(verbose=False)
    slices = get_filenames_of_train_images_and_targets(str(raw), description)
    for done, (name, files) in enumerate(slices.items()):
        if done % 20 == 0:
            progress("preprocess", done, len(slices), f"{done} of {len(slices)} slices")
        preprocessor.run_case_save(
            str(target / name), files["images"], files["label"], manager, configuration, description
        )
        shutil.copyfile(files["label"], labels / Path(files["label"]).name)
    progress("preprocess", len(slices), len(slices), f"{len(slices)} slices")
