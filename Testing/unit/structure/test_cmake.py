"""What CMake would build and install: the tree configured against a stand-in for Slicer."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
STAND_IN = PROJECT / "Testing" / "cmake"
MODULES = ("IUSTumorSeg", "IUSTumorSegTraining")
# No compiler is needed, so none is looked for.
NO_COMPILER = [
    f"-DCMAKE_{language}_COMPILER{what}"
    for language in ("C", "CXX")
    for what in ("=/bin/true", "_FORCED=TRUE", "_ID_RUN=TRUE")
]


@pytest.fixture(scope="module")
def configured(tmp_path_factory) -> Path:
    """The folder in which the stand-in wrote what it was given."""
    build = tmp_path_factory.mktemp("build")
    cmake = Path(sys.executable).with_name("cmake")
    command = [str(cmake) if cmake.exists() else shutil.which("cmake"), "-S", str(PROJECT), "-B", str(build)]
    subprocess.run([*command, f"-DSlicer_DIR={STAND_IN}", "-DBUILD_TESTING=ON", *NO_COMPILER], check=True)
    return build / "slicer"


def listed(configured: Path, name: str) -> list[str]:
    return (configured / f"{name}.txt").read_text().split("\n")[:-1]


def file_lists():
    spec = importlib.util.spec_from_file_location("write_file_lists", STAND_IN / "write_file_lists.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("module", MODULES)
def test_every_python_file_of_a_module_is_in_its_list_and_nothing_else_is(configured, module):
    assert sorted(listed(configured, f"{module}.scripts")) == file_lists().scripts(module), (
        "run: python Testing/cmake/write_file_lists.py"
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_ui_icon_and_data_file_of_a_module_is_in_its_list_and_nothing_else_is(configured, module):
    resources = listed(configured, f"{module}.resources")
    assert sorted(resources) == file_lists().resources(module), "run: python Testing/cmake/write_file_lists.py"
    assert f"Resources/UI/{module}.ui" in resources
    assert f"Resources/Icons/{module}.png" in resources


def test_every_test_for_the_application_is_registered(configured):
    registered = {line for line in listed(configured, "tests") if line.startswith("test_")}
    assert registered == {path.name for path in (PROJECT / "Testing" / "slicer").glob("test_*.py")}


def test_the_extensions_metadata_are_complete_and_name_no_person(configured):
    assert listed(configured, "EXTENSION_CONTRIBUTORS") == ["SlicerIUSTumorSeg contributors"]
    assert listed(configured, "EXTENSION_DEPENDS") == ["PyTorch NNUNet SlicerOpenIGTLink SlicerIGT"]
    (icon,) = listed(configured, "EXTENSION_ICONURL")
    assert icon.endswith(".png")
    assert (PROJECT / icon.split("/main/")[1]).is_file()


def test_the_index_entry_agrees_with_cmake_and_has_only_fields_of_the_schema(configured):
    entry = json.loads((PROJECT / "SlicerIUSTumorSeg.json").read_text())
    assert set(entry) <= {"$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies",
                          "build_subdirectory", "enabled", "tier"}  # fmt: skip
    assert entry["build_dependencies"] == listed(configured, "EXTENSION_DEPENDS")[0].split()
    assert [entry["category"]] == listed(configured, "EXTENSION_CATEGORY")
    assert entry["scm_url"].removesuffix(".git") == listed(configured, "EXTENSION_HOMEPAGE")[0]
    assert re.fullmatch("SlicerIUSTumorSeg", Path(entry["scm_url"]).stem)
