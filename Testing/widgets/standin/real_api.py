"""The names that the real Slicer application has, where the table of them is present; otherwise nothing is refused."""

import functools
import gzip
import json
import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
DEFAULT_TABLE = PROJECT.parent / "shared" / "tools" / "slicer-python-api.json.gz"
# Aliases that PythonQt gives to every object beside its introspected names.
PYTHONQT_ALIASES = {"name"}


@functools.cache
def table() -> dict | None:
    """The table of names, or `None`. The environment's `IUS_SLICER_API_TABLE` names another place for it."""
    path = Path(os.environ.get("IUS_SLICER_API_TABLE", DEFAULT_TABLE))
    return json.loads(gzip.decompress(path.read_bytes())) if path.is_file() else None


def _classes() -> dict:
    return {**table()["qt"], **table()["ctk"], **table()["slicer_qt"]}


@functools.cache
def class_names(class_name: str) -> frozenset[str] | None:
    """Every attribute of a Qt class in PythonQt, its bases' included; `None` where nothing is known of the class."""
    if table() is None or class_name not in _classes():
        return None
    names: set[str] = set(PYTHONQT_ALIASES)
    entry = _classes()[class_name]
    while entry is not None:
        names |= set(entry["names"]) | set(entry["properties"]) | {s.split("(")[0] for s in entry["signals"]}
        entry = _classes().get(entry.get("base"))
    return frozenset(names)


@functools.cache
def class_properties(class_name: str) -> frozenset[str]:
    """The Qt properties of a class according to the table; empty where nothing is known."""
    names: set[str] = set()
    entry = _classes().get(class_name) if table() is not None else None
    while entry is not None:
        names |= set(entry["properties"])
        entry = _classes().get(entry.get("base"))
    return frozenset(names)


def refuse_unknown(class_name: str, attribute: str) -> None:
    """Raise `AttributeError` for an attribute that the real class does not have."""
    names = class_names(class_name)
    if names is not None and attribute not in names:
        raise AttributeError(f"{class_name} has no {attribute} in Slicer {table()['meta']['applicationVersion']}")


def refuse_unknown_member(section: str, name: str) -> None:
    """Raise `AttributeError` for a name that the table's section (`qt`, `ctk`, `slicer.app`, ...) does not have."""
    if table() is None:
        return
    known = set(table()[section]) | (set(table()["qt_functions"]) if section == "qt" else set())
    if name not in known:
        raise AttributeError(f"{section} has no {name} in Slicer {table()['meta']['applicationVersion']}")
