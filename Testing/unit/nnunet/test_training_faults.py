"""What can go wrong in a training: a kill, other data, a full disk, too little memory."""

import copy
import errno
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.jobs.child_process import start_job
from IUSTumorSegLib.nnunet.run_training import _said_of_machine, alone_on_fold
from IUSTumorSegLib.nnunet.training import as_fold, make_request, train_network
from IUSTumorSegLib.nnunet.training_record import check_same_data, data_hashes, is_complete, read_record
from IUSTumorSegLib.nnunet.training_request import TrainingRequest

from .stand_in_training import leave_trained
from .test_memory_estimate import DEFAULT


def request_for(raw, out, **changes) -> TrainingRequest:
    settings = {
        "dataset": "501", "raw": raw, "out": out, "fold": 0, "trainer": "nnUNetTrainerIUSSmall", "plans": None,
        "min_area_mm2": None, "epochs": None, "iterations_per_epoch": None, "validation_iterations": None,
        "batch_size": None, "patch_size": None, "splits": None, "results": None, "device": "cpu", "workers": 0,
        "seed": 0, "resume": False, "final_validation": False, "check_memory": True,
    }  # fmt: skip
    return make_request(**(settings | changes))


def wait_for_epochs(job, folder: Path, epochs: int) -> dict:
    """The record of the first fold in `folder` once it has so many epochs."""
    deadline = time.monotonic() + 120
    while True:
        records = [read_record(path.parent) for path in folder.rglob("training.json")]
        if records and records[0] and records[0].get("epochs_done", 0) >= epochs:
            return records[0]
        assert job.running and time.monotonic() < deadline
        job.poll()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
def test_a_training_that_is_killed_goes_on_with_the_loss_of_one_epoch_at_most(ball_dataset, tmp_path):
    import torch

    out = tmp_path / "out"
    quick = {"iterations_per_epoch": 2, "validation_iterations": 1, "patch_size": [32, 32], "batch_size": 2}
    arguments = {"dataset": "501", "raw": str(ball_dataset), "out": str(out), "epochs": 1000, **quick}
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"task": "train", "arguments": arguments}))
    job = start_job([sys.executable, "-m", "IUSTumorSegLib.jobs", str(file)], tmp_path / "log.txt", dict(os.environ))
    try:
        record = wait_for_epochs(job, out, 4)
        os.kill(record["process"], signal.SIGKILL)
        assert job.wait(20) == 1
    finally:
        job.cancel()
    assert any("ended by signal 9" in event.get("message", "") for event in job.poll())
    fold = next(out.rglob("training.json")).parent
    killed = read_record(fold)
    assert killed["state"] == "running" and killed["epochs_done"] >= 4
    kept = torch.load(fold / "checkpoint_latest.pth", weights_only=False)["current_epoch"]
    assert kept >= killed["epochs_done"] - 1
    more = killed["epochs_done"] + 2
    resumed = train_network(dataset="501", raw=ball_dataset, out=out, resume=True, **(quick | {"epochs": more}))
    assert (resumed.record["state"], resumed.record["epochs_done"]) == ("finished", more)
    assert resumed.record["began"] == killed["began"]


@pytest.fixture
def begun(ball_dataset, tmp_path):
    """A data set of one's own, and a fold that was trained on it by a stand-in, with its real hashes."""
    raw = tmp_path / "raw"
    shutil.copytree(ball_dataset, raw)
    request = request_for(raw, tmp_path / "out")
    leave_trained(request)
    record = request.fold_folder / "training.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | data_hashes(request)))
    return request


@pytest.mark.slow
def test_a_training_is_not_resumed_on_a_label_that_was_changed(begun):
    label = next((begun.raw_folder / "labelsTr").iterdir())
    content = bytearray(label.read_bytes())
    content[4] ^= 1  # the time in the header of gzip: the smallest change that there is
    label.write_bytes(bytes(content))
    with pytest.raises(BadInput, match="the training was begun with, but found other images and labels in the data"):
        train_network(dataset="501", raw=Path(begun.raw), out=Path(begun.out), resume=True)
    assert not begun.preprocessed_folder.exists()


def test_other_folds_are_noticed_and_another_manifest_alone_is_none_of_them(begun):
    record = read_record(begun.fold_folder)
    check_same_data(record, data_hashes(begun))
    manifest = begun.raw_folder / "manifest.csv"
    manifest.write_text(manifest.read_text() + "\n")
    check_same_data(record, data_hashes(begun))
    splits = begun.raw_folder / "splits_final.json"
    content = json.loads(splits.read_text())
    splits.write_text(json.dumps(content[::-1]))
    with pytest.raises(BadInput, match="other folds in the data set"):
        check_same_data(record, data_hashes(begun))


