"""A training on packed slices to its end, nnU-Net's validation included."""

import json

import pytest

from IUSTumorSegLib.nnunet.training import train_network


@pytest.mark.slow
def test_nnunets_validation_of_a_fold_finds_slices_and_labels_of_a_packed_data_set(ball_dataset, tmp_path):
    trained = train_network(
        dataset="501", raw=ball_dataset, out=tmp_path / "out", epochs=1, iterations_per_epoch=1,
        validation_iterations=1, final_validation=True,
    )  # fmt: skip
    folder = trained.model_folder / "fold_0" / "validation"
    summary = json.loads((folder / "summary.json").read_text())
    split = json.loads((ball_dataset / "Dataset501_Balls" / "splits_final.json").read_text())[0]
    assert len(summary["metric_per_case"]) == len(split["val"])
    prepared = tmp_path / "out" / "nnUNet_preprocessed" / "Dataset501_Balls"
    assert list(prepared.glob("*_2d/*.slices"))
    assert not list(prepared.glob("*_2d/*.b2nd"))
