"""Trainers: found by name, stopped early, with whole checkpoints."""

import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.trainer_search import find_trainer, trainer_module


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("nnUNetTrainerWithESandDA5", "IUSTumorSegLib.nnunet.trainers.ius_trainers"),
        ("nnUNetTrainerIUSSmall", "IUSTumorSegLib.nnunet.trainers.ius_trainers"),
        ("nnUNetTrainer", "nnunetv2.training.nnUNetTrainer.nnUNetTrainer"),
        ("nnUNetTrainerDA5", "nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerDA5"),
    ],
)
def test_a_trainer_is_found_in_the_module_that_defines_it(name, module):
    assert trainer_module(name) == module
    found = find_trainer(name)
    assert (found.__name__, found.__module__) == (name, module)


def test_finding_a_trainer_imports_neither_torchvision_nor_timm():
    before = set(sys.modules)
    find_trainer("nnUNetTrainerWithESandDA5")
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {"torchvision", "timm"}


@pytest.mark.parametrize("name", ["nnUNetTrainerOfNobody", "nnUNetTrain", "os.system"])
def test_an_unknown_trainer_is_refused(name):
    with pytest.raises(BadInput, match="a trainer of IUSTumorSeg or nnU-Net"):
        find_trainer(name)


@pytest.mark.parametrize("name", ["nnUNetTrainerWithESandDA5", "nnUNetTrainerIUSSmall"])
def test_our_trainers_have_nnunets_signature_of_today(name):
    stock = inspect.signature(find_trainer("nnUNetTrainer").__init__)
    assert list(inspect.signature(find_trainer(name).__init__).parameters) == list(stock.parameters)


def test_the_early_stopping_trainer_augments_as_da5_does():
    ours, da5 = find_trainer("nnUNetTrainerWithESandDA5"), find_trainer("nnUNetTrainerDA5")
    assert ours.get_training_transforms is da5.get_training_transforms


def test_nnunets_own_search_finds_our_trainers_in_their_folder():
    from nnunetv2.utilities.find_class_by_name import recursive_find_python_class

    from IUSTumorSegLib.nnunet import trainers

    folder = str(Path(trainers.__file__).parent)
    name = "nnUNetTrainerWithESandDA5"
    found = recursive_find_python_class(folder, name, None, base_folder=folder, cleanup_imports_from_base_folder=True)
    assert issubclass(found, find_trainer("nnUNetTrainerDA5"))


@pytest.mark.parametrize("name", ["nnUNetTrainerWithESandDA5", "nnUNetTrainerIUSSmall"])
def test_our_trainers_bring_the_class_for_packed_slices_with_them(name, monkeypatch):
    from nnunetv2.training.dataloading.nnunet_dataset import file_ending_dataset_mapping
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    from IUSTumorSegLib.nnunet.packed_dataset import PackedDataset

    monkeypatch.setattr(nnUNetTrainer, "initialize", lambda self: None)
    file_ending_dataset_mapping.pop("slices", None)
    find_trainer(name).__new__(find_trainer(name)).initialize()
    assert file_ending_dataset_mapping["slices"] is PackedDataset


def scripted(folder, pseudo_dice, epochs=1000):
    """The early stopping trainer in nnU-Net's own loop, with validation results from a list instead of a network."""
    from nnunetv2.training.logging.nnunet_logger import MetaLogger

    trainer_class = find_trainer("nnUNetTrainerWithESandDA5")
    trainer = trainer_class.__new__(trainer_class)
    trainer.logger = MetaLogger(str(folder), False)
    trainer.current_epoch, trainer.num_epochs = 0, epochs
    trainer.num_iterations_per_epoch = trainer.num_val_iterations_per_epoch = 0
    for hook in ("on_train_start", "on_train_epoch_start", "on_validation_epoch_start"):
        setattr(trainer, hook, lambda: None)
    trainer.on_train_epoch_end = lambda outputs: None
    trainer.print_to_log_file = lambda *arguments, **settings: None
    trainer.ended = 0

    def on_validation_epoch_end(outputs):
        trainer.logger.log("mean_fg_dice", pseudo_dice(trainer.current_epoch), trainer.current_epoch)

    def on_epoch_end():
        trainer.current_epoch += 1

    def on_train_end():
        trainer.ended += 1

    trainer.on_validation_epoch_end, trainer.on_epoch_end, trainer.on_train_end = (
        on_validation_epoch_end,
        on_epoch_end,
        on_train_end,
    )
    return trainer


def epochs_until_30_without_rise(values):
    """The rule written out: stop when the best moving average is 30 epochs old."""
    average, best, best_epoch = None, -np.inf, 0
    for epoch, value in enumerate(values):
        average = value if average is None else 0.9 * average + 0.1 * value
        if average > best:
            best, best_epoch = average, epoch
        if epoch - best_epoch == 30:
            return epoch + 1
    return len(values)


@pytest.mark.parametrize("seed", range(3))
def test_training_stops_when_the_moving_average_has_not_risen_for_30_epochs(tmp_path, seed):
    noise = np.random.default_rng(seed).normal(0, 0.05, 1000)
    values = [0.8 * (1 - np.exp(-epoch / 20)) + noise[epoch] for epoch in range(1000)]
    trainer = scripted(tmp_path, lambda epoch: values[epoch])
    trainer.run_training()
    assert trainer.current_epoch == epochs_until_30_without_rise(values) < 1000
    assert trainer.ended == 1


def test_training_that_keeps_improving_goes_on_to_the_last_epoch(tmp_path):
    trainer = scripted(tmp_path, lambda epoch: epoch / 100, epochs=50)
    trainer.run_training()
    assert (trainer.current_epoch, trainer.ended) == (50, 1)


def test_validation_without_any_tumour_uses_up_the_patience(tmp_path):
    trainer = scripted(tmp_path, lambda epoch: float("nan"))
    trainer.run_training()
    assert trainer.current_epoch == 31


def test_a_training_that_had_stopped_does_not_train_on_when_resumed(tmp_path):
    stopped = scripted(tmp_path, lambda epoch: 0.5)
    stopped.run_training()
    resumed = scripted(tmp_path, lambda epoch: 0.9)
    resumed.logger.load_checkpoint(stopped.logger.get_checkpoint())
    resumed.current_epoch = stopped.current_epoch
    resumed.run_training()
    assert (resumed.current_epoch, resumed.ended) == (stopped.current_epoch, 1)


def test_a_checkpoint_cut_short_leaves_the_former_one(tmp_path, monkeypatch):
    import torch

    trainer_class = find_trainer("nnUNetTrainerIUSSmall")
    trainer = trainer_class.__new__(trainer_class)
    trainer.local_rank, trainer.disable_checkpointing, trainer.is_ddp = 0, False, False
    trainer.network = torch.nn.Linear(2, 2)
    trainer.optimizer = torch.optim.SGD(trainer.network.parameters(), 0.1)
    trainer.grad_scaler = trainer._best_ema = trainer.inference_allowed_mirroring_axes = None
    trainer.current_epoch, trainer.my_init_kwargs = 4, {}
    trainer.logger = type("Logger", (), {"get_checkpoint": lambda self: {}})()
    file = tmp_path / "checkpoint_latest.pth"
    trainer.save_checkpoint(str(file))

    def save_half(content, path):
        Path(path).write_bytes(b"PK half a check")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", save_half)
    trainer.current_epoch = 9
    with pytest.raises(OSError, match="No space"):
        trainer.save_checkpoint(str(file))
    assert torch.load(file, weights_only=True)["current_epoch"] == 5
