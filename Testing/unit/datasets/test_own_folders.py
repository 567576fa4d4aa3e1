import csv

import numpy as np
import pytest
import SimpleITK as sitk
from made_sources import image, mask, state_of, tag, ultrasound

from IUSTumorSegLib.datasets.import_dataset import import_dataset
from IUSTumorSegLib.datasets.names import contrast_of, words_of
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.study_folder import case_folder, case_names, create_study

HERE, THERE = (0, 0, 0), (40, 50, 60)


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


@pytest.fixture
def hospital(tmp_path):
    """Two patients as a hospital might keep them: one tidy, one in words of its own."""
    root = tmp_path / "hospital"
    tidy = root / "P01"
    image(tidy / "MRI" / "FLAIR.nii.gz", 1, origin=THERE)
    image(tidy / "MRI" / "T1_post_contrast.nrrd", 2, origin=(1, 1, 1))
    mask(tidy / "MRI" / "FLAIR_tumour_seg.nii.gz", origin=THERE)
    image(tidy / "US" / "before.mha", 3)
    image(tidy / "US" / "after.mha", 4, origin=(5, 5, 5))
    mask(tidy / "US" / "before_label.nii.gz")
    other = root / "P02"
    image(other / "P02_iUS_1.nii.gz", 5)
    image(other / "P02_t2w.nii.gz", 6, origin=THERE)
    mask(other / "segmentation.nii.gz", origin=THERE)
    mask(other / "us-falx.nii.gz")
    tag(other / "points.tag")
    return root


def take(study, source, **more):
    return import_dataset(study=study.folder, dataset="folder", source=[source], **more)


def case(study, name):
    return read_case(case_folder(study, name))


def test_roles_are_guessed_from_names_folders_and_grids(hospital, study):
    take(study, hospital, centre="Here")
    assert case_names(study) == ["P01-after", "P01-before", "P02_iUS_1"]
    before, after, other = (case(study, name) for name in ("P01-before", "P01-after", "P02_iUS_1"))
    assert (before.time_point, after.time_point, before.centre) == ("before", "after", "Here")
    assert {file.what for file in before.mri} == {"FLAIR", "T1ce"}
    assert before.mri_tumor.on == "FLAIR" and before.register_with == ("FLAIR",)
    assert before.us_tumor.path.name == "before_label.nii.gz" and after.us_tumor is None
    assert other.mri_tumor.path.name == "segmentation.nii.gz" and other.mri_tumor.on == "T2"
    assert [file.what for file in other.us_labels] == ["falx"] and other.landmarks.path.name == "points.tag"


@pytest.mark.parametrize(
    ("name", "contrast"),
    [("T1_post_contrast", "T1ce"), ("3D_AX_T1_postcontrast", "T1ce"), ("t1c", "T1ce"), ("T1", "T1"), ("FLAIR", "FLAIR"),
     ("P3_T2-FLAIR", "FLAIR"), ("t2w", "T2"), ("ax_mprage_gd", "T1ce"), ("something", ""), ("TumorT1", "T1")],
)  # fmt: skip
def test_contrasts_are_read_from_names(name, contrast):
    assert contrast_of(words_of(name)) == contrast


def test_what_no_name_explains_is_left_with_a_way_out(hospital, study):
    image(hospital / "P02" / "scan7.nii.gz", 9)
    report = take(study, hospital)
    assert [row.case for row in report.rows if row.state == "left"] == ["scan7"]
    image(hospital / "P03" / "t1.nii.gz", 9)
    assert any("No ultrasound" in row.reason for row in take(study, hospital).rows)


def test_the_table_of_guesses_given_back_gives_the_same_cases(hospital, study, tmp_path):
    report = take(study, hospital, dry_run=True, write_table=tmp_path / "table.csv")
    assert case_names(study) == [] and not (study.folder / "import.csv").exists() and report.count("new") == 3
    take(study, hospital, table=tmp_path / "table.csv")
    by_table = [case(study, name) for name in case_names(study)]
    guessed = create_study(tmp_path / "second")
    take(guessed, hospital)
    for ours, theirs in zip(by_table, [case(guessed, name) for name in case_names(guessed)], strict=True):
        assert (ours.case, ours.patient, ours.us, ours.us_tumor) == (
            theirs.case,
            theirs.patient,
            theirs.us,
            theirs.us_tumor,
        )
        assert ours.mri_tumor == theirs.mri_tumor and ours.register_with == theirs.register_with


def write(table, *rows):
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def test_a_table_overrides_all_guesses(hospital, study, tmp_path):
    row = {"case": "A", "patient": "Q", "centre": "C", "time_point": "during", "us": "P02/P02_t2w.nii.gz",
           "mri": "P01/US/before.mha;P01/MRI/FLAIR.nii.gz", "mri_tumor": "P01/US/before_label.nii.gz"}  # fmt: skip
    report = take(study, hospital, table=write(tmp_path / "t.csv", row))
    made = case(study, "A")
    assert report.count("new") == 1 and (made.patient, made.centre, made.time_point) == ("Q", "C", "during")
    assert [file.path.name for file in made.mri_to_register()] == ["before.mha"] and made.mri_tumor.on == made.mri[
        0
    ].what
    assert made.us.path.name == "P02_t2w.nii.gz"


