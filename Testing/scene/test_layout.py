"""The comparison layout is Slicer's to read, added once, and disturbs no other view."""

import xml.etree.ElementTree as ET

import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.scene.layout import (  # noqa: E402
    COMPARISON_LAYOUT_ID,
    MRI_SLICE_VIEW_NAMES,
    SIDE_BY_SIDE_LAYOUT_ID,
    SLICE_VIEW_NAMES,
    THREE_D_VIEW_NAME,
    add_comparison_layout,
    add_review_layouts,
    comparison_layout_xml,
    side_by_side_layout_xml,
)


@pytest.fixture
def layout_node(scene):
    return scene.AddNewNodeByClass("vtkMRMLLayoutNode")


def test_the_layout_is_added_once_with_an_id_that_slicer_leaves_to_extensions(layout_node):
    assert add_comparison_layout(layout_node) == add_comparison_layout(layout_node) == COMPARISON_LAYOUT_ID >= 500
    assert layout_node.GetLayoutDescription(COMPARISON_LAYOUT_ID) == comparison_layout_xml()
    layout_node.SetViewArrangement(COMPARISON_LAYOUT_ID)
    assert layout_node.GetViewArrangement() == COMPARISON_LAYOUT_ID


def test_it_has_three_slice_views_and_a_3d_view_of_its_own():
    views = {
        view.get("singletontag"): view.get("class") for view in ET.fromstring(comparison_layout_xml()).iter("view")
    }
    assert views == {**dict.fromkeys(SLICE_VIEW_NAMES, "vtkMRMLSliceNode"), THREE_D_VIEW_NAME: "vtkMRMLViewNode"}
    assert not {"Red", "Green", "Yellow", "1"} & set(views)


def test_its_views_share_a_group_that_slicer_s_own_views_are_not_in():
    groups = [
        [prop.text for prop in view.iter("property") if prop.get("name") == "viewgroup"]
        for view in ET.fromstring(comparison_layout_xml()).iter("view")
    ]
    assert groups == [groups[0]] * 4 and groups[0] != ["0"]


def test_slicer_s_layout_logic_makes_the_views_of_the_layout(scene):
    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(scene)
    add_comparison_layout(logic.GetLayoutNode())
    logic.GetLayoutNode().SetViewArrangement(COMPARISON_LAYOUT_ID)
    shown = [
        logic.GetViewNodes().GetItemAsObject(n).GetLayoutName() for n in range(logic.GetViewNodes().GetNumberOfItems())
    ]
    logic.SetMRMLScene(None)
    assert set(shown) == {*SLICE_VIEW_NAMES, THREE_D_VIEW_NAME}


def test_side_by_side_has_a_row_of_the_ultrasound_s_views_above_one_of_the_mri_s(layout_node):
    add_review_layouts(layout_node)
    add_review_layouts(layout_node)
    assert layout_node.GetLayoutDescription(SIDE_BY_SIDE_LAYOUT_ID) == side_by_side_layout_xml()
    rows = [
        [view.get("singletontag") for view in item.iter("view")] for item in ET.fromstring(side_by_side_layout_xml())
    ]
    assert rows == [list(SLICE_VIEW_NAMES), list(MRI_SLICE_VIEW_NAMES)]
