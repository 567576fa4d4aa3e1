"""Findings and pictures that no chain made, for testing how they are shown."""

import numpy as np

from IUSTumorSegLib.demo.findings import HELD_OUT, LEARNED, WATCHED, DemoFindings, Overlaps, PatientFindings
from IUSTumorSegLib.demo.pictures import Pictures, Row
from IUSTumorSegLib.nnunet.training_curve import Epoch
from IUSTumorSegLib.slices.manifest import Slice


def made_findings(reason: str = "It stands out.") -> DemoFindings:
    roles = (LEARNED, LEARNED, WATCHED, HELD_OUT)
    return DemoFindings(
        patients=tuple(_patient(number, role, reason) for number, role in enumerate(roles, start=1)),
        slices=tuple(
            Slice("case001", "patient001", direction, index, 40.0 * index, "mri", "accept", None)
            for direction in "ijk"
            for index in range(20)
        ),
        cut_offs_mm2=(15.0, 75.0),
        empty_share=0.05,
        curve=tuple(Epoch(n, 1.0 / n - 0.5, 1.2 / n - 0.4, 0.1 * n, 0.1 * n, 0.01, 3.0) for n in range(1, 8)),
        prediction=Overlaps(0.8125, 0.75, 0.886, 0.114),
        navigation_mm=8.0,
        navigation_deg=6.0,
        landmarks=15,
        model="networks/model",
        seconds={"simulate": 12.3, "train": 80.0},
    )


def _patient(number: int, role: str, reason: str) -> PatientFindings:
    return PatientFindings(
        name=f"simulated-{number:02d}",
        seed=number,
        role=role,
        grade="low",
        before_mm=8.0 + number / 10,
        after_mm=0.9 + number / 100,
        floor_mm=0.7,
        verdict="accept",
        reasons=(reason,),
        propagated=Overlaps(0.93, None, 0.9, 0.1),
        seconds=9.0,
    )


def made_pictures(findings: DemoFindings) -> Pictures:
    grey = np.full((20, 20, 3), 80, np.uint8)
    row = Row(grey, grey, grey)
    colors = {"truth": (0.67, 1.0, 0.0), "prediction": (0.8, 0.2, 1.0), "us_tumor_from_mri": (1.0, 0.25, 0.0)}
    portraits = {patient.name: grey for patient in findings.patients}
    return Pictures(row, row, row, row, row, row, portraits, colors)
