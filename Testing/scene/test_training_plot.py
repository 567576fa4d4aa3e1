"""A training's curves as plot nodes: every fold's two series, what follows an epoch, and nothing left behind."""

import pytest

from IUSTumorSegLib.nnunet.training_curve import Epoch
from IUSTumorSegLib.scene.training_plot import TrainingPlot


def curve(epochs):
    return [Epoch(n, -0.1 * n, -0.05 * n, 0.2 * n, 0.15 * n, 0.01, 30.0) for n in range(1, epochs + 1)]


@pytest.fixture
def plot(scene):
    made = TrainingPlot(scene)
    yield made
    made.remove()


def series_of(plot):
    return [plot.chart.GetNthPlotSeriesNode(n) for n in range(plot.chart.GetNumberOfPlotSeriesNodes())]


def values(series):
    table = series.GetTableNode().GetTable()
    column = table.GetColumnByName(series.GetYColumnName())
    return [round(column.GetValue(row), 6) for row in range(table.GetNumberOfRows())]


def test_each_fold_has_its_training_loss_and_its_pseudo_dice_over_the_epochs(plot):
    plot.show({"0": curve(3), "1": curve(1)})
    shown = {series.GetName(): values(series) for series in series_of(plot)}
    assert shown == {
        "training loss, fold 0": [-0.1, -0.2, -0.3],
        "pseudo Dice, fold 0": [0.2, 0.4, 0.6],
        "training loss, fold 1": [-0.1],
        "pseudo Dice, fold 1": [0.2],
    }
    assert {series.GetXColumnName() for series in series_of(plot)} == {"epoch"}


def test_a_new_epoch_is_added_to_the_nodes_that_are_there(plot, scene):
    plot.show({"0": curve(1)})
    before = scene.GetNumberOfNodes()
    plot.show({"0": curve(2)})
    assert scene.GetNumberOfNodes() == before
    assert values(series_of(plot)[1]) == [0.2, 0.4]


def test_another_training_takes_the_place_of_the_former(plot):
    plot.show({"0": curve(2), "1": curve(2)})
    plot.show({"all": curve(1)})
    assert [series.GetName() for series in series_of(plot)] == ["training loss, fold all", "pseudo Dice, fold all"]


def test_the_folds_differ_in_colour_and_the_two_curves_of_a_fold_in_style(plot):
    plot.show({str(fold): curve(1) for fold in range(5)})
    loss, dice = series_of(plot)[::2], series_of(plot)[1::2]
    assert len({series.GetColor() for series in loss}) == 5
    assert [series.GetColor() for series in loss] == [series.GetColor() for series in dice]
    assert {series.GetLineStyle() for series in loss}.isdisjoint(series.GetLineStyle() for series in dice)


def test_its_view_shows_its_chart_and_is_not_the_layouts(plot):
    assert plot.view.GetPlotChartNode() is plot.chart
    assert plot.view.GetParentLayoutNode() is plot.chart


def test_nothing_of_it_is_saved_and_nothing_stays_when_it_is_removed(scene):
    before = scene.GetNumberOfNodes()
    plot = TrainingPlot(scene)
    plot.show({"0": curve(2)})
    made = [scene.GetNthNode(n) for n in range(before, scene.GetNumberOfNodes())]
    assert made
    assert not any(node.GetSaveWithScene() for node in made)
    plot.remove()
    assert scene.GetNumberOfNodes() == before
    plot.remove()


def test_it_survives_a_scene_that_was_closed_before_it_was_removed(scene):
    plot = TrainingPlot(scene)
    plot.show({"0": curve(1)})
    scene.Clear(0)
    plot.remove()
    for name in ("Chart", "Series", "View"):
        assert scene.GetNumberOfNodesByClass(f"vtkMRMLPlot{name}Node") == 0
