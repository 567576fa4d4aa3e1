"""A scene as one file that Slicer opens."""

import tempfile
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder
from ..errors import BadInput, Failed
from .cases import nodes_of_class
from .planes import align_slice_nodes

# In the order axial, sagittal, coronal.
STANDARD_VIEWS = ("Red", "Yellow", "Green")


def write_scene(scene: Any, path: Path) -> None:
    """Write the scene with all its data as a Slicer bundle (.mrb), whole or not at all.

    Volumes go in as NRRD, segmentations as .seg.nrrd, transforms as .h5; the nodes keep the files that they came from.
    """
    path = Path(path).resolve()
    if path.suffix != ".mrb":
        raise BadInput("a file name that ends in .mrb", path.name, "rename it")
    check_output_folder(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The bundle's inner folder takes its name, so the finished name is written, elsewhere, and moved here.
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as folder:
        bundle = Path(folder) / path.name
        if not scene.WriteToMRB(str(bundle)) or not bundle.is_file():
            raise Failed(f"The scene could not be written to {path}.")
        bundle.replace(path)


def show_in_standard_views(scene: Any, us: Any, mri: Any = None, center_ras: Any = None) -> None:
    """Have Slicer's Red, Yellow and Green views show the pair, half and half and linked, when the scene is opened.

    Their planes lie along the ultrasound's own axes, through `center_ras` (default: the middle of its content).
    """
    align_slice_nodes([_view_node(scene, "vtkMRMLSliceNode", name) for name in STANDARD_VIEWS], us, center_ras)
    for name in STANDARD_VIEWS:
        _show_layers(_view_node(scene, "vtkMRMLSliceCompositeNode", name), us, mri)
    selection = scene.GetNodeByID("vtkMRMLSelectionNodeSingleton")
    if selection is not None:
        selection.SetActiveVolumeID(us.GetID())


def _show_layers(composite: Any, us: Any, mri: Any) -> None:
    composite.SetBackgroundVolumeID(us.GetID())
    composite.SetForegroundVolumeID(mri.GetID() if mri is not None else None)
    composite.SetForegroundOpacity(0.5)
    composite.SetLinkedControl(True)


def _view_node(scene: Any, node_class: str, name: str) -> Any:
    """The slice or composite node of a view, made where there is none."""
    for node in nodes_of_class(scene, node_class):
        if node.GetLayoutName() == name:
            return node
    node = scene.CreateNodeByClass(node_class)
    node.SetName(name)
    node.SetLayoutName(name)
    node.SetSingletonTag(name)
    added = scene.AddNode(node)
    node.UnRegister(None)
    return added
