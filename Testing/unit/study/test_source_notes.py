import os

import pytest

from IUSTumorSegLib.study.case import read_case
from IUSTumorSegLib.study.source_notes import notes_on_sources
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder


@pytest.fixture
def folder(tmp_path):
    return case_folder(made_study(tmp_path / "study", 1), "case-0000")


def test_nothing_is_said_of_files_that_are_as_they_were_or_were_only_copied_anew(folder):
    assert notes_on_sources(folder) == ()
    os.utime(read_case(folder).us.path, (1, 1))
    assert notes_on_sources(folder) == ()


def test_a_file_with_another_content_is_named_and_what_to_do(folder):
    us = read_case(folder).us
    us.path.write_bytes(b"another ultrasound")
    (note,) = notes_on_sources(folder)
    assert note.startswith(f"Changed since import: {us.path}.") and "import the case again" in note


def test_a_file_of_the_same_size_is_read_only_where_its_time_differs(folder, monkeypatch):
    read = []
    monkeypatch.setattr("IUSTumorSegLib.study.study_folder.sha256_of", lambda path: read.append(path) or "other")
    assert notes_on_sources(folder) == ()
    assert read == []
    mri = read_case(folder).mri[0]
    os.utime(mri.path, (1, 1))
    assert str(mri.path) in notes_on_sources(folder)[0]
    assert read == [mri.path]


def test_missing_files_and_a_case_that_cannot_be_read_are_sentences(folder):
    tumor = read_case(folder).mri_tumor
    tumor.path.unlink()
    (note,) = notes_on_sources(folder)
    assert note == f"Missing: {tumor.path}. Connect the drive or share, or bring the files back."
    (folder / "case.json").unlink()
    assert "import the case again" in notes_on_sources(folder)[0]
