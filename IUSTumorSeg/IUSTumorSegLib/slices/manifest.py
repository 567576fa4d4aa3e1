"""The manifest of exported slices: one row a slice, in a CSV file beside the images."""

import csv
from dataclasses import dataclass
from pathlib import Path

from ..atomic_files import atomic_path
from ..errors import BadInput

MANIFEST_FILE = "manifest.csv"


@dataclass(frozen=True)
class Slice:
    """One exported slice.

    `case` and `patient` are numbers given at export ("case003", "patient002"), never names. `direction` is the grid
    axis it is perpendicular to and `index` its place along it: so the slice can be found again in the 3D ultrasound.
    `tumor_area_mm2` is of the label as exported. `source` is the data set that the case comes from; `displacement_mm` is
    how far the label's surface may be displaced by the registration's uncertainty.
    """

    case: str
    patient: str
    direction: str
    index: int
    tumor_area_mm2: float
    label_source: str
    verdict: str
    predicted_error_mm: float | None
    source: str = ""
    time_point: str = ""
    displacement_mm: float | None = None

    @property
    def name(self) -> str:
        """The slice's name in the data set, without channel number and file ending."""
        return f"{self.case}_{self.direction}_{self.index:04d}"


COLUMNS = (
    "case", "patient", "source", "time_point", "direction", "index", "tumor_area_mm2", "label_source", "verdict",
    "predicted_error_mm", "displacement_mm", "file",
)  # fmt: skip
# Manifests of version 0.1 do not have them.
NEW_COLUMNS = ("source", "time_point", "displacement_mm")


def write_manifest(slices: list[Slice], path: Path, file_ending: str) -> None:
    """Write the manifest, whole or not at all; areas keep every bit."""
    with atomic_path(Path(path)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for item in slices:
            values = [getattr(item, column) for column in COLUMNS[:-1]]
            writer.writerow(["" if value is None else value for value in values] + [f"{item.name}_0000{file_ending}"])


def read_manifest(path: Path) -> list[Slice]:
    """Read what `write_manifest` wrote."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"the slices' {MANIFEST_FILE}", f"nothing at {path}", "export the data set again")
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        required = [column for column in COLUMNS if column not in NEW_COLUMNS]
        missing = [column for column in required if column not in (reader.fieldnames or ())]
        if missing:
            raise BadInput(
                f"the columns {', '.join(required)}",
                f"no column {', '.join(missing)} in {path}",
                "export the data set again",
            )
        return [_slice_of(row) for row in reader]


def _slice_of(row: dict[str, str]) -> Slice:
    return Slice(
        case=row["case"],
        patient=row["patient"],
        direction=row["direction"],
        index=int(row["index"]),
        tumor_area_mm2=float(row["tumor_area_mm2"]),
        label_source=row["label_source"],
        verdict=row["verdict"],
        predicted_error_mm=_number(row["predicted_error_mm"]),
        source=row.get("source", ""),
        time_point=row.get("time_point", ""),
        displacement_mm=_number(row.get("displacement_mm", "")),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None
