"""README, CHANGELOG, CITATION and LICENSE agree with the software, with each other and with their formats."""

import ast
import hashlib
import importlib.util
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest

from IUSTumorSegLib.version import VERSION

PROJECT = Path(__file__).resolve().parents[3]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LIBRARY = PROJECT / "IUSTumorSeg" / "IUSTumorSegLib"
SCREENSHOTS = PROJECT / "Resources" / "Screenshots"
# The text at apache.org/licenses/LICENSE-2.0.txt, byte for byte.
APACHE_2_SHA256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
OWNER = re.compile(r"github(?:usercontent)?\.com/OWNER/")
LARGEST_PICTURE_BYTES, WIDEST_PICTURE_PX = 400_000, 1200
ANY = "…"  # stands in the README's quotations for what differs from case to case


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def readme_examples():
    spec = importlib.util.spec_from_file_location("readme_examples", PROJECT / "Testing" / "readme_examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def readme_commands() -> list[list[str]]:
    """The words of each `iustumorseg` command that the README shows."""
    blocks = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    every = [command for block in blocks for command in readme_examples().commands(block)]
    return [shlex.split(c.replace("\\\n", " ").split(" | ")[0]) for c in every if c.startswith("iustumorseg")]


def command_line():
    import typer

    from IUSTumorSegLib.commands.app import app

    return typer.main.get_command(app).commands


@pytest.mark.parametrize("words", readme_commands(), ids=" ".join)
def test_every_command_of_the_readme_is_one_that_the_command_line_takes(words):
    """It exists, has these options, and no option that it needs is left out."""
    _, name, *arguments = words
    command = command_line()[name]
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    assert command.make_context(name, arguments).params


def test_the_readme_shows_every_step_of_the_chain():
    shown = {words[1] for words in readme_commands()}
    assert shown == {"register", "propagate", "export", "train", "predict", "evaluate", "study"}


def test_the_changelog_lists_every_command():
    listed = re.search(r"Command line `iustumorseg`: (.*?)\.\n", changelog(), re.DOTALL)[1]
    assert set(re.findall(r"`([a-z]+)`", listed)) == set(command_line())


def changelog() -> str:
    return (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_make_target_of_the_readme_exists():
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"[`$ ]make ([a-z]+)", README))
    assert {"demo", "test", "setup"} <= targets
    assert not {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)}


def test_every_link_of_the_readme_leads_somewhere():
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"\n#+ (.+)", README)}
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) > 10
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not urlparse(link).scheme:
            assert (PROJECT / link).is_file(), link


def test_every_picture_is_shown_small_enough_to_load_and_described():
    from PIL import Image

    shown = dict((path, words) for words, path in re.findall(r"!\[([^\]]*)\]\((.+?)\)", README))
    assert {Path(path).name for path in shown} == {path.name for path in SCREENSHOTS.iterdir()}
    for path, words in shown.items():
        assert len(words.split()) >= 4, f"{path} says nothing to those who cannot see it"
        assert (PROJECT / path).stat().st_size < LARGEST_PICTURE_BYTES, path
        assert Image.open(PROJECT / path).width <= WIDEST_PICTURE_PX, path


def test_the_extensions_screenshot_is_among_the_pictures():
    cmake = (PROJECT / "CMakeLists.txt").read_text(encoding="utf-8")
    addresses = re.search(r'EXTENSION_SCREENSHOTURLS "(.+?)"', cmake)[1].split()
    assert addresses
    for address in addresses:
        assert (PROJECT / address.removeprefix("${IUSTumorSeg_RAW}/")).is_file()


def test_every_button_that_the_readme_has_one_press_is_in_a_panel():
    panels = "".join(path.read_text(encoding="utf-8") for path in PROJECT.glob("IUSTumorSeg*/Resources/UI/*.ui"))
    buttons = re.findall(r"[Pp]ress\s+\*+(.+?)\*+", section("Five minutes in Slicer"))
    assert len(buttons) >= 5
    assert not [button for button in buttons if f"<string>{button}</string>" not in panels]


