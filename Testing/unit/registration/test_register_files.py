"""The command `register` on the shipped simulated case, as a child process and in this one."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from real_data import real_file

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.images.field_of_view import field_of_view_mask
from IUSTumorSegLib.images.volumes import read_volume
from IUSTumorSegLib.jobs.child_process import start_job
from IUSTumorSegLib.registration.comparison_picture import write_comparison
from IUSTumorSegLib.registration.landmarks import mean_landmark_error_mm, read_tag
from IUSTumorSegLib.registration.register_files import register_files
from IUSTumorSegLib.registration.registration_files import read_registration
from IUSTumorSegLib.registration.transform_files import read_transform

DEMO_CASE = Path(__file__).parents[3] / "IUSTumorSeg" / "Resources" / "DemoCase"


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    out = tmp_path_factory.mktemp("registered")
    result = register_files(
        mri=[DEMO_CASE / "mri_flair.nii.gz"],
        us=DEMO_CASE / "us.nii.gz",
        out=out,
        mri_tumor=DEMO_CASE / "mri_tumor.nii.gz",
        landmarks=DEMO_CASE / "landmarks.tag",
        device="cpu",
        border=True,
    )
    return out, result


def test_the_demo_case_is_registered_to_its_simulated_truth(registered):
    _, result = registered
    truth = np.array(json.loads((DEMO_CASE / "truth.json").read_text())["true_mri_to_us_ras"])
    landmarks = read_tag(DEMO_CASE / "landmarks.tag")
    floor = mean_landmark_error_mm(landmarks, truth)
    assert result.landmarks.initial_mm > 5
    assert result.landmarks.final_mm < floor + 0.3
    assert result.verdict == "accept"


def test_what_is_written_reads_back_as_what_was_returned(registered):
    out, result = registered
    read = read_registration(out / "registration.json")
    assert np.allclose(read.mri_to_us_ras, result.mri_to_us_ras)
    assert np.allclose(read_transform(out / "mri_to_us.tfm"), result.mri_to_us_ras, atol=1e-9)
    assert (read.verdict, read.reasons, read.landmarks) == (result.verdict, result.reasons, result.landmarks)
    assert read.candidates[0].score == pytest.approx(max(c.score for c in read.candidates))
    assert len(read.us.sha256) == 64


def test_the_picture_shows_ultrasound_and_mri_in_fields(registered):
    picture = np.asarray(Image.open(registered[0] / "comparison.png").convert("RGB")).astype(int)
    warm = (picture[..., 0] - picture[..., 2]) > 20
    grey = (np.ptp(picture, axis=-1) < 6) & (picture[..., 0] > 30) & (picture[..., 0] < 230)
    assert warm.mean() > 0.1
    assert grey.mean() > 0.1


def test_the_picture_has_room_for_every_reason(registered, tmp_path):
    us, mri = (read_volume(DEMO_CASE / f"{name}.nii.gz") for name in ("us", "mri_flair"))
    heights = []
    for times in (1, 3):
        judgement = replace(registered[1].judgement, reasons=registered[1].reasons * times)
        registration = replace(registered[1], judgement=judgement)
        write_comparison(us, field_of_view_mask(us), mri, None, registration, tmp_path / "picture.png")
        heights.append(Image.open(tmp_path / "picture.png").height)
    assert heights[1] > heights[0] + 30


def test_an_initial_transform_replaces_the_pose_of_the_files(registered, tmp_path):
    out, result = registered
    (tmp_path / "border.json").write_text("of an earlier pose")
    again = register_files(
        mri=[DEMO_CASE / "mri_flair.nii.gz"],
        us=DEMO_CASE / "us.nii.gz",
        out=tmp_path,
        initial=out / "mri_to_us.tfm",
        landmarks=DEMO_CASE / "landmarks.tag",
        local=True,
        device="cpu",
    )
    assert again.landmarks.initial_mm == pytest.approx(result.landmarks.final_mm, abs=1e-4)
    assert again.landmarks.final_mm == pytest.approx(result.landmarks.final_mm, abs=0.1)
    assert not (tmp_path / "border.json").exists()


@pytest.mark.parametrize("after_s", [1.0, 2.5, 4.0])
def test_a_killed_registration_leaves_no_broken_file_under_a_final_name(after_s, tmp_path):
    out = tmp_path / "out"
    request = {
        "task": "register",
        "arguments": {
            "mri": [str(DEMO_CASE / "mri_flair.nii.gz")],
            "us": str(DEMO_CASE / "us.nii.gz"),
            "out": str(out),
        },
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    job = start_job([sys.executable, "-m", "IUSTumorSegLib.jobs", str(tmp_path / "request.json")], tmp_path / "log.txt")
    time.sleep(after_s)
    job.cancel(grace_s=0.0)
    assert not job.running
    if (out / "registration.json").exists():
        assert read_registration(out / "registration.json").candidates
    assert {p.name for p in out.glob("[!.]*")} <= {
        "registration.json",
        "mri_to_us.tfm",
        "comparison.png",
        "diagnostics.png",
    }


def test_two_mris_that_do_not_reach_the_ultrasound_are_refused_before_anything_is_written(tmp_path):
    from IUSTumorSegLib.images.volumes import read_volume, write_volume

    far = read_volume(DEMO_CASE / "mri_flair.nii.gz")
    far.SetOrigin([900.0, 0.0, 0.0])
    write_volume(far, tmp_path / "far.nii.gz")
    with pytest.raises(BadInput, match="overlap"):
        register_files(mri=[tmp_path / "far.nii.gz"], us=DEMO_CASE / "us.nii.gz", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.real_data
def test_the_real_case_ends_within_2_mm_of_its_landmarks_from_another_start(tmp_path):
    from made_images import pose

    from IUSTumorSegLib.registration.transform_files import write_transform

    landmarks = read_tag(real_file("resect", "Case24-MRI-beforeUS.tag"))
    center = landmarks.us_ras.mean(axis=0)
    about = pose(center) @ pose((6, -7, 4), (1, 1, 0), 5.0) @ pose(-center)
    write_transform(about, tmp_path / "start.tfm")
    result = register_files(
        mri=[real_file("resect", "Case24-T1-on-US-grid_0.5mm.nii.gz")],
        us=real_file("resect", "Case24-US-before_0.5mm.nii.gz"),
        out=tmp_path / "out",
        landmarks=real_file("resect", "Case24-MRI-beforeUS.tag"),
        initial=tmp_path / "start.tfm",
        device="cpu",
    )
    assert result.landmarks.initial_mm > 8
    assert result.landmarks.final_mm < 2.0


WITHOUT_TORCH = """
import sys
class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoTorch())
from pathlib import Path
from IUSTumorSegLib.registration.register_files import register_files
case, out = Path(sys.argv[1]), Path(sys.argv[2])
register_files(mri=[case / "mri_flair.nii.gz"], us=case / "us.nii.gz", out=out, method="mattes")
"""


def test_mutual_information_needs_no_pytorch(tmp_path):
    import subprocess

    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(DEMO_CASE), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert read_registration(tmp_path / "registration.json").verdict == "review"


def test_the_border_check_is_written_when_asked_for(registered):
    border = json.loads((registered[0] / "border.json").read_text())
    assert border["sentences"] and 0 < border["checked_share"] <= 1
    assert len(border["offset_mm"]) == len(border["points_ras"]) == len(border["confidence"])


def test_a_border_check_without_a_label_is_refused(tmp_path):
    with pytest.raises(BadInput, match="--mri-tumor"):
        register_files(mri=[DEMO_CASE / "mri_flair.nii.gz"], us=DEMO_CASE / "us.nii.gz", out=tmp_path, border=True)
