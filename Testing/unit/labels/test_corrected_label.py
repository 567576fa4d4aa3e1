"""A corrected label on disk: what is written, what is refused, and what its record says."""

import hashlib
import json
from datetime import UTC, datetime

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.images.volumes import write_volume
from IUSTumorSegLib.labels import corrected_label
from IUSTumorSegLib.labels.corrected_label import (
    CORRECTED_FILE,
    RECORD_FILE,
    note_on_correction,
    read_corrections,
    save_corrected_label,
)

PROPAGATED = "us_tumor_from_mri.nii.gz"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def cube(side, size=(20, 18, 16), spacing=(0.5, 0.5, 1.0)):
    voxels = np.zeros(size[::-1], dtype=np.uint8)
    voxels[2 : 2 + side, 2 : 2 + side, 2 : 2 + side] = 1
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    image.SetOrigin((4.0, -7.0, 30.0))
    return image


@pytest.fixture
def case(tmp_path):
    write_volume(cube(8), tmp_path / PROPAGATED)
    return tmp_path


def save(case, label, source=PROPAGATED, **more):
    arguments = dict(registration_sha256="abc", reviewer=" Anna ", seconds=41.26, now=lambda: NOON)
    return save_corrected_label(label, case, source, **arguments | more)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_label_and_a_record_of_where_it_came_from_are_written(case):
    save(case, cube(10))
    written = sitk.ReadImage(str(case / CORRECTED_FILE))
    assert written.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(written), sitk.GetArrayFromImage(cube(10)))
    content = json.loads((case / RECORD_FILE).read_text())
    assert content["schema"] == "iustumorseg.corrected_label/1"
    assert content["earlier"] == []
    assert content["correction"] == {
        "label_sha256": sha256(case / CORRECTED_FILE),
        "from_label": PROPAGATED,
        "from_sha256": sha256(case / PROPAGATED),
        "registration_sha256": "abc",
        "reviewer": "Anna",
        "when": "2026-05-04T12:00:00+00:00",
        "seconds": 41.3,
        "volume_before_ml": 0.128,  # 8^3 voxels of 0.25 cubic millimetres
        "volume_after_ml": 0.25,
        "dice": round(2 * 512 / (512 + 1000), 6),
    }


def test_correcting_a_corrected_label_keeps_the_earlier_correction_in_the_record(case):
    first = save(case, cube(10))
    second = save(case, cube(9), CORRECTED_FILE, reviewer="Ben")
    assert read_corrections(case) == [first, second]
    assert second.from_sha256 == first.label_sha256
    assert second.volume_before_ml == first.volume_after_ml


def test_starting_over_from_the_propagated_label_forgets_the_earlier_correction(case):
    save(case, cube(10))
    again = save(case, cube(9))
    assert read_corrections(case) == [again]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (cube(8, size=(20, 18, 17)), "another grid of 20 x 18 x 17 voxels"),
        (cube(8, spacing=(0.5, 0.5, 1.1)), "another grid"),
        (cube(0), "nothing drawn"),
    ],
)
def test_another_grid_or_an_empty_label_is_refused_and_nothing_is_written(case, label, words):
    with pytest.raises(BadInput, match=words):
        save(case, label)
    assert {path.name for path in case.iterdir()} == {PROPAGATED}


def test_without_a_reviewer_nothing_is_written(case):
    with pytest.raises(BadInput, match="type your name"):
        save(case, cube(9), reviewer="  ")
    assert not (case / CORRECTED_FILE).exists()


def test_a_save_that_fails_leaves_the_earlier_label_and_its_record(case, monkeypatch):
    first = save(case, cube(10))

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corrected_label, "write_volume", full_disk)
    with pytest.raises(Failed, match=r"could not be saved.*No space left on device.*still open"):
        save(case, cube(9), CORRECTED_FILE)
    assert read_corrections(case) == [first]


def test_a_record_that_belongs_to_another_label_does_not_count(case):
    save(case, cube(10))
    write_volume(cube(5), case / CORRECTED_FILE)
    assert read_corrections(case) == []
    assert "no record" in note_on_correction(case, "abc")


def test_the_note_says_who_corrected_and_that_the_case_was_registered_again_since(case):
    assert note_on_correction(case, "abc") == ""
    save(case, cube(10))
    note = note_on_correction(case, "abc")
    assert note == "Corrected by Anna on 2026-05-04 (0.1 to 0.2 ml, Dice 0.68 with what it came from)."
    assert "Registered again since" in note_on_correction(case, "of a new registration")
    save(case, cube(9), registration_sha256="")
    assert "again" not in note_on_correction(case, "of a new registration")
