import sys
from pathlib import Path

import pandas
import pytest

from IUSTumorSegLib.datasets import fetch_remind as module
from IUSTumorSegLib.datasets.fetch_remind import fetch_remind
from IUSTumorSegLib.errors import BadInput, Failed

SERIES = [
    ("US", "US_pre_dura", "Intraop"), ("US", "US_pre_imri", "Intraop"), ("MR", "3D_AX_T1_postcontrast", "Preop"),
    ("MR", "2D_AX_T2", "Preop"), ("SEG", "tumor seg - MR ref: 3D_AX_T1_postcontrast", "Preop"),
    ("SEG", "tumor_residual seg - MR ref: 2D_AX_T2_BLADE", "Intraop"),
]  # fmt: skip
FILE = b"x" * 50_000


class FakeClient:
    """The archive with two patients of six series, two files each; `breaks` at the nth series."""

    def __init__(self, breaks=None):
        common = {"collection_id": "remind", "SOPClassUID": "1", "series_size_MB": 0.1, "instanceCount": 2}
        rows = [
            common | dict(zip(("Modality", "SeriesDescription", "StudyDescription"), one, strict=True))
            | {"PatientID": f"ReMIND-00{p}", "StudyInstanceUID": f"{p}", "SeriesInstanceUID": f"{p}.{i}"}
            for p in (1, 2) for i, one in enumerate(SERIES)
        ]  # fmt: skip
        self.index = pandas.DataFrame(rows)
        self.fetched, self.breaks = [], breaks

    def download_from_selection(self, *, downloadDir, seriesInstanceUID, dirTemplate, **more):
        if len(self.fetched) == self.breaks:
            raise OSError("no route to host")
        row = self.index.set_index("SeriesInstanceUID").loc[seriesInstanceUID[0]]
        folder = dirTemplate.replace("%PatientID", row.PatientID).replace("%Modality", row.Modality)
        folder = Path(downloadDir) / folder.replace("%SeriesInstanceUID", seriesInstanceUID[0])
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(2):
            (folder / f"{i}.dcm").write_bytes(FILE)
        self.fetched.append(seriesInstanceUID[0])


@pytest.fixture
def client(monkeypatch):
    fake = FakeClient()
    monkeypatch.setattr(module, "_client", lambda: fake)
    monkeypatch.setattr(module, "_check_online", lambda: None)
    return fake


def test_only_what_an_import_takes_is_fetched(client, tmp_path):
    said = []
    done = fetch_remind(out=tmp_path, patients="2", progress=lambda *a: said.append(a[-1]))
    assert client.fetched == ["2.0", "2.2", "2.4"]
    assert done.done and (done.patients, done.series) == (1, 3) and "3 series" in said[0]
    assert fetch_remind(out=tmp_path / "all", patients="all", all_series=True).series == 12


def test_the_size_can_be_asked_first(client, tmp_path):
    size = fetch_remind(out=tmp_path / "new", patients="all", dry_run=True)
    assert size.total_mb == pytest.approx(0.6) and "nothing was fetched" in size.sentence
    assert client.fetched == [] and not (tmp_path / "new").exists()


def test_an_interrupted_download_goes_on_and_a_cut_file_is_fetched_again(client, tmp_path):
    client.breaks = 2
    with pytest.raises(Failed, match="goes on where it was"):
        fetch_remind(out=tmp_path, patients="1")
    (tmp_path / "ReMIND-001" / "US_1.0" / "1.dcm").write_bytes(FILE[:100])
    client.breaks, client.fetched = None, []
    fetch_remind(out=tmp_path, patients="1")
    assert client.fetched == ["1.0", "1.4"]


def test_unknown_patients_are_refused(client, tmp_path):
    with pytest.raises(BadInput, match="ReMIND-115"):
        fetch_remind(out=tmp_path, patients="1,115")
    with pytest.raises(BadInput, match="'resect'"):
        fetch_remind(dataset="resect", out=tmp_path)


def test_too_small_a_disk_is_told_before_anything_is_fetched(client, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(Failed, match="has room"):
        fetch_remind(out=tmp_path, patients="1")
    assert client.fetched == []


def test_without_the_package_the_way_to_it_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "idc_index", None)
    with pytest.raises(Failed, match="pip install"):
        fetch_remind(out=tmp_path, patients="1")


def test_offline_is_told_at_once(tmp_path, monkeypatch):
    fake = FakeClient()
    monkeypatch.setattr(module, "_client", lambda: fake)
    monkeypatch.setattr(module, "ARCHIVE", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(Failed, match="cannot be reached"):
        fetch_remind(out=tmp_path, patients="1")
    assert fake.fetched == []
