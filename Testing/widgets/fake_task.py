"""Stands in for Slicer's Python running a task: what it does is the environment's IUS_FAKE_TASK.

`register` writes a registration that moves the MRI 5 mm to the right; `fail` ends like a task given bad input; `hang`
starts a child of its own that ignores SIGTERM, writes both process numbers beside the request, and waits.
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
    return {"register": register, "fail": fail, "hang": hang}[os.environ["IUS_FAKE_TASK"]](request, request_path)


def register(request: dict, request_path: Path) -> int:
    """Report two steps and write the result."""
    say(stage="search", done=1, total=2, message="searching")
    print("a line of the log", file=sys.stderr, flush=True)
    write_registration_json(Path(request["arguments"]["out"]))
    say(stage="search", done=2, total=2, message="found")
    say(stage="done")
    return 0


def fail(request: dict, request_path: Path) -> int:
    """End as a task does that was given bad input."""
    say(stage="error", message="Expected an MRI, but found a picture: choose another file.")
    return 2


def hang(request: dict, request_path: Path) -> int:
    """Wait, with a descendant that does not listen."""
    child = subprocess.Popen([sys.executable, "-c", STUBBORN])
    time.sleep(0.3)
    (request_path.parent / "processes.json").write_text(json.dumps([os.getpid(), child.pid]))
    say(stage="search", done=3, total=10, message="searching")
    time.sleep(600)
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
