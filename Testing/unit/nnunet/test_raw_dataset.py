"""Names of data sets and of their splits."""

import json

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet.raw_dataset import dataset_folder_name, find_dataset, splits_path, write_dataset_json


@pytest.mark.parametrize("given", ["007_Tumor", "Dataset007_Tumor"])
def test_a_data_sets_folder_is_named_as_nnunet_wants_it(given):
    assert dataset_folder_name(given) == "Dataset007_Tumor"


@pytest.mark.parametrize("given", ["7_Tumor", "Tumor", "007", "007_", "007_../x", "0071_Tumor"])
def test_other_names_are_refused(given):
    with pytest.raises(BadInput, match="NNN_Name"):
        dataset_folder_name(given)


@pytest.fixture
def raw(tmp_path):
    folder = tmp_path / "Dataset007_Tumor"
    folder.mkdir()
    write_dataset_json(folder, 3, {"min_area_mm2": [5.0, 15.0]})
    (folder / "splits_final.json").write_text("[]")
    return tmp_path


@pytest.mark.parametrize("given", ["007", "007_Tumor", "Dataset007_Tumor", "Dataset007"])
def test_a_data_set_is_found_by_number_or_name(raw, given):
    assert find_dataset(raw, given) == raw / "Dataset007_Tumor"


def test_a_data_set_that_is_not_there_is_refused_with_what_is(raw):
    with pytest.raises(BadInput, match=r"data set 008 .* found Dataset007_Tumor"):
        find_dataset(raw, "008")


def test_the_lowest_cut_off_has_nnunets_own_splits_file(raw):
    folder = raw / "Dataset007_Tumor"
    assert splits_path(folder, None) == splits_path(folder, 5) == folder / "splits_final.json"
    assert splits_path(folder, 15) == folder / "splits_min_area_15.json"


def test_a_cut_off_that_was_not_exported_is_refused_with_those_that_were(raw):
    with pytest.raises(BadInput, match="25 mm² beside 5, 15"):
        splits_path(raw / "Dataset007_Tumor", 25)


def test_a_data_set_of_others_without_splits_has_none(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({}))
    assert splits_path(tmp_path, None) is None
