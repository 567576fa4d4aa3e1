"""Puts the stand-in in place of the names that the Slicer application adds."""

import ctypes
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from PySide6 import QtWidgets

from . import parameter_node, real_api, scripted_module
from .application import Application
from .ctk_widgets import CTK_WIDGETS
from .mrml_widgets import MRML_WIDGETS
from .pythonqt import ClassProxy, qt_class
from .ui_loader import UiLoader


def install(application_logic: Any, scene: Any) -> QtWidgets.QApplication:
    """Make `import qt`, `import ctk` and Slicer's desktop names work in this process. Returns the Qt application."""
    import slicer

    _keep_constants()
    qt_application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    sys.modules["qt"] = _Names("qt", lambda name: ClassProxy(UiLoader if name == "QUiLoader" else qt_class(name)))
    sys.modules["ctk"] = _Names("ctk", lambda name: ClassProxy(CTK_WIDGETS[name]))
    for name, cls in MRML_WIDGETS.items():
        setattr(slicer, name, ClassProxy(cls))
    slicer.app = Application(application_logic, scene)
    slicer.mrmlScene = scene
    slicer.modules = SimpleNamespace()
    slicer.selfTests = {}
    _add_module(slicer, "ScriptedLoadableModule", vars(scripted_module))
    _add_module(slicer, "parameterNodeWrapper", vars(parameter_node))
    _add_module(slicer, "i18n", {"tr": lambda text: text, "translate": lambda context, text: text})
    return qt_application


def _keep_constants() -> None:
    """PySide6's wheels take constants for immortal, as they are from Python 3.12 on: before, they would use them up."""
    if sys.version_info < (3, 12):
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


class _Names(ModuleType):
    """A module whose names are made when asked for, if the real one has them."""

    def __init__(self, name: str, make: Any) -> None:
        super().__init__(name)
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        real_api.refuse_unknown_member(self.__name__, name)
        try:
            made = self._make(name)
        except (AttributeError, KeyError) as error:
            raise NotImplementedError(f"The stand-in has no {self.__name__}.{name} yet") from error
        setattr(self, name, made)
        return made


def _add_module(slicer: ModuleType, name: str, members: dict[str, Any]) -> None:
    module = ModuleType(f"slicer.{name}")
    module.__dict__.update({key: value for key, value in members.items() if not key.startswith("_")})
    module.__dict__["__all__"] = [key for key in members if not key.startswith("_") and key != "annotations"]
    sys.modules[f"slicer.{name}"] = module
    setattr(slicer, name, module)
