"""`report.html`: one file that shows what the chain did, readable without anything beside it, on screen and on paper."""

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from ..atomic_files import write_text_atomic
from ..version import VERSION
from .charts import landmark_chart, slice_chart, training_chart
from .demo_files import DATASET
from .findings import LEARNED, WATCHED, DemoFindings, Overlaps, PatientFindings
from .pictures import FIELD_MM, Pictures, Row

TEMPLATE = Path(__file__).parent / "report_template.html"
JPEG_QUALITY = 90


def write_report(findings: DemoFindings, pictures: Pictures, path: Path) -> None:
    """Write the report, whole or not at all. What it says stands in `report_template.html`, its numbers come from here."""
    template = Template(TEMPLATE.read_text(encoding="utf-8"))
    values = _numbers(findings) | _tables(findings) | _charts(findings) | _pictures(findings, pictures)
    write_text_atomic(path, template.substitute(values))


def _numbers(findings: DemoFindings) -> dict[str, str]:
    patients, slices = findings.patients, findings.slices
    lowest, *larger = findings.cut_offs_mm2
    empty = sum(item.tumor_area_mm2 == 0 for item in slices)
    kept = (f"{sum(item.tumor_area_mm2 >= area for item in slices)} from {area:g} mm²" for area in larger)
    return {
        "before_mm": f"{np.mean([patient.before_mm for patient in patients]):.1f}",
        "after_mm": f"{np.mean([patient.after_mm for patient in patients]):.1f}",
        "patient_count": str(len(patients)),
        "carried_dice": _mean(patient.propagated.dice for patient in patients),
        "slice_count": str(len(slices)),
        "prediction_dice": _number(findings.prediction.dice, 2),
        "navigation_mm": f"{findings.navigation_mm:g}",
        "navigation_deg": f"{findings.navigation_deg:g}",
        "landmark_count": str(findings.landmarks),
        "held_out": escape(findings.held_out.name),
        "field_mm": f"{FIELD_MM:g}",
        "tumor_slice_count": str(len(slices) - empty),
        "empty_slice_count": str(empty),
        "lowest_cut_off": f"{lowest:g}",
        "larger_cut_offs": ", ".join(kept) or "none here",
        "epoch_count": str(len(findings.curve)),
        "learned": _names(findings, LEARNED),
        "watched": _names(findings, WATCHED),
        "version": VERSION,
    }


def _tables(findings: DemoFindings) -> dict[str, str]:
    columns = ("Patient", "Dice", "Precision", "Recall", "False negative rate")
    head = "".join(f'<th class="number">{name}</th>' if name != "Patient" else f"<th>{name}</th>" for name in columns)
    return {
        "registration_rows": "".join(_registration_row(patient) for patient in findings.patients),
        "overlap_head": f"<tr>{head}</tr>",
        "label_rows": "".join(_overlap_row(patient.name, patient.propagated) for patient in findings.patients),
        "prediction_row": _overlap_row(findings.held_out.name, findings.prediction),
        "stage_rows": "".join(_row(stage, f"{seconds:.0f}") for stage, seconds in findings.seconds.items()),
        "commands": escape(_commands(findings)),
    }


def _charts(findings: DemoFindings) -> dict[str, str]:
    return {
        "landmark_chart": landmark_chart(findings.patients),
        "slice_chart": slice_chart(findings.slices),
        "training_chart": training_chart(findings.curve),
    }


def _pictures(findings: DemoFindings, pictures: Pictures) -> dict[str, str]:
    rows = {
        "checkerboard_before": "Ultrasound and FLAIR as a checkerboard before registration",
        "checkerboard_after": "Ultrasound and FLAIR as a checkerboard after registration",
        "curtain_before": "Ultrasound and FLAIR with a curtain before registration",
        "curtain_after": "Ultrasound and FLAIR with a curtain after registration",
        "label": "Ultrasound with the carried-over label and the simulated tumour",
        "prediction": "Ultrasound with the network's label and the simulated tumour",
    }
    swatches = {"label": "us_tumor_from_mri", "prediction": "prediction", "truth": "truth"}
    return (
        {name: _planes(getattr(pictures, name), what) for name, what in rows.items()}
        | {f"{name}_swatch": _swatch(pictures.colors[role]) for name, role in swatches.items()}
        | {"gallery": "".join(_portrait(patient, pictures) for patient in findings.patients)}
    )


