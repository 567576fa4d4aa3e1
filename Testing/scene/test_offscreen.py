"""Pictures of Slicer's slice views: windows, contours, centre and crop, measured on their pixels."""

import os
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402

from IUSTumorSegLib.images.geometry import center_of_mass_ras, grid_center_ras  # noqa: E402
from IUSTumorSegLib.scene.comparison import ComparisonSettings  # noqa: E402
from IUSTumorSegLib.scene.display import COLORS, show_as_mri, show_as_ultrasound  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, load_volume, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.offscreen import (  # noqa: E402
    OffscreenSliceView,
    render_planes,
    render_slice_view,
    side_by_side,
    write_png,
)
from IUSTumorSegLib.scene.offscreen_3d import OffscreenThreeDView  # noqa: E402
from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap  # noqa: E402

DATA = Path(os.environ.get("IUS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
US_FILE = DATA / "resect" / "Case24-US-before_0.5mm.nii.gz"
MRI_FILE = DATA / "resect" / "Case24-T1-on-US-grid_0.5mm.nii.gz"
PLAIN = {"letters": False, "ruler": False}


def coloured(picture, color, tolerance=60):
    return np.abs(picture.astype(int) - np.array(color) * 255).max(axis=2) < tolerance


@pytest.fixture
def sphere(ball):
    """Makes a label of a sphere of a radius in mm on a volume's grid."""

    def make(volume, center_ijk, radius_mm):
        image = image_from_volume(volume)
        radius = radius_mm / float(np.mean(image.GetSpacing()))
        label = sitk.GetImageFromArray(ball(image.GetSize(), center_ijk, radius))
        label.CopyInformation(image)
        return label

    return make


@pytest.fixture
def speckled(scene, oblique_image, ball):
    """An ultrasound volume: speckle within a ball, zero outside."""
    rng = np.random.default_rng(3)
    voxels = ball((50, 50, 50), (25, 25, 25), 20) * rng.gamma(2.0, 20.0, (50, 50, 50))
    return volume_from_image(scene, oblique_image(voxels.astype(np.float32)), "Ultrasound")


def test_a_picture_leaves_no_node_and_shows_labels_as_they_were(application, scene, speckled, sphere):
    shown = segmentation_from_labelmap(scene, sphere(speckled, (25, 25, 25), 8), speckled, "Shown", "truth")
    other = segmentation_from_labelmap(scene, sphere(speckled, (25, 25, 25), 5), speckled, "Other", "prediction")
    shown.GetDisplayNode().SetVisibility(False)
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)  # there from the start in Slicer
    before = sorted(scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes()))
    picture = render_slice_view(
        scene, speckled, size_px=200, segmentations=(shown,), application_logic=application.logic
    )
    assert sorted(scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())) == before
    assert (shown.GetDisplayNode().GetVisibility(), other.GetDisplayNode().GetVisibility()) == (0, 1)
    assert coloured(picture, COLORS["truth"]).sum() > 50
    assert coloured(picture, COLORS["prediction"]).sum() == 0


def test_a_contour_is_thin_closed_and_of_the_label_s_size(application, scene, speckled, sphere):
    label = sphere(speckled, (25, 25, 25), 10)
    segmentation = segmentation_from_labelmap(scene, label, speckled, "Tumour", "us_tumor_from_mri")
    picture = render_slice_view(
        scene, speckled, fov_mm=40.0, size_px=400, center_ras=center_of_mass_ras(label), segmentations=(segmentation,),
        application_logic=application.logic, **PLAIN,
    )  # fmt: skip
    line = coloured(picture, COLORS["us_tumor_from_mri"])
    rows, columns = np.nonzero(line)
    # 0.1 mm a pixel: a circle of 20 mm in the middle of the picture.
    for extent in (rows, columns):
        assert np.ptp(extent) == pytest.approx(200, abs=12)
        assert (extent.min() + extent.max()) / 2 == pytest.approx(199.5, abs=6)
    across = line[200]
    assert across[:200].sum() <= 3 and across[200:].sum() <= 3
    assert line.mean() < 0.02  # a line, no filling
    from scipy.ndimage import binary_fill_holes

    assert binary_fill_holes(line).mean() == pytest.approx(np.pi * 10**2 / 40**2, rel=0.1)


def test_the_window_shows_tissue_in_the_middle_greys(application, scene, speckled):
    show_as_ultrasound(speckled)
    picture = render_slice_view(scene, speckled, size_px=300, application_logic=application.logic, **PLAIN)[..., 0]
    inside = picture[100:200, 100:200]
    assert 40 < np.median(inside) < 150
    assert (inside == 255).mean() < 0.03
    assert picture[2, 2] == 0


