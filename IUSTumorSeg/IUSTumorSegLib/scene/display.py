"""How volumes and labels look: windows that show tissue, thin contours, colours that the colour-blind tell apart."""

from typing import Any

import numpy as np

from .nodes import voxels_of

GREY = "vtkMRMLColorTableNodeGrey"
ULTRASOUND_PERCENTILES = (1.0, 99.0)
# Percentiles of the voxels inside the sector. "contrast" spreads the weak echoes of tissue and lets strong ones saturate.
PRESETS = {"grey": ULTRASOUND_PERCENTILES, "warm": ULTRASOUND_PERCENTILES, "contrast": (10.0, 95.0)}
# Black over brown and amber to white, lightness rising evenly: the eye tells more steps of it than of grey.
WARM = ((0.0, (0.0, 0.0, 0.0)), (0.35, (0.37, 0.24, 0.16)), (0.7, (0.83, 0.63, 0.45)), (1.0, (1.0, 0.98, 0.92)))
WARM_NAME = "IUSTumorSeg warm"
MRI_PERCENTILES = (1.0, 99.5)
MOST_SAMPLES = 2_000_000
CONTOUR_PX = 2

# Chosen by search: any two differ by 30 or more in CIE Lab, and from every grey by 25, in normal vision and for each of
# the three kinds of colour blindness; a test holds it.
COLORS = {
    "mri_tumor": (0.33, 0.67, 0.83),
    "us_tumor_from_mri": (1.0, 0.25, 0.0),
    "us_tumor_corrected": (1.0, 0.67, 0.5),
    "prediction": (0.83, 0.17, 1.0),
    "truth": (0.67, 1.0, 0.0),
}

# Slicer's own lists: its general anatomy list names a tumour "Mass".
TUMOR_TERMINOLOGY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^"
    "~Anatomic codes - DICOM master list~SCT^12738006^Brain~^^"
)


def show_as_ultrasound(volume: Any, preset: str = "grey") -> None:
    """Window an ultrasound volume node by percentiles of its field of view (its non-zero voxels).

    `preset`: "grey", "warm" (brown to white) or "contrast" (grey, with weak echoes spread).
    """
    _window(volume, PRESETS[preset])
    if preset == "warm":
        volume.GetDisplayNode().SetAndObserveColorNodeID(warm_colors(volume.GetScene()).GetID())


def show_as_mri(volume: Any, near_ijk: np.ndarray | None = None) -> None:
    """Window an MRI volume node by percentiles of its non-zero voxels, in grey.

    `near_ijk` (n, 3): only of the voxels nearest to these indices, such as the ultrasound's sector: there a tumour is
    large enough not to be cut off as the brightest thing of a head.
    """
    near = None if near_ijk is None else _voxels_at(volume, near_ijk)
    _window(volume, MRI_PERCENTILES, near)


def _voxels_at(volume: Any, ijk: np.ndarray) -> np.ndarray | None:
    """The voxels (m,) at those of the indices that lie inside the volume; None where none does."""
    voxels = voxels_of(volume)
    kji = np.round(ijk).astype(int)[:, ::-1]
    inside = kji[((kji >= 0) & (kji < voxels.shape)).all(axis=1)]
    return voxels[tuple(inside.T)] if len(inside) else None


def warm_colors(scene: Any) -> Any:
    """The scene's colour node of the warm preset, made where there is none; hidden, and not saved."""
    import slicer

    if (found := _warm_node(scene)) is not None:
        return found
    node = slicer.vtkMRMLColorTableNode()
    node.SetTypeToUser()
    node.SetName(WARM_NAME)
    node.SetHideFromEditors(True)
    node.SetSaveWithScene(False)
    node.SetNumberOfColors(256)
    places, colors = zip(*WARM, strict=True)
    ramp = np.stack([np.interp(np.linspace(0, 1, 256), places, channel) for channel in zip(*colors, strict=True)], 1)
    for index, color in enumerate(ramp):
        node.SetColor(index, f"{index}", *color, 1.0)
    return scene.AddNode(node)


def remove_warm_colors(scene: Any) -> None:
    """Take the warm preset's colour node out of the scene, if it is there."""
    node = _warm_node(scene)
    if node is not None:
        scene.RemoveNode(node)


def _warm_node(scene: Any) -> Any:
    for number in range(scene.GetNumberOfNodesByClass("vtkMRMLColorTableNode")):
        node = scene.GetNthNodeByClass(number, "vtkMRMLColorTableNode")
        if node.GetName() == WARM_NAME:
            return node
    return None


def show_as_contour(segmentation: Any) -> None:
    """Show a segmentation node as a thin outline without filling."""
    display = segmentation.GetDisplayNode()
    display.SetVisibility(True)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(CONTOUR_PX)


def _window(volume: Any, percentiles: tuple[float, float], sample: np.ndarray | None = None) -> None:
    low, high = _range_of_content(_even_sample(volume) if sample is None else sample, percentiles)
    display = volume.GetDisplayNode()
    was_modified = display.StartModify()
    display.SetAndObserveColorNodeID(GREY)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)
    display.SetInterpolate(True)
    display.EndModify(was_modified)


def _even_sample(volume: Any) -> np.ndarray:
    voxels = voxels_of(volume)
    step = max(1, round((voxels.size / MOST_SAMPLES) ** (1 / 3)))
    return voxels[::step, ::step, ::step]


def _range_of_content(sample: np.ndarray, percentiles: tuple[float, float]) -> tuple[float, float]:
    content = sample[sample != 0]
    if not content.size:
        return 0.0, 1.0
    low, high = np.percentile(content, percentiles)
    return float(low), float(max(high, low + 1e-6))
