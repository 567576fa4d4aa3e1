"""The table of an import: what was taken, what was left and why; kept in the study as `import.csv`."""

import csv
import io
from dataclasses import asdict
from pathlib import Path

from ..atomic_files import write_text_atomic
from .proposal import ProposedCase, Row

IMPORT_TABLE = "import.csv"


def write_import_table(folder: Path, rows: list[Row]) -> None:
    """Keep the table in the study's folder: the rows of this import, and those of earlier ones about other cases."""
    path = folder / IMPORT_TABLE
    now = {(row.source, row.patient, row.case) for row in rows}
    kept = [row for row in _earlier_rows(path) if (row.source, row.patient, row.case) not in now]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(Row.__dataclass_fields__), lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in sorted([*kept, *rows], key=lambda row: (row.source, row.patient, row.case)))
    write_text_atomic(path, text.getvalue())


def _earlier_rows(path: Path) -> list[Row]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = set(Row.__dataclass_fields__)
    return [Row(**row) for row in rows if set(row) == names]


def contents(proposed: ProposedCase) -> str:
    """What a case consists of, in a sentence, with its notes."""
    mri = ", ".join(found.what or "unnamed" for found in proposed.mri) or "none"
    on_mri = ", ".join(f"{found.what} on {found.on}" if found.on else found.what for found in proposed.mri_labels)
    on_us = ", ".join(found.what for found in proposed.us_labels)
    parts = [f"MRI: {mri}", f"labels on MRI: {on_mri or 'none'}", f"on ultrasound: {on_us or 'none'}"]
    parts += ["landmarks"] if proposed.landmarks else []
    return " ".join(["; ".join(parts) + ".", *proposed.notes])
