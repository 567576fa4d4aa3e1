"""The case table: own folders' cases as a person writes or corrects them, in CSV or YAML."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..atomic_files import write_text_atomic
from ..errors import BadInput
from .licences import UNKNOWN
from .names import contrast_of, safe_name, words_of
from .place_files import ending
from .proposal import DICOM_SEG, DICOM_SERIES, FILE, Found, ProposedCase

COLUMNS = ("case", "patient", "centre", "time_point", "mri", "mri_tumor", "us", "us_tumor", "landmarks")
NEEDED = ("case", "patient", "us")
TIME_POINTS = ("", "before", "during", "after")
BETWEEN_FILES = ";"


def cases_of_table(table: Path, folder: Path, source: str, centre: str = "") -> tuple[ProposedCase, ...]:
    """The cases of a CSV or YAML table; its paths are absolute or below `folder`.

    Raises `BadInput` for missing columns or files, two rows with one name, or a DICOM folder of several series.
    """
    rows = _rows(Path(table))
    return tuple(_case(row, number, Path(table), folder, source, centre) for number, row in enumerate(rows, 2))


def table_rows(cases: Iterable[ProposedCase]) -> list[dict[str, str]]:
    """Proposed cases as rows of the table; a DICOM series is named by its folder, or by its one file."""
    return [
        {
            "case": case.case,
            "patient": case.patient,
            "centre": case.centre,
            "time_point": case.time_point,
            "mri": BETWEEN_FILES.join(_path(found) for found in _registered_first(case)),
            "mri_tumor": _tumor(case.mri_labels),
            "us": _path(case.us),
            "us_tumor": _tumor(case.us_labels),
            "landmarks": _path(case.landmarks) if case.landmarks else "",
        }
        for case in cases
    ]


def write_case_table(cases: Iterable[ProposedCase], path: Path) -> None:
    """Write the table of proposed cases as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table_rows(cases))
    write_text_atomic(Path(path), text.getvalue())


def _registered_first(case: ProposedCase) -> list[Found]:
    return sorted(case.mri, key=lambda found: found.what not in case.register_with)


def _tumor(labels: Iterable[Found]) -> str:
    return next((_path(label) for label in labels if label.what == "tumor"), "")


def _path(found: Found) -> str:
    return str(found.paths[0] if len(found.paths) == 1 else found.paths[0].parent)


def _rows(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise BadInput("a case table", f"nothing at {table}", "check --table")
    try:
        text = table.read_text(encoding="utf-8-sig")
        content = _yaml(text) if table.suffix.lower() in (".yaml", ".yml") else _csv(text)
    except ValueError as error:
        raise BadInput("a case table as CSV or YAML in UTF-8", f"{table}, where {error}", "save it again") from error
    rows = [{str(k): "" if v is None else str(v).strip() for k, v in row.items()} for row in content]
    for row in rows[:1]:
        _check_columns(row, table)
    if not rows:
        raise BadInput("a case table with rows", f"none in {table}", "write one row for each case")
    return rows


def _csv(text: str) -> list[dict[str, Any]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)  # spreadsheets in many countries write semicolons
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if any(None in row for row in rows):
        raise ValueError("a row has more fields than the header")
    return rows


def _yaml(text: str) -> list[dict[str, Any]]:
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("the YAML is broken") from error
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError("it is no list of cases")
    return [
        {key: BETWEEN_FILES.join(map(str, value)) if isinstance(value, list) else value for key, value in row.items()}
        for row in content
    ]


def _check_columns(row: dict[str, str], table: Path) -> None:
    missing, unknown = [c for c in NEEDED if c not in row], [c for c in row if c not in COLUMNS]
    if missing or unknown:
        found = "; ".join(
            [f"no {', '.join(missing)}"] * bool(missing) + [f"the unknown {', '.join(unknown)}"] * bool(unknown)
        )
        raise BadInput(f"the columns {', '.join(COLUMNS)}", f"{found} in {table}", "correct the first row")


def _case(row: dict[str, str], number: int, table: Path, folder: Path, source: str, centre: str) -> ProposedCase:
    where = f"row {number} of {table}"
    if not all(row.get(column) for column in NEEDED):
        raise BadInput(f"{', '.join(NEEDED)} in every row", f"an empty one in {where}", "fill it in")
    if row["case"] != safe_name(row["case"]):
        raise BadInput("a case name of letters, digits and ._-", f"'{row['case']}' in {where}", "rename it")
    if row.get("time_point", "") not in TIME_POINTS:
        raise BadInput("a time point before, during or after", f"'{row['time_point']}' in {where}", "correct it")
    mri = _mri(
        [_found(text.strip(), folder, where) for text in row.get("mri", "").split(BETWEEN_FILES) if text.strip()]
    )
    on = mri[0] if mri else None
    return ProposedCase(
        case=row["case"],
        patient=row["patient"],
        source=source,
        licence=UNKNOWN,
        us=_found(row["us"], folder, where),
        mri=mri,
        mri_labels=_label(row.get("mri_tumor", ""), folder, where, on),
        us_labels=_label(row.get("us_tumor", ""), folder, where),
        landmarks=_found(row["landmarks"], folder, where) if row.get("landmarks") else None,
        centre=row.get("centre", "") or centre,
        time_point=row.get("time_point", ""),
        register_with=tuple(found.what for found in mri[:1]),
    )


def _mri(found: list[Found]) -> tuple[Found, ...]:
    named: list[Found] = []
    for image in found:
        path = image.paths[0]
        name = path.parent.name if image.form == DICOM_SERIES else path.name[: -len(ending(path)) or None]
        what = contrast_of(words_of(name)) or safe_name(name)
        same = sum(f.what == what or f.what.startswith(f"{what}-") for f in named)
        named.append(Found(image.paths, f"{what}-{same + 1}" if same else what, form=image.form))
    return tuple(named)


def _label(text: str, folder: Path, where: str, on: Found | None = None) -> tuple[Found, ...]:
    if not text:
        return ()
    found = _found(text, folder, where)
    grid = on.paths if on and found.form == DICOM_SEG and on.form == DICOM_SERIES else ()
    return (Found(found.paths, "tumor", on=on.what if on else "", form=found.form, grid=grid),)


def _found(text: str, folder: Path, where: str) -> Found:
    from .dicom_scan import scan_dicom

    path = folder / text
    if not path.exists():
        raise BadInput("files that exist in the case table", f"nothing at {path} ({where})", "correct the path")
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    series = scan_dicom(files)
    if len(series) == 1:
        return Found(series[0].files, form=DICOM_SEG if series[0].modality == "SEG" else DICOM_SERIES)
    if path.is_dir():
        names = ", ".join(sorted({one.description or "unnamed" for one in series}))
        raise BadInput(
            "a folder with one DICOM series", f"{len(series)} in {path} ({names or 'no DICOM'}; {where})",
            "name a folder that holds the wanted series alone",
        )  # fmt: skip
    return Found((path,), form=FILE)
