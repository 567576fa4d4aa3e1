"""Labels in files: pairs, tables and what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.evaluation.evaluate_files import evaluate_files


def write_mask(path: Path, rows: list[list[int]], spacing: tuple[float, float] = (0.5, 0.7)) -> Path:
    path.parent.mkdir(exist_ok=True)
    image = sitk.GetImageFromArray(np.array(rows, np.uint8))
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))
    return path


@pytest.fixture
def folders(tmp_path):
    """Three cases: half found, nothing there and nothing found, all missed."""
    for name, truth, prediction in (
        ("half", [[1, 1], [0, 0]], [[1, 0], [1, 0]]),
        ("nothing", [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
        ("missed", [[1, 0], [0, 0]], [[0, 0], [0, 0]]),
    ):
        write_mask(tmp_path / "truth" / f"{name}.nii.gz", truth)
        write_mask(tmp_path / "prediction" / f"{name}.nii.gz", prediction)
    return tmp_path / "truth", tmp_path / "prediction"


def test_the_table_has_a_row_a_case_and_leaves_undefined_measures_empty(tmp_path, folders):
    evaluate_files(truth=folders[0], prediction=folders[1], out=tmp_path / "out")
    with (tmp_path / "out" / "metrics.csv").open() as stream:
        rows = {row["case"]: row for row in csv.DictReader(stream)}
    assert [float(rows["half"][name]) for name in ("dice", "precision", "recall", "false_negative_rate")] == [0.5] * 4
    assert rows["half"]["true_positives"] == "1"
    assert (rows["nothing"]["dice"], rows["nothing"]["precision"], rows["nothing"]["recall"]) == ("1.0", "", "")
    assert (rows["missed"]["dice"], rows["missed"]["recall"], rows["missed"]["precision"]) == ("0.0", "0.0", "")


def test_means_are_over_the_cases_for_which_a_measure_is_defined(tmp_path, folders):
    evaluation = evaluate_files(truth=folders[0], prediction=folders[1], out=tmp_path / "out")
    content = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (
        content["mean"]
        == evaluation.means
        == {"dice": 0.5, "precision": 0.5, "recall": 0.25, "false_negative_rate": 0.75}
    )
    assert content["defined_for"] == {"dice": 3, "precision": 1, "recall": 2, "false_negative_rate": 2}
    assert content["cases"]["missed"]["precision"] is None


def test_one_volume_is_compared_with_one_volume(tmp_path):
    truth = sitk.Image(6, 6, 6, sitk.sitkUInt8)
    truth[1:5, 1:5, 1:5] = 1
    prediction = sitk.Image(truth)
    prediction[1:5, 1:5, 1:3] = 0
    for image, name in ((truth, "truth.nii.gz"), (prediction, "prediction.nrrd")):
        sitk.WriteImage(image, str(tmp_path / name))
    evaluation = evaluate_files(
        truth=tmp_path / "truth.nii.gz", prediction=tmp_path / "prediction.nrrd", out=tmp_path / "out"
    )
    assert evaluation.overlaps["truth"].recall == 0.5
    assert evaluation.overlaps["truth"].dice == pytest.approx(2 / 3)


def test_a_missing_prediction_is_refused_by_name_and_nothing_is_written(tmp_path, folders):
    (folders[1] / "missed.nii.gz").unlink()
    with pytest.raises(BadInput, match="none for missed"):
        evaluate_files(truth=folders[0], prediction=folders[1], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_labels_on_different_grids_are_refused(tmp_path, folders):
    write_mask(folders[1] / "half.nii.gz", [[1, 0], [1, 0]], spacing=(0.5, 0.5))
    with pytest.raises(BadInput, match=r"one grid.*half\.nii\.gz"):
        evaluate_files(truth=folders[0], prediction=folders[1], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_against_a_folder_is_refused(tmp_path, folders):
    with pytest.raises(BadInput, match="two files or two folders"):
        evaluate_files(truth=folders[0], prediction=folders[1] / "half.nii.gz", out=tmp_path / "out")


def test_paths_that_are_not_there_and_folders_without_labels_are_refused(tmp_path, folders):
    with pytest.raises(BadInput, match="nothing at"):
        evaluate_files(truth=tmp_path / "none", prediction=folders[1], out=tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no image in"):
        evaluate_files(truth=tmp_path / "empty", prediction=folders[1], out=tmp_path / "out")
