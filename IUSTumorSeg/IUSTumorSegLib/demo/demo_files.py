"""Where the demo keeps what: one place for all paths below its output folder."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

DATASET = "501_SimulatedBrainUltrasound"


@dataclass(frozen=True)
class DemoPatient:
    """The files of one simulated patient."""

    name: str
    seed: int
    folder: Path

    @property
    def mri(self) -> Path:
        """FLAIR."""
        return self.folder / "mri_flair.nii.gz"

    @property
    def mri_tumor(self) -> Path:
        """Label on the MRI."""
        return self.folder / "mri_tumor.nii.gz"

    @property
    def us(self) -> Path:
        """Ultrasound."""
        return self.folder / "us.nii.gz"

    @property
    def us_tumor_truth(self) -> Path:
        """The simulated tumour on the ultrasound's grid: for judging, never for training."""
        return self.folder / "us_tumor_truth.nii.gz"

    @property
    def landmarks(self) -> Path:
        """True correspondences."""
        return self.folder / "landmarks.tag"

    @property
    def truth(self) -> Path:
        """What the simulation knows."""
        return self.folder / "truth.json"

    @property
    def registration(self) -> Path:
        """Result of registering."""
        return self.folder / "registration.json"

    @property
    def us_tumor_from_mri(self) -> Path:
        """The MRI's label, carried over."""
        return self.folder / "us_tumor_from_mri.nii.gz"

    @property
    def propagation_scores(self) -> Path:
        """The carried-over label against the truth."""
        return self.folder / "propagated_label" / "metrics.json"


@dataclass(frozen=True)
class DemoFiles:
    """The files of a demo with `count` patients below `out`."""

    out: Path
    count: int
    first_seed: int

    @cached_property
    def patients(self) -> tuple[DemoPatient, ...]:
        """All patients; the last one is held out."""
        return tuple(
            DemoPatient(
                f"simulated-{number + 1:02d}", self.first_seed + number, self.out / f"simulated-{number + 1:02d}"
            )
            for number in range(self.count)
        )

    @property
    def training_patients(self) -> tuple[DemoPatient, ...]:
        """Patients whose slices are exported."""
        return self.patients[:-1]

    @property
    def held_out(self) -> DemoPatient:
        """The patient whose ultrasound the network meets only after training."""
        return self.patients[-1]

    @property
    def case_table(self) -> Path:
        """What the export starts from."""
        return self.out / "cases.csv"

    @property
    def raw(self) -> Path:
        """nnU-Net's raw data sets."""
        return self.out / "nnUNet_raw"

    @property
    def dataset(self) -> Path:
        """The exported data set."""
        return self.raw / f"Dataset{DATASET}"

    @property
    def networks(self) -> Path:
        """nnU-Net's preprocessed data and results."""
        return self.out / "networks"

    @property
    def prediction(self) -> Path:
        """The network's label of the held-out ultrasound."""
        return self.held_out.folder / "us_tumor_predicted.nii.gz"

    @property
    def prediction_scores(self) -> Path:
        """The prediction against the truth."""
        return self.held_out.folder / "prediction" / "metrics.json"

    @property
    def report(self) -> Path:
        """The report."""
        return self.out / "report.html"

    @property
    def scene(self) -> Path:
        """The held-out patient as a Slicer scene."""
        return self.out / "scene.mrb"

    def remove_results(self) -> None:
        """Take away an earlier demo's results, so that what is there at the end belongs together."""
        for path in (self.report, self.scene):
            path.unlink(missing_ok=True)
        for folder in (self.raw, self.networks):
            shutil.rmtree(folder, ignore_errors=True)
