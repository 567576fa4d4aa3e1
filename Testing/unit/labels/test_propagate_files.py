import json

import numpy as np
import pytest
import SimpleITK as sitk
from made_labels import ball, grid, shifted

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.geometry import same_grid
from IUSTumorSegLib.images.volumes import write_volume
from IUSTumorSegLib.jobs.tasks import run_task
from IUSTumorSegLib.labels.propagate_files import beside, propagate_files
from IUSTumorSegLib.registration.registration import Judgement, Registration, SourceFile
from IUSTumorSegLib.registration.registration_files import write_registration

POSE = shifted(2, 0, -1)


@pytest.fixture
def files(tmp_path):
    """A label, an ultrasound and a registration whose pose samples are 2 mm away, on disk."""
    image = grid([30, 30, 30], (1, 1, 1))
    noise = np.random.default_rng(0).random((40, 40, 40)).astype(np.float32)
    us = sitk.GetImageFromArray(noise)
    us.CopyInformation(grid([40, 40, 40], (0.8, 0.8, 0.8)))
    write_volume(ball(image, 8.0), tmp_path / "label.nii.gz")
    write_volume(us, tmp_path / "us.nii.gz")
    register(tmp_path, tuple(shifted(2 + x, 0, -1) for x in (-2.0, 2.0)))
    return tmp_path


def register(folder, samples):
    source = SourceFile(folder / "us.nii.gz", "0" * 64)
    write_registration(
        Registration(
            mri=(source,), us=source, initial_mri_to_us_ras=np.eye(4), mri_to_us_ras=POSE, method_name="lc2",
            method_settings={}, method_version="0", score=0.3, judgement=Judgement("accept", ("Made for a test.",)),
            candidates=(), landmarks=None, seconds=1.0, device="cpu", pose_samples=samples,
        ),
        folder,
    )  # fmt: skip


def propagate(folder, **more):
    out = more.pop("out", folder / "tumor.nii.gz")
    return propagate_files(
        registration=folder / "registration.json",
        label=folder / "label.nii.gz",
        us=folder / "us.nii.gz",
        out=out,
        **more,
    )


def test_the_displacement_is_written_beside_the_label(files):
    propagate(files)
    summary = json.loads((files / "tumor_displacement.json").read_text())
    assert summary["schema"] == "iustumorseg.displacement/1"
    assert summary["mean_mm"] == pytest.approx(2.0, abs=1e-3)
    assert summary["surface_above_mm2"]["1 mm"] == summary["surface_mm2"]
    assert not (files / "tumor_soft.nii.gz").exists()


def test_certainty_adds_a_soft_label_and_one_with_core_and_rim(files):
    label = propagate(files, certainty=True)
    soft, levels = (sitk.ReadImage(str(files / f"tumor_{name}.nii.gz")) for name in ("soft", "certainty"))
    assert same_grid(soft, label)
    assert same_grid(levels, label)
    assert set(np.unique(sitk.GetArrayFromImage(soft))) == {0.0, 0.5, 1.0}
    assert set(np.unique(sitk.GetArrayFromImage(levels))) == {0, 1, 2}


def test_several_labels_keep_their_own_files_in_one_folder(files):
    propagate(files, out=files / "first.v1.nii.gz")
    propagate(files, out=files / "first.v2.nii.gz")
    propagate(files, out=files / "second.nrrd")
    names = {path.name for path in files.glob("*_displacement.json")}
    assert names == {"first.v1_displacement.json", "first.v2_displacement.json", "second_displacement.json"}


def test_a_registration_without_samples_gives_the_label_alone(files):
    register(files, ())
    propagate(files)
    assert (files / "tumor.nii.gz").is_file()
    assert not (files / "tumor_displacement.json").exists()


def test_what_an_earlier_registration_left_does_not_stay_beside_a_new_label(files):
    propagate(files, certainty=True)
    register(files, ())
    propagate(files)
    assert not list(files.glob("tumor_*"))


def test_certainty_without_samples_is_refused_before_anything_is_written(files):
    register(files, ())
    with pytest.raises(BadInput, match="pose samples"):
        propagate(files, certainty=True)
    assert not list(files.glob("tumor*"))


def test_the_task_takes_certainty_from_json(files):
    arguments = {
        "registration": str(files / "registration.json"), "label": str(files / "label.nii.gz"),
        "us": str(files / "us.nii.gz"), "out": str(files / "tumor.nii.gz"), "certainty": True,
    }  # fmt: skip
    seen = []
    run_task("propagate", json.loads(json.dumps(arguments)), lambda *step, **more: seen.append(step))
    assert beside(files / "tumor.nii.gz", "certainty.nii.gz").is_file()
    assert [step[1] for step in seen] == sorted(step[1] for step in seen)
    assert seen[-1][1] == seen[-1][2]
