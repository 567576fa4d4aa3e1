"""Several folds: one after the other or side by side, kept when trained, ended together."""

import json

import pytest

from IUSTumorSegLib.errors import BadInput, Cancelled, Failed
from IUSTumorSegLib.nnunet import fold_schedule
from IUSTumorSegLib.nnunet.fold_schedule import parse_folds, train_folds

from .stand_in_training import FailingTraining, StandInTraining, notes

FULL = "nnUNetTrainerWithESandDA5"


@pytest.fixture(autouse=True)
def polled_at_once(monkeypatch):
    """Stand-ins are over at once; nobody has to wait between looking after them."""
    monkeypatch.setattr(fold_schedule, "POLL_S", 0.0)


def train(raw, out, start=StandInTraining, **settings):
    return train_folds(dataset="501", raw=raw, out=out, trainer=FULL, start=start, **settings)


@pytest.mark.parametrize(
    ("text", "folds"),
    [("all", [0, 1, 2]), ("0", [0]), ("2,0", [2, 0]), (" 1, 1 ", [1]), ("whole", ["all"])],
)
def test_folds_are_read_from_a_text(text, folds):
    assert parse_folds(text, 3) == folds


@pytest.mark.parametrize("text", ["", "first", "0,,1", "-1", "all,0"])
def test_anything_else_is_no_fold(text):
    with pytest.raises(BadInput, match='folds as 0, 0,1, "all" or "whole"'):
        parse_folds(text, 3)


def test_on_one_device_every_fold_is_trained_after_the_other(ball_dataset, tmp_path):
    active, most = [], []

    class Watched(StandInTraining):
        def __init__(self, request, overwrite):
            super().__init__(request, overwrite)
            active.append(self)
            most.append(len(active))

        def end(self):
            active.remove(self)

    networks = train(ball_dataset, tmp_path, Watched, devices=("cpu",))
    assert [network.fold for network in networks] == [0, 1, 2]
    assert max(most) == 1 and not active
    assert {item["device"] for item in notes(tmp_path)} == {"cpu"}


def test_two_devices_train_a_fold_each_at_the_same_time(ball_dataset, tmp_path):
    train(ball_dataset, tmp_path, devices=("cuda:0", "cuda:1"))
    assert [(item["fold"], item["device"]) for item in notes(tmp_path)] == [
        (0, "cuda:0"),
        (1, "cuda:1"),
        (2, "cuda:0"),
    ]


def test_progress_says_which_fold_it_is_of(ball_dataset, tmp_path):
    reports = []
    train(ball_dataset, tmp_path, folds="2", progress=lambda *report, **more: reports.append((*report, more)))
    assert reports[0] == ("train", 1, 3, "fold 2: epoch 1", {"fold": 2, "epoch": {"epoch": 1}})


def test_resumed_folds_are_kept_gone_on_with_or_started(ball_dataset, tmp_path):
    train(ball_dataset, tmp_path, folds="0,1")
    record = next(tmp_path.glob("nnUNet_results/*/*/fold_1/training.json"))
    record.write_text(json.dumps(json.loads(record.read_text()) | {"state": "running"}))
    networks = train(ball_dataset, tmp_path, resume=True)
    assert [network.fold for network in networks] == [0, 1, 2]
    assert [(item["fold"], item["resume"]) for item in notes(tmp_path)[2:]] == [(1, True), (2, False)]


def test_a_trained_fold_is_not_replaced_unasked(ball_dataset, tmp_path):
    train(ball_dataset, tmp_path, folds="1")
    with pytest.raises(BadInput, match="resume it, overwrite it"):
        train(ball_dataset, tmp_path)
    assert len(notes(tmp_path)) == 1
    train(ball_dataset, tmp_path, overwrite=True)
    assert len(notes(tmp_path)) == 4


def test_a_fold_that_fails_stops_no_other_and_is_named(ball_dataset, tmp_path):
    with pytest.raises(Failed, match=r"1 of 3 folds failed.* Fold 1: The GPU fell off the bus\."):
        train(ball_dataset, tmp_path, FailingTraining)
    assert sorted(path.parent.name for path in tmp_path.rglob("checkpoint_final.pth")) == ["fold_0", "fold_2"]


def test_cancelling_ends_every_training_at_work(ball_dataset, tmp_path):
    started = []

    class Endless(StandInTraining):
        def __init__(self, request, overwrite):
            super().__init__(request, overwrite)
            started.append(self)

        def tell(self, progress):
            if len(started) == 2 and started[1].polls > 2:
                raise Cancelled("SIGTERM")
            self.polls += 1
            return True

    with pytest.raises(Cancelled):
        train(ball_dataset, tmp_path, Endless, devices=("cuda:0", "cuda:1"))
    assert [training.ended for training in started] == [True, True]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"devices": ()}, "different devices"),
        ({"devices": ("cuda:0", "cuda:0")}, "different devices"),
        ({"devices": ("abacus",)}, "abacus"),
        ({"folds": "3"}, "a fold from 0 to 2"),
        ({"resume": True, "overwrite": True}, "either resume or overwrite"),
        ({"batch_size": 1}, "a batch of 2 or more"),
        ({"patch_size": (8, 256)}, "16 pixels or more"),
    ],
)
def test_what_cannot_be_used_is_refused_before_any_training(ball_dataset, tmp_path, settings, sentence):
    with pytest.raises(BadInput, match=sentence):
        train(ball_dataset, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_fold_without_slices_to_validate_on_is_refused(ball_dataset, tmp_path):
    splits = json.loads((ball_dataset / "Dataset501_Balls" / "splits_final.json").read_text())
    splits[1]["val"] = []
    file = tmp_path / "splits.json"
    file.write_text(json.dumps(splits))
    with pytest.raises(BadInput, match="slices to validate on in fold 1, but found none"):
        train(ball_dataset, tmp_path / "out", splits=file)


@pytest.mark.parametrize("content", ["[]", "{}", '[{"train": []}]', "no JSON", '[{"train": 3, "val": []}]'])
def test_a_file_that_holds_no_folds_is_refused(ball_dataset, tmp_path, content):
    file = tmp_path / "splits.json"
    file.write_text(content)
    with pytest.raises(BadInput, match="names of slices"):
        train(ball_dataset, tmp_path / "out", splits=file)


def test_a_data_set_without_folds_needs_slices_for_nnunets_own(ball_dataset, tmp_path):
    import shutil

    raw = tmp_path / "raw" / "Dataset501_Balls"
    shutil.copytree(ball_dataset / "Dataset501_Balls", raw)
    (raw / "splits_final.json").unlink()
    for folder in ("imagesTr", "labelsTr"):
        for path in sorted((raw / folder).iterdir())[4:]:
            path.unlink()
    with pytest.raises(BadInput, match="at least 5 slices where the data set brings no folds, but found 4"):
        train(raw.parent, tmp_path / "out")


def test_own_patch_and_batch_make_a_model_of_their_own(ball_dataset, tmp_path):
    network = train(ball_dataset, tmp_path, folds="0", batch_size=4, patch_size=(64, 96))[0]
    assert network.model_folder.name == f"{FULL}__nnUNetPlans_p64x96_b4__2d"
