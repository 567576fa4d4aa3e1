"""Packed preprocessing against nnU-Net's own, bit by bit; interrupted and resumed."""

import errno
import json
import multiprocessing
import os
import pickle
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput, Cancelled, Failed
from IUSTumorSegLib.nnunet import packed_dataset, preprocessing
from IUSTumorSegLib.nnunet.packed_dataset import PackedDataset, register_packed_slices, write_pack
from IUSTumorSegLib.nnunet.preprocessing import preprocess_slices
from IUSTumorSegLib.nnunet.raw_dataset import list_slices, make_image_folders, write_pair
from IUSTumorSegLib.nnunet.slice_preprocessing import Preprocessor
from IUSTumorSegLib.slices.cut import SliceSelection, cut_slices

from ..real_data import real_file
from .conftest import untrained_plans

DESCRIPTION = {
    "channel_names": {"0": "ultrasound"},
    "labels": {"background": 0, "tumor": 1},
    "file_ending": ".nii.gz",
    "overwrite_image_reader_writer": "SimpleITKIO",
}


def slice_pixels(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A sector of speckle with black around and in it, and a tumour that reaches the black."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[: 150 + seed, : 170 - seed]
    sector = (np.hypot(row + 20, column - 80) < 165) & (np.abs(column - 80) < row + 15)
    pixels = np.where(sector, rng.rayleigh(45, row.shape).clip(0, 255), 0).astype(np.uint8)
    tumor = np.hypot(row - 90, column - 60 - 8 * seed) < (60 if seed == 1 else 22)
    return pixels, tumor.astype(np.uint8) if seed != 2 else np.zeros_like(pixels)


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    """Slices of the plans' own spacing and of others; the third without tumour, the last no file of bytes."""
    folder = tmp_path_factory.mktemp("raw") / "Dataset501_Test"
    for name in ("imagesTr", "labelsTr"):
        (folder / name).mkdir(parents=True)
    (folder / "dataset.json").write_text(json.dumps(DESCRIPTION))
    for seed, spacing in enumerate([(0.7, 0.9), (0.7, 0.9), (0.7, 0.9), (0.61, 0.8), (1.4, 1.8), (0.9, 0.5), (0.7, 1)]):
        pixels, tumor = slice_pixels(seed)
        kind = np.int16 if seed == 6 else np.uint8
        for array, file in ((pixels, f"imagesTr/case{seed}_0000.nii.gz"), (tumor, f"labelsTr/case{seed}.nii.gz")):
            image = sitk.GetImageFromArray(array.astype(kind))
            image.SetSpacing(spacing)
            sitk.WriteImage(image, str(folder / file))
    return folder


def plans(masked: bool = False) -> dict:
    made = untrained_plans()
    made["configurations"]["2d"]["use_mask_for_norm"] = [masked]
    return made


def pack(raw: Path, folder: Path, made: dict | None = None, **settings) -> PackedDataset:
    preprocess_slices(list_slices(raw), made or plans(), DESCRIPTION, folder, "a sum", **settings)
    return PackedDataset(str(folder))


def by_nnunet(raw: Path, folder: Path, made: dict):
    """The slices as nnU-Net's own `run_case_save` writes and its own class reads them."""
    from nnunetv2.training.dataloading.nnunet_dataset import nnUNetDatasetBlosc2

    preprocessor = Preprocessor(made, DESCRIPTION)
    folder.mkdir()
    for name, files in list_slices(raw).items():
        preprocessor.by_nnunet.run_case_save(
            str(folder / name), [str(files.images[0])], str(files.label), preprocessor.manager,
            preprocessor.configuration, DESCRIPTION,
        )  # fmt: skip
    return nnUNetDatasetBlosc2(str(folder))


@pytest.mark.parametrize("masked", [False, True])
def test_packed_slices_are_nnunets_own_in_every_bit_of_image_label_and_properties(raw, tmp_path, masked):
    packed, stock = pack(raw, tmp_path / "packed", plans(masked)), by_nnunet(raw, tmp_path / "stock", plans(masked))
    assert packed.identifiers == stock.identifiers
    for name in stock.identifiers:
        ours, theirs = packed.load_case(name), stock.load_case(name)
        for one, other in zip(ours[:2], (theirs[0][:], theirs[1][:]), strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert one.tobytes() == other.tobytes()
        locations = [properties.pop("class_locations") for properties in (ours[3], theirs[3])]
        assert ours[3] == theirs[3]
        assert {key: type(value) for key, value in ours[3].items()} == {
            key: type(value) for key, value in theirs[3].items()
        }
        assert locations[0].keys() == locations[1].keys()
        for key, rows in locations[1].items():
            assert np.array_equal(rows, locations[0][key])
            assert type(rows) is type(locations[0][key])


def test_the_short_way_is_taken_for_slices_of_bytes_and_resampling_happens(raw):
    preprocessor, slices = Preprocessor(plans(), DESCRIPTION), list_slices(raw)
    taken = {name: preprocessor._preprocess_shortly(files) is not None for name, files in slices.items()}
    assert taken == {name: name != "case6" for name in slices}
    resampled = [isinstance(preprocessor.preprocess(files).image, np.ndarray) for files in slices.values()]
    assert resampled == [False, False, False, True, True, True, True]


def test_a_short_way_that_went_wrong_is_found_and_nnunets_own_taken(raw, tmp_path, monkeypatch):
    from IUSTumorSegLib.nnunet import slice_preprocessing

    right = pack(raw, tmp_path / "right").load_case("case3")[0].tobytes()
    monkeypatch.setattr(preprocessing, "SLICES_PER_PACK", 4)
    resize = slice_preprocessing.resize_image
    monkeypatch.setattr(slice_preprocessing, "resize_image", lambda *given: resize(*given) + np.float32(1e-6))
    assert pack(raw, tmp_path / "wrong").load_case("case3")[0].tobytes() == right


def stopped_after(slices: int):
    def progress(stage, done=0, total=0, message=""):
        if done >= slices:
            raise Cancelled

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_interrupted_preprocessing_goes_on_and_ends_with_the_same_bytes(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(preprocessing, "SLICES_PER_PACK", 2)
    pack(raw, tmp_path / "at_once")
    with pytest.raises(Cancelled):
        pack(raw, tmp_path / "resumed", progress=stopped_after(3))
    half = contents(tmp_path / "resumed")
    assert sorted(half) == ["pack_00000.npy", "pack_00000.slices", "pack_00001.npy", "pack_00001.slices"]
    with pytest.raises(BadInput, match="all preprocessed"):
        PackedDataset(str(tmp_path / "resumed"))
    (tmp_path / "resumed" / "pack_00001.slices").write_bytes(half["pack_00001.slices"][:-1])
    before = (tmp_path / "resumed" / "pack_00000.slices").stat().st_mtime_ns
    pack(raw, tmp_path / "resumed")
    assert contents(tmp_path / "resumed") == contents(tmp_path / "at_once")
    assert (tmp_path / "resumed" / "pack_00000.slices").stat().st_mtime_ns == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_process_killed_in_the_middle_of_a_pack_leaves_nothing_that_counts(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(preprocessing, "SLICES_PER_PACK", 2)
    pack(raw, tmp_path / "at_once")

    def pack_and_die():
        written = []
        write = packed_dataset._write_slice

        def write_or_die(item, stream):
            if len(written) == 3:
                stream.write(b"half a sli")
                stream.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            written.append(item)
            write(item, stream)

        monkeypatch.setattr(packed_dataset, "_write_slice", write_or_die)
        pack(raw, tmp_path / "killed")

    child = multiprocessing.get_context("fork").Process(target=pack_and_die)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    left = contents(tmp_path / "killed")
    assert any(name.startswith(".partial-") for name in left)
    assert {name for name in left if not name.startswith(".")} == {"pack_00000.npy", "pack_00000.slices"}
    pack(raw, tmp_path / "killed")
    assert contents(tmp_path / "killed") == contents(tmp_path / "at_once")


def test_a_full_disk_is_said_and_the_packs_before_it_are_kept(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(preprocessing, "SLICES_PER_PACK", 2)
    folder = tmp_path / "packed"
    with monkeypatch.context() as patched:
        patched.setattr(packed_dataset, "_write_slice", _disk_full_after(5, packed_dataset._write_slice))
        with pytest.raises(Failed, match=r"The disk that holds .*pack_00002.slices is full"):
            pack(raw, folder)
    assert sorted(contents(folder)) == ["pack_00000.npy", "pack_00000.slices", "pack_00001.npy", "pack_00001.slices"]
    assert len(pack(raw, folder).identifiers) == 7


def _disk_full_after(slices, write):
    written = []

    def write_or_fail(item, stream):
        if len(written) == slices:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(item)
        write(item, stream)

    return write_or_fail


def test_packs_of_other_plans_or_data_are_not_kept(raw, tmp_path):
    folder = tmp_path / "packed"
    pack(raw, folder)
    first = contents(folder)
    pack(raw, folder, plans(masked=True))
    assert contents(folder)["pack_00000.slices"] != first["pack_00000.slices"]


@pytest.mark.slow  # the processes import nnU-Net
def test_several_processes_write_the_same_bytes_as_one(raw, tmp_path, monkeypatch):
    monkeypatch.setattr(preprocessing, "SLICES_PER_PACK", 4)
    pack(raw, tmp_path / "one", processes=1)
    pack(raw, tmp_path / "two", processes=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_broken_slice_is_named(raw, tmp_path):
    broken = tmp_path / "Dataset501_Test"
    shutil.copytree(raw, broken)
    image = broken / "imagesTr" / "case3_0000.nii.gz"
    image.write_bytes(image.read_bytes()[:200])
    with pytest.raises(Failed, match="slice case3 could not be preprocessed"):
        pack(broken, tmp_path / "packed")


def test_a_slice_whose_label_is_missing_is_named(raw, tmp_path):
    shutil.copytree(raw, tmp_path / "raw")
    (tmp_path / "raw" / "labelsTr" / "case4.nii.gz").unlink()
    with pytest.raises(BadInput, match="none of case4"):
        list_slices(tmp_path / "raw")


def test_nnunets_data_loader_draws_the_same_batches_from_packs_as_from_its_own_files(raw, tmp_path):
    from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader

    made = plans()
    labels = Preprocessor(made, DESCRIPTION).labels
    batches = []
    for dataset in (pack(raw, tmp_path / "packed", made), by_nnunet(raw, tmp_path / "stock", made)):
        np.random.seed(5)
        loader = nnUNetDataLoader(dataset, 4, (64, 64), (64, 64), labels, 0.5)
        batches.append([next(loader) for _ in range(6)])
    for ours, theirs in zip(*batches, strict=True):
        assert list(ours["keys"]) == list(theirs["keys"])
        assert ours["data"].numpy().tobytes() == theirs["data"].numpy().tobytes()
        assert ours["target"].numpy().tobytes() == theirs["target"].numpy().tobytes()


def test_nnunet_finds_the_class_for_packed_slices_and_it_travels_without_its_files(raw, tmp_path):
    from nnunetv2.training.dataloading.nnunet_dataset import infer_dataset_class

    packed = pack(raw, tmp_path / "packed")
    register_packed_slices()
    assert infer_dataset_class(str(tmp_path / "packed")) is PackedDataset
    packed.load_case("case3")
    content = pickle.dumps(packed)
    assert len(content) < 10_000
    np.testing.assert_array_equal(pickle.loads(content).load_case("case3")[1], packed.load_case("case3")[1])


def test_what_is_done_to_a_loaded_slice_does_not_reach_the_file(raw, tmp_path):
    packed = pack(raw, tmp_path / "packed")
    for name in ("case0", "case3", "case6"):
        before = [array.copy() for array in packed.load_case(name)[:2]]
        for array in packed.load_case(name)[:2]:
            array += 7
        for array, same in zip(packed.load_case(name)[:2], before, strict=True):
            np.testing.assert_array_equal(array, same)


def test_a_name_that_is_too_long_for_the_table_is_refused(raw, tmp_path):
    item = Preprocessor(plans(), DESCRIPTION).preprocess(list_slices(raw)["case0"])
    with pytest.raises(BadInput, match="128 bytes"):
        write_pack([("x" * 200, item)], tmp_path, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.real_data
def test_slices_of_real_ultrasound_are_nnunets_own_in_every_bit(tmp_path):
    from IUSTumorSegLib.nnunet.slice_preprocessing import same_slice

    us = sitk.ReadImage(str(real_file("resect", "Case1-US-before_0.5mm.nii.gz")))
    size, spacing = np.array(us.GetSize()), np.array(us.GetSpacing())
    k, j, i = (
        axis * length for axis, length in zip(np.ogrid[tuple(map(slice, size[::-1]))], spacing[::-1], strict=True)
    )
    centre = size * spacing / 2
    ball = (k - centre[2]) ** 2 + (j - centre[1]) ** 2 + (i - centre[0]) ** 2 < 12**2
    label = sitk.GetImageFromArray(ball.astype(np.uint8))
    raw = tmp_path / "Dataset501_Real"
    make_image_folders(raw)
    (raw / "dataset.json").write_text(json.dumps(DESCRIPTION))
    for cut in list(cut_slices(us, label, SliceSelection()))[::9]:
        write_pair(cut.pixels, cut.tumor, cut.spacing, f"{cut.direction}_{cut.index:04d}", raw, ".nii.gz")
    slices = list_slices(raw)
    assert len(slices) > 10
    for target in (0.5, 0.43):
        made = plans()
        made["configurations"]["2d"]["spacing"] = [target, target]
        preprocessor = Preprocessor(made, DESCRIPTION)
        for files in slices.values():
            ours = preprocessor._preprocess_shortly(files)
            assert ours is not None
            assert same_slice(ours, preprocessor.preprocess_by_nnunet(files))
