"""Experiments: views on one data set, models that are kept, one table."""

import csv
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from IUSTumorSegLib.errors import BadInput, Cancelled
from IUSTumorSegLib.nnunet import fold_schedule
from IUSTumorSegLib.nnunet.experiment_scores import read_pixels
from IUSTumorSegLib.nnunet.experiment_views import cut_off_views, label_source_views
from IUSTumorSegLib.nnunet.experiments import Training, compare_cut_offs, compare_label_sources
from IUSTumorSegLib.slices.manifest import read_manifest, write_manifest
from IUSTumorSegLib.study.cluster import Where

from .stand_in_training import FailingTraining, StandInTraining, notes, predict_with_hole

FOLDS = 3


@pytest.fixture(autouse=True)
def polled_at_once(monkeypatch):
    """Stand-ins are over at once; nobody has to wait between looking after them."""
    monkeypatch.setattr(fold_schedule, "POLL_S", 0.0)


def cut_offs(raw, out, start=StandInTraining, training=None, **settings):
    settings = {"cut_offs_mm2": (20, 40, 60)} | settings
    return compare_cut_offs(
        dataset="501", raw=raw, out=out, training=training or Training(), start=start, predict=predict_with_hole,
        **settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def two_sources(ball_dataset, tmp_path_factory):
    """The balls with every other slice's label said to be propagated, the rest drawn on the ultrasound."""
    raw = tmp_path_factory.mktemp("two") / "raw"
    shutil.copytree(ball_dataset, raw)
    manifest = raw / "Dataset501_Balls" / "manifest.csv"
    rows = list(csv.DictReader(manifest.open(newline="")))
    for number, row in enumerate(rows):
        row["label_source"] = ("propagated", "us")[number % 2]
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return raw


def test_a_view_made_from_the_manifest_is_the_one_that_the_export_wrote(ball_dataset):
    folder = ball_dataset / "Dataset501_Balls"
    views = cut_off_views(folder, [60, 20])
    assert [view.name for view in views] == ["20 mm2", "60 mm2"]
    for view, file in zip(views, ("splits_final.json", "splits_min_area_60.json"), strict=True):
        assert list(view.splits) == json.loads((folder / file).read_text())


def test_a_cut_off_below_the_exports_is_refused(ball_dataset):
    with pytest.raises(BadInput, match="from the export's lowest, 20 mm², but found 5, 60"):
        cut_off_views(ball_dataset / "Dataset501_Balls", [60, 5])


def test_a_cut_off_that_leaves_a_fold_empty_is_refused(ball_dataset, tmp_path):
    shutil.copytree(ball_dataset / "Dataset501_Balls", tmp_path / "set")
    slices = read_manifest(tmp_path / "set" / "manifest.csv")
    write_manifest([item for item in slices if item.tumor_area_mm2 > 0], tmp_path / "set" / "manifest.csv", ".nii.gz")
    kept = {item.name for item in slices if item.tumor_area_mm2 > 0}
    file = tmp_path / "set" / "splits_final.json"
    splits = [{side: [n for n in split[side] if n in kept] for side in split} for split in json.loads(file.read_text())]
    file.write_text(json.dumps(splits))
    with pytest.raises(BadInput, match="on for 2000 mm2, but found none in fold 0"):
        cut_off_views(tmp_path / "set", [20, 2000])


def test_label_sources_divide_the_slices_and_join_in_the_middle(two_sources):
    folder = two_sources / "Dataset501_Balls"
    source_of = {item.name: item.label_source for item in read_manifest(folder / "manifest.csv")}
    views = {view.name: view for view in label_source_views(folder, 20)}
    assert list(views) == ["MRI", "MRI+US", "US"]
    for fold in range(FOLDS):
        mri, both, us = (views[name].splits[fold]["train"] for name in views)
        assert {source_of[name] for name in mri} == {"propagated"}
        assert {source_of[name] for name in us} == {"us"}
        assert sorted(mri + us) == sorted(both)


def test_a_label_source_that_is_missing_is_named(ball_dataset):
    with pytest.raises(BadInput, match=r"labels from MRI \(propagated, corrected, mri\), but found simulated"):
        label_source_views(ball_dataset / "Dataset501_Balls", 20)


def test_every_model_is_trained_on_its_view_and_tested_on_the_same_slices(ball_dataset, tmp_path):
    result = cut_offs(ball_dataset, tmp_path)
    slices = read_manifest(ball_dataset / "Dataset501_Balls" / "manifest.csv")
    assert [row.model for row in result.rows] == ["20 mm2", "40 mm2", "60 mm2"]
    assert {(row.test_slices, row.test_patients) for row in result.rows} == {(len(slices), 3)}
    for row, area in zip(result.rows, (20, 40, 60), strict=True):
        kept = sum(item.tumor_area_mm2 >= area or item.tumor_area_mm2 == 0 for item in slices)
        # Each slice is trained on in two of three folds.
        assert row.train_slices == pytest.approx(kept * 2 / 3)
        assert row.recall == pytest.approx(1 - area / 100, abs=0.01)
        assert row.false_negative_rate == pytest.approx(area / 100, abs=0.01)
        assert row.precision == 1
        # Where a slice holds no tumour, nothing predicted is a Dice of 1.
        empty = sum(item.tumor_area_mm2 == 0 for item in slices) / len(slices)
        dice = 2 * (1 - area / 100) / (2 - area / 100)
        assert row.dice == pytest.approx(empty + (1 - empty) * dice, abs=0.01)
        assert row.dice_low <= row.dice <= row.dice_high


def test_the_table_is_written_as_csv_as_json_and_slice_by_slice(ball_dataset, tmp_path):
    result = cut_offs(ball_dataset, tmp_path)
    rows = list(csv.DictReader((tmp_path / "table.csv").open(newline="")))
    assert [(row["model"], float(row["dice"])) for row in rows] == [(row.model, row.dice) for row in result.rows]
    content = json.loads((tmp_path / "table.json").read_text())
    assert [model["dice_high"] for model in content["models"]] == [row.dice_high for row in result.rows]
    assert "held-out patients" in content["note"]
    slices = list(csv.DictReader((tmp_path / "slices.csv").open(newline="")))
    of_first = [float(row["dice"]) for row in slices if row["model"] == "20 mm2"]
    assert sum(of_first) / len(of_first) == pytest.approx(result.rows[0].dice)
    assert {row["patient"] for row in slices} == {"patient001", "patient002", "patient003"}


def test_an_experiment_that_is_stopped_goes_on_with_what_is_missing(ball_dataset, tmp_path):
    class Stopped(StandInTraining):
        def tell(self, progress):
            if len(notes(tmp_path)) == 5:
                raise Cancelled("SIGTERM")
            return super().tell(progress)

    with pytest.raises(Cancelled):
        cut_offs(ball_dataset, tmp_path, Stopped)
    assert not (tmp_path / "table.csv").exists()
    result = cut_offs(ball_dataset, tmp_path)
    assert len(result.rows) == 3
    # Four were trained, the fifth begun, and it with the other four is done now.
    assert len(notes(tmp_path)) == 5 + 5
    cut_offs(ball_dataset, tmp_path)
    assert len(notes(tmp_path)) == 10


def test_only_models_that_are_not_what_they_were_are_predicted_with_again(ball_dataset, tmp_path):
    asked = []

    def predict(model, folds, slices, device):
        asked.append(model.parents[2].name)
        return predict_with_hole(model, folds, slices, device)

    def again():
        asked.clear()
        return compare_cut_offs(
            dataset="501", raw=ball_dataset, out=tmp_path, cut_offs_mm2=(20, 40), start=StandInTraining, predict=predict
        )

    first = again()
    assert asked == FOLDS * ["20_mm2"] + FOLDS * ["40_mm2"]
    table = (tmp_path / "slices.csv").read_bytes()
    assert (again(), asked) == (first, [])
    assert (tmp_path / "slices.csv").read_bytes() == table
    next((tmp_path / "models" / "40_mm2").rglob("fold_1/checkpoint_final.pth")).write_bytes(b"trained further")
    assert (again(), asked) == (first, FOLDS * ["40_mm2"])
    kept = tmp_path / "models" / "20_mm2" / "scores.json"
    kept.write_text(kept.read_text()[:-9])
    assert (again(), asked) == (first, FOLDS * ["20_mm2"])


def test_a_reference_label_that_was_drawn_anew_is_compared_with(ball_dataset, tmp_path):
    from IUSTumorSegLib.slices.nifti_slice import read_slice_file, write_slice_file

    raw = tmp_path / "raw"
    shutil.copytree(ball_dataset, raw)
    other = raw / "Dataset502_Test"
    shutil.copytree(raw / "Dataset501_Balls", other)
    for path in (other / "imagesTr").iterdir():
        darken(path)
    former = cut_offs(raw, tmp_path / "out", cut_offs_mm2=(20,), test="502").rows[0]
    for path in (other / "labelsTr").iterdir():
        pixels, spacing = read_slice_file(path)
        write_slice_file(np.zeros_like(pixels), spacing, path)
    new = cut_offs(raw, tmp_path / "out", cut_offs_mm2=(20,), test="502").rows[0]
    assert former.dice < 1
    assert new.dice == 1


def test_another_experiment_in_the_same_folder_is_refused(ball_dataset, tmp_path):
    cut_offs(ball_dataset, tmp_path)
    with pytest.raises(BadInput, match="another training"):
        cut_offs(ball_dataset, tmp_path, training=Training(epochs=7))


def test_label_sources_at_another_cut_off_are_another_experiment(two_sources, tmp_path):
    def at(area):
        return compare_label_sources(
            dataset="501", raw=two_sources, out=tmp_path, min_area_mm2=area, start=StandInTraining,
            predict=lambda model, folds, slices, device: (read_pixels(files.label)[0] for files in slices),
        )  # fmt: skip

    assert {row.dice for row in at(20).rows} == {1.0}
    with pytest.raises(BadInput, match="another choice of slices for MRI and choice of slices for MRI"):
        at(60)


def test_models_can_be_added_to_an_experiment(ball_dataset, tmp_path):
    cut_offs(ball_dataset, tmp_path, cut_offs_mm2=(20, 40))
    result = cut_offs(ball_dataset, tmp_path, cut_offs_mm2=(20, 40, 60))
    assert len(result.rows) == 3
    assert len(notes(tmp_path)) == 3 * FOLDS


def test_a_model_that_fails_stops_no_other_and_is_named(ball_dataset, tmp_path):
    result = cut_offs(ball_dataset, tmp_path, FailingTraining)
    assert [row.model for row in result.rows] == ["20 mm2", "40 mm2"]
    assert result.failed == {"60 mm2": "fold 2: The GPU fell off the bus."}


def test_label_sources_are_tested_on_labels_drawn_on_ultrasound(two_sources, tmp_path):
    asked = []

    def predict(model, folds, slices, device):
        asked.extend(files.label.name.removesuffix(".nii.gz") for files in slices)
        return (np.zeros(read_pixels(files.label)[0].shape) for files in slices)

    result = compare_label_sources(
        dataset="501", raw=two_sources, out=tmp_path, min_area_mm2=20, start=StandInTraining, predict=predict
    )
    drawn = {i.name for i in read_manifest(two_sources / "Dataset501_Balls" / "manifest.csv") if i.label_source == "us"}
    assert [row.model for row in result.rows] == ["MRI", "MRI+US", "US"]
    assert set(asked) == drawn and len(asked) == 3 * len(drawn)
    assert all(row.recall == 0 for row in result.rows)


def test_a_test_set_is_predicted_by_all_folds_together(ball_dataset, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(ball_dataset, raw)
    other = raw / "Dataset502_Test"
    shutil.copytree(raw / "Dataset501_Balls", other)
    with pytest.raises(BadInput, match="a test set of other patients"):
        cut_offs(raw, tmp_path / "out", test="502")
    for path in (other / "imagesTr").iterdir():
        darken(path)
    asked = []

    def predict(model, folds, slices, device):
        asked.append(tuple(folds))
        return predict_with_hole(model, folds, slices, device)

    result = compare_cut_offs(
        dataset="501", raw=raw, out=tmp_path / "out", cut_offs_mm2=(20,), test="502", start=StandInTraining,
        predict=predict,
    )  # fmt: skip
    assert asked == [(0, 1, 2)]
    assert "Dataset502_Test" in result.note


def darken(path):
    from IUSTumorSegLib.slices.nifti_slice import read_slice_file, write_slice_file

    pixels, spacing = read_slice_file(path)
    write_slice_file(pixels // 2, spacing, path)


@pytest.mark.slow
def test_dasks_workers_train_the_models_and_a_second_run_keeps_them(ball_dataset, tmp_path):
    settings = {"cut_offs_mm2": (20, 60), "training": Training(folds="0,1")}
    result = cut_offs(ball_dataset, tmp_path, where=Where(workers=2), **settings)
    assert [row.model for row in result.rows] == ["20 mm2", "60 mm2"]
    assert len(notes(tmp_path)) == 4
    cut_offs(ball_dataset, tmp_path, where=Where(workers=2), **settings)
    assert len(notes(tmp_path)) == 4


@pytest.mark.slow
def test_two_real_trainings_end_in_a_table_on_the_terminal(ball_dataset, tmp_path):
    from IUSTumorSegLib.commands.app import app

    out = tmp_path / "out"
    arguments = ["experiment", "cut-offs", "--dataset", "501", "--raw", str(ball_dataset), "--out", str(out)]
    arguments += ["--min-area", "20,60", "--fold", "0", "--trainer", "nnUNetTrainerIUSSmall", "--device", "cpu"]
    arguments += ["--epochs", "5", "--iterations", "20"]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "20 mm2" in shown.output and "60 mm2" in shown.output
    content = json.loads((out / "table.json").read_text())
    assert [model["epochs"] for model in content["models"]] == [5, 5]
    assert all(model["dice"] > 0.5 for model in content["models"])
    # One preprocessed data set serves both models.
    assert len(list((out / "nnUNet_preprocessed").rglob("slices.npy"))) == 1
