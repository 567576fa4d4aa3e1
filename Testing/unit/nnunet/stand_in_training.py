"""Trainings and predictions that are over at once, in the place of nnU-Net's, for tests of what surrounds them."""

import json
import threading
import time
from pathlib import Path

import numpy as np

from IUSTumorSegLib.errors import Failed
from IUSTumorSegLib.nnunet.experiment_scores import read_pixels
from IUSTumorSegLib.nnunet.training_request import splits_of

POLLS = 3


class StandInTraining:
    """Takes some polls, then leaves the record and the checkpoint of a fold that was trained."""

    def __init__(self, request, overwrite):
        self.request, self.polls, self.ended = request, 0, False
        note(request, "begun")

    def tell(self, progress):
        self.polls += 1
        progress("train", self.polls, POLLS, f"epoch {self.polls}", epoch={"epoch": self.polls})
        if self.polls == POLLS:
            leave_trained(self.request)
        return self.polls < POLLS

    def check_end(self):
        pass

    def end(self):
        self.ended = True


class FailingTraining(StandInTraining):
    """Fails on fold 1, and on views of 60 mm2."""

    def tell(self, progress):
        return False if self.is_to_fail() else super().tell(progress)

    def is_to_fail(self):
        return self.request.fold == 1 if self.request.splits is None else "60_mm2" in self.request.splits

    def check_end(self):
        if self.is_to_fail():
            raise Failed("The GPU fell off the bus.")


def note(request, what):
    """Keep on disk, where other processes see it too, when and where a training did what."""
    folder = Path(request.out) / "notes"
    folder.mkdir(parents=True, exist_ok=True)
    content = {"what": what, "fold": request.fold, "device": request.device, "resume": request.resume,
               "splits": request.splits, "when": time.monotonic(), "thread": threading.get_ident()}  # fmt: skip
    (folder / f"{time.monotonic_ns()}.json").write_text(json.dumps(content))


def notes(out):
    return [json.loads(path.read_text()) for path in sorted((Path(out) / "notes").glob("*.json"))]


def leave_trained(request):
    folder = request.fold_folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint_final.pth").write_bytes(b"stand-in")
    splits = splits_of(request)
    train = len(splits[int(request.fold)]["train"])
    record = {"state": "finished", "epochs_done": POLLS, "epochs_planned": POLLS, "best_pseudo_dice_average": 0.5,
              "slices": {"train": train, "validation": 1}}  # fmt: skip
    (folder / "training.json").write_text(json.dumps(record))


def predict_with_hole(model, folds, slices, device):
    """The slice's own label with as many of its tumour pixels missing as the view's name says, in per cent."""
    assert all((model / f"fold_{fold}" / "checkpoint_final.pth").is_file() for fold in folds)
    missing = float(str(model).split("models/")[1].split("_")[0]) / 100
    for files in slices:
        label = read_pixels(files.label)[0].copy()
        rows, columns = np.nonzero(label)
        left_out = round(missing * len(rows))
        label[rows[:left_out], columns[:left_out]] = 0
        yield label
