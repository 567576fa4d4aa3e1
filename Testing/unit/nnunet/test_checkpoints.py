"""Checkpoints of strangers: numbers are read, code is not run."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.checkpoints import load_checkpoint


class RunsWhenUnpickled:
    """What an attacker would put in: unpickling it creates a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_nnunets_own_content_is_read(untrained_model):
    content = load_checkpoint(untrained_model / "fold_0" / "checkpoint_final.pth")
    assert content["trainer_name"] == "nnUNetTrainer"
    assert content["_best_ema"] == 0.5
    assert content["logging"]["train_losses"] == [np.float32(0.1)]
    assert content["init_args"]["configuration"] == "2d"


def test_a_checkpoint_written_with_numpy_1_is_read(untrained_model, tmp_path):
    old = tmp_path / "old.pth"
    with (
        zipfile.ZipFile(untrained_model / "fold_0" / "checkpoint_final.pth") as new,
        zipfile.ZipFile(old, "w") as target,
    ):
        for name in new.namelist():
            content = new.read(name)
            if name.endswith("data.pkl"):
                assert b"numpy._core.multiarray" in content
                content = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            target.writestr(name, content)
    assert load_checkpoint(old)["_best_ema"] == 0.5


@pytest.mark.parametrize("place", ["logging", "network_weights", "surprise"])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(untrained_model, tmp_path, place):
    import torch

    content = load_checkpoint(untrained_model / "fold_0" / "checkpoint_final.pth")
    content[place] = {"x": RunsWhenUnpickled(tmp_path / "ran")}
    torch.save(content, tmp_path / "bad.pth")
    with pytest.raises(BadInput, match="code or objects that are not allowed"):
        load_checkpoint(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


def test_a_plain_pickle_is_refused_and_runs_nothing(tmp_path):
    import pickle

    (tmp_path / "bad.pth").write_bytes(pickle.dumps(RunsWhenUnpickled(tmp_path / "ran")))
    with pytest.raises(BadInput, match="a checkpoint of nnU-Net"):
        load_checkpoint(tmp_path / "bad.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(BadInput, match="cannot be read as one"):
        load_checkpoint(tmp_path / "bad.pth")


def test_a_half_written_checkpoint_is_refused(untrained_model, tmp_path):
    whole = (untrained_model / "fold_0" / "checkpoint_final.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="cannot be read as one"):
        load_checkpoint(tmp_path / "half.pth")


def test_weights_of_another_program_are_refused(tmp_path):
    import torch

    torch.save({"state_dict": {}}, tmp_path / "other.pth")
    with pytest.raises(BadInput, match="network_weights, trainer_name, init_args"):
        load_checkpoint(tmp_path / "other.pth")


@pytest.mark.parametrize(
    ("key", "value"),
    [("network_weights", {"x": 1}), ("trainer_name", 3), ("init_args", []), ("inference_allowed_mirroring_axes", (7,))],
)
def test_a_checkpoint_whose_values_are_of_another_kind_is_refused(untrained_model, tmp_path, key, value):
    import torch

    content = load_checkpoint(untrained_model / "fold_0" / "checkpoint_final.pth")
    torch.save(content | {key: value}, tmp_path / "bad.pth")
    with pytest.raises(BadInput, match="a checkpoint of nnU-Net"):
        load_checkpoint(tmp_path / "bad.pth")


def test_a_checkpoint_that_unpacks_to_more_than_memory_holds_is_refused_unread(untrained_model, monkeypatch):
    from IUSTumorSegLib.nnunet import checkpoints

    monkeypatch.setattr(checkpoints, "MOST_BYTES", 1000)
    with pytest.raises(BadInput, match="a checkpoint of at most"):
        load_checkpoint(untrained_model / "fold_0" / "checkpoint_final.pth")
