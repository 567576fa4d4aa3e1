"""What is written of a case: labels cut at the field of view, areas counted after that, the same by any way."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.slices.case_table import CaseForExport
from IUSTumorSegLib.slices.cut import SliceSelection, within_field_of_view
from IUSTumorSegLib.slices.export import export_slices
from IUSTumorSegLib.slices.write_cases import NumberedCase, write_case, write_cases

SPACING = (1.0, 0.9, 1.1)
EVERYTHING = SliceSelection()


@pytest.fixture
def half_shown(tmp_path) -> tuple[sitk.Image, sitk.Image]:
    """Ultrasound in the half with i < 20, padding of zeros beyond, and a ball with its centre 3 voxels inside."""
    rng = np.random.default_rng(2)
    k, j, i = np.mgrid[:30, :36, :40]
    us = np.where(i < 20, rng.rayleigh(50, i.shape).clip(1, 255), 0).astype(np.uint8)
    ball = (np.hypot(np.hypot(i - 17, j - 18), k - 15) < 9).astype(np.uint8)
    images = [sitk.GetImageFromArray(array) for array in (us, ball)]
    for image, name in zip(images, ("us", "tumor"), strict=True):
        image.SetSpacing(SPACING)
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    return images[0], images[1]


def case_of(folder: Path, label_source: str, number: int = 1) -> NumberedCase:
    case = CaseForExport("A", "1", folder / "us.nii.gz", folder / "tumor.nii.gz", label_source, "", None)
    return NumberedCase(f"case{number:03d}", "patient001", case)


def raw_folder(path: Path) -> Path:
    for name in ("imagesTr", "labelsTr"):
        (path / name).mkdir(parents=True)
    return path


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.mark.parametrize("source", ["propagated", "mri", "corrected"])
def test_a_label_carried_over_is_cut_where_the_ultrasound_ends_and_its_area_counted_after_that(
    half_shown, tmp_path, source
):
    folder = raw_folder(tmp_path / "raw")
    written = write_case(case_of(tmp_path, source), folder, EVERYTHING, ".nii.gz")
    ball = sitk.GetArrayFromImage(half_shown[1])
    spacing = sitk.ReadImage(str(tmp_path / "us.nii.gz")).GetSpacing()
    for item in written.slices:
        label = read(folder / "labelsTr" / f"{item.name}.nii.gz")
        image = read(folder / "imagesTr" / f"{item.name}_0000.nii.gz")
        assert not (label.astype(bool) & (image == 0)).any()
        horizontal, vertical = (spacing[axis] for axis in range(3) if "ijk"[axis] != item.direction)
        assert item.tumor_area_mm2 == np.count_nonzero(label) * (horizontal * vertical)
    across_i = [item.index for item in written.slices if item.direction == "i"]
    assert across_i == sorted(across_i)
    assert max(across_i) < 20 < np.argwhere(ball)[:, 2].max()
    inside = np.count_nonzero(ball[:, :, :20])
    kept = sum(np.count_nonzero(read(folder / "labelsTr" / f"{item.name}.nii.gz")) for item in written.slices
               if item.direction == "k")  # fmt: skip
    assert kept == pytest.approx(inside, rel=0.1)


def test_a_label_drawn_on_the_ultrasound_stays_as_it_was_drawn(half_shown, tmp_path):
    folder = raw_folder(tmp_path / "raw")
    written = write_case(case_of(tmp_path, "us"), folder, EVERYTHING, ".nii.gz")
    kept = sum(np.count_nonzero(read(folder / "labelsTr" / f"{item.name}.nii.gz")) for item in written.slices
               if item.direction == "k")  # fmt: skip
    assert kept == np.count_nonzero(sitk.GetArrayFromImage(half_shown[1]))


def test_a_label_outside_the_field_of_view_leaves_nothing(half_shown):
    us, ball = half_shown
    away = sitk.GetImageFromArray(np.roll(sitk.GetArrayFromImage(ball), 12, axis=2))
    away.CopyInformation(us)
    assert not sitk.GetArrayFromImage(within_field_of_view(away, us)).any()


def test_several_processes_write_the_same_files_as_one(half_shown, tmp_path):
    cases = [case_of(tmp_path, "us", number) for number in range(1, 4)]
    contents = []
    for processes in (1, 2):
        folder = raw_folder(tmp_path / f"raw{processes}")
        written = list(write_cases(cases, folder, EVERYTHING, ".nii", processes))
        files = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.nii")}
        contents.append((written, files))
    assert contents[0] == contents[1]
    assert len(contents[0][1]) == 2 * sum(len(case.slices) for case in contents[0][0])


def test_an_uncompressed_data_set_is_read_by_the_reader_that_its_dataset_json_names(half_shown, tmp_path):
    from nnunetv2.imageio.reader_writer_registry import determine_reader_writer_from_dataset_json

    from IUSTumorSegLib.nnunet.raw_dataset import write_dataset_json

    folder = raw_folder(tmp_path / "raw")
    written = write_case(case_of(tmp_path, "us"), folder, EVERYTHING, ".nii")
    write_dataset_json(folder, len(written.slices), {}, ending=".nii")
    reader = determine_reader_writer_from_dataset_json(json.loads((folder / "dataset.json").read_text()), verbose=False)
    item = next(item for item in written.slices if item.direction == "j")
    data, properties = reader().read_images([str(folder / "imagesTr" / f"{item.name}_0000.nii")])
    volume = sitk.GetArrayFromImage(half_shown[0])
    np.testing.assert_array_equal(data[0, 0], volume[:, item.index, :])
    assert properties["spacing"][1:] == pytest.approx([1.1, 1.0], abs=1e-6)


def test_a_full_disk_ends_with_a_sentence_and_no_data_set(half_shown, tmp_path, monkeypatch):
    from IUSTumorSegLib.slices import write_cases as module

    written = []

    def write_or_fail(*given):
        written.append(given)
        if len(written) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "write_pair", write_or_fail)
    table = tmp_path / "cases.csv"
    rows = [f"{n},{n},us.nii.gz,tumor.nii.gz,us" for n in range(2)]
    table.write_text("\n".join(["case,patient,us,us_tumor,label_source", *rows]))
    with pytest.raises(Failed, match="is full: free some space"):
        export_slices(cases=table, dataset="501_Full", out=tmp_path / "raw", folds=2)
    assert not list((tmp_path / "raw").iterdir())
