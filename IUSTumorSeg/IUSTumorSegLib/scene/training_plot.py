"""A training's curves as Slicer's own plot: a table for each fold, its training loss and its pseudo Dice in one chart.

The nodes belong to the panel that watches the training: they are not saved with the scene, and `remove` takes them out.
The view has an owner in the scene, so that Slicer's layout leaves it alone and the user's layout stays as it is.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer
from vtk.util.numpy_support import numpy_to_vtk

if TYPE_CHECKING:
    from ..nnunet.training_curve import Epoch

TITLE = "Training"
LAYOUT_NAME = "IUSTumorSegTraining"
# Okabe and Ito's colours, which the colour-blind tell apart; after five folds they start again.
FOLD_COLORS = ((0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.80, 0.47, 0.65), (0.84, 0.37, 0.0))
EPOCH, LOSS, DICE = "epoch", "training loss", "pseudo Dice"


class TrainingPlot:
    """The nodes of one training's plot; `show` may be called after every epoch."""

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self.chart = self._add("vtkMRMLPlotChartNode", TITLE)
        self.chart.SetTitleVisibility(False)
        self.chart.SetXAxisTitle("epoch")
        self.chart.SetYAxisTitle("loss, pseudo Dice")
        self.view = self._add_view()
        self._tables: dict[str, Any] = {}
        self._series: list[Any] = []

    def show(self, curves: "Mapping[str, Sequence[Epoch]]") -> None:
        """Show the folds' curves; folds that were shown before and are not among them go."""
        if set(self._tables) - set(curves):
            self._remove_series()
        for fold, curve in curves.items():
            if fold not in self._tables:
                self._add_fold(fold)
            _fill(self._tables[fold], curve)

    def remove(self) -> None:
        """Take every node out of the scene."""
        self._remove_series()
        for node in (self.view, self.chart):
            if self._scene.IsNodePresent(node):
                self._scene.RemoveNode(node)

    def _add(self, node_class: str, name: str) -> Any:
        node = self._scene.AddNewNodeByClass(node_class, name)
        node.SetSaveWithScene(False)
        node.SetHideFromEditors(True)
        return node

    def _add_view(self) -> Any:
        view = self._scene.CreateNodeByClass("vtkMRMLPlotViewNode")
        view.UnRegister(None)
        view.SetName(LAYOUT_NAME)
        view.SetSingletonTag(LAYOUT_NAME)
        view.SetLayoutName(LAYOUT_NAME)
        view.SetSaveWithScene(False)
        view.SetHideFromEditors(True)
        view.SetAndObserveParentLayoutNodeID(self.chart.GetID())
        view.SetDoPropagatePlotChartSelection(False)
        view.SetPlotChartNodeID(self.chart.GetID())
        return self._scene.AddNode(view)

    def _add_fold(self, fold: str) -> None:
        color = FOLD_COLORS[len(self._tables) % len(FOLD_COLORS)]
        table = self._add("vtkMRMLTableNode", f"{TITLE}, fold {fold}")
        self._tables[fold] = table
        for column, style in ((LOSS, slicer.vtkMRMLPlotSeriesNode.LineStyleDash), (DICE, None)):
            series = self._add("vtkMRMLPlotSeriesNode", f"{column}, fold {fold}")
            series.SetAndObserveTableNodeID(table.GetID())
            series.SetPlotType(series.PlotTypeScatter)
            series.SetXColumnName(EPOCH)
            series.SetYColumnName(column)
            series.SetMarkerStyle(series.MarkerStyleNone)
            series.SetLineStyle(series.LineStyleSolid if style is None else style)
            series.SetLineWidth(2)
            series.SetColor(*color)
            self._series.append(series)
            self.chart.AddAndObservePlotSeriesNodeID(series.GetID())

    def _remove_series(self) -> None:
        if self._scene.IsNodePresent(self.chart):
            self.chart.RemoveAllPlotSeriesNodeIDs()
        for node in (*self._series, *self._tables.values()):
            if self._scene.IsNodePresent(node):
                self._scene.RemoveNode(node)
        self._series, self._tables = [], {}


def _fill(table_node: Any, curve: "Sequence[Epoch]") -> None:
    columns = {
        EPOCH: [epoch.epoch for epoch in curve],
        LOSS: [epoch.train_loss for epoch in curve],
        DICE: [epoch.pseudo_dice for epoch in curve],
    }
    table = table_node.GetTable()
    was_modified = table_node.StartModify()
    table_node.RemoveAllColumns()
    for name, values in columns.items():
        array = numpy_to_vtk(np.asarray(values, dtype=float), deep=True)
        array.SetName(name)
        table.AddColumn(array)
    table.Modified()
    table_node.Modified()
    table_node.EndModify(was_modified)
