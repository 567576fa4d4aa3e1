"""Opens a module's panel on the stand-in as Slicer does."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from panel_steps import enter_module, leave_module

PROJECT = Path(__file__).resolve().parents[2]


def open_panel(name: str) -> Any:
    """Load a module's file, make its panel and enter it."""
    import qt
    import slicer
    from standin.scripted_module import module_parent

    path = PROJECT / name / f"{name}.py"
    module = _load(name, path)
    description = module_parent(path)
    getattr(module, name)(description)
    setattr(slicer.modules, name.lower(), SimpleNamespace(path=str(path), description=description))
    parent = slicer.qMRMLWidget()
    parent.setLayout(qt.QVBoxLayout())
    widget = getattr(module, f"{name}Widget")(PanelParent(parent))
    widget.setup()
    enter_module(widget)
    return widget


class PanelParent:
    """qSlicerScriptedLoadableModuleWidget as a panel sees it: a widget that knows whether it is on the screen."""

    def __init__(self, widget: Any) -> None:
        self.widget, self.isEntered = widget, False

    def layout(self) -> Any:
        """The layout that takes the module's panel."""
        return self.widget.layout()


def close_panel(widget: Any) -> None:
    """What Slicer does with a module's panel when it ends."""
    import slicer

    leave_module(widget)
    slicer.app.moduleManager().moduleAboutToBeUnloaded(widget.moduleName)
    widget.uiWidget.setMRMLScene(None)
    widget.parent.widget.deleteLater()


def _load(name: str, path: Path) -> Any:
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
