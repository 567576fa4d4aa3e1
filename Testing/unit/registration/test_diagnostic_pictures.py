"""The diagnostics: what is plotted is what the metric says, where it says it."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from made_images import linear_mix, pose, structured_mri
from PIL import Image

from IUSTumorSegLib.images.geometry import ijk_to_ras, points_ras_from_indices, resample_onto, set_ijk_to_ras
from IUSTumorSegLib.registration.agreement import local_agreement_map
from IUSTumorSegLib.registration.diagnostic_pictures import (
    COARSE_COLOUR,
    FINE_COLOUR,
    FINE_STEPS,
    agreement_colours,
    score_profiles,
    words_on_rivals,
    write_diagnostics,
)
from IUSTumorSegLib.registration.line_plots import Curve, Plot, draw_plot, nice_ticks
from IUSTumorSegLib.registration.picture_parts import CONTOUR
from IUSTumorSegLib.registration.search import FINE_MM, prepare

TRUTH = pose((2.0, -1.0, 3.0), (1, 1, 0), 8.0)
AT_TRUTH = np.zeros(6)


@pytest.fixture(scope="module")
def pair():
    """An MRI and an oblique ultrasound made of it; where the world's x is below 0, the ultrasound is noise."""
    mri = structured_mri((72, 72, 72), sigma=3.0)
    grid = sitk.Image(50, 54, 48, sitk.sitkFloat32)
    set_ijk_to_ras(grid, TRUTH @ pose((-24, -26, -23), (1, 0.2, 0.5), 25.0))
    echo = sitk.GetArrayFromImage(resample_onto(linear_mix(mri), grid, TRUTH))
    kji = np.indices(echo.shape).reshape(3, -1).T
    on_left = points_ras_from_indices(grid, kji[:, ::-1])[:, 0].reshape(echo.shape) < 0
    noise = np.random.default_rng(0).rayleigh(float(echo.mean()), echo.shape)
    us = sitk.GetImageFromArray(np.where(on_left, noise, echo).astype(np.float32))
    us.CopyInformation(grid)
    return us, mri


@pytest.fixture(scope="module")
def scene(pair):
    us, mri = pair
    return prepare(us, [mri], TRUTH)


def map_values(scene, at):
    """The map's values and their places, RAS mm, inside the field of view."""
    image = local_agreement_map(scene, at)
    values = sitk.GetArrayFromImage(image)
    kji = np.argwhere(values > 0)
    return values[values > 0], points_ras_from_indices(image, kji[:, ::-1])


def test_the_map_is_high_where_the_mri_explains_the_ultrasound_and_low_where_it_is_noise(scene):
    values, places = map_values(scene, AT_TRUTH)
    assert values[places[:, 0] > 5].mean() > 0.6
    assert values[places[:, 0] < -5].mean() < 0.3
    assert np.corrcoef(values > 0.5, places[:, 0] > 0)[0, 1] > 0.8


def test_the_map_covers_the_field_of_view_on_2_mm_voxels_along_the_ultrasound_s_axes(pair, scene):
    us, _ = pair
    image = local_agreement_map(scene, AT_TRUTH)
    assert image.GetSpacing() == pytest.approx((2.0, 2.0, 2.0))
    assert image.GetDirection() == pytest.approx(us.GetDirection())
    middles = [points_ras_from_indices(i, (np.array(i.GetSize())[None] - 1) / 2)[0] for i in (us, image)]
    assert np.linalg.norm(middles[0] - middles[1]) < 1.0
    assert (sitk.GetArrayFromImage(image) > 0).mean() > 0.95


def test_the_map_is_zero_outside_the_sector(pair):
    us, mri = pair
    echo = sitk.GetArrayFromImage(us)
    z, y, x = np.indices(echo.shape)
    sector = np.hypot(y - 27, x - 25) < 10 + 0.3 * z
    cut = sitk.GetImageFromArray(np.where(sector, echo + 1, 0).astype(np.float32))
    cut.CopyInformation(us)
    image = local_agreement_map(prepare(cut, [mri], TRUTH), AT_TRUTH)
    kji = np.argwhere(sitk.GetArrayFromImage(image) > 0)
    there = points_ras_from_indices(image, kji[:, ::-1])
    ijk = (there - ijk_to_ras(us)[:3, 3]) @ np.linalg.inv(ijk_to_ras(us)[:3, :3]).T
    assert (np.hypot(ijk[:, 1] - 27, ijk[:, 0] - 25) < 12 + 0.3 * ijk[:, 2]).all()


