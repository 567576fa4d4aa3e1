import json
import os
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from made_cases import fill

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.study.case import Licence, read_case, write_case
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import (
    add_source,
    case_folder,
    case_names,
    changed_since_import,
    check_files,
    check_writable,
    create_study,
    located,
    open_study,
    size_and_time,
)


@pytest.fixture
def made(tmp_path):
    study = made_study(tmp_path / "study", 2)
    folder = case_folder(study, "case-0000")
    return study, folder, read_case(folder)


def note_sources(folder, first):
    study = open_study(folder)
    for number in range(first, first + 20):
        add_source(study, f"source-{number}", "folder", Path("/data"), Licence("CC BY 4.0"))


def test_a_study_is_found_again_with_its_name(tmp_path):
    created = create_study(tmp_path / "gliomas", "Gliomas 2026")
    assert open_study(tmp_path / "gliomas") == created
    assert case_names(created) == []
    assert create_study(tmp_path / "other").name == "other"


def test_a_study_is_not_made_over_another(tmp_path):
    create_study(tmp_path / "gliomas", "Gliomas 2026")
    with pytest.raises(BadInput, match="holds no study yet"):
        create_study(tmp_path / "gliomas", "Other")
    assert open_study(tmp_path / "gliomas").name == "Gliomas 2026"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no study.json"),
        ("{", "not valid JSON"),
        ("[]", "not valid JSON"),
        (json.dumps({"schema": "iustumorseg.study/2"}), "update the software"),
    ],
)
def test_what_is_no_study_of_this_version_is_refused_with_a_sentence(content, words, tmp_path):
    if content is not None:
        (tmp_path / "study.json").write_text(content)
    with pytest.raises(BadInput, match=words):
        open_study(tmp_path)


def test_two_imports_at_once_both_have_their_sources_noted(tmp_path):
    create_study(tmp_path / "study")
    context = get_context("fork")
    writers = [context.Process(target=note_sources, args=(tmp_path / "study", first)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    sources = json.loads((tmp_path / "study" / "study.json").read_text())["sources"]
    assert len(sources) == 40
    assert sources["source-119"]["licence"]["name"] == "CC BY 4.0"


def test_files_as_they_were_at_import_pass(made):
    _, folder, case = made
    check_files(folder, case)


def test_a_file_that_was_only_touched_passes_because_its_content_is_the_same(made):
    _, folder, case = made
    os.utime(located(folder, case.us), (1, 1))
    check_files(folder, case)


def test_a_file_changed_since_import_is_named_even_where_its_size_is_the_same(made):
    _, folder, case = made
    path = located(folder, case.us)
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, (1, 1))
    assert changed_since_import(folder, case.us)
    with pytest.raises(BadInput, match=f"case case-0000 as they were at import.*{path.name}, which has changed"):
        check_files(folder, case)


def test_a_moved_file_and_a_missing_drive_are_told_apart(made):
    _, folder, case = made
    located(folder, case.us).unlink()
    with pytest.raises(BadInput, match="moved or deleted"):
        check_files(folder, case)
    away = replace(case, us=replace(case.us, path=Path("/media/no-such-drive/RESECT/Case1/us.nii.gz")))
    with pytest.raises(BadInput, match=r"no folder /media/no-such-drive: connect the drive") as caught:
        check_files(folder, away)
    assert "case-0000" in str(caught.value)


def test_only_the_files_asked_for_are_checked(made):
    _, folder, case = made
    located(folder, case.us).unlink()
    check_files(folder, case, case.mri)


def test_a_folder_of_files_has_their_sum_and_their_latest_change(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    (tmp_path / "b").write_bytes(b"4567")
    os.utime(tmp_path / "a", (50, 50))
    os.utime(tmp_path / "b", (70, 70))
    assert size_and_time(tmp_path) == (7, 70.0)


def test_a_copied_file_lies_in_the_case_and_a_source_where_it_was(made):
    _, folder, case = made
    assert located(folder, replace(case.us, path=Path("images/us.nii.gz"))) == folder / "images" / "us.nii.gz"
    assert located(folder, case.us) == case.us.path


def test_a_read_only_study_can_be_looked_at_and_refuses_to_be_written(made, monkeypatch):
    study, _, _ = made

    def refuse(self, *arguments, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    assert case_names(open_study(study.folder)) == ["case-0000", "case-0001"]
    with pytest.raises(BadInput, match="read-only"):
        check_writable(study)


def test_a_full_disk_is_a_sentence_and_leaves_the_study_as_it_was(tiny_disk):
    study = create_study(tiny_disk / "study", "Small")
    before = (study.folder / "study.json").read_bytes()
    fill(tiny_disk)
    with pytest.raises(Failed, match="full: free some space"):
        add_source(study, "resect", "resect", Path("/" + "x" * 4000), Licence("CC BY 4.0"))
    assert (study.folder / "study.json").read_bytes() == before
    assert not list(study.folder.glob(".partial*"))


def test_a_case_is_never_half_written_on_a_full_disk(tiny_disk, tmp_path):
    case = read_case(case_folder(made_study(tmp_path / "elsewhere", 1), "case-0000"))
    fill(tiny_disk)
    with pytest.raises(OSError, match="No space"):
        write_case(case, tiny_disk)
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]
