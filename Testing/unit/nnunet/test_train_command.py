"""`iustumorseg train`: what the terminal passes on, prints and refuses."""

import functools

import pytest
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app
from IUSTumorSegLib.nnunet import fold_schedule

from .stand_in_training import StandInTraining, notes


@pytest.fixture
def train(ball_dataset, tmp_path, monkeypatch):
    stand_in = functools.partial(fold_schedule.train_folds, start=StandInTraining)
    monkeypatch.setattr(fold_schedule, "train_folds", stand_in)
    common = ["train", "--dataset", "501", "--raw", str(ball_dataset), "--out", str(tmp_path / "out")]
    return lambda *more: CliRunner().invoke(app, [*common, *more])


def test_without_further_options_all_folds_are_trained_as_the_paper_did(train, tmp_path):
    shown = train()
    assert shown.exit_code == 0, shown.output
    assert [item["fold"] for item in notes(tmp_path / "out")] == [0, 1, 2]
    assert "nnUNetTrainerWithESandDA5__nnUNetPlans__2d" in shown.output.replace("\n", "")
    assert "Fold 2: finished after 3 epochs, best moving pseudo Dice 0.500" in shown.output


def test_folds_go_to_the_devices_that_are_named(train, tmp_path):
    train("--fold", "1,2", "--devices", "cuda:0,cuda:1", "--patch-size", "64, 96", "--batch-size", "4")
    assert [(item["fold"], item["device"]) for item in notes(tmp_path / "out")] == [(1, "cuda:0"), (2, "cuda:1")]
    assert next((tmp_path / "out").rglob("training.json")).parents[1].name.endswith("nnUNetPlans_p64x96_b4__2d")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--patch-size", "256"),
            "Expected a patch as rows and columns, but found '256': write, for example, 256,256.",
        ),
        (("--fold", "first"), "but found 'first'"),
        (("--device", "abacus"), "but found 'abacus'"),
        (("--resume", "--overwrite"), "either resume or overwrite"),
        (("--min-area", "33"), "33 mm² beside 20, 60"),
    ],
)
def test_what_cannot_be_used_ends_with_2_and_a_sentence(train, tmp_path, options, sentence):
    shown = train(*options)
    assert shown.exit_code == 2
    assert sentence in shown.output
    assert not (tmp_path / "out").exists()
