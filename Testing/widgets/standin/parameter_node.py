"""`@parameterNodeWrapper`: typed parameters on a vtkMRMLScriptedModuleNode, bound to widgets by `SlicerParameterName`.

Types: nodes, unions of nodes, bool, int, float, str, Path, each with the real package's annotations that we use.
As in Slicer, a widget of a class that cannot show a type is an error, and so is a slider without a range.
"""

import types
import typing
from pathlib import Path
from typing import Any

PROPERTY = "SlicerParameterName"


class Choice:
    """The values that a parameter may take."""

    def __init__(self, choices: list[Any]) -> None:
        self.choices = choices

    def validate(self, value: Any) -> None:
        """Raise `ValueError` for another value."""
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {self.choices}")


class WithinRange:
    """The range of a number."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value: float) -> None:
        """Raise `ValueError` outside the range."""
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} and {self.maximum}")


class Default:
    """The value of a parameter that was never set."""

    def __init__(self, value: Any = None, *, generator: Any = None) -> None:
        self.value = generator() if generator else value


def parameterNodeWrapper(cls: type) -> type:
    """Turn the annotated class into a wrapper of a parameter node."""
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {name: _Parameter(name, hint, getattr(cls, name, None)) for name, hint in hints.items()}
    body = {name: property(p.read_from, p.write_to) for name, p in parameters.items()}
    return type(cls.__name__, (_Wrapper,), {**body, "__doc__": cls.__doc__, "parameters": parameters})


class _Parameter:
    def __init__(self, name: str, hint: Any, default: Any) -> None:
        parts = typing.get_args(hint) if typing.get_origin(hint) is typing.Annotated else (hint,)
        self.name, self.type, self.annotations = name, parts[0], parts[1:]
        given = next((a.value for a in self.annotations if isinstance(a, Default)), default)
        self.default = given if given is not None else self._plain_default()

    def _plain_default(self) -> Any:
        choice = next((a for a in self.annotations if isinstance(a, Choice)), None)
        if choice:
            return choice.choices[0]
        return None if self.is_node else self.type()

    @property
    def is_node(self) -> bool:
        return all(cls.__name__.startswith("vtkMRML") for cls in self.types)

    @property
    def types(self) -> tuple[type, ...]:
        """The classes of a union of nodes, which Slicer takes only as `typing.Union` with a None in it."""
        if isinstance(self.type, types.UnionType):
            raise TypeError(f"{self.name}: Slicer's parameter nodes take typing.Union, not |")
        if typing.get_origin(self.type) is not typing.Union:
            return (self.type,)
        members = typing.get_args(self.type)
        if type(None) not in members:
            raise TypeError(f"{self.name}: a union of nodes needs None for its default")
        return tuple(member for member in members if member is not type(None))

    def read_from(self, wrapper: "_Wrapper") -> Any:
        node = wrapper.parameterNode
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if not node.HasParameter(self.name) if hasattr(node, "HasParameter") else text == "":
            return self.default
        return text == "True" if self.type is bool else self.type(text)

    def write_to(self, wrapper: "_Wrapper", value: Any) -> None:
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)
        if self.is_node:
            if value is not None and not isinstance(value, self.types):
                raise TypeError(f"{self.name} takes {self.types}, not {value}")
            wrapper.parameterNode.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            wrapper.parameterNode.SetParameter(self.name, str(value))


class _Wrapper:
    parameters: dict[str, _Parameter]

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._bindings: dict[int, tuple[list[_Binding], int]] = {}
        self._next_tag = 0

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and name not in self.parameters and name != "parameterNode":
            raise AttributeError(f"{type(self).__name__} has no parameter {name}")
        object.__setattr__(self, name, value)

    def connectGui(self, gui: Any) -> int:
        widgets = {w.property(PROPERTY): w for w in vars(gui).values() if w.property(PROPERTY)}
        return self.connectParametersToGui(widgets)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        bindings = [_Binding(self, self.parameters[name], widget) for name, widget in mapping.items()]
        for binding in bindings:
            binding.show()
            binding.connect()

        def show_all(caller: Any, event: str) -> None:
            for binding in bindings:
                binding.show()

        self._next_tag += 1
        self._bindings[self._next_tag] = bindings, self.AddObserver("ModifiedEvent", show_all)
        return self._next_tag

    def disconnectGui(self, tag: int) -> None:
        if tag in self._bindings:
            bindings, observer = self._bindings.pop(tag)
            self.RemoveObserver(observer)
            for binding in bindings:
                binding.disconnect()

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModified: int) -> int:
        return self.parameterNode.EndModify(wasModified)

    def Modified(self) -> None:
        self.parameterNode.Modified()


# Widget class -> the types it can show, its value's property, its signal.
_WIDGETS = {
    "QCheckBox": ((bool,), "checked", "toggled"),
    "QPushButton": ((bool,), "checked", "toggled"),
    "QSpinBox": ((int,), "value", "valueChanged"),
    "QSlider": ((int,), "value", "valueChanged"),
    "QDoubleSpinBox": ((float,), "value", "valueChanged"),
    "ctkSliderWidget": ((float,), "value", "valueChanged"),
    "QComboBox": ((str, int, float), "currentText", "currentIndexChanged"),
    "QLineEdit": ((str,), "text", "textChanged"),
    "ctkPathLineEdit": ((Path,), "currentPath", "currentPathChanged"),
}


class _Binding:
    def __init__(self, wrapper: _Wrapper, parameter: _Parameter, widget: Any) -> None:
        self._wrapper, self._parameter, self._widget = wrapper, parameter, widget
        self._class = widget.className()
        if self._class == "qMRMLNodeComboBox":
            self._prepare_node_combo_box()
        else:
            self._prepare_value_widget()

    def _prepare_node_combo_box(self) -> None:
        if not self._parameter.is_node:
            raise RuntimeError(f"A qMRMLNodeComboBox cannot show {self._parameter.name}")
        self._signal = "currentNodeChanged"
        self._widget.nodeTypes = [cls.__name__ for cls in self._parameter.types]

    def _prepare_value_widget(self) -> None:
        shown, self._value, self._signal = _WIDGETS.get(self._class, ((), "", ""))
        if self._parameter.type not in shown:
            raise RuntimeError(f"A {self._class} cannot show {self._parameter.name} of type {self._parameter.type}")
        self._take_annotations()

    def _take_annotations(self) -> None:
        within = next((a for a in self._parameter.annotations if isinstance(a, WithinRange)), None)
        choice = next((a for a in self._parameter.annotations if isinstance(a, Choice)), None)
        if within is None and self._class in ("ctkSliderWidget", "QSlider"):
            raise RuntimeError(f"{self._parameter.name} is shown by a slider and needs a range")
        if within is not None:
            self._widget.minimum, self._widget.maximum = within.minimum, within.maximum
        if self._class == "QComboBox":
            if choice is None:
                raise RuntimeError(f"{self._parameter.name} is shown by a combo box and needs a Choice")
            self._widget.clear()
            self._widget.addItems([str(c) for c in choice.choices])

    def show(self) -> None:
        value = self._parameter.read_from(self._wrapper)
        if self._parameter.is_node:
            self._widget.setCurrentNode(value)
        else:
            setattr(self._widget, self._value, str(value) if self._value in ("currentText", "currentPath") else value)

    def connect(self) -> None:
        getattr(self._widget, self._signal).connect(self._store)

    def disconnect(self) -> None:
        getattr(self._widget, self._signal).disconnect(self._store)

    def _store(self) -> None:
        value = self._widget.currentNode() if self._parameter.is_node else getattr(self._widget, self._value)
        self._parameter.write_to(self._wrapper, value if self._parameter.is_node else self._parameter.type(value))
