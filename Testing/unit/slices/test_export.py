"""A data set from a table of cases: what is written, what is not, and what is refused."""

import json
from collections import Counter

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput, Cancelled
from IUSTumorSegLib.slices.export import export_slices
from IUSTumorSegLib.slices.manifest import read_manifest

PATIENTS = [
    {"case": "Doe-before", "patient": "Jane Doe", "label_source": "us"},
    {"case": "Doe-after", "patient": "Jane Doe", "label_source": "us"},
    {"case": "Roe", "patient": "Richard Roe", "label_source": "mri"},
]


@pytest.fixture
def exported(tmp_path, write_table):
    return export_slices(
        cases=write_table(PATIENTS), dataset="501_Test", out=tmp_path / "raw", min_area_mm2=[9, 0, 6], folds=2
    )


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_each_slice_is_a_2d_nifti_file_with_its_label_beside_it(exported):
    images, labels = (names_in(exported.folder / name) for name in ("imagesTr", "labelsTr"))
    assert images == sorted(f"{item.name}_0000.nii.gz" for item in exported.slices)
    assert labels == sorted(f"{item.name}.nii.gz" for item in exported.slices)
    for name in (images[0], images[-1]):
        header = nibabel.load(exported.folder / "imagesTr" / name).header
        assert header["dim"][0] == 2
        assert header.get_data_dtype() == np.uint8


def test_nnunets_reader_finds_the_slice_of_the_volume_with_its_spacing(exported, us):
    from nnunetv2.imageio.simpleitk_reader_writer import SimpleITKIO

    item = next(item for item in exported.slices if item.direction == "j")
    data, properties = SimpleITKIO().read_images([str(exported.folder / "imagesTr" / f"{item.name}_0000.nii.gz")])
    volume = sitk.GetArrayFromImage(us)
    np.testing.assert_array_equal(data[0, 0], volume[:, item.index, :])
    assert properties["spacing"][1:] == pytest.approx([1.3, 0.5], abs=1e-6)


def test_dataset_json_counts_the_slices_and_names_reader_and_labels(exported):
    content = json.loads((exported.folder / "dataset.json").read_text())
    assert content["numTraining"] == len(names_in(exported.folder / "imagesTr"))
    assert content["overwrite_image_reader_writer"] == "SimpleITKIO"
    assert content["labels"] == {"background": 0, "tumor": 1}
    assert content["file_ending"] == ".nii.gz"
    assert "dataset" not in content


def test_nothing_exported_names_a_case_or_a_patient_of_the_table(exported):
    texts = [path.name for path in exported.folder.rglob("*")]
    texts += [path.read_text() for path in exported.folder.rglob("*") if path.suffix in (".csv", ".json")]
    assert not any(word in text for text in texts for word in ("Doe", "Roe", "Jane", "before"))
    assert exported.case_names == {"case001": "Doe-before", "case002": "Doe-after", "case003": "Roe"}


def test_the_manifest_gives_back_every_slice_bit_by_bit(exported):
    assert tuple(read_manifest(exported.folder / "manifest.csv")) == exported.slices
    files = [line.split(",")[-1] for line in (exported.folder / "manifest.csv").read_text().splitlines()[1:]]
    assert sorted(files) == names_in(exported.folder / "imagesTr")


def test_two_cases_of_one_patient_share_a_patient_number_and_a_fold(exported):
    patients = {item.case: item.patient for item in exported.slices}
    assert patients == {"case001": "patient001", "case002": "patient001", "case003": "patient002"}
    for split in json.loads((exported.folder / "splits_final.json").read_text()):
        assert {name[:7] for name in split["val"]} in ({"case001", "case002"}, {"case003"})


def test_each_cut_off_is_a_view_on_the_same_slices(exported):
    assert exported.min_area_mm2 == (0, 6, 9)
    files = {0: "splits_final.json", 6: "splits_min_area_6.json", 9: "splits_min_area_9.json"}
    areas = {item.name: item.tumor_area_mm2 for item in exported.slices}
    for cut_off, file in files.items():
        kept = {name for name, area in areas.items() if area >= cut_off}
        for split in json.loads((exported.folder / file).read_text()):
            assert set(split["train"] + split["val"]) == kept
    assert len(names_in(exported.folder / "imagesTr")) == len(areas)


def test_slices_below_the_lowest_cut_off_are_not_written(tmp_path, write_table, exported):
    again = export_slices(
        cases=write_table(PATIENTS), dataset="502_Fewer", out=tmp_path / "raw", min_area_mm2=[6], folds=2
    )
    assert {item.name for item in again.slices} == {item.name for item in exported.slices if item.tumor_area_mm2 >= 6}
    assert len(names_in(again.folder / "labelsTr")) == len(again.slices) < len(exported.slices)


