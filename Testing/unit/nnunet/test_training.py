"""A real training of nnunetv2 on simulated balls: learned, recorded, gone on with, and ended on demand."""

import hashlib
import json
import os
import signal
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.evaluation.overlap import overlap
from IUSTumorSegLib.nnunet.load_predictor import load_predictor
from IUSTumorSegLib.nnunet.training import train_network
from IUSTumorSegLib.nnunet.training_curve import read_curve
from IUSTumorSegLib.nnunet.volume_prediction import predict_volume
from IUSTumorSegLib.slices.manifest import read_manifest

from .made_balls import simulated_ball
from .training_processes import processes_marked, start_marked_training

SHORT = {"epochs": 6, "iterations_per_epoch": 20, "validation_iterations": 3}
ENDED_WITHIN_S = 5.0


@pytest.fixture(scope="module")
def trained(ball_dataset, tmp_path_factory):
    """Fold 0 of the simulated balls after four short epochs, with what was reported on the way."""
    reports = []
    network = train_network(
        dataset="501", raw=ball_dataset, out=tmp_path_factory.mktemp("out"), seed=5, **SHORT,
        progress=lambda *report, **more: reports.append((*report, more)),
    )  # fmt: skip
    return network, reports


@pytest.mark.slow
def test_a_short_training_finds_the_ball_of_a_patient_it_never_saw(trained):
    us, ball = simulated_ball(17)
    prediction = predict_volume(us, load_predictor(trained[0].model_folder))
    found = overlap(sitk.GetArrayFromImage(ball), sitk.GetArrayFromImage(prediction.label))
    assert found.dice > 0.8


@pytest.mark.slow
def test_the_folder_is_a_complete_model_of_nnunet(trained):
    import torch

    network, _ = trained
    assert network.model_folder.name == "nnUNetTrainerIUSSmall__IUSSmallPlans__2d"
    names = {path.name for path in network.model_folder.rglob("*")}
    assert names >= {
        "plans.json",
        "dataset.json",
        "dataset_fingerprint.json",
        "checkpoint_best.pth",
        "checkpoint_final.pth",
    }
    assert "checkpoint_latest.pth" not in names
    plans = json.loads((network.model_folder / "plans.json").read_text())
    assert list(plans["configurations"]) == ["2d"]
    assert plans["image_reader_writer"] == "SimpleITKIO"
    checkpoint = torch.load(network.model_folder / "fold_0" / "checkpoint_final.pth", weights_only=False)
    assert checkpoint["trainer_name"] == "nnUNetTrainerIUSSmall"
    assert checkpoint["current_epoch"] == SHORT["epochs"]


@pytest.mark.slow
def test_curve_and_progress_carry_the_numbers_of_nnunets_own_log(trained):
    import torch

    network, reports = trained
    log = torch.load(network.model_folder / "fold_0" / "checkpoint_final.pth", weights_only=False)["logging"]
    curve = read_curve(network.curve)
    assert [epoch.train_loss for epoch in curve] == [float(value) for value in log["train_losses"]]
    assert [epoch.pseudo_dice for epoch in curve] == [float(value) for value in log["mean_fg_dice"]]
    epochs = [report for report in reports if report[0] == "train"]
    assert [report[1:3] for report in epochs] == [(n, 6) for n in range(1, 7)]
    assert f"pseudo Dice {curve[2].pseudo_dice:.3f}, at most" in epochs[2][3]
    # What a window draws its curves from.
    assert [report[4]["epoch"] for report in epochs] == [asdict(epoch) for epoch in curve]
    assert {report[4]["fold"] for report in epochs} == {0}
    assert epochs[-1][4]["left_s"] == 0 < epochs[0][4]["left_s"]
    assert {report[0] for report in reports} >= {"fingerprint", "plan", "preprocess", "train"}


