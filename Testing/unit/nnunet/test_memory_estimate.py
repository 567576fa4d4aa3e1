"""GPU memory for a training: counted from plans, held against what torch keeps."""

import copy
import json

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.memory_estimate import (
    CUDA_BYTES,
    Gpu,
    advice,
    check_memory,
    fitting_batch,
    fitting_patch,
    parameter_count,
    parsed_gpus,
    planned_bytes,
    saved_bytes,
    training_bytes,
)

from .conftest import untrained_plans

SINGLE = 4


def plan(patch: tuple[int, int], batch: int, features: list[int], convolutions: int = 2) -> dict:
    """A 2D configuration as nnU-Net's planner writes it."""
    configuration = copy.deepcopy(untrained_plans()["configurations"]["2d"])
    stages = len(features)
    configuration |= {"patch_size": list(patch), "batch_size": batch}
    configuration["architecture"]["arch_kwargs"] |= {
        "n_stages": stages,
        "features_per_stage": features,
        "kernel_sizes": [[3, 3]] * stages,
        "strides": [[1, 1]] + [[2, 2]] * (stages - 1),
        "n_conv_per_stage": [convolutions] * stages,
        "n_conv_per_stage_decoder": [convolutions] * (stages - 1),
    }
    return configuration


DEFAULT = plan((512, 512), 12, [32, 64, 128, 256, 512, 512, 512, 512])


def network_of(configuration: dict):
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = configuration["architecture"]
    return get_network_from_plans(
        architecture["network_class_name"], architecture["arch_kwargs"], architecture["_kw_requires_import"], 1, 2,
        deep_supervision=True,
    )  # fmt: skip


def kept_by_torch(configuration: dict) -> int:
    """Bytes of activations that torch keeps for the backward pass of a real network, each storage once."""
    import torch

    network = network_of(configuration)
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept, alive = {}, []

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    image = torch.rand(configuration["batch_size"], 1, *configuration["patch_size"])
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = network(image)
    return sum(kept.values()) + sum(output.untyped_storage().nbytes() for output in outputs)


@pytest.mark.parametrize(
    "configuration",
    [
        plan((96, 96), 4, [8, 16, 32, 32]),
        plan((128, 64), 3, [8, 16, 32, 64], convolutions=1),
        plan((160, 128), 2, [16, 32, 64, 128, 128]),
    ],
)
def test_the_count_of_activations_is_what_torch_keeps_within_a_tenth(configuration):
    assert saved_bytes(configuration, 1, 2, SINGLE) == pytest.approx(kept_by_torch(configuration), rel=0.1)


@pytest.mark.parametrize("configuration", [plan((64, 64), 2, [8, 16, 32, 32]), plan((64, 64), 2, [8, 16], 1)])
def test_the_count_of_weights_is_the_networks(configuration):
    assert parameter_count(configuration) == sum(weight.numel() for weight in network_of(configuration).parameters())


def test_nnunets_default_network_takes_about_what_nnunet_plans_for():
    assert 5 << 30 < training_bytes(DEFAULT) < 9 << 30


def test_a_training_that_fits_is_let_through():
    check_memory(DEFAULT, 1, 2, training_bytes(DEFAULT), "cuda:0")


@pytest.mark.parametrize("free_gib", [3, 4, 5, 6])
def test_what_is_proposed_fits_and_a_step_more_would_not(free_gib):
    free = free_gib << 30
    batch = fitting_batch(DEFAULT, free)
    assert training_bytes(DEFAULT | {"batch_size": batch}) <= free < training_bytes(DEFAULT | {"batch_size": batch + 1})
    patch = fitting_patch(DEFAULT, free)
    larger = [side + 128 for side in patch]
    assert training_bytes(DEFAULT | {"patch_size": patch}) <= free < training_bytes(DEFAULT | {"patch_size": larger})
    assert all(side % 128 == 0 for side in patch)


def test_the_refusal_says_how_much_is_missing_and_what_to_train_with():
    with pytest.raises(BadInput) as refusal:
        check_memory(DEFAULT, 1, 2, 4 << 30, "cuda:1")
    batch, patch = fitting_batch(DEFAULT, 4 << 30), fitting_patch(DEFAULT, 4 << 30)
    text = str(refusal.value)
    assert "batches of 12 patches of 512 x 512, but found 4.0 GiB on cuda:1" in text
    assert f"--batch-size {batch}, or with --patch-size {patch[0]},{patch[1]}" in text


def test_where_nothing_fits_the_processor_is_proposed():
    assert advice(DEFAULT, CUDA_BYTES // 2) == "train on another GPU, or on the processor with --device cpu"


def test_an_unknown_network_is_not_guessed_at():
    residual = copy.deepcopy(DEFAULT)
    residual["architecture"]["network_class_name"] = "somewhere.ResidualEncoderUNet"
    with pytest.raises(BadInput, match="a plain U-Net, but found somewhere"):
        training_bytes(residual)


def test_before_there_are_plans_nnunets_own_goal_is_the_estimate(tmp_path):
    file = tmp_path / "nnUNetPlans.json"
    assert planned_bytes(file, "nnUNetPlans") == 8 << 30
    file.write_text(json.dumps({"configurations": {"2d": DEFAULT}}))
    assert planned_bytes(file, "nnUNetPlans") == training_bytes(DEFAULT)
    assert planned_bytes(file, "nnUNetPlans", batch_size=2) == training_bytes(DEFAULT | {"batch_size": 2})


def test_the_drivers_answer_is_read():
    answer = "0, NVIDIA RTX A4000, 16376, 15000\n1, Tesla T4, 15360, [N/A]\n\n"
    assert parsed_gpus(answer) == [Gpu(0, "NVIDIA RTX A4000", 16376 << 20, 15000 << 20)]
