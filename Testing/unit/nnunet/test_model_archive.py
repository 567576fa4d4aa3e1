"""Zips of strangers: a model comes out, and nothing else, nowhere else."""

import shutil
import stat
import struct
import tempfile
import zipfile

import pytest

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.nnunet import model_archive
from IUSTumorSegLib.nnunet.opened_model import opened_model


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """Unpacking happens below here, so that what is left behind shows."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def archive(untrained_model, tmp_path):
    """A zip as `nnUNetv2_export_model_to_zip` makes it: the data set's folder, and in it the model's."""
    return tmp_path / "model.zip"


def write(archive, model, extra=None, inside="Dataset501_Test/", compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(archive, "w", compression) as content:
        for path in sorted(model.rglob("*")):
            content.write(path, f"{inside}{model.name}/{path.relative_to(model)}")
        for name, data in (extra or {}).items():
            content.writestr(name, data)


def open_and_list(archive):
    with opened_model(archive) as found:
        return sorted(str(path.relative_to(found.folder)) for path in found.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("inside", ["Dataset501_Test/", "", "a/b/"])
def test_only_what_a_model_needs_is_unpacked_and_it_is_gone_afterwards(
    archive, untrained_model, temporary_folder, inside
):
    write(archive, untrained_model, {f"{inside}{untrained_model.name}/fold_0/run.py": "print(1)"}, inside)
    assert open_and_list(archive) == [
        "dataset.json", "fold_0/checkpoint_final.pth", "fold_1/checkpoint_final.pth", "plans.json"
    ]  # fmt: skip
    assert not list(temporary_folder.iterdir())


def test_a_zip_without_a_folder_around_the_model_is_read(archive, untrained_model):
    shutil.make_archive(str(archive.with_suffix("")), "zip", untrained_model)
    assert "plans.json" in open_and_list(archive)


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:evil.txt"])
def test_a_zip_that_leads_outside_its_folder_is_refused_and_writes_nothing(
    archive, untrained_model, temporary_folder, name
):
    write(archive, untrained_model, {"x" * len(name): "evil"})
    # zipfile would tidy such a name up, so it is put into the file's bytes.
    content = archive.read_bytes()
    assert content.count(b"x" * len(name)) == 2
    archive.write_bytes(content.replace(b"x" * len(name), name.encode()))
    with pytest.raises(BadInput, match="leads outside"):
        open_and_list(archive)
    assert not list(temporary_folder.rglob("*"))
    assert not list(temporary_folder.parent.rglob("evil*"))


def test_a_link_in_a_zip_is_refused(archive, untrained_model):
    link = zipfile.ZipInfo("Dataset501_Test/fold_2")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    write(archive, untrained_model, {link: "/etc"})
    with pytest.raises(BadInput, match="link or device"):
        open_and_list(archive)


def test_a_file_that_swells_is_refused(archive, untrained_model):
    write(archive, untrained_model, {"Dataset501_Test/big.pth": b"\0" * 3 * 2**20})
    with pytest.raises(BadInput, match="unpacks to the size of a model"):
        open_and_list(archive)


def test_a_zip_larger_than_any_model_is_refused(archive, untrained_model, monkeypatch):
    write(archive, untrained_model)
    monkeypatch.setattr(model_archive, "MOST_BYTES", 1000)
    with pytest.raises(BadInput, match="GiB in a model's zip"):
        open_and_list(archive)


def test_too_many_files_are_refused(archive, untrained_model, monkeypatch):
    write(archive, untrained_model)
    monkeypatch.setattr(model_archive, "MOST_FILES", 3)
    with pytest.raises(BadInput, match="at most 3 files"):
        open_and_list(archive)


def test_a_zip_that_lies_about_a_size_is_refused(archive, untrained_model, temporary_folder):
    write(archive, untrained_model)
    name = f"Dataset501_Test/{untrained_model.name}/plans.json".encode()
    content = bytearray(archive.read_bytes())
    size = (untrained_model / "plans.json").stat().st_size
    # In the central directory, the size lies 22 bytes before the name: it is made ten bytes.
    place = content.rindex(name) - 22
    assert struct.unpack_from("<I", content, place) == (size,)
    struct.pack_into("<I", content, place, 10)
    archive.write_bytes(content)
    with pytest.raises(BadInput, match=r"damaged|not JSON|size it states"):
        open_and_list(archive)
    assert not list(temporary_folder.iterdir())


def test_several_models_in_a_zip_are_named_and_none_is_guessed(archive, untrained_model):
    write(archive, untrained_model)
    with zipfile.ZipFile(archive, "a") as content:
        for path in sorted(untrained_model.rglob("*")):
            content.write(path, f"Dataset502_Other/{untrained_model.name}/{path.relative_to(untrained_model)}")
    with pytest.raises(BadInput, match=r"one 2D model.*Dataset501_Test/.*Dataset502_Other/.*unpack it and name"):
        open_and_list(archive)


def test_the_2d_model_is_taken_where_a_3d_one_is_beside_it(archive, untrained_model):
    write(archive, untrained_model)
    with zipfile.ZipFile(archive, "a") as content:
        for path in sorted(untrained_model.rglob("*")):
            name = f"Dataset501_Test/nnUNetTrainer__nnUNetPlans__3d_fullres/{path.relative_to(untrained_model)}"
            content.write(path, name)
    with opened_model(archive) as found:
        assert found.folder.name.endswith("__2d")


def test_a_zip_without_a_model_gets_what_was_expected_and_what_was_found(archive):
    with zipfile.ZipFile(archive, "w") as content:
        content.writestr("photos/holiday.txt", "sun")
    with pytest.raises(BadInput, match=r"plans\.json.*fold_0/checkpoint_best\.pth.*found photos/holiday\.txt in"):
        open_and_list(archive)


def test_a_damaged_zip_is_refused(archive, untrained_model):
    write(archive, untrained_model)
    archive.write_bytes(archive.read_bytes()[:-500])
    with pytest.raises(BadInput, match="damaged"):
        open_and_list(archive)
