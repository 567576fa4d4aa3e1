"""Binding of a parameter node to the widgets of a panel."""

from typing import Any

PARAMETER_PROPERTY = "SlicerParameterName"


def connect_gui(parameter_node: Any, ui: Any) -> int:
    """Bind each widget of `ui` that carries a parameter's name; the tag undoes it with `disconnectGui`.

    Slicer's own `connectGui` did not return the tag in every version, so that leaving a module left it connected.
    """
    widgets = {widget.property(PARAMETER_PROPERTY): widget for widget in vars(ui).values()}
    return parameter_node.connectParametersToGui({name: widget for name, widget in widgets.items() if name})
