"""The layouts of comparisons: slice views and a 3D view of our own; the user's views stay as they are."""

from typing import Any

from .cases import nodes_of_class

COMPARISON_LAYOUT_ID, SIDE_BY_SIDE_LAYOUT_ID = 5071, 5072
SLICE_VIEW_NAMES = ("IUSAxial", "IUSSagittal", "IUSCoronal")
MRI_SLICE_VIEW_NAMES = ("IUSAxialMRI", "IUSSagittalMRI", "IUSCoronalMRI")
THREE_D_VIEW_NAME = "IUS3D"
# Slicer links views within a group; a group of our own keeps Red, Green and Yellow out of it.
VIEW_GROUP = 71

_SLICE_VIEWS = (
    ("IUSAxial", "Axial", "A", "#F34A33"),
    ("IUSSagittal", "Sagittal", "S", "#EDD54C"),
    ("IUSCoronal", "Coronal", "C", "#6EB04B"),
)


def add_comparison_layout(layout_node: Any) -> int:
    """Make the comparison layout known to a layout node, once; returns its id."""
    if not layout_node.IsLayoutDescription(COMPARISON_LAYOUT_ID):
        layout_node.AddLayoutDescription(COMPARISON_LAYOUT_ID, comparison_layout_xml())
    return COMPARISON_LAYOUT_ID


def add_review_layouts(layout_node: Any) -> None:
    """Make the comparison layout and the one with ultrasound above MRI known to a layout node, once."""
    add_comparison_layout(layout_node)
    if not layout_node.IsLayoutDescription(SIDE_BY_SIDE_LAYOUT_ID):
        layout_node.AddLayoutDescription(SIDE_BY_SIDE_LAYOUT_ID, side_by_side_layout_xml())


def comparison_layout_xml() -> str:
    """The description of the layout: axial and 3D above, sagittal and coronal below."""
    axial, sagittal, coronal = [_slice_view(*view) for view in _SLICE_VIEWS]
    upper = f'<layout type="horizontal" split="true">{axial}{_three_d_view()}</layout>'
    lower = f'<layout type="horizontal" split="true">{sagittal}{coronal}</layout>'
    return f'<layout type="vertical" split="true"><item>{upper}</item><item>{lower}</item></layout>'


def side_by_side_layout_xml() -> str:
    """The description of the layout with axial, sagittal and coronal views of the ultrasound above those of the MRI."""
    rows = [_SLICE_VIEWS, [(mri, *view[1:]) for mri, view in zip(MRI_SLICE_VIEW_NAMES, _SLICE_VIEWS, strict=True)]]
    items = "".join(
        f'<item><layout type="horizontal" split="true">{"".join(_slice_view(*view) for view in row)}</layout></item>'
        for row in rows
    )
    return f'<layout type="vertical" split="true">{items}</layout>'


def align_slice_views(scene: Any, us: Any, names: tuple[str, ...] = SLICE_VIEW_NAMES, center_ras: Any = None) -> None:
    """Lay the planes of the slice views `names` (axial, sagittal, coronal) along the ultrasound's own axes.

    They go through `center_ras` (default: the middle of the ultrasound's content), fitted to that content.
    """
    from .planes import align_slice_nodes

    align_slice_nodes([slice_node_named(scene, name) for name in names], us, center_ras)


def slice_node_named(scene: Any, name: str) -> Any:
    """The slice node of a layout name, or None."""
    return next((node for node in nodes_of_class(scene, "vtkMRMLSliceNode") if node.GetLayoutName() == name), None)


def _slice_view(name: str, orientation: str, letter: str, color: str) -> str:
    properties = {"orientation": orientation, "viewlabel": letter, "viewcolor": color, "viewgroup": VIEW_GROUP}
    return _view("vtkMRMLSliceNode", name, properties)


def _three_d_view() -> str:
    return _view("vtkMRMLViewNode", THREE_D_VIEW_NAME, {"viewlabel": "3D", "viewgroup": VIEW_GROUP})


def _view(node_class: str, name: str, properties: dict[str, Any]) -> str:
    lines = "".join(f'<property name="{key}" action="default">{value}</property>' for key, value in properties.items())
    return f'<item><view class="{node_class}" singletontag="{name}">{lines}</view></item>'
