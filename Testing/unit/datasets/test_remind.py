import nibabel
import numpy as np
import openpyxl
import pydicom
import pytest
import SimpleITK as sitk
from made_sources import FRAMES_TO_LPS, remind_022, state_of, ultrasound
from real_data import real_file

from IUSTumorSegLib.datasets.clinical_table import patients_left_out
from IUSTumorSegLib.datasets.dicom_scan import Series, scan_dicom
from IUSTumorSegLib.datasets.fetch_remind import list_series
from IUSTumorSegLib.datasets.import_dataset import import_dataset
from IUSTumorSegLib.datasets.remind_rules import mri_of_label, select
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import same_grid
from IUSTumorSegLib.images.volumes import read_label, read_volume
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.study_folder import case_folder, case_names, create_study


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


@pytest.fixture(scope="module")
def index():
    """The true list of ReMIND's series, from the package that carries the index of the Imaging Data Commons."""
    data = pytest.importorskip("idc_index_data")
    table = pytest.importorskip("pyarrow.parquet")
    rows = table.read_table(data.IDC_INDEX_PARQUET_FILEPATH, filters=[("collection_id", "=", "remind")]).to_pylist()
    return list_series(rows)


def take(study, source, **more):
    return import_dataset(study=study.folder, dataset="remind", source=[source], **more)


def test_the_rules_take_206_volumes_of_114_patients_and_204_of_113_with_a_tumour_label_from_the_true_list(index):
    assert len(index) == 1346
    taken = select(index).taken
    labelled = [one for one in taken if one.has_tumor]
    assert (len(taken), len({one.patient for one in taken})) == (206, 114)
    assert (len(labelled), len({one.patient for one in labelled})) == (204, 113)
    assert {one.patient for one in taken if not one.has_tumor} == {"ReMIND-032"}
    assert sum(one.what == "pre_dura" for one in taken) == 104


def test_every_labelled_volume_of_the_true_list_registers_the_mri_its_tumour_was_drawn_on(index):
    for one in select(index).taken:
        assert all(label.mri in one.mri for label in one.labels)
        if one.has_tumor:
            assert one.labels[0].structure == "tumor" and one.mri[0] == one.labels[0].mri
            assert one.labels[0].series.description.endswith(one.mri[0].description)


def test_patients_operated_on_before_are_left_on_request(index):
    without = select(index, exclude_previous_cavity=True)
    cavity = {one.patient for one in index if one.description.startswith("previous_resection_cavity")}
    assert cavity and {one.patient for one in without.taken} == {one.patient for one in index} - cavity
    assert {one.patient for one in without.left if "Operated on before" in one.reason} == cavity


def test_ultrasound_after_resection_is_left_with_its_reason(index):
    left = [one for one in select(index).left if "after resection" in one.reason]
    assert len(left) == 114 and {one.what for one in left} == {"US_pre_imri"}


def mr(description, uid, frame="f"):
    return Series("P", "MR", description, "Preop", "s", uid, frame_of_reference=frame)


def seg(references=(), named="T1", frame="f"):
    description = f"tumor seg - MR ref: {named}"
    return Series("P", "SEG", description, "Preop", "s", "x", frame_of_reference=frame, references=references)


def test_a_labels_own_reference_chooses_its_mri_before_the_description_does():
    t1, t2 = mr("T1", "1"), mr("T2", "2")
    assert mri_of_label(seg(("2",), named="T1"), [t1, t2]) == (t2, "the SEG's own reference")
    assert mri_of_label(seg(), [t1, t2]) == (t1, "the SEG's description")
    assert mri_of_label(seg(("9",)), [t1, t2])[0] is None
    assert mri_of_label(seg(("1",), frame="g"), [t1, t2])[0] is None


def us(patient="P"):
    return Series(patient, "US", "US_pre_dura", "Intraop", uid="u")


def test_a_label_whose_mri_is_missing_is_left_and_the_case_is_taken_without_it():
    selection = select([us(), seg(("9",)), mr("T1", "1")])
    assert [one.has_tumor for one in selection.taken] == [False]
    assert "not in the source" in selection.left[0].reason


