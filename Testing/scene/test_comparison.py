"""Ultrasound against MRI, measured on the pixels of Slicer's slice views."""

import gc
import weakref

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)
import SimpleITK as sitk  # noqa: E402
import vtk  # noqa: E402

from IUSTumorSegLib.scene.comparison import Comparison, ComparisonSettings, SlicePane  # noqa: E402
from IUSTumorSegLib.scene.nodes import image_from_volume, volume_from_image  # noqa: E402
from IUSTumorSegLib.scene.offscreen import OffscreenSliceView, render_slice_view  # noqa: E402
from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap  # noqa: E402

US_GREY, MRI_GREY = 60, 200
SIZE = 240


@pytest.fixture
def pair(grey_volume):
    return grey_volume(US_GREY, "Ultrasound"), grey_volume(MRI_GREY, "MRI")


@pytest.fixture
def picture(application, scene, pair):
    """Renders the pair 24 mm wide: 10 pixels a millimetre, all of it inside both volumes."""

    def render(segmentations=(), **settings):
        return render_slice_view(
            scene, *pair, fov_mm=24.0, size_px=SIZE, letters=False, ruler=False, segmentations=segmentations,
            comparison=ComparisonSettings(**settings), application_logic=application.logic,
        )  # fmt: skip

    return render


class Panes:
    """Three slice views without windows, as a layout would give them."""

    def __init__(self, scene):
        self.scene, self.logics, self.renderers = scene, [], []
        for name in ("One", "Two", "Three"):
            logic = slicer.vtkMRMLSliceLogic()
            logic.SetMRMLScene(scene)
            logic.AddSliceNode(name)
            logic.ResizeSliceNode(SIZE, SIZE)
            self.logics.append(logic)
            self.renderers.append(vtk.vtkRenderer())
        self.panes = [SlicePane(logic, renderer) for logic, renderer in zip(self.logics, self.renderers, strict=True)]

    def composites(self):
        return [logic.GetSliceCompositeNode() for logic in self.logics]

    def observers(self):
        """The observers of all that a comparison touches; VTK tells them only in print."""
        watched = [
            *self.logics,
            *self.composites(),
            *[logic.GetSliceNode() for logic in self.logics],
            *self.renderers,
            self.scene,
        ]
        return [str(thing).count("Event: ") for thing in watched]

    def actors(self):
        return [renderer.GetViewProps().GetNumberOfItems() for renderer in self.renderers]

    def close(self):
        for logic in self.logics:
            logic.SetMRMLScene(None)


@pytest.fixture
def panes(scene):
    made = Panes(scene)
    yield made
    made.close()


def test_a_checkerboard_shows_both_images_in_alternating_fields_of_the_given_size(picture):
    grey = picture(mode="checkerboard", field_mm=6.0)[..., 0].astype(int)
    fields = grey[30::60, 30::60]  # the middles of 4 x 4 fields of 60 pixels
    rows, columns = np.indices(fields.shape)
    first = fields[0, 0]
    assert {first, US_GREY + MRI_GREY - first} == {US_GREY, MRI_GREY}
    np.testing.assert_array_equal(fields, np.where((rows + columns) % 2 == 0, first, US_GREY + MRI_GREY - first))
    assert set(np.unique(grey)) == {US_GREY, MRI_GREY}
    assert (grey == US_GREY).mean() == pytest.approx(0.5, abs=0.02)
    np.testing.assert_array_equal(np.flatnonzero(np.diff(grey[30])), [59, 119, 179])


def test_smaller_fields_make_a_finer_checkerboard(picture):
    grey = picture(mode="checkerboard", field_mm=3.0)[..., 0].astype(int)
    assert len(np.flatnonzero(np.diff(grey[15]))) == 7


@pytest.mark.parametrize("curtain", [0.25, 0.5, 0.75])
def test_left_of_the_curtain_is_the_ultrasound_and_right_of_it_the_mri(picture, curtain):
    grey = picture(mode="curtain", curtain=curtain)[..., 0]
    edge = round(curtain * SIZE)
    np.testing.assert_array_equal(grey[:, : edge - 2], US_GREY)
    np.testing.assert_array_equal(grey[:, edge + 2 :], MRI_GREY)
    between = grey[0, edge - 2 : edge + 2]
    assert np.isin(between, (US_GREY, MRI_GREY)).sum() == 3  # and a line, one pixel wide


@pytest.mark.parametrize(("curtain", "grey"), [(0.0, MRI_GREY), (1.0, US_GREY)])
def test_a_curtain_drawn_to_the_side_shows_one_image(picture, curtain, grey):
    np.testing.assert_array_equal(picture(mode="curtain", curtain=curtain)[:, 2:-2, 0], grey)


@pytest.mark.parametrize("blend", [0.0, 0.25, 1.0])
def test_a_blend_mixes_by_the_opacity_of_the_mri(picture, blend):
    expected = (1 - blend) * US_GREY + blend * MRI_GREY
    np.testing.assert_allclose(picture(mode="blend", blend=blend)[..., 0], expected, atol=1)