def test_every_sentence_that_the_readme_quotes_is_one_that_the_software_says():
    said = [sentence for path in sources() for sentence in sentences_of(path)]
    quoted = re.findall(r"“(.+?)”", section("When something goes wrong"))
    assert len(quoted) >= 8
    for quotation in quoted:
        pattern = ".*".join(re.escape(part) for part in quotation.split(ANY))
        assert any(re.fullmatch(pattern, sentence, re.DOTALL) for sentence in said), quotation


def sources() -> list[Path]:
    return [*LIBRARY.rglob("*.py"), *PROJECT.glob("IUSTumorSeg*/IUSTumorSeg*.py")]


def sentences_of(path: Path) -> Iterator[str]:
    """Every text in a file, and every `BadInput` as the sentence it makes; what is filled in later is `ANY`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BadInput":
            expected, found, action = (text_of(argument) for argument in node.args)
            yield f"Expected {expected}, but found {found}: {action}."
        elif isinstance(node, ast.Constant | ast.JoinedStr):
            yield text_of(node)


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.Constant):
        return re.sub(r"\{\w*\}", ANY, str(node.value))
    return ANY


def test_the_documents_name_no_path_of_the_machine_they_were_written_on():
    for name in ("README.md", "CHANGELOG.md", "CITATION.cff"):
        assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", (PROJECT / name).read_text(encoding="utf-8")), name


def test_the_readme_says_first_what_this_is_not():
    assert "no medical device" in README.split("\n## ")[0]
    assert "simulated" in README.split("](Resources/Screenshots/comparison.png)")[0]


def test_the_licence_is_the_apache_license_2():
    assert hashlib.sha256((PROJECT / "LICENSE").read_bytes()).hexdigest() == APACHE_2_SHA256


def test_the_citation_is_complete_and_agrees_with_the_software():
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["type"] == "software" and citation["message"] and citation["title"] == "SlicerIUSTumorSeg"
    assert citation["authors"] == [{"name": "SlicerIUSTumorSeg contributors"}]
    assert (citation["version"], citation["license"]) == (VERSION, "Apache-2.0")
    for reference in citation["references"]:
        assert {"type", "title", "authors", "year"} <= set(reference), reference
        assert all("name" in author or "family-names" in author for author in reference["authors"]), reference
        if "doi" in reference:
            assert re.fullmatch(r"10\.\d{4,9}(\.\d+)?/\S+", reference["doi"]) and reference["doi"] in README


def test_the_changelog_begins_with_this_version():
    assert re.search(r"^## \[(.+?)\]", changelog(), re.MULTILINE)[1] == VERSION


def test_the_place_on_the_web_stands_only_where_the_readme_says():
    kept = [*PROJECT.glob("*"), *PROJECT.glob("IUSTumorSeg*/**/*"), *PROJECT.glob("Resources/*.svg")]
    texts = {path for path in kept if path.suffix in {".txt", ".json", ".cff", ".md", ".py", ".ui", ".toml", ".svg"}}
    named = {path.name for path in texts if OWNER.search(path.read_text(encoding="utf-8"))}
    assert named == {"CMakeLists.txt", "SlicerIUSTumorSeg.json", "CITATION.cff"}
    advice = README.split("### Before submission to the Extensions Index: what to change")[1]
    assert not {name for name in named if f"`{name}`" not in advice}


def test_the_index_entry_has_what_the_schema_asks_for():
    """Slicer's Schemas/slicer-extension-catalog-entry-schema-v1.0.1.json."""
    entry = json.loads((PROJECT / "SlicerIUSTumorSeg.json").read_text(encoding="utf-8"))
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert entry["$schema"].endswith("slicer-extension-catalog-entry-schema-v1.0.1.json#")
    assert entry["tier"] in (1, 3, 5)
    assert all(isinstance(name, str) for name in entry["build_dependencies"])
    texts = {key: value for key, value in entry.items() if key not in ("tier", "build_dependencies")}
    assert all(isinstance(value, str) and value for value in texts.values())
