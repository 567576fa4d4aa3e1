"""The whole chain on simulated patients: every step is the task that a user's command runs.

Simulate, register, propagate the label, export slices, train nnU-Net, predict the patient that the training never saw,
evaluate against the simulated truth, and show it all in a report and in a Slicer scene.
"""

import ctypes.util
import importlib.util
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_files import check_output_folder
from ..errors import BadInput, Failed
from ..jobs.progress import Progress, silent
from ..jobs.threads import let_threads_sleep
from .demo_files import DATASET, DemoFiles, DemoPatient

if TYPE_CHECKING:
    from ..nnunet.training import TrainedNetwork
    from ..slices.case_table import CaseForExport

FIRST_SEED = 7
FEWEST_PATIENTS = 3
CUT_OFFS_MM2 = (15.0, 75.0)
EPOCHS = 20
EMPTY_SHARE = 0.3  # slices without tumour teach the network where there is none


@dataclass(frozen=True)
class DemoResult:
    """Where the demo's report and scene are, and how long each stage took (s)."""

    report: Path
    scene: Path
    seconds: dict[str, float]

    @property
    def farewell(self) -> str:
        """What to print at the end."""
        return (
            f"Report: {self.report.resolve()} (open it in a browser)\n"
            f"Scene:  {self.scene.resolve()}\n"
            "        In Slicer 5.12 or later: File > Add Data, or drag the file onto the window.\n"
            "All patients in it are simulated."
        )


@dataclass
class Stopwatch:
    """Seconds that each stage took, in the order they ran."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 2)


def run_demo(
    *, out: Path, patients: int = 6, seed: int = FIRST_SEED, epochs: int = EPOCHS, progress: Progress = silent
) -> DemoResult:
    """Run the chain on `patients` simulated patients (seeds `seed`, `seed` + 1, ...) and write everything into `out`.

    The last patient is held out: its files never enter the export. The network trains on propagated labels, and is
    judged, like them, against the simulated truth. Raises `BadInput` before anything is written.
    """
    if patients < FEWEST_PATIENTS:
        raise BadInput(f"at least {FEWEST_PATIENTS} patients", f"{patients}", "ask for more, one of them is held out")
    check_output_folder(out)
    _check_drawing()
    let_threads_sleep()
    files = DemoFiles(Path(out), patients, seed)
    files.remove_results()
    watch = Stopwatch()
    with watch.stage("simulate"):
        simulate_patients(files, progress)
    with watch.stage("register"):
        register_patients(files, progress)
    with watch.stage("propagate"):
        propagate_labels(files, progress)
    with watch.stage("export"):
        export_training_slices(files, progress)
    with watch.stage("train"):
        network = train(files, epochs, progress)
    with watch.stage("predict"):
        predict_held_out(files, network, progress)
    with watch.stage("evaluate"):
        evaluate(files, progress)
    with watch.stage("report"):
        show(files, network, watch.seconds, progress)
    return DemoResult(files.report, files.scene, watch.seconds)


def _check_drawing() -> None:
    """Say at the start, not after minutes, that the pictures cannot be drawn."""
    if importlib.util.find_spec("slicer") is None:
        raise Failed(
            "The demo draws with Slicer's own views and needs the package slicer-core: pip install slicer-core."
        )
    if sys.platform.startswith("linux") and not ctypes.util.find_library("EGL"):
        raise Failed("Slicer's views draw through EGL, which is missing here: sudo apt-get install libegl1 libgl1.")


def simulate_patients(files: DemoFiles, progress: Progress) -> None:
    """Make the patients; `iustumorseg simulate --small` makes one."""
    from .case_files import write_case
    from .simulated_case import simulate_small_case
    from .template import load_template

    progress("simulate", 0, len(files.patients), "Reading the brain atlas")
    template = load_template()
    for number, patient in enumerate(files.patients):
        progress("simulate", number, len(files.patients), f"Simulating {patient.name}")
        write_case(simulate_small_case(patient.seed, template=template), patient.folder)


def register_patients(files: DemoFiles, progress: Progress) -> None:
    """Register each patient's MRI to the ultrasound."""
    from ..registration.register_files import register_files

    for number, patient in enumerate(files.patients):
        register_files(
            mri=[patient.mri],
            us=patient.us,
            out=patient.folder,
            mri_tumor=patient.mri_tumor,
            landmarks=patient.landmarks,
            progress=_part(progress, "register", number, len(files.patients), f"Registering {patient.name}"),
        )


