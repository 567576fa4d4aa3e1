"""Volumes and transforms as MRML nodes, from files, SimpleITK images and matrices, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..errors import BadInput
from ..images.geometry import ijk_to_ras, set_ijk_to_ras

if TYPE_CHECKING:
    import SimpleITK as sitk

ORTHOGONAL_TOLERANCE = 1e-3


def load_volume(scene: Any, path: Path, name: str) -> Any:
    """Load a 3D volume file (NIfTI, NRRD, MHA) as a scalar volume node that remembers its file."""
    path = Path(path).resolve()
    if not path.is_file():
        raise BadInput("an image file", f"nothing at {path}", "check the path")
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    if not storage.ReadData(volume) or volume.GetImageData() is None:
        scene.RemoveNode(storage)
        scene.RemoveNode(volume)
        raise BadInput("an image that Slicer reads", f"{path}", "convert it to NIfTI or NRRD")
    volume.SetAndObserveStorageNodeID(storage.GetID())
    volume.CreateDefaultDisplayNodes()
    return volume


def volume_from_image(scene: Any, image: "sitk.Image", name: str) -> Any:
    """A scalar volume node with the voxels (copied) and the geometry of `image`."""
    volume = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    volume.SetIJKToRASMatrix(vtk_matrix(ijk_to_ras(image)))
    volume.SetAndObserveImageData(vtk_image(image))
    volume.CreateDefaultDisplayNodes()
    return volume


def image_from_volume(volume: Any, to_world: np.ndarray | None = None) -> "sitk.Image":
    """A copy of a volume node as it lies in the world: its linear parent transforms are in the image's geometry.

    `to_world`: a 4x4 (RAS mm) in place of the parent transforms. Raises `BadInput` where these deform or shear.
    """
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(voxels_of(volume))
    set_ijk_to_ras(image, orthogonal(ijk_to_world(volume, to_world), volume.GetName()))
    return image


def voxels_of(volume: Any) -> np.ndarray:
    """The voxels of a volume node as an array [k, j, i] that shares their memory."""
    data = volume.GetImageData()
    i, j, k = data.GetDimensions()
    return vtk_to_numpy(data.GetPointData().GetScalars()).reshape(k, j, i)


def ijk_to_world(volume: Any, to_world: np.ndarray | None = None) -> np.ndarray:
    """4x4 from voxel indices of a volume node to RAS mm in the world; `to_world` in place of its parent transforms."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return (node_to_world(volume) if to_world is None else to_world) @ array_of(matrix)


def node_to_world(node: Any, frame: Any = None) -> np.ndarray:
    """4x4 from a node's own coordinates to the world, or to the coordinates in which a transform node `frame` acts.

    Raises `BadInput` where a parent transform is not linear.
    """
    matrix = vtk.vtkMatrix4x4()
    parent = node.GetParentTransformNode()
    if not slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(parent, frame, matrix):
        raise BadInput(
            "a linear transform",
            f"the deformation '{parent.GetName()}' on '{node.GetName()}'",
            "harden it in Slicer's Transforms module",
        )
    return array_of(matrix)


def transform_node(scene: Any, mri_to_us_ras: np.ndarray, name: str) -> Any:
    """A linear transform node that moves what is put under it by the 4x4 `mri_to_us_ras` (RAS mm)."""
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    set_matrix(transform, mri_to_us_ras)
    return transform


def matrix_of(transform: Any) -> np.ndarray:
    """The 4x4 of a linear transform node, to its parent."""
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToParent(matrix)
    return array_of(matrix)


def set_matrix(transform: Any, matrix: np.ndarray) -> None:
    """Give a linear transform node the 4x4 `matrix` to its parent."""
    transform.SetMatrixTransformToParent(vtk_matrix(matrix))


def array_of(matrix: Any) -> np.ndarray:
    """A vtkMatrix4x4 as array."""
    return np.array(matrix.GetData(), dtype=float).reshape(4, 4)


def vtk_matrix(array: np.ndarray) -> Any:
    """A 4x4 array as vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, dtype=float).ravel().tolist())
    return matrix


def orthogonal(matrix: np.ndarray, name: str) -> np.ndarray:
    """The 4x4 `matrix` of a grid; `BadInput`, naming the node, where its axes are not at right angles."""
    axes = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    if not np.allclose(axes.T @ axes, np.eye(3), atol=ORTHOGONAL_TOLERANCE):
        raise BadInput(
            "axes at right angles", f"a shearing transform on '{name}'", "resample the volume onto a straight grid"
        )
    return matrix


def put_in_folder(scene: Any, folder_name: str, nodes: list[Any]) -> int:
    """Put `nodes` into a folder of the subject hierarchy, made where there is none of that name; returns its item."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    top = hierarchy.GetSceneItemID()
    folder = hierarchy.GetItemChildWithName(top, folder_name) or hierarchy.CreateFolderItem(top, folder_name)
    for node in nodes:
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.SetItemParent(item, folder)
        else:
            hierarchy.CreateItem(folder, node)
    return folder


def vtk_image(image: "sitk.Image") -> Any:
    """The voxels of `image`, copied, as vtkImageData; its geometry is left to the node that will hold it."""
    import SimpleITK as sitk

    voxels = sitk.GetArrayViewFromImage(image)
    data = vtk.vtkImageData()
    data.SetDimensions(*image.GetSize())
    data.GetPointData().SetScalars(numpy_to_vtk(voxels.reshape(-1, image.GetNumberOfComponentsPerPixel()), deep=True))
    return data
