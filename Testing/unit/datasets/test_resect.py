import shutil

import pytest
from made_sources import archive_resect, mask, rehosted_resect, resect_seg, state_of
from real_data import real_file

from IUSTumorSegLib.datasets.import_dataset import import_dataset
from IUSTumorSegLib.datasets.licences import licences_of, non_commercial_sentence
from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.registration.landmarks import read_tag
from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.study_folder import case_folder, case_names, check_files, create_study


@pytest.fixture
def study(tmp_path):
    return create_study(tmp_path / "study")


def take(study, dataset, *source, **more):
    return import_dataset(study=study.folder, dataset=dataset, source=list(source), **more)


def case(study, name):
    return read_case(case_folder(study, name))


def names_of(files):
    return {file.what for file in files}


@pytest.mark.parametrize("layout", [archive_resect, rehosted_resect])
def test_every_layout_gives_three_cases_of_one_patient_with_all_that_belongs_to_them(layout, tmp_path, study):
    images, masks = layout(tmp_path / "RESECT", 4), resect_seg(tmp_path / "masks", 4)
    take(study, "resect", images)
    take(study, "resect-seg", masks)
    assert case_names(study) == [f"RESECT-Case4-{point}" for point in ("after", "before", "during")]
    before, during = case(study, "RESECT-Case4-before"), case(study, "RESECT-Case4-during")
    assert {before.patient, during.patient} == {"RESECT-Case4"}
    assert (before.time_point, before.register_with) == ("before", ("FLAIR",))
    assert names_of(before.mri) == {"T1", "FLAIR"}
    assert (
        before.us.path.name == "Case4-US-before.nii.gz" and before.us_tumor.path.name == "Case4-US-before-tumor.nii.gz"
    )
    assert before.mri_tumor.on == "FLAIR" and before.mri_tumor.drawn_by == "expert"
    assert names_of(before.us_labels) == {"tumor", "sulci", "falx"} and names_of(during.us_labels) == {"cavity"}
    assert before.landmarks.path.name == "Case4-MRI-beforeUS.tag" and during.landmarks is None
    assert any("beforeUS-duringUS" in note for note in during.notes)
    check_files(case_folder(study, before.case), before)


@pytest.mark.parametrize("order", ["images first", "masks first", "together", "below one root"])
def test_images_and_masks_meet_in_any_order(order, tmp_path, study):
    images, masks = archive_resect(tmp_path / "all" / "RESECT", 1), resect_seg(tmp_path / "all" / "RESECT-SEG", 1)
    steps = {
        "images first": [("resect", images), ("resect-seg", masks)],
        "masks first": [("resect-seg", masks), ("resect", images)],
        "together": [("resect", images, masks)],
        "below one root": [("resect", tmp_path / "all")],
    }
    for step in steps[order]:
        take(study, *step)
    before = case(study, "RESECT-Case1-before")
    assert before.us_tumor and before.mri_tumor
    assert before.licence.name == "CC BY 4.0 + CC BY-NC-SA 4.0" and before.licence.commercial_use is False


def test_masks_without_their_images_wait_and_say_so(tmp_path, study):
    report = take(study, "resect-seg", resect_seg(tmp_path / "masks", 1))
    assert case_names(study) == []
    assert any("import the images of RESECT" in row.reason for row in report.rows)


def test_a_mask_of_zeros_is_not_annotated_and_the_case_says_so(tmp_path, study):
    images = archive_resect(tmp_path / "RESECT", 11)
    take(study, "curious", images, resect_seg(tmp_path / "masks", 11, empty={"US-during-resection", "US-before-falx"}))
    during, before = case(study, "CuRIOUS-Case11-during"), case(study, "CuRIOUS-Case11-before")
    assert during.us_labels == () and "falx" not in names_of(before.us_labels) and before.us_tumor
    assert any("Not annotated" in note and "cavity" in note for note in during.notes)


def test_easy_resects_spheres_are_no_labels(tmp_path, study):
    images = archive_resect(tmp_path / "RESECT", 2)
    mask(images / "NIFTI" / "Case2" / "US" / "Case2-US-before-seg.nii.gz")
    report = take(study, "resect", images)
    assert case(study, "RESECT-Case2-before").us_labels == ()
    assert [row.case for row in report.rows if "spheres" in row.reason] == ["Case2-US-before-seg.nii.gz"]
    mask(tmp_path / "EASY" / "Case2-US-before-seg.nii.gz")
    with pytest.raises(BadInput, match="spheres"):
        take(study, "resect-seg", tmp_path / "EASY")


def test_the_licence_of_masks_follows_the_cases_that_have_them(tmp_path, study):
    take(study, "resect", archive_resect(tmp_path / "RESECT", 1), archive_resect(tmp_path / "RESECT2", 3))
    commercial = [case(study, name) for name in case_names(study)]
    assert non_commercial_sentence(commercial) == ""
    report = take(study, "resect-seg", resect_seg(tmp_path / "masks", 1))
    mixed = [case(study, name) for name in case_names(study)]
    assert "3 of 6 cases" in non_commercial_sentence(mixed) and "3 of 6 cases" in report.warnings[0]
    assert [licence.name for licence in licences_of(mixed)] == ["CC BY 4.0", "CC BY 4.0 + CC BY-NC-SA 4.0"]


def test_two_different_files_of_one_name_are_refused_and_two_equal_ones_are_one(tmp_path, study):
    images = archive_resect(tmp_path / "RESECT", 1)
    us = images / "NIFTI" / "Case1" / "US" / "Case1-US-before.nii.gz"
    (images / "copy").mkdir()
    shutil.copy(us, images / "copy" / us.name)
    assert take(study, "resect", images, dry_run=True).count("new") == 3
    archive_resect(tmp_path / "other", 4)
    shutil.copy(tmp_path / "other" / "NIFTI" / "Case4" / "US" / "Case4-US-before.nii.gz", images / "copy" / us.name)
    with pytest.raises(BadInput, match="two that differ"):
        take(study, "resect", images)
    assert case_names(study) == []


def test_a_source_of_other_names_is_refused(tmp_path, study):
    mask(tmp_path / "source" / "P1" / "seg.nii.gz")
    with pytest.raises(BadInput, match="none below"):
        take(study, "resect", tmp_path / "source")
    with pytest.raises(BadInput, match="nothing at"):
        take(study, "resect", tmp_path / "missing drive")


@pytest.mark.real_data
def test_real_ultrasound_and_tags_are_taken_as_they_are(tmp_path, study):
    source = tmp_path / "RESECT"
    for number in (3, 24):
        folder = source / "NIFTI" / f"Case{number}"
        for name, part in (
            ("US", f"Case{number}-US-before_0.5mm.nii.gz"),
            ("Landmark", f"Case{number}-MRI-beforeUS.tag"),
        ):
            (folder / name).mkdir(parents=True)
            shutil.copy(real_file("resect", part), folder / name / part.replace("_0.5mm", ""))
    (source / "NIFTI" / "Case24" / "MRI").mkdir()
    shutil.copy(
        real_file("resect", "Case24-T1-on-US-grid_0.5mm.nii.gz"),
        source / "NIFTI" / "Case24" / "MRI" / "Case24-T1.nii.gz",
    )
    before = state_of(source)
    report = take(study, "resect", source)
    assert state_of(source) == before
    assert report.count("new") == 2
    complete = case(study, "RESECT-Case24-before")
    assert complete.register_with == ("T1",) and len(read_tag(complete.landmarks.path).us_ras) >= 15
    assert "No MRI" in " ".join(case(study, "RESECT-Case3-before").notes)
