"""`study fetch remind`: ReMIND from the Imaging Data Commons through the package idc-index, only what an import takes."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import check_output_folder
from ..errors import BadInput, Failed
from ..jobs.progress import Progress, silent
from .dicom_scan import Series
from .remind_rules import SEG_DESCRIPTION, is_preoperative, structure_of, ultrasound_before_resection

COLLECTION = "remind"
FOLDERS = "%PatientID/%Modality_%SeriesInstanceUID"
ARCHIVE = "https://idc-open-data.s3.amazonaws.com"
PATIENCE_S = 15
ROOM_TO_SPARE = 1.05
COLUMNS = (
    "PatientID", "Modality", "SeriesDescription", "StudyDescription", "StudyInstanceUID", "SeriesInstanceUID",
    "SOPClassUID", "series_size_MB", "instanceCount",
)  # fmt: skip


@dataclass(frozen=True)
class Download:
    """What was or would be fetched: numbers of patients and series, megabytes in all and still missing."""

    patients: int
    series: int
    total_mb: float
    missing_mb: float
    out: Path
    done: bool

    @property
    def sentence(self) -> str:
        """The download in words."""
        patients = f"{self.patients} patient{'s' if self.patients != 1 else ''}"
        size = f"{patients}, {self.series} series, {self.total_mb / 1000:.2f} GB"
        if self.done:
            return f"{size}: {self.out}"
        return f"{size}, of which {self.missing_mb / 1000:.2f} GB are missing in {self.out} (nothing was fetched)."


@dataclass(frozen=True)
class _Listed:
    series: Series
    size_mb: float
    files: int


def fetch_remind(
    *,
    dataset: str = "remind",
    out: Path,
    patients: str = "all",
    dry_run: bool = False,
    all_series: bool = False,
    progress: Progress = silent,
) -> Download:
    """Download the series of `patients` ("1,2,22", "ReMIND-001" or "all") that an import takes, or `all_series`.

    The size is said and the disk checked before; series that are there whole are not fetched again. Raises `BadInput`
    for unknown patients, `Failed` without idc-index, offline, or with too little room on the disk.
    """
    if dataset != COLLECTION:
        raise BadInput("the data set remind", f"'{dataset}'", "fetch others from their archives by hand")
    check_output_folder(out)
    client = _client()
    listed = _listed(client)
    wanted = [one for one in _of_patients(listed, patients) if all_series or _is_taken(one.series, listed)]
    missing = [one for one in wanted if not _is_whole(one, out)]
    download = _download(wanted, missing, out, done=False)
    if dry_run:
        return download
    progress("fetch", 0, len(missing), download.sentence.replace(" (nothing was fetched)", ""))
    _check_room(download, out)
    if missing:
        _check_online()
    for done, one in enumerate(missing):
        progress("fetch", done, len(missing), f"{one.series.patient} {one.series.description}, {one.size_mb:.0f} MB")
        _fetch(client, one, out)
    progress("fetch", len(missing), len(missing), "All series are there")
    return _download(wanted, [], out, done=True)


def list_series(rows: Iterable[dict[str, Any]]) -> list[Series]:
    """Rows of IDC's index of series as the records that the rules work on."""
    return [
        Series(
            patient=row["PatientID"],
            modality=row["Modality"],
            description=row["SeriesDescription"] or "",
            study_description=row["StudyDescription"] or "",
            study=row["StudyInstanceUID"],
            uid=row["SeriesInstanceUID"],
            sop_class=row["SOPClassUID"] or "",
        )
        for row in rows
    ]


def _client() -> Any:
    try:
        from idc_index import IDCClient
    except ImportError as error:
        raise Failed(
            "Fetching ReMIND needs the package idc-index: install it with 'pip install iustumorseg[fetch]'."
        ) from error
    try:
        return IDCClient()
    except (OSError, ValueError) as error:
        raise Failed(
            f"The package idc-index could not start ({error}): check the connection to the network."
        ) from error


