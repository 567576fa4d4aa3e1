"""Stands in for Slicer's Python running a task: what it does is the environment's IUS_FAKE_TASK.

`register` writes a registration that moves the MRI 5 mm to the right, `search` tells poses before that, `search-fail`
fails after them; `fail` ends like a task given bad input; `hang` starts a child of its own that ignores SIGTERM, writes
both process numbers beside the request, and waits. `train` writes the curves of two epochs of each fold, and
`train-hang` one epoch before it hangs; `predict` labels what is bright.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


def main() -> int:
    """Do what the environment says with the request, which is the last argument."""
    request_path = Path(sys.argv[-1])
    request = json.loads(request_path.read_text())
    behaviours = {
        "register": register, "search": search, "search-fail": search_and_fail, "fail": fail, "hang": hang,
        "train": train, "train-hang": train_and_hang, "predict": predict,
    }  # fmt: skip
    return behaviours[os.environ["IUS_FAKE_TASK"]](request, request_path)


def register(request: dict, request_path: Path) -> int:
    """Report two steps and write the result."""
    say(stage="search", done=1, total=2, message="searching")
    print("a line of the log", file=sys.stderr, flush=True)
    write_registration_json(Path(request["arguments"]["out"]))
    say(stage="search", done=2, total=2, message="found")
    say(stage="done")
    return 0


def search(request: dict, request_path: Path) -> int:
    """Tell a pose for each file `show1`, `show2`, ... that appears beside the request, N mm to the right; end at `end`."""
    told = 0
    while not (request_path.parent / "end").exists():
        while (request_path.parent / f"show{told + 1}").exists():
            told += 1
            pose = [[1, 0, 0, told], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
            say(stage="search", done=told, total=10, message=f"pose {told}", mri_to_us_ras=pose)
        time.sleep(0.005)
    return register(request, request_path)


def search_and_fail(request: dict, request_path: Path) -> int:
    """Fail after the search."""
    search(request, request_path)
    return fail(request, request_path)


def fail(request: dict, request_path: Path) -> int:
    """End as a task does that was given bad input."""
    say(stage="error", message="Expected an MRI, but found a picture: choose another file.")
    return 2


def hang(request: dict, request_path: Path) -> int:
    """Wait, with a descendant that does not listen."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN])
    time.sleep(0.3)
    numbers = request_path.parent / "processes.json"
    unfinished = numbers.with_suffix(".part")
    unfinished.write_text(json.dumps([os.getpid(), child.pid]))
    unfinished.rename(numbers)  # whoever waits for the file must find it whole
    say(stage="search", done=3, total=10, message="searching")
    time.sleep(600)
    return 0


def train(request: dict, request_path: Path) -> int:
    """Two epochs of each of two folds."""
    for fold in ("0", "1"):
        for epoch in (1, 2):
            write_epochs(request, fold, epoch)
            say(stage="train", done=epoch, total=2, message=f"fold {fold}: epoch {epoch} of 2", fold=int(fold))
    say(stage="done")
    return 0


def train_and_hang(request: dict, request_path: Path) -> int:
    """One epoch, and then what `hang` does."""
    write_epochs(request, "0", 1)
    say(stage="train", done=1, total=100, message="fold 0: epoch 1 of 100", fold=0)
    return hang(request, Path(request["arguments"]["out"]) / "request.json")


def write_epochs(request: dict, fold: str, epochs: int) -> None:
    """A fold's curve in the place where a training has it."""
    from IUSTumorSegLib.nnunet.training_choices import TrainingChoices, request_of
    from IUSTumorSegLib.nnunet.training_curve import CURVE_FILE, Epoch, write_curve

    given = request["arguments"]
    chosen = TrainingChoices(given["dataset"], Path(given["raw"]), Path(given["out"]), trainer=given["trainer"])
    folder = request_of(chosen).model_folder / f"fold_{fold}"
    folder.mkdir(parents=True, exist_ok=True)
    curve = [Epoch(n, -0.1 * n, -0.1 * n, 0.2 * n, 0.2 * n, 0.01, 60.0) for n in range(1, epochs + 1)]
    write_curve(curve, folder / CURVE_FILE)


def predict(request: dict, request_path: Path) -> int:
    """Label what is brighter than half of the brightest; its share of that is the probability."""
    import SimpleITK as sitk

    given = request["arguments"]
    image = sitk.Cast(sitk.ReadImage(given["input"]), sitk.sitkFloat32)
    probability = image / float(sitk.GetArrayViewFromImage(image).max())
    label = Path(given["out"])
    label.parent.mkdir(parents=True)
    sitk.WriteImage(sitk.Cast(probability > 0.5, sitk.sitkUInt8), str(label))
    sitk.WriteImage(probability, str(label.with_name("us_tumor_probability.nii.gz")))
    label.with_name("us_tumor.json").write_text(json.dumps({"notes": ["Tiles of half the size were used."]}))
    say(stage="done")
    return 0


def write_registration_json(folder: Path) -> None:
    """A registration with a verdict to review."""
    import numpy as np

    from IUSTumorSegLib.registration.registration import Judgement, Registration, SourceFile
    from IUSTumorSegLib.registration.registration_files import write_registration

    moved = np.eye(4)
    moved[0, 3] = 5.0
    source = SourceFile(Path("image.nrrd"), "0" * 64)
    judgement = Judgement("review", ("The match is weaker than usual.",), 0.7, 2.4)
    folder.mkdir(parents=True, exist_ok=True)
    write_registration(
        Registration((source,), source, np.eye(4), moved, "lc2", {}, "1", 0.2, judgement, (), None, 1.0, "cpu"), folder
    )


def say(**event: object) -> None:
    """One line of progress."""
    print(json.dumps({"done": 0, "total": 0, "message": "", **event}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
