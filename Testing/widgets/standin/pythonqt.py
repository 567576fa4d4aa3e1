"""PySide6 objects as PythonQt shows them to Python.

A Qt property is an attribute that is read and set, never called; a property hides the method of its name. A signal
passes a slot as many arguments as it takes. An unknown attribute can be neither read nor set.
"""

import inspect
import weakref
from collections.abc import Callable
from typing import Any

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets
from shiboken6 import Shiboken

from . import real_api

_PROXIES: "weakref.WeakKeyDictionary[QtCore.QObject, Proxy]" = weakref.WeakKeyDictionary()
# Slots by (object, signal, callback): what disconnect must find again.
_SLOTS: dict[tuple[int, str, Any], Callable] = {}
# Properties that PySide6 knows only in Qt 6's spelling, by Qt 5's name in PythonQt.
_METHOD_PROPERTIES = {"toolTip", "name"}


class Proxy:
    """One QObject with PythonQt's rules."""

    def __init__(self, wrapped: QtCore.QObject) -> None:
        object.__setattr__(self, "wrapped", wrapped)

    def __getattr__(self, name: str) -> Any:
        wrapped = self.wrapped
        if name == "name":
            return wrapped.objectName()
        if name.startswith("__"):
            raise AttributeError(name)
        class_name = qt_class_name(wrapped)
        real_api.refuse_unknown(class_name, name)
        if name in ("connect", "disconnect"):
            return _connector(self, name)
        if name == "className":
            return lambda: class_name
        if _is_property(wrapped, name):
            return wrap(wrapped.property(name))
        value = getattr(wrapped, name)
        if isinstance(value, QtCore.SignalInstance):
            return SignalProxy(wrapped, name, value)
        return _wrapped_call(value) if callable(value) else wrap(value)

    def __setattr__(self, name: str, value: Any) -> None:
        wrapped = self.wrapped
        if name == "name":
            wrapped.setObjectName(value)
            return
        real_api.refuse_unknown(qt_class_name(wrapped), name)
        if not _is_property(wrapped, name):
            raise AttributeError(f"{qt_class_name(wrapped)}.{name} is no property and cannot be set")
        if not wrapped.setProperty(name, unwrap(value)):
            raise ValueError(f"{qt_class_name(wrapped)}.{name} does not take {value!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Proxy) and other.wrapped is self.wrapped

    def __hash__(self) -> int:
        return hash(self.wrapped)

    def __repr__(self) -> str:
        return f"<{qt_class_name(self.wrapped)} {self.wrapped.objectName()!r}>"


class SignalProxy:
    """A signal of one object: `connect`, `disconnect`, and a call emits it."""

    def __init__(self, owner: QtCore.QObject, name: str, signal: QtCore.SignalInstance) -> None:
        self._owner, self._name, self._signal = owner, name, signal

    def connect(self, callback: Callable) -> None:
        """Call `callback` with as many of the signal's arguments as it takes."""
        slot = _slot(unwrap_callable(callback))
        _SLOTS[_slot_key(self._owner, self._name, callback)] = slot
        self._signal.connect(slot)

    def disconnect(self, callback: Callable) -> None:
        """Undo `connect`; an error where it was never done."""
        self._signal.disconnect(_SLOTS.pop(_slot_key(self._owner, self._name, callback)))

    def __call__(self, *arguments: Any) -> None:
        """Emit the signal."""
        self._signal.emit(*[unwrap(argument) for argument in arguments])


class ClassProxy:
    """A Qt class: called, it makes an object; its attributes are enumerations and static functions."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.__name__ = cls.__name__

    def __mro_entries__(self, bases: tuple) -> tuple:
        """A Python class may derive from a Qt class, to override its event filter."""
        return (self.cls,)

    def __call__(self, *arguments: Any, **properties: Any) -> Any:
        return wrap(self.cls(*[unwrap(argument) for argument in arguments], **properties))

    def __getattr__(self, name: str) -> Any:
        real_api.refuse_unknown(self.__name__, name)
        value = getattr(self.cls, name)
        return _wrapped_call(value) if callable(value) and not isinstance(value, type) else value

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(unwrap(instance), self.cls)


def wrap(value: Any) -> Any:
    """A PySide6 value as PythonQt gives it."""
    if isinstance(value, QtCore.QObject):
        if value not in _PROXIES:
            _PROXIES[value] = Proxy(value)
        return _PROXIES[value]
    if isinstance(value, list | tuple):
        return type(value)(wrap(item) for item in value)
    return value


def unwrap(value: Any) -> Any:
    """The PySide6 value behind what a caller passes."""
    if isinstance(value, Proxy):
        return value.wrapped
    if isinstance(value, ClassProxy):
        return value.cls
    if isinstance(value, list | tuple):
        return type(value)(unwrap(item) for item in value)
    return value


def unwrap_callable(callback: Callable) -> Callable:
    """A slot given as a signal emits that signal."""
    return callback if not isinstance(callback, SignalProxy) else callback.__call__


def qt_class(name: str) -> type:
    """The PySide6 class of a Qt 5 class's name."""
    for module in (QtCore, QtGui, QtWidgets, QtUiTools):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"PySide6 has no {name}")


def qt_class_name(wrapped: QtCore.QObject) -> str:
    """The class's name as Slicer knows it."""
    return getattr(type(wrapped), "SLICER_CLASS", wrapped.metaObject().className())


def _is_property(wrapped: QtCore.QObject, name: str) -> bool:
    return wrapped.metaObject().indexOfProperty(name) >= 0


def _wrapped_call(function: Callable) -> Callable:
    def call(*arguments: Any) -> Any:
        plain = [_slot(a) if inspect.isroutine(a) or inspect.isfunction(a) else unwrap(a) for a in arguments]
        return wrap(function(*plain))

    return call


def _connector(proxy: Proxy, what: str) -> Callable:
    def connect(signature: str, callback: Callable) -> None:
        name, _, types = signature.rstrip(")").partition("(")
        real_api.refuse_unknown(qt_class_name(proxy.wrapped), name)
        signal = getattr(proxy.wrapped, name)
        if proxy.wrapped.metaObject().indexOfSignal(f"{name}({types})") < 0:
            raise ValueError(f"{qt_class_name(proxy.wrapped)} has no signal {signature}")
        getattr(SignalProxy(proxy.wrapped, name, signal), what)(callback)

    return connect


def _slot(callback: Callable) -> Callable:
    taken = _argument_count(callback)

    def slot(*arguments: Any) -> None:
        callback(*[wrap(argument) for argument in arguments][:taken])

    return slot


def _argument_count(callback: Callable) -> int | None:
    try:
        parameters = inspect.signature(callback).parameters.values()
    except ValueError:
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _slot_key(owner: QtCore.QObject, name: str, callback: Callable) -> tuple[int, str, Any]:
    return Shiboken.getCppPointer(owner)[0], name, callback