def _listed(client: Any) -> list[_Listed]:
    index = client.index
    rows = index[index["collection_id"] == COLLECTION][list(COLUMNS)].astype(object)
    records = rows.where(rows.notna(), None).to_dict("records")
    sizes = [(float(row["series_size_MB"] or 0), int(row["instanceCount"] or 0)) for row in records]
    return [_Listed(one, *size) for one, size in zip(list_series(records), sizes, strict=True)]


def _of_patients(listed: list[_Listed], patients: str) -> list[_Listed]:
    if patients.strip().lower() == "all":
        return listed
    names = {_patient(text.strip()) for text in patients.split(",") if text.strip()}
    unknown = names - {one.series.patient for one in listed}
    if unknown or not names:
        raise BadInput(
            "patients of ReMIND, 1 to 114",
            ", ".join(sorted(unknown)) or "none",
            "write, for example, --patients 1,2,22",
        )
    return [one for one in listed if one.series.patient in names]


def _patient(text: str) -> str:
    return f"ReMIND-{int(text):03d}" if text.isdigit() else text


def _is_taken(series: Series, listed: list[_Listed]) -> bool:
    """Whether an import takes the series: ultrasound before resection, labels before the operation and their MRI."""
    if series.modality == "MR" and is_preoperative(series):
        own = (one.series for one in listed if one.series.patient == series.patient)
        matches = (SEG_DESCRIPTION.match(seg.description) for seg in own if structure_of(seg) and is_preoperative(seg))
        named = {match["mri"] for match in matches if match}
        return not named or series.description in named
    if series.modality == "SEG":
        return is_preoperative(series)
    return bool(ultrasound_before_resection(series))


def _folder(one: _Listed, out: Path) -> Path:
    return out / one.series.patient / f"{one.series.modality}_{one.series.uid}"


def _is_whole(one: _Listed, out: Path) -> bool:
    """Whether all files of a series are there, in the size that the index tells (to its rounding)."""
    folder = _folder(one, out)
    sizes = [path.stat().st_size for path in folder.glob("*.dcm")] if folder.is_dir() else []
    return len(sizes) == one.files and abs(sum(sizes) / 1e6 - one.size_mb) < max(0.01, 0.001 * one.size_mb)


def _download(wanted: list[_Listed], missing: list[_Listed], out: Path, done: bool) -> Download:
    patients = {one.series.patient for one in wanted}
    return Download(len(patients), len(wanted), _sum(wanted), _sum(missing), Path(out), done)


def _sum(listed: Iterable[_Listed]) -> float:
    return sum(one.size_mb for one in listed)


def _check_room(download: Download, out: Path) -> None:
    Path(out).mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(out).free / 1e6
    if free_mb < ROOM_TO_SPARE * download.missing_mb:
        raise Failed(
            f"{download.missing_mb / 1000:.1f} GB are to be fetched, but {out} has room for {free_mb / 1000:.1f} GB: "
            "free some space, name another --out or fewer --patients."
        )


def _check_online() -> None:
    """Ask the archive for anything at all: the download program itself would try for minutes before it gives up."""
    import urllib.error
    import urllib.request

    try:
        urllib.request.urlopen(ARCHIVE, timeout=PATIENCE_S).close()
    except urllib.error.HTTPError:
        return  # it answered
    except OSError as error:
        raise Failed(
            f"The Imaging Data Commons ({ARCHIVE}) cannot be reached: check the connection to the network or its proxy, "
            "or fetch ReMIND elsewhere and copy it here. Nothing was fetched."
        ) from error


def _fetch(client: Any, one: _Listed, out: Path) -> None:
    """Fetch one series and see that it is whole; a part that was there before is fetched again."""
    try:
        client.download_from_selection(
            downloadDir=str(out), seriesInstanceUID=[one.series.uid], quiet=True, show_progress_bar=False,
            dirTemplate=FOLDERS,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        raise _offline(one, out) from error
    if not _is_whole(one, out):
        raise _offline(one, out)


def _offline(one: _Listed, out: Path) -> Failed:
    return Failed(
        f"{one.series.patient} {one.series.description} could not be fetched whole into {out}: check the connection to "
        "the network (Amazon S3) and start the same command again, which goes on where it was."
    )
