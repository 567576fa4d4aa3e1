"""Loads our .ui files: ctk and MRML widgets by their Slicer names, and the connections that a .ui file declares."""

import xml.etree.ElementTree as ET
from typing import Any

from PySide6 import QtCore, QtUiTools, QtWidgets

from .ctk_widgets import CTK_WIDGETS
from .mrml_widgets import MRML_WIDGETS

CUSTOM_WIDGETS = {**CTK_WIDGETS, **MRML_WIDGETS}


class UiLoader(QtUiTools.QUiLoader):
    """QUiLoader as Slicer has it, with its designer plugins."""

    SLICER_CLASS = "QUiLoader"

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        for cls in CUSTOM_WIDGETS.values():
            self.registerCustomWidget(cls)

    def load(self, device: QtCore.QFile, parent: QtWidgets.QWidget | None = None) -> QtWidgets.QWidget:
        """The file's top widget. MRML signatures are no Qt 6 types, so the connections are made here."""
        root = ET.fromstring(bytes(device.readAll().data()))
        connections = root.find("connections")
        declared = [] if connections is None else list(connections)
        if connections is not None:
            root.remove(connections)
        buffer = QtCore.QBuffer()
        buffer.setData(ET.tostring(root))
        buffer.open(QtCore.QIODevice.ReadOnly)
        top = super().load(buffer, parent)
        for connection in declared:
            _connect(top, connection)
        return top

    def createWidget(self, class_name: str, parent: Any = None, name: str = "") -> QtWidgets.QWidget:
        """A widget by the name of its class in Slicer; an unknown name is an error, not an empty widget."""
        if class_name not in CUSTOM_WIDGETS and class_name not in self.availableWidgets():
            raise RuntimeError(f"The stand-in has no widget {class_name}")
        return super().createWidget(class_name, parent, name)


def _connect(top: QtWidgets.QWidget, connection: ET.Element) -> None:
    sender, receiver = (_named(top, connection.findtext(end)) for end in ("sender", "receiver"))
    signal, slot = ((connection.findtext(end) or "").partition("(")[0] for end in ("signal", "slot"))
    getattr(sender, signal).connect(getattr(receiver, slot))


def _named(top: QtWidgets.QWidget, name: str | None) -> Any:
    found = top if top.objectName() == name else top.findChild(QtCore.QObject, name)
    if found is None:
        raise RuntimeError(f"A connection of the .ui file names {name}, which is not in it")
    return found