def test_slices_without_tumour_belong_to_every_cut_off(tmp_path, write_table):
    made = export_slices(
        cases=write_table(PATIENTS),
        dataset="501_E",
        out=tmp_path / "raw",
        min_area_mm2=[0, 9],
        folds=2,
        empty_share=0.3,
    )
    empty = {item.name for item in made.slices if item.tumor_area_mm2 == 0}
    assert len(empty) / len(made.slices) == pytest.approx(0.3, abs=0.05)
    for file in ("splits_final.json", "splits_min_area_9.json"):
        split = json.loads((made.folder / file).read_text())[0]
        assert empty <= set(split["train"] + split["val"])


def test_only_the_wanted_directions_are_cut(tmp_path, write_table):
    made = export_slices(
        cases=write_table(PATIENTS), dataset="501_K", out=tmp_path / "raw", folds=2, directions=["k", "i"]
    )
    assert set(Counter(item.direction for item in made.slices)) == {"k", "i"}


def test_an_interrupted_export_leaves_the_former_data_set_and_nothing_else(tmp_path, write_table, exported):
    def stop_at_second_case(stage, done=0, total=0, message=""):
        if done == 1:
            raise Cancelled

    before = names_in(exported.folder / "imagesTr")
    with pytest.raises(Cancelled):
        export_slices(
            cases=write_table(PATIENTS), dataset="501_Test", out=tmp_path / "raw", folds=2, progress=stop_at_second_case
        )
    assert names_in(tmp_path / "raw") == ["Dataset501_Test"]
    assert names_in(exported.folder / "imagesTr") == before


def test_a_label_on_another_grid_is_refused_and_nothing_is_written(tmp_path, write_table, label):
    table = write_table(PATIENTS)
    sitk.WriteImage(label[1:], str(tmp_path / "Roe_tumor.nii.gz"))
    with pytest.raises(BadInput, match=r"case Roe on the ultrasound's grid.*6 x 11 x 5"):
        export_slices(cases=table, dataset="501_Test", out=tmp_path / "raw", folds=2)
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"dataset": "Tumor"}, "NNN_Name"),
        ({"min_area_mm2": [-1]}, "0 mm² or more"),
        ({"min_area_mm2": []}, "0 mm² or more"),
        ({"min_area_mm2": [10000]}, "none in any case: lower the area cut-off"),
        ({"folds": 3}, "at least 3 patients for 3 folds, but found 2"),
        ({"folds": 1}, "at least 2 folds"),
        ({"empty_share": 1}, "from 0 to below 1"),
        ({"directions": ["axial"]}, "among i, j and k"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_with_a_sentence(tmp_path, write_table, arguments, sentence):
    arguments = {"cases": write_table(PATIENTS), "dataset": "501_Test", "out": tmp_path / "raw", "folds": 2} | arguments
    with pytest.raises(BadInput, match=sentence):
        export_slices(**arguments)
    assert not list(tmp_path.glob("raw/*"))


def test_a_number_that_another_data_set_has_is_refused(tmp_path, write_table, exported):
    with pytest.raises(BadInput, match="Dataset501_Test"):
        export_slices(cases=write_table(PATIENTS), dataset="501_Other", out=tmp_path / "raw", folds=2)


def without(row: dict, column: str) -> dict:
    return {key: value for key, value in row.items() if key != column}


@pytest.mark.parametrize(
    ("rows", "columns", "sentence"),
    [
        (PATIENTS, ("case", "us", "us_tumor"), "no column patient"),
        ([], ("case", "patient", "us", "us_tumor"), "no row"),
        (
            [PATIENTS[0], {**PATIENTS[2], "patient": ""}],
            ("case", "patient", "us", "us_tumor"),
            "'patient' in every row",
        ),
        ([PATIENTS[0], PATIENTS[0]], ("case", "patient", "us", "us_tumor"), "'Doe-before' twice"),
        (
            [{**PATIENTS[0], "predicted_error_mm": "small"}],
            ("case", "patient", "us", "us_tumor", "predicted_error_mm"),
            "'small' in row 1",
        ),
    ],
)
def test_tables_that_cannot_be_used_are_refused_with_a_sentence(tmp_path, write_table, rows, columns, sentence):
    with pytest.raises(BadInput, match=sentence):
        export_slices(cases=write_table([dict(row) for row in rows], columns), dataset="501_Test", out=tmp_path / "raw")


def test_a_missing_image_is_refused_by_the_name_of_its_case(tmp_path, write_table):
    table = write_table(PATIENTS)
    (tmp_path / "Doe-after_tumor.nii.gz").unlink()
    with pytest.raises(BadInput, match="the tumour label of case Doe-after"):
        export_slices(cases=table, dataset="501_Test", out=tmp_path / "raw", folds=2)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(BadInput, match="a table of cases"):
        export_slices(cases=tmp_path / "none.csv", dataset="501_Test", out=tmp_path / "raw")
