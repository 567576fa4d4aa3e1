"""Images laid over a slice's picture: resliced as Slicer does it, and coloured with transparency of their own."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import vtk

from ..images.geometry import ijk_to_ras
from .nodes import array_of, vtk_image, vtk_matrix

if TYPE_CHECKING:
    import SimpleITK as sitk

# Viridis, by Smith and van der Walt (CC0): ordered by lightness, so it reads with any colour vision.
VIRIDIS = np.array(
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141), (39, 173, 129), (92, 200, 99),
        (170, 220, 50), (253, 231, 37),
    ]
) / 255.0  # fmt: skip
EDGE_COLOR = (0.35, 0.9, 1.0)
EDGE_FROM, EDGE_FULL = 0.6, 0.72  # closeness to an edge at which its line begins, and is opaque
AGREEMENT_SHOWN = 0.6  # the end of the colour scale, as in the diagnostics
AGREEMENT_OPACITY = 0.5
STEPS = 256


class OverlayImage:
    """A SimpleITK image on top of slices: of RGBA bytes, or of numbers that the lookup table `colors` turns into RGBA.

    `to_world` gives the 4x4 that places it now (RAS mm): its parent transform. It is cut to where `within`, an overlay
    of numbers, is not 0. It is resliced at every `step_px` pixels and interpolated between them, which is as good where
    its voxels are some pixels wide, and several times as fast. While `visible` is false it is not drawn, but what was
    resliced is kept.
    """

    def __init__(
        self,
        image: "sitk.Image",
        to_world: Callable[[], np.ndarray] = lambda: np.eye(4),
        colors: Any = None,
        within: "OverlayImage | None" = None,
        step_px: int = 2,
    ) -> None:
        self.data = vtk_image(image)
        self.within = within
        self.step_px = step_px
        self.visible = True
        self.colors = colors
        self._ijk_to_ras = ijk_to_ras(image)
        self._to_world = to_world

    def ras_to_ijk(self) -> np.ndarray:
        """4x4 from the world to the image's voxels, as it is placed now."""
        return np.linalg.inv(self._to_world() @ self._ijk_to_ras)


class ReslicedOverlay:
    """An overlay in one slice view: `port` gives its picture, RGBA, as wide as the view."""

    def __init__(self, overlay: OverlayImage) -> None:
        self._overlay = overlay
        self._slice = _Slice(overlay, overlay.step_px)
        picture = self._slice.filter if overlay.colors is None else _colored(self._slice.filter, overlay.colors)
        self._within = None if overlay.within is None else _Slice(overlay.within, 1)
        self._picture = picture if self._within is None else _cut(picture, self._within.filter)

    @property
    def visible(self) -> bool:
        """Whether the overlay is to be drawn."""
        return self._overlay.visible

    def port(self, slice_node: Any) -> Any:
        """The picture's output port, for the slice as it is now."""
        self._slice.follow(slice_node)
        if self._within is not None:
            self._within.follow(slice_node)
        return self._picture.GetOutputPort()


class _Slice:
    """An overlay's voxels where a slice is: the nearest at every pixel, or interpolated from every `step_px` pixels."""

    def __init__(self, overlay: OverlayImage, step_px: int) -> None:
        self._overlay, self._step_px = overlay, step_px
        self._transform = vtk.vtkTransform()
        self._placed = np.zeros((4, 4))
        self._coarse = _reslice(step_px, linear=step_px > 1)
        self._coarse.SetInputData(overlay.data)
        self._coarse.SetResliceTransform(self._transform)
        self.filter = self._coarse
        if step_px > 1:
            self.filter = _reslice(1, linear=True)
            self.filter.SetInputConnection(self._coarse.GetOutputPort())

    def follow(self, slice_node: Any) -> None:
        """Be where the slice and the overlay are now; a slice that stayed where it was is not computed anew."""
        width_px, height_px = slice_node.GetDimensions()[:2]
        xy_to_ijk = self._overlay.ras_to_ijk() @ array_of(slice_node.GetXYToRAS())
        if not np.array_equal(xy_to_ijk, self._placed):
            self._placed = xy_to_ijk
            self._transform.SetMatrix(vtk_matrix(xy_to_ijk))
        last = [-(-pixels // self._step_px) for pixels in (width_px, height_px)]
        self._coarse.SetOutputExtent(0, last[0], 0, last[1], 0, 0)
        self.filter.SetOutputExtent(0, width_px - 1, 0, height_px - 1, 0, 0)


def _reslice(step_px: int, linear: bool) -> Any:
    reslice = vtk.vtkImageReslice()
    reslice.SetInterpolationMode(int(linear))
    reslice.AutoCropOutputOff()
    reslice.SetOutputSpacing(step_px, step_px, 1)
    reslice.SetOutputOrigin(0, 0, 0)
    return reslice


def agreement_picture(agreement: "sitk.Image") -> "sitk.Image":
    """A map of local agreement as RGBA bytes: viridis from 0 to 0.6, half transparent; wholly so where it is 0, unknown.

    Beyond the rim of what is known the colours go on, so that between two voxels only the opacity fades.
    """
    import SimpleITK as sitk
    from scipy.ndimage import distance_transform_edt

    values = sitk.GetArrayViewFromImage(agreement)
    known = values > 0
    nearest = distance_transform_edt(~known, return_distances=False, return_indices=True)
    places = np.clip(values[tuple(nearest)] / AGREEMENT_SHOWN, 0, 1)
    channels = [np.interp(places, np.linspace(0, 1, len(VIRIDIS)), channel) for channel in VIRIDIS.T]
    rgba = np.stack([*channels, AGREEMENT_OPACITY * known], axis=-1)
    picture = sitk.GetImageFromArray(np.round(255 * rgba).astype(np.uint8), isVector=True)
    picture.CopyInformation(agreement)
    return picture


def edge_colors(color: tuple[float, float, float] = EDGE_COLOR) -> Any:
    """One colour, opaque on an edge (255) and fading beside it."""
    table = _table((0.0, 255.0))
    for step, closeness in enumerate(np.linspace(0, 1, STEPS)):
        table.SetTableValue(step, *color, float(np.clip((closeness - EDGE_FROM) / (EDGE_FULL - EDGE_FROM), 0, 1)))
    return table


def _colored(source: Any, colors: Any) -> Any:
    colored = vtk.vtkImageMapToColors()
    colored.SetLookupTable(colors)
    colored.SetOutputFormatToRGBA()
    colored.SetInputConnection(source.GetOutputPort())
    return colored


def _cut(picture: Any, within: Any) -> Any:
    cut = vtk.vtkImageMask()
    cut.SetInputConnection(0, picture.GetOutputPort())
    cut.SetInputConnection(1, within.GetOutputPort())
    cut.SetMaskedOutputValue(0, 0, 0)
    return cut


def _table(limits: tuple[float, float]) -> Any:
    table = vtk.vtkLookupTable()
    table.SetNumberOfTableValues(STEPS)
    table.SetRange(*limits)
    table.Build()
    return table