@pytest.mark.real_data
def test_dicom_of_tcia_becomes_two_cases_with_the_labels_mri_and_leaves_no_identifier(tmp_path, study):
    source = tmp_path / "ReMIND"
    arrays = remind_022(source, real_file("remind-022", "dicom"))
    before = state_of(source)
    report = take(study, source)
    assert state_of(source) == before
    assert case_names(study) == ["ReMIND-022-post_dura", "ReMIND-022-pre_dura"]
    assert [row.case for row in report.rows if row.state == "left"] == ["US_pre_imri"]
    folder = case_folder(study, "ReMIND-022-pre_dura")
    case = read_case(folder)
    assert (case.patient, case.time_point, case.register_with) == ("ReMIND-022", "before", ("3D_AX_T1_postcontrast",))

    ours = read_volume(folder / case.us.path)
    assert np.array_equal(sitk.GetArrayFromImage(ours)[0], arrays["US_pre_dura"][0]) or np.array_equal(
        sitk.GetArrayFromImage(ours)[-1], arrays["US_pre_dura"][0]
    )
    theirs = real_file("remind-022", "ReMIND-022_tumor.nii.gz")
    mri, tumor = read_volume(folder / case.mri[0].path), read_label(folder / case.mri_tumor.path)
    assert same_grid(mri, read_volume(real_file("remind-022", "ReMIND-022_T1ce.nii.gz"))) and same_grid(mri, tumor)
    assert np.array_equal(sitk.GetArrayFromImage(tumor), sitk.GetArrayFromImage(read_label(theirs)))
    no_identifiers(study.folder, source)


def no_identifiers(folder, source):
    """No UID and no date of the source anywhere in the study's texts and NIfTI headers."""
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in source.rglob("*.dcm")]
    secrets = {
        str(getattr(h, name)) for h in headers for name in ("StudyInstanceUID", "SeriesInstanceUID", "StudyDate")
    }
    texts = [path.read_text() for path in (*folder.rglob("*.json"), *folder.rglob("*.csv"))]
    texts += [str(nibabel.load(path).header) for path in folder.rglob("*.nii.gz")]
    assert len(texts) > 6 and not [secret for secret in secrets for text in texts if secret in text]


@pytest.mark.real_data
def test_the_cases_of_a_patient_store_their_mri_once(tmp_path, study):
    remind_022(tmp_path / "ReMIND", real_file("remind-022", "dicom"), slices=20)
    take(study, tmp_path / "ReMIND")
    mris = [folder / read_case(folder).mri[0].path for folder in (study.folder / "cases").iterdir()]
    assert len(mris) == 2 and mris[0].stat().st_ino == mris[1].stat().st_ino


def test_secondary_capture_ultrasound_stands_where_its_functional_groups_say(tmp_path):
    array = ultrasound(tmp_path / "us.dcm")
    image = read_volume(tmp_path / "us.dcm", "ultrasound")
    for frame, row, column in ((0, 0, 0), (9, 5, 7), (3, 2, 6)):
        lps = (FRAMES_TO_LPS @ [column, row, frame, 1])[:3]
        index = image.TransformPhysicalPointToIndex(lps)
        assert np.allclose(image.TransformIndexToPhysicalPoint(index), lps, atol=1e-3)
        assert image[index] == array[frame, row, column]


def test_frames_stored_in_another_order_are_put_in_theirs(tmp_path):
    array = ultrasound(tmp_path / "us.dcm")
    dataset = pydicom.dcmread(tmp_path / "us.dcm")
    order = np.random.default_rng(1).permutation(len(array))
    dataset.PixelData = array[order].tobytes()
    groups = dataset.PerFrameFunctionalGroupsSequence
    dataset.PerFrameFunctionalGroupsSequence = [groups[int(i)] for i in order]
    dataset.save_as(tmp_path / "shuffled.dcm")
    one, other = read_volume(tmp_path / "us.dcm"), read_volume(tmp_path / "shuffled.dcm")
    assert same_grid(one, other) and np.array_equal(sitk.GetArrayFromImage(one), sitk.GetArrayFromImage(other))


def test_ultrasound_without_geometry_is_refused_with_a_sentence_and_the_other_case_is_taken(tmp_path, study):
    ultrasound(tmp_path / "R" / "a.dcm", geometry=None)
    ultrasound(tmp_path / "R" / "b.dcm", description="US_post_dura")
    with pytest.raises(BadInput, match="functional groups"):
        read_volume(tmp_path / "R" / "a.dcm", "ultrasound")
    report = take(study, tmp_path / "R")
    assert case_names(study) == ["ReMIND-022-post_dura"]
    assert [row.case for row in report.rows if "functional groups" in row.reason] == ["ReMIND-022-pre_dura"]


