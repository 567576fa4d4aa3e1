"""A network of nnU-Net's default size for 512 x 512 slices, untrained: the time it takes does not depend on training."""

import json
from pathlib import Path
from typing import Any

import numpy as np

SLICE = 512
SPACING_MM = 1.0
FIRST_FEATURES, MOST_FEATURES = 32, 512
CONVOLUTIONS = 2
SMALLEST_FEATURE_MAP = 4


def make_untrained_model(folder: Path, seed: int = 0) -> Path:
    """Write a model folder with one fold, weights drawn from `seed`, planned as nnU-Net plans for 512 x 512 slices."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    plans = default_plans()
    architecture = plans["configurations"]["2d"]["architecture"]
    torch.manual_seed(seed)
    network = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        1,
        2,
        deep_supervision=True,
    )
    checkpoint = {
        "network_weights": network.state_dict(),
        "trainer_name": "nnUNetTrainer",
        "init_args": {"configuration": "2d"},
        "inference_allowed_mirroring_axes": (0, 1),
    }
    (folder / "fold_0").mkdir(parents=True)
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    description = {
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 0,
        "file_ending": ".nii.gz",
    }
    (folder / "plans.json").write_text(json.dumps(plans), encoding="utf-8")
    (folder / "dataset.json").write_text(json.dumps(description), encoding="utf-8")
    return folder


def default_plans() -> dict[str, Any]:
    """nnU-Net's plans of its default 2D network for slices of 512 x 512 pixels of 1 mm."""
    from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props

    size = (SLICE, SLICE)
    _, strides, kernels, patch, _ = get_pool_and_conv_props((SPACING_MM,) * 2, size, SMALLEST_FEATURE_MAP, 999999)
    stages = len(strides)
    no_resampling = {"order_z": 0, "force_separate_z": None}
    resampling: dict[str, Any] = {}
    for what, is_seg, order in (("data", False, 3), ("seg", True, 1), ("probabilities", False, 1)):
        resampling[f"resampling_fn_{what}"] = "resample_data_or_seg_to_shape"
        resampling[f"resampling_fn_{what}_kwargs"] = {"is_seg": is_seg, "order": order, **no_resampling}
    configuration = {
        "data_identifier": "nnUNetPlans_2d",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 12,
        "patch_size": [int(n) for n in patch],
        "median_image_size_in_voxels": list(size),
        "spacing": [SPACING_MM, SPACING_MM],
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        **resampling,
        "architecture": _architecture(stages, strides, kernels),
        "batch_dice": True,
    }
    return {
        "dataset_name": "Dataset000_Untrained",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
    }


def _architecture(stages: int, strides: Any, kernels: Any) -> dict[str, Any]:
    return {
        "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
        "arch_kwargs": {
            "n_stages": stages,
            "features_per_stage": [min(FIRST_FEATURES * 2**stage, MOST_FEATURES) for stage in range(stages)],
            "conv_op": "torch.nn.modules.conv.Conv2d",
            "kernel_sizes": [[int(n) for n in kernel] for kernel in kernels],
            "strides": [[int(n) for n in stride] for stride in strides],
            "n_conv_per_stage": [CONVOLUTIONS] * stages,
            "n_conv_per_stage_decoder": [CONVOLUTIONS] * (stages - 1),
            "conv_bias": True,
            "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
            "norm_op_kwargs": {"eps": 1e-5, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def simulated_slice(seed: int) -> np.ndarray:
    """A 512 x 512 slice of speckle in a sector, with a brighter blob in it (uint8)."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SLICE, :SLICE]
    sector = np.abs(columns - SLICE / 2) < 30 + 0.8 * rows
    centre = rng.uniform(0.4 * SLICE, 0.6 * SLICE, 2)
    blob = np.hypot(rows - centre[0], columns - centre[1]) < rng.uniform(40, 90)
    return (rng.rayleigh(1, sector.shape) * (35 + 60 * blob) * sector).clip(0, 255).astype(np.uint8)