@pytest.mark.slow
def test_the_record_says_what_was_trained_on_what_with_what(trained, ball_dataset):
    record = trained[0].record
    slices = read_manifest(ball_dataset / "Dataset501_Balls" / "manifest.csv")
    assert record["slices"]["train"] + record["slices"]["validation"] == len(slices)
    assert (record["seed"], record["epochs_done"], record["trainer"]) == (5, 6, "nnUNetTrainerIUSSmall")
    assert record["best_pseudo_dice_average"] == max(
        epoch.pseudo_dice_average for epoch in read_curve(trained[0].curve)
    )
    assert set(record["versions"]) >= {"iustumorseg", "python", "nnunetv2", "torch", "numpy"}
    assert len(record["data_sha256"]) == 64
    for name, key in (("dataset.json", "dataset_json"), ("splits_final.json", "splits"), ("manifest.csv", "manifest")):
        content = (ball_dataset / "Dataset501_Balls" / name).read_bytes()
        assert record[f"{key}_sha256"] == hashlib.sha256(content).hexdigest()
    assert record["state"] == "finished" and record["repeatable"]
    assert datetime.fromisoformat(record["began"]) <= datetime.fromisoformat(record["updated"])


@pytest.mark.slow
def test_nnunet_trained_on_the_patients_of_the_split_only(trained, ball_dataset):
    network, _ = trained
    splits = json.loads((ball_dataset / "Dataset501_Balls" / "splits_final.json").read_text())
    patient_of = {item.name: item.patient for item in read_manifest(ball_dataset / "Dataset501_Balls" / "manifest.csv")}
    prepared = network.model_folder.parents[2] / "nnUNet_preprocessed" / "Dataset501_Balls"
    assert json.loads((prepared / "splits_final.json").read_text()) == splits
    assert network.record["slices"] == {"train": len(splits[0]["train"]), "validation": len(splits[0]["val"])}
    sides = [{patient_of[name] for name in splits[0][side]} for side in ("train", "val")]
    assert (len(sides[0]), len(sides[1]), len(sides[0] & sides[1])) == (2, 1, 0)


@pytest.fixture(scope="module")
def gone_on_with(trained, ball_dataset):
    """The same fold an epoch further, and nnU-Net's validation at the end of it."""
    return train_network(
        dataset="501", raw=ball_dataset, out=trained[0].model_folder.parents[2], resume=True, seed=5,
        final_validation=True, **(SHORT | {"epochs": 7}),
    )  # fmt: skip


@pytest.mark.slow
def test_a_trained_fold_is_not_lost_to_a_second_training(trained, ball_dataset):
    with pytest.raises(BadInput, match="resume it, overwrite it"):
        train_network(dataset="501", raw=ball_dataset, out=trained[0].model_folder.parents[2], **SHORT)


@pytest.mark.slow
def test_a_trained_fold_can_be_gone_on_with(gone_on_with):
    assert [epoch.epoch for epoch in read_curve(gone_on_with.curve)] == list(range(1, 8))
    assert gone_on_with.record["resumed"]


@pytest.mark.slow
def test_nnunets_validation_of_a_fold_finds_slices_and_labels_of_a_packed_data_set(gone_on_with, ball_dataset):
    folder = gone_on_with.model_folder / "fold_0" / "validation"
    summary = json.loads((folder / "summary.json").read_text())
    split = json.loads((ball_dataset / "Dataset501_Balls" / "splits_final.json").read_text())[0]
    assert len(summary["metric_per_case"]) == len(split["val"])
    prepared = gone_on_with.model_folder.parents[2] / "nnUNet_preprocessed" / "Dataset501_Balls"
    assert list(prepared.glob("*_2d/*.slices"))
    assert not list(prepared.glob("*_2d/*.b2nd"))


