"""The demo's numbers, read back from the files that its commands wrote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..nnunet.training import TrainedNetwork
from ..nnunet.training_curve import Epoch, read_curve
from ..registration.registration_files import read_registration
from ..slices.case_table import read_case_table
from ..slices.folds import Split
from ..slices.manifest import MANIFEST_FILE, Slice, read_manifest
from .demo_files import DemoFiles, DemoPatient


@dataclass(frozen=True)
class Overlaps:
    """A label against the simulated truth; `None` where a measure is undefined."""

    dice: float | None
    precision: float | None
    recall: float | None
    false_negative_rate: float | None


@dataclass(frozen=True)
class PatientFindings:
    """One simulated patient: landmark errors in mm (mean over the landmarks), verdict and label."""

    name: str
    seed: int
    role: str
    grade: str
    before_mm: float
    after_mm: float
    floor_mm: float
    verdict: str
    reasons: tuple[str, ...]
    propagated: Overlaps
    seconds: float


@dataclass(frozen=True)
class DemoFindings:
    """All that the report tells."""

    patients: tuple[PatientFindings, ...]
    slices: tuple[Slice, ...]
    cut_offs_mm2: tuple[float, ...]
    empty_share: float
    curve: tuple[Epoch, ...]
    prediction: Overlaps
    navigation_mm: float
    navigation_deg: float
    landmarks: int
    model: str
    seconds: dict[str, float]

    @property
    def held_out(self) -> PatientFindings:
        """The patient of the prediction."""
        return self.patients[-1]


LEARNED, WATCHED, HELD_OUT = "trained on", "watched during training", "held out"


def read_findings(files: DemoFiles, network: TrainedNetwork, seconds: dict[str, float]) -> DemoFindings:
    """Collect the results of a demo; `seconds` that each stage took are passed on."""
    slices = read_manifest(files.dataset / MANIFEST_FILE)
    export = _read(files.dataset / "dataset.json")["iustumorseg"]
    roles = _roles(files, slices, _read(files.dataset / "splits_final.json")[0])
    truth = _read(files.held_out.truth)
    return DemoFindings(
        patients=tuple(_patient(patient, roles[patient.name]) for patient in files.patients),
        slices=tuple(slices),
        cut_offs_mm2=tuple(export["min_area_mm2"]),
        empty_share=export["empty_share"],
        curve=tuple(read_curve(network.curve)),
        prediction=_overlaps(files.prediction_scores),
        navigation_mm=truth["navigation_error"]["translation_mm"],
        navigation_deg=truth["navigation_error"]["rotation_deg"],
        landmarks=truth["landmarks"]["n"],
        model=network.model_folder.resolve().relative_to(files.out.resolve()).as_posix(),
        seconds=seconds,
    )


def _roles(files: DemoFiles, slices: list[Slice], fold: Split) -> dict[str, str]:
    """What each patient was to the training, from the files that the training used."""
    table = read_case_table(files.case_table)
    names = {f"case{row:03d}": case.patient for row, case in enumerate(table, start=1)}
    patient_of = {item.name: names[item.case] for item in slices}
    learned, watched = ({patient_of[name] for name in fold[side]} for side in ("train", "val"))  # type: ignore[literal-required]
    roles = {name: LEARNED for name in learned} | {name: WATCHED for name in watched}
    return {patient.name: roles.get(patient.name, HELD_OUT) for patient in files.patients}


def _patient(patient: DemoPatient, role: str) -> PatientFindings:
    registration = read_registration(patient.registration)
    truth = _read(patient.truth)
    marks = registration.landmarks
    if marks is None:
        raise ValueError(f"{patient.registration} holds no landmark error")
    return PatientFindings(
        name=patient.name,
        seed=patient.seed,
        role=role,
        grade=truth["tumor"]["grade"],
        before_mm=marks.initial_mm,
        after_mm=marks.final_mm,
        floor_mm=truth["landmarks"]["floor_at_true_pose_mm"],
        verdict=registration.verdict,
        reasons=registration.reasons,
        propagated=_overlaps(patient.propagation_scores),
        seconds=registration.seconds,
    )


def _overlaps(scores: Path) -> Overlaps:
    means = _read(scores)["mean"]
    return Overlaps(means["dice"], means["precision"], means["recall"], means["false_negative_rate"])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
