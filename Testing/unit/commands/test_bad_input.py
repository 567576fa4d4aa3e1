"""Every way in which `register` can be given what it cannot use: exit code 2, one sentence, nothing written."""

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app


def image(offset=(0.0, 0.0, 0.0), dtype=np.float32, size=24):
    array = np.random.default_rng(0).uniform(1, 200, (size, size, size)).astype(dtype)
    made = sitk.GetImageFromArray(array)
    made.SetOrigin(offset)
    return made


@pytest.fixture
def good(tmp_path):
    sitk.WriteImage(image(), str(tmp_path / "mri.nii.gz"))
    sitk.WriteImage(image(dtype=np.uint8), str(tmp_path / "us.nii.gz"))
    label = np.zeros((24, 24, 24), np.uint8)
    label[8:14, 8:14, 8:14] = 1
    sitk.WriteImage(sitk.GetImageFromArray(label), str(tmp_path / "label.nii.gz"))
    (tmp_path / "pairs.tag").write_text('MNI Tag Point File\nVolumes = 2;\n\nPoints =\n 1 2 3 4 5 6 "";\n')
    return {"--mri": tmp_path / "mri.nii.gz", "--us": tmp_path / "us.nii.gz", "--out": tmp_path / "out"}


def register(options):
    words = [str(word) for pair in options.items() for word in pair]
    return CliRunner().invoke(app, ["register", *words])


def write(made, path):
    sitk.WriteImage(made, str(path))
    return path


BAD = {
    "a missing file": ("--mri", lambda p: p / "none.nii.gz", "nothing at"),
    "no image": ("--us", lambda p: write_text(p / "us2.nii.gz", "hello"), "not a readable image"),
    "a 2D image": ("--us", lambda p: write(image()[:, :, 3], p / "flat.nii.gz"), "2D data"),
    "an all-zero ultrasound": ("--us", lambda p: write(image() * 0, p / "zero.nii.gz"), "the one value 0"),
    "no overlap": ("--mri", lambda p: write(image((500.0, 0, 0)), p / "far.nii.gz"), "mm apart"),
    "a label outside the MRI": ("--mri-tumor", lambda p: write(label_at((90.0, 0, 0)), p / "far.nii.gz"), "outside"),
    "an all-zero label": (
        "--mri-tumor",
        lambda p: write(sitk.Image(5, 5, 5, sitk.sitkUInt8), p / "l.nii"),
        "only zeros",
    ),
    "landmarks without pairs": (
        "--landmarks",
        lambda p: write_text(p / "e.tag", "MNI Tag Point File\nPoints =;"),
        "pairs",
    ),
    "a method that does not exist": ("--method", lambda p: "magic", "'magic'"),
    "an output folder that is a file": ("--out", lambda p: write_text(p / "taken", ""), "the file"),
}


def write_text(path, text):
    path.write_text(text)
    return path


def label_at(origin):
    label = sitk.Image(6, 6, 6, sitk.sitkUInt8) + 1
    label.SetOrigin(origin)
    return label


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_2_and_one_sentence_and_writes_nothing(name, good, tmp_path):
    option, make, words = BAD[name]
    good[option] = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    result = register(good)
    assert result.exit_code == 2, result.output
    sentences = [line for line in result.output.splitlines() if line.startswith("Expected")]
    assert len(sentences) == 1
    assert words in sentences[0]
    assert "Traceback" not in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_cropped_label_inside_the_mri_is_fine(good, tmp_path):
    from IUSTumorSegLib.registration.registration_inputs import read_inputs

    inputs = read_inputs(
        [good["--mri"]], good["--us"], write(label_at((9.0, 9.0, 9.0)), tmp_path / "crop.nii.gz"), None, None
    )
    assert inputs.tumor is not None
