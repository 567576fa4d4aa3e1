"""A saved scene, opened in a fresh process, is the scene that was saved."""

import hashlib
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.errors import BadInput  # noqa: E402
from IUSTumorSegLib.images.geometry import ijk_to_ras  # noqa: E402
from IUSTumorSegLib.scene.cases import CaseNodes  # noqa: E402
from IUSTumorSegLib.scene.display import COLORS  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, put_in_folder, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.registration_nodes import apply_registration  # noqa: E402
from IUSTumorSegLib.scene.scene_files import show_in_standard_views, write_scene  # noqa: E402
from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap  # noqa: E402

READ_BACK = """
import hashlib, json, sys, tempfile, zipfile
from pathlib import Path
import numpy as np, slicer
from IUSTumorSegLib.images.geometry import ijk_to_ras
from IUSTumorSegLib.scene.application import start_application
from IUSTumorSegLib.scene.cases import find_registration, nodes_of_class
from IUSTumorSegLib.scene.nodes import ijk_to_world, matrix_of, voxels_of
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation
import SimpleITK as sitk

with start_application() as application, tempfile.TemporaryDirectory() as folder:
    scene = application.scene
    zipfile.ZipFile(sys.argv[1]).extractall(folder)
    scene.SetURL(str(Path(folder) / "case" / "case.mrml"))
    assert scene.Connect()
    volumes = {node.GetName(): node for node in nodes_of_class(scene, "vtkMRMLScalarVolumeNode")}
    us, mri = volumes["Ultrasound"], volumes["MRI"]
    segmentation = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    label = labelmap_from_segmentation(segmentation, us)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    red = [node for node in nodes_of_class(scene, "vtkMRMLSliceCompositeNode") if node.GetLayoutName() == "Red"][0]
    segment = segmentation.GetSegmentation().GetSegment("Tumor")
    print("RESULT" + json.dumps({
        "us": hashlib.sha256(np.ascontiguousarray(voxels_of(us)).tobytes()).hexdigest(),
        "us_grid": ijk_to_world(us).tolist(),
        "mri_grid": ijk_to_world(mri).tolist(),
        "registration": matrix_of(find_registration(us, mri)).tolist(),
        "label": hashlib.sha256(sitk.GetArrayFromImage(label).tobytes()).hexdigest(),
        "label_grid": ijk_to_ras(label).tolist(),
        "color": list(segment.GetColor()),
        "thickness": segmentation.GetDisplayNode().GetSliceIntersectionThickness(),
        "window": [us.GetDisplayNode().GetWindow(), us.GetDisplayNode().GetLevel()],
        "folders": [hierarchy.GetItemName(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(n)))
                    for n in (us, mri, segmentation)],
        "red": [red.GetBackgroundVolumeID() == us.GetID(), red.GetForegroundVolumeID() == mri.GetID()],
    }))
"""


@pytest.fixture
def saved(scene, oblique_image, ball, mri_to_us_ras, tmp_path):
    rng = np.random.default_rng(5)
    us = volume_from_image(scene, oblique_image(rng.integers(0, 255, (30, 28, 26)).astype(np.uint8)), "Ultrasound")
    mri = volume_from_image(
        scene, oblique_image(rng.normal(size=(20, 22, 24)).astype(np.float32), degrees=(0, 10, 0)), "MRI"
    )
    us.GetDisplayNode().SetAutoWindowLevel(False)
    us.GetDisplayNode().SetWindowLevel(120, 70)
    label = sitk.GetImageFromArray(ball((26, 28, 30), (12, 10, 18), 6))
    label.CopyInformation(image_from_volume(us))
    segmentation = segmentation_from_labelmap(scene, label, us, "Tumour (from MRI)", "us_tumor_from_mri")
    apply_registration(CaseNodes(us, mri), mri_to_us_ras)
    put_in_folder(scene, "Case 1", [us, mri, segmentation])
    show_in_standard_views(scene, us, mri)
    path = tmp_path / "case.mrb"
    write_scene(scene, path)
    return path, us, label


def test_a_scene_opened_in_a_fresh_process_has_the_same_images_transform_label_and_views(saved, mri_to_us_ras):
    path, us, label = saved
    ended = subprocess.run(
        [sys.executable, "-c", READ_BACK, str(path)], capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, ended.stderr
    read = json.loads(lines[0].removeprefix("RESULT"))
    assert read["us"] == hashlib.sha256(sitk.GetArrayFromImage(image_from_volume(us)).tobytes()).hexdigest()
    assert read["label"] == hashlib.sha256(sitk.GetArrayFromImage(label).tobytes()).hexdigest()
    np.testing.assert_allclose(read["us_grid"], ijk_to_ras(image_from_volume(us)), atol=1e-4)
    np.testing.assert_allclose(read["label_grid"], read["us_grid"], atol=1e-6)
    np.testing.assert_allclose(read["registration"], mri_to_us_ras, atol=1e-9)
    np.testing.assert_allclose(read["color"], COLORS["us_tumor_from_mri"], atol=1e-6)
    assert (read["thickness"], read["window"]) == (2, [120, 70])
    assert read["folders"] == ["Case 1"] * 3
    assert read["red"] == [True, True]


def test_the_bundle_is_as_slicer_writes_one_and_says_which_slicer_it_is_for(saved):
    with zipfile.ZipFile(saved[0]) as bundle:
        names = bundle.namelist()
        assert "case/case.mrml" in names
        assert sum(name.startswith("case/Data/") and name.endswith((".nrrd", ".h5")) for name in names) == 4
        # Slicer warns of scenes of other applications and of newer versions than itself.
        assert '<MRML version="Slicer 5.12.' in bundle.read("case/case.mrml").decode()


def test_writing_a_scene_leaves_only_the_finished_file(saved):
    assert [path.name for path in saved[0].parent.iterdir()] == ["case.mrb"]


def test_a_scene_replaces_one_of_the_same_name(scene, saved):
    before = saved[0].stat().st_ino
    write_scene(scene, saved[0])
    assert saved[0].stat().st_ino != before
    assert [path.name for path in saved[0].parent.iterdir()] == ["case.mrb"]


def test_another_suffix_is_refused(scene, tmp_path):
    with pytest.raises(BadInput, match=r"ends in \.mrb"):
        write_scene(scene, tmp_path / "case.zip")
    assert list(tmp_path.iterdir()) == []
