"""Tumour labels as segmentation nodes, and back to labelmaps."""

from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from ..images.geometry import ijk_to_ras, set_ijk_to_ras
from .cases import ROLE_ATTRIBUTE
from .display import COLORS, TUMOR_TERMINOLOGY, show_as_contour
from .nodes import array_of, ijk_to_world, image_from_volume, node_to_world, orthogonal, voxels_of
from .planes import content_points

if TYPE_CHECKING:
    import SimpleITK as sitk

SEGMENT_ID = "Tumor"
BINARY_LABELMAP = "Binary labelmap"


def segmentation_from_labelmap(scene: Any, label: "sitk.Image", reference: Any, name: str, role: str) -> Any:
    """A segmentation node with the one segment "Tumor", where `label` is not zero, as a contour in the role's colour.

    Its geometry is that of the volume node `reference`, whose parent transform it shares; `label` lies on the
    reference's grid in the world, or is resampled onto it (nearest neighbour). `role`: a key of `display.COLORS`.
    """
    segmentation = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    segmentation.CreateDefaultDisplayNodes()
    segmentation.SetAttribute(ROLE_ATTRIBUTE, role)
    put_tumor(segmentation, label, reference)
    return segmentation


def put_tumor(segmentation: Any, label: "sitk.Image", reference: Any) -> None:
    """Make `label` the only segment of a segmentation node made by `segmentation_from_labelmap`."""
    role = segmentation.GetAttribute(ROLE_ATTRIBUTE)
    was_modified = segmentation.StartModify()
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(reference)
    segmentation.SetAndObserveTransformNodeID(reference.GetTransformNodeID())
    segmentation.GetSegmentation().SetSourceRepresentationName(BINARY_LABELMAP)
    segmentation.GetSegmentation().RemoveAllSegments()
    segmentation.GetSegmentation().AddSegment(_tumor_segment(_voxels_on(label, reference), reference, role), SEGMENT_ID)
    segmentation.EndModify(was_modified)
    show_as_contour(segmentation)


def labelmap_from_segmentation(
    labels: Any, reference: Any, labels_to_world: np.ndarray | None = None, reference_to_world: np.ndarray | None = None
) -> "sitk.Image":
    """A segmentation's visible segments together, or a labelmap volume's non-zero voxels, as uint8 on a volume's grid.

    The grid is that of the volume node `reference` in the world; nearest neighbour where the label's own grid is
    another. The 4x4s (RAS mm) stand in for the nodes' parent transforms where given.
    """
    import SimpleITK as sitk

    grid = _empty_label(reference, reference_to_world)
    covered = np.zeros(grid.GetSize()[::-1], dtype=np.uint8)
    for piece in _labels_in_world(labels, labels_to_world):
        on_grid = sitk.Resample(piece, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0, sitk.sitkUInt8)
        covered |= sitk.GetArrayViewFromImage(on_grid)
    label = sitk.GetImageFromArray(covered)
    label.CopyInformation(grid)
    return label


def middle_ras(labels: Any) -> np.ndarray | None:
    """The middle (RAS mm, world) of the box round a segmentation or a labelmap volume's labels; None if it is empty."""
    if labels.IsA("vtkMRMLSegmentationNode"):
        bounds = np.zeros(6)
        labels.GetRASBounds(bounds)
        low, high = bounds[::2], bounds[1::2]
        return (low + high) / 2 if (low < high).all() else None
    if not voxels_of(labels).any():
        return None
    points = content_points(labels)
    return (points.min(axis=0) + points.max(axis=0)) / 2


def visible_segments(segmentation: Any) -> list[str]:
    """The ids of the segments that are shown, in their order."""
    display = segmentation.GetDisplayNode()
    ids = segmentation.GetSegmentation().GetSegmentIDs()
    return [name for name in ids if display is None or display.GetSegmentVisibility(name)]


def _voxels_on(label: "sitk.Image", reference: Any) -> np.ndarray:
    import SimpleITK as sitk

    grid_ras = orthogonal(ijk_to_world(reference), reference.GetName())
    same = label.GetSize() == reference.GetImageData().GetDimensions()
    if not same or not np.allclose(ijk_to_ras(label), grid_ras, atol=1e-3):
        label = sitk.Resample(label, _empty_label(reference), sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayViewFromImage(label) != 0


def _empty_label(reference: Any, to_world: np.ndarray | None = None) -> "sitk.Image":
    import SimpleITK as sitk

    grid = sitk.Image(list(reference.GetImageData().GetDimensions()), sitk.sitkUInt8)
    set_ijk_to_ras(grid, orthogonal(ijk_to_world(reference, to_world), reference.GetName()))
    return grid


def _tumor_segment(inside: np.ndarray, reference: Any, role: str) -> Any:
    segment = slicer.vtkSegment()
    segment.SetName("Tumor")
    segment.SetColor(*COLORS[role])
    segment.SetTag(slicer.vtkSegment.GetTerminologyEntryTagName(), TUMOR_TERMINOLOGY)
    segment.AddRepresentation(BINARY_LABELMAP, oriented_mask(inside, reference))
    return segment


def oriented_mask(inside: np.ndarray, reference: Any) -> Any:
    """The filled part of a mask [k, j, i] on a volume node's grid, in the frame of the node's own coordinates."""
    matrix = vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(matrix)
    data = slicer.vtkOrientedImageData()
    data.SetImageToWorldMatrix(matrix)
    bounds = _filled_bounds(inside)
    data.SetExtent(*[edge for low, high in reversed(bounds) for edge in (low, high)])
    part = inside[tuple(slice(low, high + 1) for low, high in bounds)].astype(np.uint8)
    data.GetPointData().SetScalars(numpy_to_vtk(part.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR))
    return data


def _filled_bounds(inside: np.ndarray) -> list[tuple[int, int]]:
    """First and last filled index along each axis of [k, j, i]; one voxel of an empty mask."""
    if not inside.any():
        return [(0, 0)] * 3
    bounds = []
    for axis in range(3):
        filled = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        bounds.append((int(filled[0]), int(filled[-1])))
    return bounds


def _labels_in_world(labels: Any, to_world: np.ndarray | None) -> list["sitk.Image"]:
    if not labels.IsA("vtkMRMLSegmentationNode"):
        return [image_from_volume(labels, to_world) != 0]
    if not labels.GetSegmentation().ContainsRepresentation(BINARY_LABELMAP):
        labels.CreateBinaryLabelmapRepresentation()
    placed = node_to_world(labels) if to_world is None else to_world
    return [_segment_in_world(labels, name, placed) for name in visible_segments(labels)]


def _segment_in_world(segmentation: Any, segment_id: str, to_world: np.ndarray) -> "sitk.Image":
    import SimpleITK as sitk

    data = slicer.vtkOrientedImageData()
    segmentation.GetBinaryLabelmapRepresentation(segment_id, data)
    i0, i1, j0, j1, k0, k1 = data.GetExtent()
    voxels = vtk_to_numpy(data.GetPointData().GetScalars()).reshape(k1 - k0 + 1, j1 - j0 + 1, i1 - i0 + 1)
    image = sitk.GetImageFromArray((voxels != 0).astype(np.uint8))
    matrix = vtk.vtkMatrix4x4()
    data.GetImageToWorldMatrix(matrix)
    placed = to_world @ array_of(matrix)
    placed[:3, 3] += placed[:3, :3] @ (i0, j0, k0)
    set_ijk_to_ras(image, orthogonal(placed, segmentation.GetName()))
    return image
