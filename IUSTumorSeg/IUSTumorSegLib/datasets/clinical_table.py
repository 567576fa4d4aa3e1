"""ReMIND's clinical table: which patients to keep by the values of a column."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import BadInput

CASE_NUMBER = "Case Number"
MOST_VALUES_SHOWN = 12
LeftOut = Callable[[Iterable[str]], dict[str, str]]


def patients_left_out(clinical: Path | None, keep: str) -> LeftOut:
    """A function from patients ("ReMIND-001") to those to leave, each with its sentence; none where no table is given.

    `keep` is 'COLUMN=VALUE' or 'COLUMN=VALUE,VALUE'. Raises `BadInput`, with the columns and their values, where the
    column is missing, no value fits, or only one of the two is given.
    """
    if not clinical and not keep:
        return lambda patients: {}
    if not clinical:
        raise BadInput("a clinical table for --keep", "none", "name it with --clinical")
    columns = _read(clinical)
    column, wanted = _rule(keep, columns, clinical)
    values = dict(zip(map(_number, columns[CASE_NUMBER]), columns[column], strict=True))

    def left_out(patients: Iterable[str]) -> dict[str, str]:
        return {p: reason for p in patients if (reason := _reason(values.get(_digits(p)), column, wanted))}

    return left_out


def _reason(value: str | None, column: str, wanted: list[str]) -> str:
    if value is None:
        return "Not in the clinical table."
    return "" if value.casefold() in wanted else f"The clinical table says {column} = {value or 'nothing'} (--keep)."


def _read(path: Path) -> dict[str, list[str]]:
    """The columns of the first sheet, as texts."""
    import zipfile

    import openpyxl

    if not Path(path).is_file():
        raise BadInput("a clinical table", f"nothing at {path}", "check --clinical")
    try:
        sheet = openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets[0]
        rows = [[_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, openpyxl.utils.exceptions.InvalidFileException) as error:
        raise BadInput("an Excel table (.xlsx)", f"{path}, which cannot be read", "give ReMIND's own table") from error
    rows = [row for row in rows if any(row)]
    if not rows or CASE_NUMBER not in rows[0]:
        raise BadInput(f"a column '{CASE_NUMBER}'", f"none in the first row of {path}", "give ReMIND's own table")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0]) if name}


def _rule(keep: str, columns: dict[str, list[str]], path: Path) -> tuple[str, list[str]]:
    column, _, values = keep.partition("=")
    name = next((known for known in columns if known.casefold() == column.strip().casefold()), None)
    wanted = [value.strip().casefold() for value in values.split(",") if value.strip()]
    if name is None or not wanted:
        raise BadInput("--keep 'COLUMN=VALUE' with a column of the table", f"'{keep}'", f"choose from {_list(columns)}")
    unknown = [value for value in wanted if value not in {v.casefold() for v in columns[name]}]
    if unknown:
        raise BadInput(
            f"a value that the column {name} has", f"'{', '.join(unknown)}' nowhere in {path}",
            f"choose from {_list({name: columns[name]})}",
        )  # fmt: skip
    return name, wanted


def _list(columns: dict[str, list[str]]) -> str:
    """Columns with their values; of long ones how many there are."""
    parts = []
    for name, texts in columns.items():
        values = sorted(set(filter(None, texts)))
        shown = ", ".join(values) if len(values) <= MOST_VALUES_SHOWN else f"{len(values)} values"
        parts.append(f"{name} ({shown})")
    return "; ".join(parts)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join(str(value).split())


def _number(text: str) -> str:
    return str(int(text)) if text.isdigit() else text


def _digits(patient: str) -> str:
    return _number(patient.rpartition("-")[2])
