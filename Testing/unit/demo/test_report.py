import base64
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from made_findings import made_findings, made_pictures
from PIL import Image

from IUSTumorSegLib.demo.charts import area_counts, area_labels, landmark_chart, slice_chart, training_chart
from IUSTumorSegLib.demo.report import write_report

VOID = {"meta", "img", "link", "br"}


class Page(HTMLParser):
    """Reads a page, noting elements, attributes and text, and that every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.texts, self._open = [], [], [], []
        self.inside = {}
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.elements.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def report_of(findings, folder):
    write_report(findings, made_pictures(findings), folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(tmp_path_factory):
    return report_of(made_findings(), tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_report_needs_no_other_file(page):
    addresses = [value for _, name, value in page.attributes if name in ("src", "href", "data")]
    assert addresses
    assert all(value.startswith("data:image/jpeg;base64,") for value in addresses)
    assert not {"link", "script", "iframe"} & set(page.elements)


def test_every_picture_is_a_whole_image_with_a_description(page):
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(sources) == 4 + 6 * 3
    for source in sources:
        assert Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).size == (20, 20)
    assert len([1 for tag, name, value in page.attributes if (tag, name) == ("img", "alt") and value]) == len(sources)


def test_every_figure_has_a_caption(page):
    assert page.elements.count("figure") == page.elements.count("figcaption") == 10


def test_the_report_says_at_the_top_that_the_patients_are_simulated(page):
    assert "All patients here are simulated" in page.text[:800]
    assert "no medical device" in page.text[:1000]
    assert "ground truth" not in page.text.lower()


def test_the_report_holds_the_numbers_it_was_given(page):
    numbers = ("8.2", "0.9", "0.812", "0.750", "0.886", "0.114", "0.93", "60", "undefined")
    sentences = ("57 slices with at least 15 mm²", "3 without any", "54 from 75 mm²")
    for expected in (*numbers, *sentences):
        assert expected in page.text, expected
    assert "simulated-01 and simulated-02" in page.text
    assert "simulated-03 is watched" in page.text


def test_what_a_verdict_says_cannot_become_markup(tmp_path):
    html = report_of(made_findings(reason="<script>alert(1)</script> & more"), tmp_path)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize("chart", ["landmarks", "slices", "training"])
def test_a_chart_is_well_formed_and_stays_inside_its_frame(chart):
    findings = made_findings()
    svg = {
        "landmarks": lambda: landmark_chart(findings.patients),
        "slices": lambda: slice_chart(findings.slices),
        "training": lambda: training_chart(findings.curve),
    }[chart]()
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(value) <= width
            if name in ("y", "y1", "y2", "cy"):
                assert 0 <= float(value) <= height


def test_the_bars_count_every_slice_once():
    slices = made_findings().slices
    counts = [area_counts(slices, direction) for direction in "ijk"]
    assert sum(map(sum, counts)) == len(slices)
    assert len(counts[0]) == len(area_labels())
    assert [row[0] for row in counts] == [1, 1, 1]
    assert counts[0][1] == sum(0 < item.tumor_area_mm2 < 75 for item in slices if item.direction == "i")


def test_longer_errors_are_drawn_further_to_the_right():
    findings = made_findings()
    circles = ElementTree.fromstring(landmark_chart(findings.patients)).iter("{http://www.w3.org/2000/svg}circle")
    places = [float(circle.attrib["cx"]) for circle in circles]
    errors = [error for patient in findings.patients for error in (patient.before_mm, patient.after_mm)]
    assert sorted(range(8), key=places.__getitem__) == sorted(range(8), key=errors.__getitem__)
