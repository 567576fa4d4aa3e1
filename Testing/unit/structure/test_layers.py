"""The layers of the house, read from the imports: who may know whom, and what is never loaded at start-up."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
LIBRARY = PROJECT / "IUSTumorSeg" / "IUSTumorSegLib"
MODULE_FILES = [PROJECT / name / f"{name}.py" for name in ("IUSTumorSeg", "IUSTumorSegTraining")]
QT = {"qt", "ctk", "PySide6", "PyQt5", "PythonQt"}
COMPUTING = {"numpy", "scipy", "torch", "SimpleITK", "pandas", "matplotlib", "nnunetv2"}
HEAVY = {"torch", "nnunetv2", "SimpleITK", "pandas", "matplotlib", "scipy", "highdicom", "pydicom", "nilearn"}
START_UP_BUDGET_MS = 20.0


def imported(path: Path) -> Iterator[str]:
    """Every absolute name that a file imports, anywhere in it; `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = absolute_name(node, path)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def absolute_name(node: ast.ImportFrom, path: Path) -> str:
    """The module that a `from` names, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    package = path.relative_to(LIBRARY.parent).parts[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])


def top_names(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def files_of(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((LIBRARY / package).rglob("*.py"))]


def library_without(*packages: str) -> list[Path]:
    return [path for path in sorted(LIBRARY.rglob("*.py")) if path.relative_to(LIBRARY).parts[0] not in packages]


def offenders(files: list[Path], forbidden: set[str]) -> dict[str, set[str]]:
    found = {str(path.relative_to(PROJECT)): top_names(path) & forbidden for path in files}
    return {path: names for path, names in found.items() if names}


def test_only_scene_and_widgets_know_slicer_vtk_and_qt():
    # The demo's pictures are drawn by Slicer's views: it goes through the package scene, and imports no slicer itself.
    assert not offenders(library_without("scene", "widgets"), {"slicer", "vtk"} | QT)


def test_scene_knows_no_qt_and_nothing_of_the_desktop():
    assert not offenders(files_of("scene"), QT)
    desktop = {"slicer.app", "slicer.qMRML", "slicer.ScriptedLoadableModule", "slicer.parameterNodeWrapper"}
    for path in files_of("scene"):
        text = path.read_text(encoding="utf-8")
        assert not [name for name in desktop if name in text], path


def test_widgets_and_module_files_compute_nothing():
    assert not offenders(files_of("widgets") + MODULE_FILES, COMPUTING)


def test_arrows_point_one_way():
    ours = {path: set(imported(path)) for path in LIBRARY.rglob("*.py")}
    for path, names in ours.items():
        package = path.relative_to(LIBRARY).parts[0]
        if package != "widgets":
            assert not any(name.startswith("IUSTumorSegLib.widgets") for name in names), path
        if package not in ("widgets", "scene", "demo", "commands"):
            assert not any(name.startswith("IUSTumorSegLib.scene") for name in names), path
        if package != "commands":
            assert not any(name.startswith("IUSTumorSegLib.commands") for name in names), path


def test_the_task_runner_needs_neither_typer_nor_rich():
    assert not offenders(files_of("jobs"), {"typer", "rich", "click"})
    assert not offenders(library_without("commands"), {"typer", "rich"})


@pytest.mark.parametrize("module", ["IUSTumorSeg", "IUSTumorSegTraining"])
def test_loading_a_module_file_loads_no_heavy_package_and_keeps_to_its_budget(module):
    """In a process that already has what Slicer has at that moment: slicer, vtk, numpy and Qt's names."""
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 does not load", exc_type=ImportError)
    script = f"""
import sys, time
sys.path[:0] = [{str(PROJECT / "Testing" / "widgets")!r}, {str(PROJECT / "IUSTumorSeg")!r}, {str(PROJECT / module)!r}]
import numpy, slicer, vtk
from IUSTumorSegLib.scene.application import start_application
from standin.install import install
with start_application() as application:
    install(application.logic, application.scene)
    for name in [name for name in sys.modules if name.startswith("IUSTumorSegLib")]:
        del sys.modules[name]
    before = set(sys.modules)
    started = time.process_time()
    import {module}
    print((time.process_time() - started) * 1000)
    print(",".join(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
    slicer.app.close()
"""
    loaded, milliseconds = set(), []
    for _ in range(4):
        environment = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin"}
        run = [sys.executable, "-c", script]
        output = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout.split("\n")
        milliseconds.append(float(output[0]))
        loaded |= set(output[1].split(","))
    assert not loaded & HEAVY
    # Processor time, the best of some: a test machine is shared, and the first run may compile.
    assert min(milliseconds) < START_UP_BUDGET_MS, milliseconds