def _registration_row(patient: PatientFindings) -> str:
    verdict = escape(patient.verdict)
    said = f'<span class="verdict {verdict}">{verdict}</span> {escape(" ".join(patient.reasons))}'
    errors = [f"{error:.2f}" for error in (patient.before_mm, patient.after_mm, patient.floor_mm)]
    return _row(patient.name, *errors).removesuffix("</tr>") + f"<td>{said}</td></tr>"


def _overlap_row(name: str, overlaps: Overlaps) -> str:
    values = (overlaps.dice, overlaps.precision, overlaps.recall, overlaps.false_negative_rate)
    return _row(name, *(_number(value) for value in values))


def _row(first: str, *numbers: str) -> str:
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    return f"<tr><td>{escape(first)}</td>{cells}</tr>"


def _commands(findings: DemoFindings) -> str:
    name, areas = findings.held_out.name, ",".join(f"{area:g}" for area in findings.cut_offs_mm2)
    lines = (
        f"simulate --seed {findings.held_out.seed} --small --out {name}",
        f"register --mri {name}/mri_flair.nii.gz --us {name}/us.nii.gz --out {name}"
        f" | --mri-tumor {name}/mri_tumor.nii.gz --landmarks {name}/landmarks.tag",
        f"propagate --registration {name}/registration.json --label {name}/mri_tumor.nii.gz"
        f" | --us {name}/us.nii.gz --out {name}/us_tumor_from_mri.nii.gz",
        f"export --cases cases.csv --dataset {DATASET} --out nnUNet_raw --min-area {areas}"
        f" | --folds {len(findings.patients) - 1} --empty-share {findings.empty_share:g}",
        f"train --dataset {DATASET[:3]} --raw nnUNet_raw --out networks --fold 0 --epochs {len(findings.curve)}",
        f"predict --input {name}/us.nii.gz --out {name}/us_tumor_predicted.nii.gz | --model {findings.model}",
        f"evaluate --truth {name}/us_tumor_truth.nii.gz --prediction {name}/us_tumor_predicted.nii.gz"
        f" | --out {name}/prediction",
    )
    return "\n".join(f"iustumorseg {line}".replace(" | ", " \\\n    ") for line in lines)


def _names(findings: DemoFindings, role: str) -> str:
    names = [escape(patient.name) for patient in findings.patients if patient.role == role]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _mean(values: Iterable[float | None]) -> str:
    defined = [value for value in values if value is not None]
    return _number(float(np.mean(defined)) if defined else None, 2)


def _number(value: float | None, digits: int = 3) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _portrait(patient: PatientFindings, pictures: Pictures) -> str:
    text = f"{escape(patient.name)}: {escape(patient.grade)} grade, {patient.role}"
    picture = _jpeg(pictures.patients[patient.name])
    return f'<div><img alt="Simulated ultrasound of {text}" src="{picture}"><div class="name">{text}</div></div>'


def _planes(row: Row, what: str) -> str:
    planes = (("axial", row.axial), ("sagittal", row.sagittal), ("coronal", row.coronal))
    images = "".join(f'<img alt="{what}, {name} plane" src="{_jpeg(picture)}">' for name, picture in planes)
    names = "".join(f"<span>{name}</span>" for name, _ in planes)
    return f'<div class="planes">{names}</div><div class="row">{images}</div>'


def _swatch(color: tuple[float, float, float]) -> str:
    red, green, blue = (round(255 * part) for part in color)
    return f'<span class="swatch" style="background:rgb({red},{green},{blue})"></span>'


def _jpeg(picture: np.ndarray) -> str:
    """The picture, (h, w, 3) uint8 RGB, as a data address."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