def test_a_yaml_table_is_read_too(hospital, study, tmp_path):
    (tmp_path / "t.yaml").write_text(
        "- case: A\n  patient: Q\n  us: P01/US/before.mha\n  mri: [P01/MRI/FLAIR.nii.gz]\n"
    )
    take(study, hospital, table=tmp_path / "t.yaml")
    assert [file.what for file in case(study, "A").mri] == ["FLAIR"]


GOOD = {"case": "A", "patient": "Q", "us": "P01/US/before.mha"}
BAD_TABLES = {
    "nothing at": [GOOD | {"us": "P01/none.nii.gz"}],
    "no patient": [{"case": "A", "us": "x"}],
    "unknown mrt": [GOOD | {"mrt": "x"}],
    "an empty one": [GOOD | {"patient": ""}],
    "'a/b'": [GOOD | {"case": "a/b"}],
    "'later'": [GOOD | {"time_point": "later"}],
    "'A' and 'a'": [GOOD, GOOD | {"case": "a", "patient": "R"}],
}


@pytest.mark.parametrize("found", BAD_TABLES)
def test_a_wrong_table_is_refused_before_anything_is_written(found, hospital, study, tmp_path):
    with pytest.raises(BadInput, match=found):
        take(study, hospital, table=write(tmp_path / "t.csv", *BAD_TABLES[found]))
    assert case_names(study) == []


def test_a_dicom_folder_of_several_series_is_refused_in_a_table_and_parted_in_guesses(study, tmp_path):
    root = tmp_path / "hospital"
    ultrasound(root / "P1" / "a.dcm", description="US pre")
    ultrasound(root / "P1" / "b.dcm", description="US later", seed=1)
    with pytest.raises(BadInput, match=r"2 in .*\(US later, US pre"):
        take(study, root, table=write(tmp_path / "t.csv", {"case": "A", "patient": "Q", "us": "P1"}))
    take(study, root)
    assert case_names(study) == ["P1-US_later", "P1-US_pre"]


def test_dicom_is_read_into_the_study_once_with_its_voxels(study, tmp_path):
    array = ultrasound(tmp_path / "hospital" / "P1" / "IMG0001", description="ultrasound")
    before = state_of(tmp_path / "hospital")
    take(study, tmp_path / "hospital")
    folder = case_folder(study, "P1-ultrasound")
    made = read_case(folder)
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / made.us.path)))
    assert (
        not made.us.path.is_absolute() and voxels.dtype == np.uint8 and sorted(voxels.ravel()) == sorted(array.ravel())
    )
    assert state_of(tmp_path / "hospital") == before


def test_two_patients_with_one_name_stay_two(study, tmp_path):
    image(tmp_path / "north" / "P1" / "us_a.nii.gz", 1)
    image(tmp_path / "south" / "P1" / "us_b.nii.gz", 2)
    take(study, tmp_path / "north")
    take(study, tmp_path / "south")
    assert {case(study, name).patient for name in case_names(study)} == {"P1", "south-P1"}
    assert take(study, tmp_path / "south").count("unchanged") == 1
    image(tmp_path / "east" / "P9" / "us.nii.gz", 3)
    image(tmp_path / "east" / "p9" / "us.nii.gz", 4)
    if len(list((tmp_path / "east").iterdir())) == 2:
        with pytest.raises(BadInput, match="'p9'"):
            take(study, tmp_path / "east")


def test_the_same_ultrasound_is_taken_once(study, tmp_path):
    image(tmp_path / "north" / "P1" / "us.nii.gz", 1)
    image(tmp_path / "south" / "P7" / "us.nii.gz", 1)
    take(study, tmp_path / "north")
    report = take(study, tmp_path / "south")
    assert report.count("new") == 0 and "in the study as P1-us" in report.rows[0].reason


def test_a_folder_without_patients_is_refused(study, tmp_path):
    image(tmp_path / "hospital" / "us.nii.gz")
    with pytest.raises(BadInput, match="one folder a patient"):
        take(study, tmp_path / "hospital")


def test_an_empty_label_is_not_annotated(hospital, study):
    mask(hospital / "P01" / "US" / "before_label.nii.gz", 0)
    take(study, hospital)
    assert case(study, "P01-before").us_tumor is None and "zeros" in " ".join(case(study, "P01-before").notes)


def test_the_table_of_guesses_is_not_written_into_the_source(hospital, study):
    with pytest.raises(BadInput, match="never written to"):
        take(study, hospital, write_table=hospital / "table.csv")
    assert not (hospital / "table.csv").exists()


def test_a_label_goes_to_the_ultrasound_on_whose_grid_it_lies_and_is_left_where_two_fit(study, tmp_path):
    patient = tmp_path / "hospital" / "P1"
    image(patient / "US" / "scan1.nii.gz", 1)
    image(patient / "US" / "scan2.nii.gz", 2, origin=THERE)
    mask(patient / "US" / "mask.nii.gz", origin=THERE)
    mask(patient / "US" / "mask_second_reader.nii.gz", origin=THERE)
    mask(patient / "US" / "us_label_old.nii.gz", origin=(9, 9, 9))
    tag(patient / "points.tag")
    report = take(study, tmp_path / "hospital")
    assert case(study, "P1-scan2").us_tumor.path.name == "mask.nii.gz" and case(study, "P1-scan1").us_tumor is None
    assert [label.what for label in case(study, "P1-scan2").us_labels] == ["tumor", "tumor-2"]
    assert [row.case for row in report.rows if row.state == "left"] == ["us_label_old.nii.gz", "points.tag"]
