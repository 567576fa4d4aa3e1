"""How volumes and labels look: windows that show tissue, thin contours, colours that the colour-blind tell apart."""

from typing import Any

import numpy as np

from .nodes import voxels_of

GREY = "vtkMRMLColorTableNodeGrey"
ULTRASOUND_PERCENTILES = (1.0, 99.0)
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


def show_as_ultrasound(volume: Any) -> None:
    """Window an ultrasound volume node by percentiles of its field of view (its non-zero voxels), in grey."""
    _window(volume, ULTRASOUND_PERCENTILES)


def show_as_mri(volume: Any) -> None:
    """Window an MRI volume node by percentiles of its non-zero voxels, in grey."""
    _window(volume, MRI_PERCENTILES)


def show_as_contour(segmentation: Any) -> None:
    """Show a segmentation node as a thin outline without filling."""
    display = segmentation.GetDisplayNode()
    display.SetVisibility(True)
    display.SetVisibility2DFill(False)
    display.SetVisibility2DOutline(True)
    display.SetOpacity2DOutline(1.0)
    display.SetSliceIntersectionThickness(CONTOUR_PX)


def _window(volume: Any, percentiles: tuple[float, float]) -> None:
    low, high = _range_of_content(volume, percentiles)
    display = volume.GetDisplayNode()
    was_modified = display.StartModify()
    display.SetAndObserveColorNodeID(GREY)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(low, high)
    display.SetInterpolate(True)
    display.EndModify(was_modified)


def _range_of_content(volume: Any, percentiles: tuple[float, float]) -> tuple[float, float]:
    voxels = voxels_of(volume)
    step = max(1, round((voxels.size / MOST_SAMPLES) ** (1 / 3)))
    sample = voxels[::step, ::step, ::step]
    content = sample[sample != 0]
    if not content.size:
        return 0.0, 1.0
    low, high = np.percentile(content, percentiles)
    return float(low), float(max(high, low + 1e-6))