def test_uneven_frames_are_refused(tmp_path):
    ultrasound(tmp_path / "us.dcm")
    dataset = pydicom.dcmread(tmp_path / "us.dcm")
    dataset.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0].ImagePositionPatient = [0, 0, 0]
    dataset.save_as(tmp_path / "us.dcm")
    with pytest.raises(BadInput, match="uneven"):
        read_volume(tmp_path / "us.dcm")


def test_a_slanted_stack_is_refused(tmp_path):
    slanted = FRAMES_TO_LPS.copy()
    slanted[:3, 2] += 0.1 * slanted[:3, 0]
    ultrasound(tmp_path / "us.dcm", geometry=slanted)
    with pytest.raises(BadInput, match="slanted"):
        read_volume(tmp_path / "us.dcm")


@pytest.mark.real_data
def test_a_seg_that_refers_to_images_leads_to_their_series(tmp_path):
    dicom = real_file("remind-022", "dicom")
    mri = next((dicom / "3DAXT1postcontrast_MRI").iterdir())
    dataset = pydicom.dcmread(dicom / "Tumor_segmentation.dcm")
    source, derived = pydicom.Dataset(), pydicom.Dataset()
    source.ReferencedSOPInstanceUID = pydicom.dcmread(mri).SOPInstanceUID
    derived.SourceImageSequence = [source]
    dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence = [derived]
    dataset.save_as(tmp_path / "seg.dcm")
    series = {one.modality: one for one in scan_dicom([mri, tmp_path / "seg.dcm"])}
    assert series["SEG"].references == (series["MR"].uid,)


def clinical(path, numbers=(1, 2, 3)):
    book = openpyxl.Workbook()
    for row in [["Case Number", "Age", "Surgery"], *([n, 40 + n, "First" if n < 3 else "Repeat"] for n in numbers)]:
        book.active.append(row)
    book.save(path)
    return path


def test_the_clinical_table_keeps_the_patients_of_a_value(tmp_path):
    left = patients_left_out(clinical(tmp_path / "c.xlsx"), "surgery=first")(["ReMIND-001", "ReMIND-003", "ReMIND-007"])
    assert left == {
        "ReMIND-003": "The clinical table says Surgery = Repeat (--keep).",
        "ReMIND-007": "Not in the clinical table.",
    }


@pytest.mark.parametrize("keep", ["", "Operation=First", "Surgery=Second", "Surgery"])
def test_a_wrong_rule_is_answered_with_the_columns_and_their_values(keep, tmp_path):
    with pytest.raises(BadInput, match=r"Surgery \(First, Repeat\)"):
        patients_left_out(clinical(tmp_path / "c.xlsx"), keep)


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "c.xlsx").write_text("no table")
    with pytest.raises(BadInput, match="Excel"):
        patients_left_out(tmp_path / "c.xlsx", "A=b")
    with pytest.raises(BadInput, match="--clinical"):
        patients_left_out(None, "A=b")


def test_a_folder_without_ultrasound_is_refused(tmp_path, study):
    (tmp_path / "R").mkdir()
    with pytest.raises(BadInput, match="no ultrasound"):
        take(study, tmp_path / "R")


@pytest.mark.real_data
def test_a_label_that_cannot_be_read_costs_no_case(tmp_path, study):
    source = tmp_path / "ReMIND"
    remind_022(source, real_file("remind-022", "dicom"), slices=20)
    seg = next(source.glob("*/*Preop*/303*/*.dcm"))
    dataset = pydicom.dcmread(seg)
    del dataset.SegmentSequence
    dataset.save_as(seg)
    report = take(study, source)
    assert report.count("new") == 2 and "Left without tumor" in report.rows[0].reason
    case = read_case(case_folder(study, "ReMIND-022-pre_dura"))
    assert case.mri_tumor is None and len(case.mri) == 1
    before = state_of(study.folder / "cases")
    assert take(study, source).count("unchanged") == 2 and state_of(study.folder / "cases") == before
