"""Tables and the page, read back by other programs than the ones that wrote them."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from made_cases import change_case, fill, register, review
from PIL import Image
from typer.testing import CliRunner

from IUSTumorSegLib.commands.app import app
from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.study.benchmark import benchmark_study
from IUSTumorSegLib.study.run import note_failure
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder
from IUSTumorSegLib.study.study_status import export_review_table, study_status
from IUSTumorSegLib.study.thumbnails import thumbnail


class Rows(HTMLParser):
    """The texts of a page's table cells, row by row, and what the page would load from elsewhere."""

    def __init__(self):
        super().__init__()
        self.rows, self.loads, self.in_cell = [], [], False

    def handle_starttag(self, tag, attributes):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self.in_cell = tag in ("td", "th") or (self.in_cell and tag == "img")
        self.loads += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1] += data


@pytest.fixture
def study(tmp_path):
    """Four cases: two reviewers disagree, one accepted before it was registered again, one failed, one imported."""
    study = made_study(tmp_path / "study", 4)
    folders = [case_folder(study, f"case-000{number}") for number in range(4)]
    register(folders[0], error_mm=1.25)
    review(folders[0], "accept", "anna", 31.5)
    review(folders[0], "reject", "ben", 12.0)
    register(folders[1])
    review(folders[1], "accept")
    register(folders[1], "review", 3.5)
    note_failure(folders[2], "register", 'Expected an image, but found <b>a cat</b>, "really": try again.')
    picture = np.random.default_rng(0).integers(0, 255, (700, 1300, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folders[0] / "comparison.png")
    return study


def command(*words):
    return CliRunner().invoke(app, ["study", *map(str, words)])


def test_the_review_table_has_one_row_for_each_case_and_reviewer(study, tmp_path):
    assert export_review_table(study=study.folder, out=tmp_path / "reviews.csv") == 4
    table = pd.read_csv(tmp_path / "reviews.csv")
    assert table["case"].tolist() == ["case-0000", "case-0000", "case-0001", "case-0002", "case-0003"]
    first = table[table["case"] == "case-0000"].set_index("reviewer")
    assert first.loc["anna", ["verdict", "seconds", "state"]].tolist() == ["accept", 31.5, "disagreeing"]
    assert first.loc["ben", "verdict"] == "reject"
    assert first["predicted_error_mm"].tolist() == [1.25, 1.25]
    assert first["initial_landmark_mm"].tolist() == [5.0, 5.0]
    earlier = table[table["case"] == "case-0001"].iloc[0]
    assert not earlier["of_this_registration"]
    assert earlier["state"] == "unreviewed"
    assert pd.isna(table[table["case"] == "case-0003"].iloc[0]["reviewer"])


def test_the_status_table_has_one_row_a_case(study, tmp_path):
    study_status(study=study.folder, csv=tmp_path / "status.csv")
    table = pd.read_csv(tmp_path / "status.csv").set_index("case")
    assert table["registered"].tolist() == [True, True, False, False]
    assert table.loc["case-0000", "review"] == "disagreeing"
    assert "a cat" in table.loc["case-0002", "failed"]
    assert table.loc["case-0001", "predicted_error_mm"] == 3.5


def test_the_page_shows_every_case_with_its_picture_and_loads_nothing_from_elsewhere(study, tmp_path):
    study_status(study=study.folder, html=tmp_path / "status.html")
    page = (tmp_path / "status.html").read_text(encoding="utf-8")
    parsed = Rows()
    parsed.feed(page)
    by_case = {row[1]: row for row in parsed.rows if len(row) > 1 and row[1].startswith("case-")}
    assert len(by_case) == 4
    assert "anna" in by_case["case-0000"][8]
    assert by_case["case-0001"][6] == "3.5"
    assert "Registered again" in by_case["case-0001"][10]
    assert "<b>a cat</b>" in by_case["case-0002"][10]  # as text: a case's words are never markup
    (source,) = parsed.loads
    kind, _, data = source.partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).width == 240
    assert "$" not in re.sub(r"<script>.*</script>", "", page, flags=re.DOTALL)
    sources = {row[0]: row for row in parsed.rows if row and row[0].startswith("source-")}
    assert sources["source-0"][1] == "2"


def test_a_thumbnail_is_made_once_and_again_for_a_new_picture(study):
    folder = case_folder(study, "case-0000")
    first = thumbnail(folder)
    written = (folder / "thumbnail.png").stat().st_mtime_ns
    assert thumbnail(folder) == first
    assert (folder / "thumbnail.png").stat().st_mtime_ns == written
    assert len(first) < 40_000
    Image.new("RGB", (1300, 700), "red").save(folder / "comparison.png")
    again = Image.open(io.BytesIO(thumbnail(folder))).convert("RGB")
    assert again.getpixel((120, 60))[0] > 200
    assert thumbnail(case_folder(study, "case-0003")) is None
    (folder / "comparison.png").write_bytes(b"no picture")
    assert thumbnail(folder) is None


def test_status_on_the_terminal_names_what_waits_for_review(study):
    result = command("status", study.folder)
    assert result.exit_code == 0, result.output
    assert "Waiting for review: 2 (case-0000, case-0001)" in result.output
    assert "disagreeing" in result.output


def test_names_with_brackets_are_shown_as_they_are(study):
    change_case(case_folder(study, "case-0003"), patient="[bold]P[/bold]")
    assert "[bold]P[/bold]" in command("status", study.folder).output


@pytest.mark.parametrize(
    "words",
    [("status",), ("register",), ("propagate",), ("export-table", "--out", "x.csv")],
)
def test_every_command_refuses_what_is_no_study_with_one_sentence(words, tmp_path):
    result = command(words[0], tmp_path, *words[1:])
    assert result.exit_code == 2
    assert result.output.count("Expected a study folder, but found no study.json") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_with_a_failed_case_ends_with_1_and_names_it(study, monkeypatch):
    monkeypatch.setattr(
        "IUSTumorSegLib.study.register_study.run_cases", lambda *rest: (("case-0002",), {"case-0003": "No MRI."})
    )
    result = command("register", study.folder)
    assert result.exit_code == 1
    assert "case-0003 failed: No MRI." in result.output
    assert "Left, registered already: 2 (case-0000, case-0001)" in result.output


def test_progress_is_json_lines_for_the_window(study, tmp_path):
    result = command("status", study.folder, "--csv", tmp_path / "s.csv", "--json-progress")
    assert result.exit_code == 0
    assert [json.loads(line)["stage"] for line in result.output.splitlines()] == ["read"]


def test_a_table_on_a_full_disk_is_a_sentence_and_leaves_the_earlier_one(study, tiny_disk):
    table = tiny_disk / "status.csv"
    study_status(study=study.folder, csv=table)
    earlier = table.read_bytes()
    fill(tiny_disk)
    review(case_folder(study, "case-0000"), "accept", "a" * 9000)
    with pytest.raises(Failed, match="full: free some space"):
        study_status(study=study.folder, csv=table)
    assert table.read_bytes() == earlier


def test_the_benchmark_measures_what_it_names_and_stays_far_below_its_goals_on_a_few_cases(tmp_path):
    measures = {measure.what: measure for measure in benchmark_study(cases=12, workers=1, folder=tmp_path / "study")}
    assert len(measures) == 5
    assert [measure.goal for measure in measures.values() if measure.goal] == [10.0, 3.0, 2.0]
    assert measures["Restart of the finished study"].value < 3
    assert measures["Status of every case"].value < 2
