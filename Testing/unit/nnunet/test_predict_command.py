"""`iustumorseg predict` and `iustumorseg benchmark predict` as they are typed."""

import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from test_lean_predictor import speckle
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app
from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.nnunet.predict_benchmark import STOCK, STOCK_MIRRORED, benchmark_predict
from IUSTumorSegLib.nnunet.predict_worker import PredictorProcess


def run(*arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def test_an_image_is_segmented_with_the_chosen_folds_threshold_and_smallest_component(us, untrained_model, tmp_path):
    sitk.WriteImage(us, str(tmp_path / "us.nrrd"))
    ended = run(
        "--model", untrained_model, "--input", tmp_path / "us.nrrd", "--out", tmp_path / "label.nii.gz", "--folds", "1",
        "--directions", "axial", "--threshold", "0.6", "--min-component-mm3", "2", "--engine", "torch", "--probabilities",
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    record = json.loads((tmp_path / "label.json").read_text())
    assert (list(record["model"]["folds"]), record["directions"], record["min_component_mm3"]) == (["1"], ["axial"], 2)
    label, probability = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name)))
        for name in ("label.nii.gz", "label_probability.nii.gz")
    )
    assert label.any()
    assert (probability[label > 0] > 0.6).all()


def test_the_card_of_a_zip_is_printed_without_an_image(untrained_model, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "model"), "zip", untrained_model.parent, untrained_model.name)
    ended = run("--model", archive, "--card")
    assert ended.exit_code == 0
    assert "0 background, 1 tumor" in ended.output


def test_without_an_image_or_a_model_the_exit_code_is_2(untrained_model, tmp_path):
    assert run("--model", untrained_model).exit_code == 2
    (tmp_path / "image.png").touch()
    assert run("--model", tmp_path, "--card").exit_code == 2


def test_the_benchmark_compares_a_predictor_with_nnunets_on_the_same_slices(untrained_model, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(2):
        sitk.WriteImage(sitk.GetImageFromArray(speckle(seed=seed)), str(folder / f"{seed}.png"))
    found = benchmark_predict(
        model=untrained_model, images=folder, slices=2, from_files=False, methods=["lean f32, torch"],
        out=tmp_path / "speed.json",
    )  # fmt: skip
    stock, mirrored, lean = found.speeds
    assert (stock.method, mirrored.method, lean.method) == (STOCK, STOCK_MIRRORED, "lean f32, torch")
    assert found.slices == 2
    assert (stock.ratio, mirrored.ratio_to_default) == (1, 1)
    assert (lean.other_pixels, lean.dice_with_stock) == (0, 1)
    assert all(speed.seconds > 0 and speed.processor_seconds > 0 for speed in found.speeds)
    assert set(lean.stage_seconds) >= {"preprocess", "network", "put together", "export"}
    written = json.loads((tmp_path / "speed.json").read_text())
    assert np.isclose(written["speeds"][0]["seconds"], stock.seconds)


def test_a_predictor_that_fails_in_the_benchmark_says_why(tmp_path):
    with (
        PredictorProcess(tmp_path, "lean f32, torch") as process,
        pytest.raises(Failed, match=r"lean f32, torch failed: .*plans\.json"),
    ):
        process.load(speckle())