def test_a_training_of_an_earlier_version_without_hashes_can_be_resumed(begun):
    check_same_data({"state": "finished"}, data_hashes(begun))
    check_same_data(None, data_hashes(begun))


@pytest.mark.parametrize(
    ("record", "epochs", "complete"),
    [
        (None, None, False),
        ({"state": "running", "epochs_planned": 9}, 9, False),
        ({"state": "finished", "epochs_planned": 9}, None, True),
        ({"state": "finished", "epochs_planned": 9}, 10, False),
        ({"state": "stopped early", "epochs_planned": 9}, 10, True),
    ],
)
def test_a_training_is_complete_when_it_ended_by_itself(record, epochs, complete):
    assert is_complete(record, epochs) is complete


def test_a_full_disk_is_said_with_what_to_do(ball_dataset, tmp_path):
    request = request_for(ball_dataset, tmp_path)
    sentence = "disk that holds .* is full: free some space and resume the training; an epoch is lost at most"
    with pytest.raises(Failed, match=sentence), _said_of_machine(request):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_no_half_file_and_says_so(tmp_path, monkeypatch):
    import torch

    from IUSTumorSegLib.nnunet.trainer_search import find_trainer

    trainer_class = find_trainer("nnUNetTrainerIUSSmall")
    trainer = trainer_class.__new__(trainer_class)
    full = type("Usage", (), {"free": 0})

    def save_half(self, path):
        Path(path).write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 576 vs 470")

    monkeypatch.setattr("nnunetv2.training.nnUNetTrainer.nnUNetTrainer.nnUNetTrainer.save_checkpoint", save_half)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    with pytest.raises(OSError, match="No space left") as raised:
        trainer.save_checkpoint(str(tmp_path / "checkpoint_latest.pth"))
    assert raised.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())
    assert torch.__version__


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_memory_that_ran_out_is_said_with_a_batch_and_a_patch(ball_dataset, tmp_path, monkeypatch, device):
    import torch

    request = request_for(ball_dataset, tmp_path, trainer="nnUNetTrainer", device=device)
    request.preprocessed_folder.mkdir(parents=True)
    plans = {"configurations": {"2d": copy.deepcopy(DEFAULT)}}
    (request.preprocessed_folder / "nnUNetPlans.json").write_text(json.dumps(plans))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device == "cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (1 << 30, 6 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda index: 4 << 30)
    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    if device == "cpu":
        error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
    with pytest.raises(Failed) as failed, _said_of_machine(request):
        raise error
    assert "memory was not enough for batches of 12 patches of 512 x 512: train with" in str(failed.value)
    assert "--batch-size" in str(failed.value) and "--patch-size" in str(failed.value)


def test_a_fold_is_trained_by_one_process_at_a_time(ball_dataset, tmp_path):
    first, second = (request_for(ball_dataset, tmp_path, fold=fold) for fold in (0, 1))
    first.results_folder.mkdir(parents=True)
    with alone_on_fold(first):
        with alone_on_fold(second):
            pass
        with pytest.raises(BadInput, match="a training at work in"), alone_on_fold(first):
            pass
    with alone_on_fold(first):
        pass


def test_other_errors_pass_as_they_are(ball_dataset, tmp_path):
    with pytest.raises(RuntimeError, match="something else"), _said_of_machine(request_for(ball_dataset, tmp_path)):
        raise RuntimeError("something else")


def test_a_gpu_is_chosen_among_those_that_the_process_may_use(monkeypatch):
    from IUSTumorSegLib.nnunet.training import _only_gpu

    assert _only_gpu({}, "cuda:2") == {"CUDA_VISIBLE_DEVICES": "2"}
    assert _only_gpu({"CUDA_VISIBLE_DEVICES": "5,7"}, "cuda:1") == {"CUDA_VISIBLE_DEVICES": "7"}
    assert _only_gpu({"CUDA_VISIBLE_DEVICES": "5,7"}, "cuda") == {}
    with pytest.raises(BadInput, match="a GPU number 2, but found CUDA_VISIBLE_DEVICES=5,7"):
        _only_gpu({"CUDA_VISIBLE_DEVICES": "5,7"}, "cuda:2")


def test_a_fold_may_be_a_text():
    assert (as_fold("2"), as_fold(0), as_fold("all")) == (2, 0, "all")
