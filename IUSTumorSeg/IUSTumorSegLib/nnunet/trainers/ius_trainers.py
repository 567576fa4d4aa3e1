"""Trainers for ultrasound slices, with nnU-Net 2.8's signature: (plans, configuration, fold, dataset_json, device)."""

import errno
import importlib.util
import os
import shutil
from pathlib import Path

import numpy as np
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerDA5 import nnUNetTrainerDA5

# Less than any checkpoint takes.
FULL_BELOW_BYTES = 8 << 20


class CheckpointsEachEpoch(nnUNetTrainer):
    """Keeps `checkpoint_latest.pth` of every epoch, each file whole: a kill costs the epoch in work and no more.

    Where IUSTumorSeg is installed beside nnU-Net, it trains on slices that IUSTumorSeg packed as well as on nnU-Net's.
    """

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.save_every = 1

    def initialize(self) -> None:
        """nnU-Net's own, which looks for the class of the data set by the endings of its files."""
        if importlib.util.find_spec("IUSTumorSegLib"):
            from IUSTumorSegLib.nnunet.packed_dataset import register_packed_slices

            register_packed_slices()
        super().initialize()

    def save_checkpoint(self, filename: str) -> None:
        """Write the checkpoint under another name first; nothing where checkpoints are disabled."""
        partial = Path(f"{filename}.partial")
        try:
            super().save_checkpoint(str(partial))
        except (OSError, RuntimeError) as error:
            # torch does not say why it could not write; without the half file the disk would seem to have room.
            full = shutil.disk_usage(partial.parent).free < FULL_BELOW_BYTES
            partial.unlink(missing_ok=True)
            if full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), filename) from error
            raise
        if partial.exists():
            partial.replace(filename)


class nnUNetTrainerWithESandDA5(CheckpointsEachEpoch, nnUNetTrainerDA5):  # noqa: N801 - the published models' name for it
    """nnU-Net's DA5 augmentation, stopped early as in Faanes et al.

    Training ends when the moving average of the pseudo Dice on the validation slices has not risen for `patience`
    epochs, and after `num_epochs` at the latest.
    """

    patience = 30

    def on_epoch_start(self) -> None:
        """Stop instead of starting an epoch once the patience is used up; so does a resumed training."""
        if epochs_since_best(self.logger.get_value("ema_fg_dice", step=None)) >= self.patience:
            self.print_to_log_file(
                f"Stopped early: no better moving average of the pseudo Dice in {self.patience} epochs."
            )
            raise _NoImprovement
        super().on_epoch_start()

    def run_training(self) -> None:
        """nnU-Net's own loop, which offers no other way out than an exception."""
        try:
            super().run_training()
        except _NoImprovement:
            self.on_train_end()


class nnUNetTrainerIUSSmall(CheckpointsEachEpoch):  # noqa: N801 - nnU-Net's naming
    """A short training for a processor: nnU-Net's augmentation, loss and optimiser, a few hundred steps."""

    def __init__(
        self,
        plans: dict,
        configuration: str,
        fold: int,
        dataset_json: dict,
        device: torch.device = torch.device("cuda"),  # noqa: B008
    ) -> None:
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs = 16
        self.num_iterations_per_epoch = 30
        self.num_val_iterations_per_epoch = 6
        # nnU-Net draws a picture of 30 x 54 inches after each epoch, which here costs as much time as six steps.
        self.logger.plot_progress_png = lambda output_folder: None


def epochs_since_best(history: list[float]) -> int:
    """How many epochs ago the best value was reached first; 0 for an empty history. NaN is never the best."""
    if not history:
        return 0
    return len(history) - 1 - int(np.argmax(np.nan_to_num(history, nan=-np.inf)))


class _NoImprovement(Exception):
    pass
