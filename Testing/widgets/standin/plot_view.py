"""Slicer's plot view: the lines of a chart, without axes, in the order and colours of its series."""

from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets


class qMRMLPlotView(QtWidgets.QWidget):
    """Draws the chart of a plot view node of the real scene."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.view_node = None

    def setMRMLScene(self, scene: Any) -> None:
        """Take the scene."""

    def setMRMLPlotViewNode(self, node: Any) -> None:
        """Show this view node's chart."""
        self.view_node = node
        self.update()

    def fitToContent(self) -> None:
        """Draw again."""
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Each series as a line in its colour."""
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("white"))
        chart = self.view_node.GetPlotChartNode() if self.view_node is not None else None
        series = [chart.GetNthPlotSeriesNode(n) for n in range(chart.GetNumberOfPlotSeriesNodes())] if chart else []
        lines = [(node, _points_of(node)) for node in series]
        area = QtCore.QRectF(self.rect()).adjusted(10, 10, -10, -10)
        points = [point for _, line in lines for point in line] or [(0.0, 0.0)]
        low, high = ([pick(axis) for axis in zip(*points, strict=True)] for pick in (min, max))
        span = [(top - bottom) or 1.0 for bottom, top in zip(low, high, strict=True)]
        for node, line in lines:
            dashed = node.GetLineStyle() == node.LineStyleDash
            color = QtGui.QColor.fromRgbF(*node.GetColor())
            painter.setPen(QtGui.QPen(color, 2, QtCore.Qt.DashLine if dashed else QtCore.Qt.SolidLine))
            places = [((x - low[0]) / span[0], (y - low[1]) / span[1]) for x, y in line]
            painter.drawPolyline(
                [QtCore.QPointF(area.left() + x * area.width(), area.bottom() - y * area.height()) for x, y in places]
            )


def _points_of(series: Any) -> list[tuple[float, float]]:
    table = series.GetTableNode().GetTable()
    columns = [table.GetColumnByName(name) for name in (series.GetXColumnName(), series.GetYColumnName())]
    return [tuple(column.GetValue(row) for column in columns) for row in range(table.GetNumberOfRows())]