def test_a_wrong_pose_agrees_nowhere(scene):
    values, _ = map_values(scene, np.array([0, 0, 0, 9.0, -8.0, 7.0]))
    assert np.mean(values > 0.5) < 0.1


def test_profiles_hold_the_metric_s_values_and_peak_at_the_truth(scene):
    profiles = score_profiles(scene, AT_TRUTH, FINE_MM, FINE_STEPS)
    turned_by_5 = torch.tensor([[0, 5.0, 0, 0, 0, 0]])
    expected = float(scene.lc2(FINE_MM, turned_by_5)[0])
    assert profiles.scores[1, FINE_STEPS.index(5.0)] == pytest.approx(expected, abs=1e-5)
    assert np.abs(profiles.steps[profiles.scores.argmax(axis=1)]).max() <= 0.5


def test_the_title_names_the_best_pose_elsewhere():
    distances, scores = np.array([0.0, 2.0, 9.1, 14.0]), np.array([0.400, 0.399, 0.380, 0.385])
    assert "14 mm away, scores 0.015 less" in words_on_rivals(distances, scores)
    assert "None lies farther than 4 mm" in words_on_rivals(distances[:2], scores[:2])


def drawn(tmp_path, pair, scene, tumor=None):
    poses = np.array([AT_TRUTH, [0, 4.0, 0, 6.0, 0, 0], [3.0, 0, 0, 0, -9.0, 0]])
    path = tmp_path / "new" / "diagnostics.png"
    write_diagnostics(scene, poses, np.array([0.40, 0.35, 0.30]), pair[0], path, tumor)
    assert [p.name for p in path.parent.iterdir()] == ["diagnostics.png"]
    return np.asarray(Image.open(path).convert("RGB"))


def count(picture, colour):
    """Pixels within the blur of a thin line's edge of `colour`."""
    return int((np.abs(picture.astype(int) - colour).max(axis=-1) <= 60).sum())


def test_the_picture_holds_both_levels_curves_and_outlines_the_tumour_where_one_is_given(tmp_path, pair, scene):
    mri = pair[1]
    distance = np.sqrt(((np.indices(mri.GetSize()[::-1]) - 35.5) ** 2).sum(axis=0))
    tumor = sitk.GetImageFromArray((distance < 9).astype(np.uint8))
    tumor.CopyInformation(mri)
    plain, marked = drawn(tmp_path, pair, scene), drawn(tmp_path, pair, scene, tumor)
    assert min(count(plain, COARSE_COLOUR), count(plain, FINE_COLOUR)) > 200
    assert count(marked, CONTOUR) > count(plain, CONTOUR) + 300


def test_the_colour_scale_grows_lighter_with_agreement_and_ends_at_0_6():
    colours = agreement_colours(np.linspace(0, 0.6, 50))
    lightness = colours @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) > 0).all()
    assert np.array_equal(agreement_colours(np.array([0.6, 0.9, 1.0])), np.tile([253, 231, 37], (3, 1)))


def dot_place(x, y):
    """Row and column of the middle of a dot at (x, y) in a plot from 0 to 10 and 0 to 1."""
    plot = Plot("", (Curve(np.array([x]), np.array([y]), (200, 0, 0), dot_px=3),), (0, 10), (0, 1), (), ())
    red = np.asarray(draw_plot(plot, 300, 200)).astype(int)
    return np.argwhere((red[..., 0] > 150) & (red[..., 2] < 100)).mean(axis=0)


def test_a_plot_shows_a_point_in_proportion_between_its_corners():
    origin, end = dot_place(0, 0), dot_place(10, 1)
    assert origin[0] > end[0] + 100
    assert origin[1] < end[1] - 200
    assert dot_place(2.5, 0.75) == pytest.approx(origin + (end - origin) * [0.75, 0.25], abs=1.0)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-10.0, 10.0), (0.113, 0.127), (0.0, 17.3)])
def test_ticks_are_round_numbers_inside_the_range(low, high):
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert low <= ticks[0] and ticks[-1] <= high
    assert all(len(f"{tick:g}") <= 5 for tick in ticks)
