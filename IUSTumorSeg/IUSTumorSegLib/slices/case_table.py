"""The table of cases that an export starts from: a CSV file, one row a case."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..atomic_files import atomic_path
from ..errors import BadInput

REQUIRED = ("case", "patient", "us", "us_tumor")
OPTIONAL = ("label_source", "verdict", "predicted_error_mm", "source", "time_point", "displacement_mm")


@dataclass(frozen=True)
class CaseForExport:
    """One ultrasound and its tumour label; empty texts and `None` where the table says nothing."""

    case: str
    patient: str
    us: Path
    us_tumor: Path
    label_source: str
    verdict: str
    predicted_error_mm: float | None
    source: str = ""
    time_point: str = ""
    displacement_mm: float | None = None


def read_case_table(path: Path) -> list[CaseForExport]:
    """Read the cases of a CSV file; paths in it are relative to its folder.

    Columns: case, patient, us, us_tumor, and where known label_source ("us": drawn on the ultrasound; "propagated", also
    "mri"; "corrected" ...), verdict, predicted_error_mm, source (the data set it comes from), time_point and
    displacement_mm (how far the label's surface may be displaced). Raises `BadInput` where something is missing or named twice.
    """
    path = Path(path)
    rows = _read_rows(path)
    cases = [_case_of(row, number, path) for number, row in enumerate(rows, start=1)]
    names = [case.case for case in cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput("one row a case", f"the case '{twice[0]}' twice in {path}", "give each case a name of its own")
    return cases


def write_case_table(cases: list[CaseForExport], path: Path) -> None:
    """Write cases as `read_case_table` reads them, with their paths as they are."""
    with atomic_path(Path(path)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, REQUIRED + OPTIONAL)
        writer.writeheader()
        for case in cases:
            row = {column: getattr(case, column) for column in REQUIRED + OPTIONAL}
            writer.writerow({column: "" if value is None else value for column, value in row.items()})


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise BadInput("a table of cases (CSV)", f"nothing at {path}", "check the path")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
            rows = [{key: (value or "").strip() for key, value in row.items() if key} for row in reader]
    except UnicodeDecodeError as error:
        raise BadInput(
            "a table of cases (CSV, UTF-8)", f"{path}, which is not text", "export the table as CSV"
        ) from error
    if missing:
        raise BadInput(
            f"the columns {', '.join(REQUIRED)}", f"no column {', '.join(missing)} in {path}", "add it to the table"
        )
    if not rows:
        raise BadInput("at least one case", f"no row in {path}", "add the cases to the table")
    return rows


def _case_of(row: dict[str, str], number: int, table: Path) -> CaseForExport:
    for column in REQUIRED:
        if not row[column]:
            raise BadInput(
                f"a value for '{column}' in every row",
                f"none in row {number} of {table}",
                "fill it in or leave the row out",
            )
    us, us_tumor = (table.parent / row[column] for column in ("us", "us_tumor"))
    for what, file in (("ultrasound", us), ("tumour label", us_tumor)):
        if not file.exists():
            raise BadInput(
                f"the {what} of case {row['case']}", f"nothing at {file}", f"correct row {number} of {table}"
            )
    return CaseForExport(
        row["case"],
        row["patient"],
        us,
        us_tumor,
        row.get("label_source", ""),
        row.get("verdict", ""),
        _millimetres("predicted_error_mm", row, number, table),
        row.get("source", ""),
        row.get("time_point", ""),
        _millimetres("displacement_mm", row, number, table),
    )


def _millimetres(column: str, row: dict[str, str], number: int, table: Path) -> float | None:
    text = row.get(column, "")
    try:
        return float(text) if text else None
    except ValueError as error:
        raise BadInput(
            f"{column} in millimetres", f"'{text}' in row {number} of {table}", "write a number or nothing"
        ) from error
