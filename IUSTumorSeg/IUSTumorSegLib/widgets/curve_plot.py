"""A training's curves in the panel: Slicer's plot view, without touching the user's layout."""

from typing import TYPE_CHECKING, Any

import slicer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..nnunet.training_curve import Epoch
    from ..scene.training_plot import TrainingPlot

HEIGHT_PX = 220


class CurvePlot:
    """Shows the folds' curves in `place`, a widget with a layout; hidden until there is one."""

    def __init__(self, place: Any) -> None:
        self._place = place
        self._plot: TrainingPlot | None = None
        self._view: Any = None
        place.visible = False

    def show(self, curves: "Mapping[str, Sequence[Epoch]]") -> None:
        """Show these curves; nodes and view are made for the first."""
        if not curves:
            return
        if self._plot is None:
            self._start()
        self._plot.show(curves)
        self._view.fitToContent()

    def clear(self) -> None:
        """Take the plot's nodes out of the scene and hide the view."""
        self._place.visible = False
        if self._plot is None:
            return
        self._view.setMRMLPlotViewNode(None)
        self._plot.remove()
        self._plot = None

    def _start(self) -> None:
        from ..scene.training_plot import TrainingPlot

        self._plot = TrainingPlot(slicer.mrmlScene)
        if self._view is None:
            self._view = slicer.qMRMLPlotView()
            self._view.setMinimumHeight(HEIGHT_PX)
            self._view.setMRMLScene(slicer.mrmlScene)
            self._place.layout().addWidget(self._view)
        self._view.setMRMLPlotViewNode(self._plot.view)
        self._place.visible = True
