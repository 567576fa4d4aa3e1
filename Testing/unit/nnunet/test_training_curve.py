"""The training curve out of nnU-Net's own logger."""

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.training_curve import curve_of, read_curve, write_curve


def log_of(epochs: int) -> dict:
    from nnunetv2.training.logging.nnunet_logger import MetaLogger

    logger = MetaLogger(".", False)
    for epoch in range(epochs):
        logger.log("epoch_start_timestamps", 100.0 * epoch, epoch)
        logger.log("lrs", 0.01 / (epoch + 1), epoch)
        logger.log("train_losses", 0.5 - epoch, epoch)
        logger.log("mean_fg_dice", 0.1 * epoch, epoch)
        logger.log("val_losses", 0.7 - epoch, epoch)
        logger.log("epoch_end_timestamps", 100.0 * epoch + 40 + epoch, epoch)
    return logger.get_checkpoint()


def test_an_epoch_carries_nnunets_numbers():
    third = curve_of(log_of(3))[2]
    assert (third.epoch, third.train_loss, third.validation_loss, third.pseudo_dice) == (3, -1.5, -1.3, 0.2)
    assert third.pseudo_dice_average == pytest.approx(0.9 * (0.1 * 0.1) + 0.1 * 0.2)
    assert third.seconds == 42


def test_an_epoch_that_is_not_over_is_left_out():
    log = log_of(2)
    log["epoch_start_timestamps"].append(300.0)
    log["lrs"].append(0.001)
    assert [epoch.epoch for epoch in curve_of(log)] == [1, 2]


def test_a_curve_read_back_is_the_curve_written(tmp_path):
    curve = curve_of(log_of(4))
    write_curve(curve, tmp_path / "training_curve.csv")
    assert read_curve(tmp_path / "training_curve.csv") == curve


def test_a_training_without_a_curve_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"training_curve\.csv"):
        read_curve(tmp_path / "training_curve.csv")