def propagate_labels(files: DemoFiles, progress: Progress) -> None:
    """Carry each patient's MRI label over to the ultrasound."""
    from ..labels.propagate_files import propagate_files

    for number, patient in enumerate(files.patients):
        propagate_files(
            registration=patient.registration,
            label=patient.mri_tumor,
            us=patient.us,
            out=patient.us_tumor_from_mri,
            progress=_part(progress, "propagate", number, len(files.patients), f"Label of {patient.name}"),
        )


def export_training_slices(files: DemoFiles, progress: Progress) -> None:
    """Cut the training patients' ultrasounds into slices; the held-out patient is not in the table."""
    from ..slices.case_table import write_case_table
    from ..slices.export import export_slices

    table = [_case_for_export(patient) for patient in files.training_patients]
    write_case_table(table, files.case_table)
    export_slices(
        cases=files.case_table,
        dataset=DATASET,
        out=files.raw,
        min_area_mm2=CUT_OFFS_MM2,
        folds=len(files.training_patients),
        empty_share=EMPTY_SHARE,
        progress=progress,
    )


def _case_for_export(patient: DemoPatient) -> "CaseForExport":
    from ..registration.registration_files import read_registration
    from ..slices.case_table import CaseForExport

    registration = read_registration(patient.registration)
    return CaseForExport(
        case=patient.name,
        patient=patient.name,
        us=patient.us.resolve(),
        us_tumor=patient.us_tumor_from_mri.resolve(),
        label_source="mri",
        verdict=registration.verdict,
        predicted_error_mm=registration.predicted_error_mm,
    )


def train(files: DemoFiles, epochs: int, progress: Progress) -> "TrainedNetwork":
    """Train nnU-Net on fold 0: one training patient is watched for the curve, the others are learned from."""
    from ..nnunet.training import train_network

    return train_network(
        dataset=DATASET, raw=files.raw, out=files.networks, fold=0, epochs=epochs, overwrite=True, progress=progress
    )


def predict_held_out(files: DemoFiles, network: "TrainedNetwork", progress: Progress) -> None:
    """Segment the held-out patient's ultrasound."""
    from ..nnunet.prediction import predict_files

    part = _part(progress, "predict", 0, 1, f"Segmenting {files.held_out.name}")
    predict_files(model=network.model_folder, input=files.held_out.us, out=files.prediction, progress=part)


def evaluate(files: DemoFiles, progress: Progress) -> None:
    """Hold the propagated labels and the prediction against the simulated truth."""
    from ..evaluation.evaluate_files import evaluate_files

    for number, patient in enumerate(files.patients):
        evaluate_files(
            truth=patient.us_tumor_truth,
            prediction=patient.us_tumor_from_mri,
            out=patient.propagation_scores.parent,
            progress=_part(progress, "evaluate", number, len(files.patients), f"Propagated label of {patient.name}"),
        )
    evaluate_files(
        truth=files.held_out.us_tumor_truth,
        prediction=files.prediction,
        out=files.prediction_scores.parent,
        progress=progress,
    )


def show(files: DemoFiles, network: "TrainedNetwork", seconds: dict[str, float], progress: Progress) -> None:
    """Draw the pictures with Slicer's views, and write the scene and the report."""
    from ..scene.application import start_application
    from .findings import read_findings
    from .pictures import draw_pictures
    from .report import write_report

    findings = read_findings(files, network, dict(seconds))
    progress("report", 0, 2, "Drawing pictures in Slicer's slice views")
    with start_application() as application:
        pictures = draw_pictures(files, application)
    progress("report", 1, 2, "Writing the report")
    write_report(findings, pictures, files.report)
    progress("report", 2, 2, f"Report: {files.report}")


def _part(progress: Progress, name: str, number: int, count: int, what: str) -> Progress:
    """Progress of one patient's task as a part of the stage `name` of all patients."""
    progress(name, number, count, what)

    def report(stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        del stage, done, total, more
        progress(name, number, count, f"{what}: {message}" if message else what)

    return report
