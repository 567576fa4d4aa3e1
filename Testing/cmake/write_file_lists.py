"""Rewrites the lists of files in the modules' CMakeLists.txt from what is in their folders.

    python Testing/cmake/write_file_lists.py

A test fails while a list and its folder differ; this mends it.
"""

import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MODULES = ("IUSTumorSeg", "IUSTumorSegTraining")
SKIPPED = ("__pycache__", ".egg-info")


def main() -> None:
    """Rewrite both modules' lists."""
    for module in MODULES:
        path = PROJECT / module / "CMakeLists.txt"
        text = path.read_text(encoding="utf-8")
        for variable, files in (("SCRIPTS", scripts(module)), ("RESOURCES", resources(module))):
            text = _with_list(text, f"MODULE_PYTHON_{variable}", files)
        path.write_text(text, encoding="utf-8")


def scripts(module: str) -> list[str]:
    """Every Python file of a module, relative to its folder."""
    return [name for name in _files(module) if name.endswith(".py")]


def resources(module: str) -> list[str]:
    """Every other file that a module ships."""
    return [name for name in _files(module) if not name.endswith(".py") and name != "CMakeLists.txt"]


def _files(module: str) -> list[str]:
    folder = PROJECT / module
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    found = (path for path in found if not any(part.startswith(".") for part in path.parts))  # caches of tools
    return sorted(name.as_posix() for name in found if not any(skip in part for skip in SKIPPED for part in name.parts))


def _with_list(text: str, variable: str, files: list[str]) -> str:
    lines = "".join(f"  {name}\n" for name in files)
    return re.sub(rf"set\({variable}\n.*?\n  \)", lambda _: f"set({variable}\n{lines}  )", text, flags=re.DOTALL)


if __name__ == "__main__":
    main()
