"""Which folder is a model, and what is said where it is none."""

import json
import shutil

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.model_folder import find_model


def test_all_folds_are_found_and_the_best_checkpoint_is_preferred(untrained_model):
    shutil.copy(untrained_model / "fold_1" / "checkpoint_final.pth", untrained_model / "fold_1" / "checkpoint_best.pth")
    found = find_model(untrained_model).checkpoints
    assert {fold: path.name for fold, path in found.items()} == {
        "0": "checkpoint_final.pth",
        "1": "checkpoint_best.pth",
    }


def test_single_folds_can_be_chosen(untrained_model):
    assert list(find_model(untrained_model, [1]).checkpoints) == ["1"]
    assert list(find_model(untrained_model, ["0"]).checkpoints) == ["0"]


def test_a_fold_trained_on_everything_is_used_where_it_is_the_only_one(untrained_model):
    (untrained_model / "fold_1").rename(untrained_model / "fold_all")
    assert list(find_model(untrained_model).checkpoints) == ["0"]
    shutil.rmtree(untrained_model / "fold_0")
    assert list(find_model(untrained_model).checkpoints) == ["all"]


def test_a_wrong_folder_gets_what_was_expected_and_what_was_found(untrained_model, tmp_path):
    expected = r"Expected plans\.json, dataset\.json and fold_0/checkpoint_best\.pth or fold_0/checkpoint_final\.pth, but found"
    with pytest.raises(BadInput, match=expected + r" nnUNetTrainer__nnUNetPlans__2d/ in "):
        find_model(tmp_path)
    with pytest.raises(BadInput, match=expected + r" checkpoint_final\.pth in "):
        find_model(untrained_model / "fold_0")
    with pytest.raises(BadInput, match=expected + " no such folder in "):
        find_model(tmp_path / "none")


def test_a_fold_that_was_not_trained_is_refused_with_those_that_were(untrained_model):
    with pytest.raises(BadInput, match="checkpoint of fold 4, but found folds 0, 1"):
        find_model(untrained_model, [0, 4])


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("network_class_name", "subprocess.Popen"),
        ("network_class_name", "dynamic_network_architectures.architectures.unet.torch.hub.load"),
        ("conv_op", "os.system"),
        ("nonlin", "builtins.exec"),
        ("nonlin", "torch.nn.functional.torch.os.system"),
        ("norm_op", "torch.nn.modules.module.torch.os.mkdir"),
    ],
)
def test_plans_that_name_anything_but_networks_and_layers_are_refused(untrained_model, key, name):
    plans = json.loads((untrained_model / "plans.json").read_text())
    architecture = plans["configurations"]["2d"]["architecture"]
    (architecture if key == "network_class_name" else architecture["arch_kwargs"])[key] = name
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match=name):
        find_model(untrained_model)


@pytest.mark.parametrize("key", ["preprocessor_name", "resampling_fn_data", "resampling_fn_probabilities"])
def test_plans_that_name_steps_that_nnunet_does_not_bring_are_refused(untrained_model, key):
    plans = json.loads((untrained_model / "plans.json").read_text())
    plans["configurations"]["2d"][key] = "remove_everything"
    (untrained_model / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(BadInput, match="remove_everything"):
        find_model(untrained_model)


@pytest.mark.parametrize("content", [{}, {"configurations": []}, {"configurations": {"2d": 3}}])
def test_plans_without_configurations_are_refused(untrained_model, content):
    (untrained_model / "plans.json").write_text(json.dumps(content))
    with pytest.raises(BadInput, match="plans with their configurations"):
        find_model(untrained_model)


def test_a_model_for_several_channels_is_refused(untrained_model):
    description = json.loads((untrained_model / "dataset.json").read_text())
    description["channel_names"]["1"] = "doppler"
    (untrained_model / "dataset.json").write_text(json.dumps(description))
    with pytest.raises(BadInput, match="several channels"):
        find_model(untrained_model)


def test_plans_that_are_not_json_are_refused(untrained_model):
    (untrained_model / "plans.json").write_text("{")
    with pytest.raises(BadInput, match="not JSON"):
        find_model(untrained_model)