def test_outside_the_ultrasound_the_curtain_s_left_side_is_black_though_the_mri_reaches_there(
    application, scene, grey_volume
):
    small, large = (
        grey_volume(US_GREY, "Ultrasound", shape=(20, 20, 20)),
        grey_volume(MRI_GREY, "MRI", shape=(60, 60, 60)),
    )
    view = render_slice_view(
        scene, small, large, fov_mm=40.0, size_px=SIZE, letters=False, ruler=False, center_ras=middle_of(small),
        comparison=ComparisonSettings(mode="curtain", curtain=0.5), application_logic=application.logic,
    )  # fmt: skip
    left = view[:, : SIZE // 2 - 2, 0]
    assert set(np.unique(left)) == {0, US_GREY}
    assert left[SIZE // 2, 5] == 0


def middle_of(volume):
    from IUSTumorSegLib.images.geometry import grid_center_ras

    return grid_center_ras(image_from_volume(volume))


def test_contours_are_drawn_above_the_checkerboard(scene, pair, picture, ball):
    label = sitk.GetImageFromArray(ball((40, 40, 40), (20, 20, 20), 6))
    label.CopyInformation(image_from_volume(pair[0]))
    segmentation = segmentation_from_labelmap(scene, label, pair[0], "Tumour", "truth")
    drawn = picture(mode="checkerboard", segmentations=(segmentation,)).astype(int)
    coloured = np.abs(drawn - drawn.mean(axis=2, keepdims=True)).max(axis=2) > 40
    assert coloured.any(axis=1).sum() > 90  # a circle of 11 to 12 mm at 10 pixels a millimetre
    assert set(np.unique(drawn[~coloured][:, 0])) >= {US_GREY, MRI_GREY}


def test_the_composed_picture_follows_the_slice_without_being_told(scene, application, oblique_image):
    layers = np.repeat(np.arange(0, 240, 6, dtype=np.float32)[:, None, None], 40, axis=1).repeat(40, axis=2)
    us, mri = (
        volume_from_image(scene, oblique_image(layers), "Ultrasound"),
        volume_from_image(scene, oblique_image(layers * 0), "MRI"),
    )
    us.GetDisplayNode().SetAutoWindowLevel(False)
    us.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    with OffscreenSliceView(scene, SIZE, application.logic) as view:
        settings = ComparisonSettings(mode="curtain", curtain=1.0)
        before = view.render(us, mri, fov_mm=20.0, comparison=settings, letters=False, ruler=False)[
            SIZE // 2, SIZE // 2, 0
        ]
        view.slice_node.SetSliceOffset(view.slice_node.GetSliceOffset() + 5.5)  # 5 layers of 1.1 mm
        after = view.grab()[SIZE // 2, SIZE // 2, 0]
    assert abs(int(after) - int(before)) == pytest.approx(30, abs=2)


def test_attaching_links_the_views_and_detaching_gives_them_back(scene, panes, pair, grey_volume):
    other = grey_volume(10, "Shown before")
    for composite in panes.composites():
        composite.SetBackgroundVolumeID(other.GetID())
        composite.SetForegroundOpacity(0.2)
    comparison = Comparison(panes.panes)
    comparison.attach(*pair, ComparisonSettings(blend=0.7))
    for composite in panes.composites():
        assert (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()) == (
            pair[0].GetID(),
            pair[1].GetID(),
        )
        assert composite.GetLinkedControl() and composite.GetHotLinkedControl()
        assert composite.GetForegroundOpacity() == pytest.approx(0.7)
    comparison.detach()
    for composite in panes.composites():
        assert (composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()) == (other.GetID(), None)
        assert not composite.GetLinkedControl() and not composite.GetHotLinkedControl()
        assert composite.GetForegroundOpacity() == pytest.approx(0.2)


def test_fifty_rounds_of_attach_and_detach_leave_nothing_behind(scene, panes, pair):
    def counts():
        return scene.GetNumberOfNodes(), panes.observers(), panes.actors(), [node.GetReferenceCount() for node in pair]

    before = counts()
    gone = []
    for round_number in range(50):
        comparison = Comparison(panes.panes)
        comparison.attach(*pair, ComparisonSettings(mode=("blend", "checkerboard", "curtain")[round_number % 3]))
        comparison.show(ComparisonSettings(mode="checkerboard", field_mm=4.0))
        comparison.detach()
        gone.append(weakref.ref(comparison))
        del comparison
    gc.collect()
    assert counts() == before
    assert not any(reference() for reference in gone)


def test_detaching_twice_or_after_the_scene_was_closed_does_no_harm(scene, panes, pair):
    comparison = Comparison(panes.panes)
    comparison.attach(*pair, ComparisonSettings(mode="curtain"))
    scene.Clear(0)
    comparison.detach()
    comparison.detach()
    assert panes.actors() == [0, 0, 0]


def test_a_volume_of_a_closed_scene_is_not_restored_though_a_new_one_has_its_id(scene, panes, pair, grey_volume):
    former_id = grey_volume(10, "Shown before").GetID()
    for composite in panes.composites():
        composite.SetBackgroundVolumeID(former_id)
    comparison = Comparison(panes.panes)
    comparison.attach(*pair)
    scene.Clear(0)
    newcomers = [scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode").GetID() for _ in range(3)]
    assert former_id in newcomers
    comparison.detach()
    assert [composite.GetBackgroundVolumeID() for composite in panes.composites()] == [None] * 3


def test_without_an_mri_the_ultrasound_alone_is_shown(application, scene, pair):
    view = render_slice_view(
        scene, pair[0], fov_mm=24.0, size_px=SIZE, letters=False, ruler=False, application_logic=application.logic,
        comparison=ComparisonSettings(mode="checkerboard"),
    )  # fmt: skip
    np.testing.assert_array_equal(view[..., 0], US_GREY)


def test_each_change_asks_every_view_for_a_new_picture(panes, pair):
    asked = []
    watched = [
        SlicePane(pane.slice_logic, pane.renderer, lambda n=n: asked.append(n)) for n, pane in enumerate(panes.panes)
    ]
    comparison = Comparison(watched)
    comparison.attach(*pair)
    asked.clear()
    comparison.show(ComparisonSettings(mode="curtain", curtain=0.3))
    assert asked == [0, 1, 2]
    comparison.detach()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="blend, checkerboard, curtain"):
        ComparisonSettings(mode="chequered")
