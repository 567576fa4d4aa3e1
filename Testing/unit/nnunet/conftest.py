"""A model that was never trained, and one that learns simulated balls."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

from made_balls import write_ball_dataset

PATCH = [32, 32]
MODEL_SPACING = [0.9, 0.7]


def untrained_plans() -> dict:
    """Plans of a small 2D network, as nnU-Net writes them."""
    no_resampling = {"order_z": 0, "force_separate_z": None}
    configuration = {
        "data_identifier": "nnUNetPlans_2d",
        "preprocessor_name": "DefaultPreprocessor",
        "batch_size": 2,
        "patch_size": PATCH,
        "median_image_size_in_voxels": [40, 50],
        "spacing": MODEL_SPACING,
        "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape",
        "resampling_fn_data_kwargs": {"is_seg": False, "order": 3, **no_resampling},
        "resampling_fn_seg_kwargs": {"is_seg": True, "order": 1, **no_resampling},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": {"is_seg": False, "order": 1, **no_resampling},
        "architecture": {
            "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
            "arch_kwargs": {
                "n_stages": 3,
                "features_per_stage": [4, 8, 8],
                "conv_op": "torch.nn.modules.conv.Conv2d",
                "kernel_sizes": [[3, 3]] * 3,
                "strides": [[1, 1], [2, 2], [2, 2]],
                "n_conv_per_stage": [1, 1, 1],
                "n_conv_per_stage_decoder": [1, 1],
                "conv_bias": True,
                "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
                "norm_op_kwargs": {"eps": 1e-5, "affine": True},
                "dropout_op": None,
                "dropout_op_kwargs": None,
                "nonlin": "torch.nn.LeakyReLU",
                "nonlin_kwargs": {"inplace": True},
            },
            "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
        },
        "batch_dice": True,
    }
    return {
        "dataset_name": "Dataset501_Test",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": "SimpleITKIO",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "configurations": {"2d": configuration},
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
    }


def save_untrained_fold(folder: Path, fold: str, seed: int) -> None:
    """A checkpoint with random weights, holding what nnU-Net's own hold."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    plans = untrained_plans()
    architecture = plans["configurations"]["2d"]["architecture"]
    torch.manual_seed(seed)
    network = get_network_from_plans(
        architecture["network_class_name"], architecture["arch_kwargs"], architecture["_kw_requires_import"], 1, 2,
        deep_supervision=True,
    )  # fmt: skip
    for layer in network.decoder.seg_layers:
        # So that about half of all pixels come out as tumour.
        layer.weight.data -= layer.weight.data.mean(dim=1, keepdim=True)
        layer.bias.data.zero_()
    init_args = {"plans": plans, "configuration": "2d", "fold": 0, "dataset_json": {}, "device": torch.device("cuda")}
    checkpoint = {
        "network_weights": network.state_dict(),
        "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01}]},
        "grad_scaler_state": None,
        "logging": {"mean_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(0.1)], "lrs": [0.01]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 1,
        "init_args": init_args,
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1),
    }
    (folder / f"fold_{fold}").mkdir(parents=True)
    torch.save(checkpoint, folder / f"fold_{fold}" / "checkpoint_final.pth")


@pytest.fixture
def untrained_model(tmp_path) -> Path:
    """A model folder with two folds of random weights: its labels are everywhere, so any difference shows."""
    folder = tmp_path / "nnUNetTrainer__nnUNetPlans__2d"
    for fold in ("0", "1"):
        save_untrained_fold(folder, fold, seed=int(fold))
    (folder / "plans.json").write_text(json.dumps(untrained_plans()))
    description = {
        "channel_names": {"0": "ultrasound"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": 2,
        "file_ending": ".nii.gz",
    }
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


@pytest.fixture
def us() -> sitk.Image:
    """A small oblique volume of speckle with an empty border, three sizes and spacings."""
    rng = np.random.default_rng(3)
    voxels = rng.rayleigh(40, (9, 38, 52)).clip(1, 250).astype(np.uint8)
    voxels[:, :, :5] = 0
    voxels[0] = 0
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((0.8, 0.6, 1.1))
    image.SetOrigin((5, 6, -7))
    image.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.1, 0.2, -0.3).GetMatrix())
    return image


@pytest.fixture(scope="session")
def ball_dataset(tmp_path_factory) -> Path:
    """`nnUNet_raw` with the slices of three simulated patients."""
    return write_ball_dataset(tmp_path_factory.mktemp("balls"))