@pytest.mark.slow
def test_a_cut_off_trains_on_its_view_of_the_same_preprocessed_slices(trained, ball_dataset):
    out = trained[0].model_folder.parents[2]
    reports = []
    network = train_network(
        dataset="501", raw=ball_dataset, out=out, fold="all", min_area_mm2=60,
        epochs=1, iterations_per_epoch=1, validation_iterations=1, progress=lambda *report, **more: reports.append(report),
    )  # fmt: skip
    slices = read_manifest(ball_dataset / "Dataset501_Balls" / "manifest.csv")
    kept = sum(item.tumor_area_mm2 >= 60 or item.tumor_area_mm2 == 0 for item in slices)
    assert network.record["slices"] == {"train": kept, "validation": kept}
    assert 0 < kept < len(slices)
    assert ("preprocess", 1, 1, "slices are preprocessed already") in reports


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for left processes in Linux's /proc")
@pytest.mark.parametrize("way", ["cancelled", "killed"])
def test_a_training_ended_from_outside_leaves_no_process_within_five_seconds(ball_dataset, tmp_path, way):
    job, mark = start_marked_training(ball_dataset, tmp_path)
    try:
        deadline = time.monotonic() + 120
        while not any(event["stage"] == "train" for event in job.poll()):
            assert job.running and time.monotonic() < deadline, (tmp_path / "log.txt").read_text()[-2000:]
            time.sleep(0.1)
        # The job, the training in its own process, two augmentation workers for each of two loaders.
        assert len(processes_marked(mark)) >= 4
        ended = time.monotonic()
        if way == "cancelled":
            job.cancel()
        else:
            os.kill(job.pid, signal.SIGKILL)
        while processes_marked(mark) and time.monotonic() < ended + ENDED_WITHIN_S:
            time.sleep(0.1)
        assert not processes_marked(mark)
    finally:
        job.cancel()
        for process in processes_marked(mark):
            os.kill(process, signal.SIGKILL)
    checkpoints = list((tmp_path / "out").rglob("checkpoint_*.pth"))
    assert {path.name for path in checkpoints} >= {"checkpoint_latest.pth"}


@pytest.mark.slow
def test_a_training_that_fails_says_why_and_where_its_log_is(ball_dataset, tmp_path):
    broken = tmp_path / "out" / "nnUNet_preprocessed"
    broken.parent.mkdir()
    broken.write_text("a file where a folder should be")
    with pytest.raises(Failed, match=r"The log is .*train_Dataset501_Balls_nnUNetTrainerIUSSmall_fold_0\.log"):
        train_network(dataset="501", raw=ball_dataset, out=tmp_path / "out", **SHORT)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"dataset": "502"}, "data set 502"),
        ({"fold": 3}, "a fold from 0 to 2, or all, but found 3"),
        ({"fold": "first"}, "'first'"),
        ({"trainer": "nnUNetTrainerOfNobody"}, "nnUNetTrainerOfNobody"),
        ({"plans": "othersPlans"}, "othersPlans"),
        ({"device": "abacus"}, "abacus"),
        ({"epochs": 0}, "epochs of 1 or more"),
        ({"min_area_mm2": 33}, "33 mm² beside 20, 60"),
        ({"resume": True}, "no checkpoint in"),
        ({"resume": True, "overwrite": True}, "either resume or overwrite"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_anything_is_written(
    ball_dataset, tmp_path, arguments, sentence
):
    with pytest.raises(BadInput, match=sentence):
        train_network(**({"dataset": "501", "raw": ball_dataset, "out": tmp_path / "out"} | arguments))
    assert not (tmp_path / "out").exists()


def test_a_leak_in_a_splits_file_is_found_before_training(ball_dataset, tmp_path):
    import shutil

    shutil.copytree(ball_dataset, tmp_path / "raw")
    file = tmp_path / "raw" / "Dataset501_Balls" / "splits_final.json"
    splits = json.loads(file.read_text())
    splits[1]["train"].append(splits[1]["val"][0])
    file.write_text(json.dumps(splits))
    with pytest.raises(BadInput, match="on both sides of fold 1"):
        train_network(dataset="501", raw=tmp_path / "raw", out=tmp_path / "out")
