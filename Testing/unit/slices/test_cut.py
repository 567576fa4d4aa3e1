"""Slices against SimpleITK's own extraction and counting."""

import numpy as np
import pytest
import SimpleITK as sitk

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.slices.cut import (
    DIRECTIONS,
    SliceSelection,
    check_directions,
    cut_slices,
    grey_values,
    plane,
    put_plane,
)


def extracted(image: sitk.Image, direction: str, index: int) -> sitk.Image:
    """The slice as SimpleITK extracts it."""
    place: list = [slice(None)] * 3
    place[DIRECTIONS.index(direction)] = index
    return image[tuple(place)]


def test_a_slice_has_the_pixels_axes_and_spacing_of_simpleitks_own_extraction(us, label):
    cut = list(cut_slices(us, label, SliceSelection()))
    assert {item.direction for item in cut} == set(DIRECTIONS)
    for item in cut:
        expected = extracted(us, item.direction, item.index)
        assert item.image.GetSize() == expected.GetSize()
        assert item.image.GetSpacing() == expected.GetSpacing()
        assert item.image.GetDirection() == (1, 0, 0, 1)
        assert item.image.GetOrigin() == (0, 0)
        assert item.image.GetPixelID() == item.label.GetPixelID() == sitk.sitkUInt8
        np.testing.assert_array_equal(sitk.GetArrayFromImage(item.image), sitk.GetArrayFromImage(expected))
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(item.label), sitk.GetArrayFromImage(extracted(label, item.direction, item.index))
        )


def test_the_area_is_the_counted_pixels_times_one_pixels_area_to_the_last_bit(us, label):
    counter = sitk.LabelShapeStatisticsImageFilter()
    for item in cut_slices(us, label, SliceSelection()):
        counter.Execute(item.label)
        horizontal, vertical = item.image.GetSpacing()
        assert item.tumor_area_mm2 == counter.GetNumberOfPixels(1) * (horizontal * vertical)


def test_every_slice_with_tumour_and_no_other_is_cut(us, label):
    mask = sitk.GetArrayFromImage(label)
    cut = {(item.direction, item.index) for item in cut_slices(us, label, SliceSelection())}
    places = np.argwhere(mask)
    assert cut == {(direction, int(n)) for axis, direction in enumerate("kji") for n in places[:, axis]}


def test_a_cut_off_keeps_the_slice_that_has_exactly_that_area(us, label):
    areas = sorted(item.tumor_area_mm2 for item in cut_slices(us, label, SliceSelection(("k",))))
    kept = [item.tumor_area_mm2 for item in cut_slices(us, label, SliceSelection(("k",), min_area_mm2=areas[1]))]
    assert sorted(kept) == areas[1:]


def test_a_share_of_slices_is_without_tumour_and_shows_ultrasound(us, label):
    grey = sitk.GetArrayFromImage(us)
    grey[:, 9:, :] = 0
    with_border = sitk.GetImageFromArray(grey)
    with_border.CopyInformation(us)
    cut = list(cut_slices(with_border, label, SliceSelection(("j",), empty_share=0.25)))
    empty = [item for item in cut if item.tumor_area_mm2 == 0]
    # Tumour in 2 to 7, nothing shown in 9 and 10: three slices without tumour are left, two of them a quarter of eight.
    assert len(cut) == 8
    assert [item.index for item in empty] == [0, 8]
    assert not any(sitk.GetArrayFromImage(item.label).any() for item in empty)


def test_no_more_slices_without_tumour_are_taken_than_there_are(us, label):
    cut = list(cut_slices(us, label, SliceSelection(("k",), empty_share=0.9)))
    assert [item.index for item in cut] == [0, 1, 2, 3, 4]


def test_whole_numbers_up_to_255_are_not_changed():
    volume = np.array([[[0, 17, 255]]], np.float32)
    assert grey_values(volume).tolist() == [[[0, 17, 255]]]
    assert grey_values(volume).dtype == np.uint8


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1.0], [0, 128, 255]),
        ([0, 1000, 4000], [0, 64, 255]),
        ([-10, 0, 90], [0, 26, 255]),
        ([1.5, 40, 100], [4, 102, 255]),
    ],
)
def test_other_values_are_scaled_so_that_zero_stays_and_the_brightest_is_255(values, expected):
    assert grey_values(np.array([[values]], np.float64)).ravel().tolist() == expected


def test_a_slice_put_back_is_where_it_was_taken_from(us):
    volume = sitk.GetArrayFromImage(us)
    for direction in DIRECTIONS:
        copy = np.zeros_like(volume)
        for index in range(us.GetSize()[DIRECTIONS.index(direction)]):
            put_plane(copy, direction, index, plane(volume, direction, index))
        np.testing.assert_array_equal(copy, volume)


@pytest.mark.parametrize("directions", [["axial"], [], ["k", "x"]])
def test_directions_that_are_no_axis_of_the_grid_are_refused(directions):
    with pytest.raises(BadInput, match="among i, j and k"):
        check_directions(directions)
