"""What a window offers for a training, says of its memory and asks the task for."""

import inspect
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.jobs.tasks import find_task
from IUSTumorSegLib.nnunet.memory_estimate import Gpu, training_bytes
from IUSTumorSegLib.nnunet.training_choices import (
    TRAINERS,
    MemoryNeed,
    TrainingChoices,
    dataset_names,
    fold_names,
    fold_texts,
    memory_need,
    memory_sentence,
    request_of,
    task_arguments,
)
from IUSTumorSegLib.nnunet.training_curve import Epoch
from IUSTumorSegLib.nnunet.training_progress import duration_text, time_left_s

GIB = 1 << 30
NETWORK = {
    "n_stages": 3, "features_per_stage": [32, 64, 128], "kernel_sizes": [[3, 3]] * 3,
    "strides": [[1, 1], [2, 2], [2, 2]], "n_conv_per_stage": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2],
}  # fmt: skip
CONFIGURATION = {
    "batch_size": 12, "patch_size": [512, 512],
    "architecture": {"network_class_name": "x.PlainConvUNet", "arch_kwargs": NETWORK},
}  # fmt: skip


@pytest.fixture
def chosen(tmp_path):
    """A data set with three folds, and its plans."""
    folder = tmp_path / "raw" / "Dataset501_Brain"
    folder.mkdir(parents=True)
    (folder / "dataset.json").write_text("{}")
    (folder / "splits_final.json").write_text(json.dumps([{"train": ["a"], "val": ["b"]}] * 3))
    plans = tmp_path / "out" / "nnUNet_preprocessed" / "Dataset501_Brain"
    plans.mkdir(parents=True)
    (plans / "nnUNetPlans.json").write_text(json.dumps({"configurations": {"2d": CONFIGURATION}}))
    return TrainingChoices("Dataset501_Brain", folder.parent, tmp_path / "out")


def curve(epochs, seconds=10.0):
    return [Epoch(n, 0.0, 0.0, 0.0, 0.0, 0.01, seconds) for n in range(1, epochs + 1)]


def test_data_sets_are_those_with_a_description(chosen):
    (chosen.raw / "Dataset502_Begun").mkdir()
    assert dataset_names(chosen.raw) == ["Dataset501_Brain"]
    assert dataset_names(chosen.raw / "nothing") == []


def test_the_folds_to_choose_from_are_those_of_the_data_set(chosen):
    assert fold_texts(chosen) == ["all", "0", "1", "2", "whole"]
    assert fold_names(chosen) == ["0", "1", "2"]


def test_a_network_on_every_slice_is_nnunets_fold_all(chosen):
    assert fold_names(replace(chosen, folds="whole")) == ["all"]


@pytest.mark.parametrize("anew", [True, False])
def test_the_arguments_are_those_of_the_task_and_survive_json(chosen, anew):
    arguments = json.loads(json.dumps(task_arguments(replace(chosen, start_anew=anew, patch_size=(256, 256)))))
    assert set(arguments) <= set(inspect.signature(find_task("train-folds")).parameters)
    assert (arguments["resume"], arguments["overwrite"]) == (not anew, anew)
    assert arguments["workers"] == 0


def test_the_trainers_on_offer_exist():
    from IUSTumorSegLib.nnunet.trainer_search import trainer_module

    pytest.importorskip("nnunetv2")
    assert all(trainer_module(name) for name in TRAINERS)


def test_the_memory_is_that_of_the_plans_and_a_proposal_fits(chosen):
    need = memory_need(chosen, [Gpu(0, "small", 4 * GIB, 3 * GIB)])
    assert need.needed == training_bytes(CONFIGURATION)
    assert not need.fits
    smaller = memory_need(replace(chosen, batch_size=need.batch_size), [Gpu(0, "small", 4 * GIB, 3 * GIB)])
    assert smaller.fits
    assert f"batch of {need.batch_size} would fit" in memory_sentence(need)


def test_on_a_processor_nothing_is_refused_for_memory(chosen):
    need = memory_need(chosen, [])
    assert need.fits
    assert "processor" in memory_sentence(need)


def test_where_nothing_fits_the_sentence_names_the_processor():
    assert "train on the processor" in memory_sentence(MemoryNeed(8 * GIB, GIB // 2))


def test_an_unknown_data_set_is_bad_input(chosen):
    with pytest.raises(BadInput, match="Dataset501_Brain"):
        request_of(replace(chosen, dataset="Dataset999_Missing"))


def test_the_time_left_is_that_of_the_epochs_of_every_fold_that_is_still_at_work():
    curves = {"0": curve(40), "1": curve(10)}
    # Fold 0 stopped early; 90 epochs of fold 1 and 100 of fold 2, at 10 s.
    assert time_left_s(curves, ["0", "1", "2"], {"0"}, 100) == 1900.0
    assert time_left_s({}, ["0"], set(), 100) is None
    assert time_left_s({"0": curve(5, 10.0) + curve(5, 2.0)}, ["0"], set(), 20) == 20.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (45, "45 s"), (600, "10 min"), (12000, "3 h 20 min"), (400000, "5 days")],
)
def test_durations_are_said_in_at_most_two_units(seconds, text):
    assert duration_text(seconds) == text


def test_a_window_may_ask_without_torch():
    code = "import sys, IUSTumorSegLib.nnunet.training_choices; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