def test_windows_are_percentiles_of_what_is_not_zero(scene, oblique_image):
    voxels = np.zeros((20, 20, 20), dtype=np.float32)
    voxels[:5] = np.linspace(100, 1100, 2000).reshape(5, 20, 20)
    volume = volume_from_image(scene, oblique_image(voxels), "Volume")
    for show, (low, high) in ((show_as_ultrasound, (110, 1090)), (show_as_mri, (110, 1095))):
        show(volume)
        display = volume.GetDisplayNode()
        assert display.GetWindowLevelMin() == pytest.approx(low, abs=6)
        assert display.GetWindowLevelMax() == pytest.approx(high, abs=10)
        assert not display.GetAutoWindowLevel()


def test_three_planes_come_in_one_go_and_are_what_each_is_alone(application, scene, speckled):
    planes = render_planes(scene, speckled, size_px=150, application_logic=application.logic)
    assert list(planes) == ["axial", "sagittal", "coronal"]
    for plane, picture in planes.items():
        alone = render_slice_view(scene, speckled, plane=plane, size_px=150, application_logic=application.logic)
        np.testing.assert_array_equal(picture, alone)


def test_letters_and_ruler_are_drawn_at_the_edges_and_can_be_left_out(application, scene, grey_volume):
    volume = grey_volume(0, "Black")
    kwargs = {"size_px": 300, "application_logic": application.logic, "fov_mm": 30.0}
    assert render_slice_view(scene, volume, **kwargs, **PLAIN).max() == 0
    lettered = render_slice_view(scene, volume, **kwargs, letters=True, ruler=False)[..., 0]
    for edge in (lettered[:30, 120:180], lettered[-40:, 120:180], lettered[120:180, :30], lettered[120:180, -30:]):
        assert edge.max() > 200
    assert lettered[40:-40, 40:-40].max() == 0
    assert render_slice_view(scene, volume, **kwargs, letters=False, ruler=True)[-40:].max() > 100


def test_a_png_holds_the_picture_pixel_for_pixel(tmp_path):
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    write_png(picture, tmp_path / "picture.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "picture.png")), picture)
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]
    row = side_by_side([picture, picture], gap_px=4)
    assert row.shape == (20, 64, 3) and (row[:, 30:34] == 255).all()


@pytest.fixture
def real_pair(scene):
    if not US_FILE.is_file():
        pytest.skip(f"no real images at {DATA} (set IUS_TEST_DATA)")
    us, mri = load_volume(scene, US_FILE, "Ultrasound"), load_volume(scene, MRI_FILE, "MRI")
    show_as_ultrasound(us)
    show_as_mri(mri)
    return us, mri


@pytest.mark.real_data
def test_a_real_ultrasound_fills_its_picture_with_tissue_that_can_be_seen(application, scene, real_pair):
    for picture in render_planes(
        scene, real_pair[0], size_px=300, application_logic=application.logic, **PLAIN
    ).values():
        grey = picture[..., 0]
        content = grey > 0
        assert content.mean() > 0.4
        assert 30 < np.median(grey[content]) < 120
        assert (grey == 255).mean() < 0.03
        assert content[120:180, 120:180].mean() > 0.9


@pytest.mark.parametrize("kind", [OffscreenSliceView, OffscreenThreeDView])
def test_a_second_view_of_the_same_name_is_refused_because_closing_it_would_end_the_process(application, scene, kind):
    with kind(scene, 60, application_logic=application.logic):
        nodes = scene.GetNumberOfNodes()
        with pytest.raises(ValueError, match="in the scene already"):
            kind(scene, 60, application_logic=application.logic)
        assert scene.GetNumberOfNodes() == nodes
    with kind(scene, 60, application_logic=application.logic):
        pass


def test_a_view_whose_node_was_taken_out_of_the_scene_closes_all_the_same(application, scene):
    OffscreenSliceView(scene, 60, application.logic).close()
    before = scene.GetNumberOfNodes()
    view = OffscreenSliceView(scene, 60, application.logic)
    scene.RemoveNode(view.slice_node)
    view.close()
    assert scene.GetNumberOfNodes() == before


@pytest.mark.real_data
def test_a_real_pair_meets_at_the_curtain(application, scene, real_pair):
    center_ras = grid_center_ras(image_from_volume(real_pair[0]))
    with OffscreenSliceView(scene, 300, application.logic) as view:
        us, mri = (view.render(volume, fov_mm=30.0, center_ras=center_ras, **PLAIN) for volume in real_pair)
        settings = ComparisonSettings(mode="curtain", curtain=0.5)
        curtain = view.render(*real_pair, fov_mm=30.0, center_ras=center_ras, comparison=settings, **PLAIN)
    np.testing.assert_array_equal(curtain[:, :148], us[:, :148])
    np.testing.assert_array_equal(curtain[:, 152:], mri[:, 152:])
    assert np.abs(us.astype(int) - mri).mean() > 20
