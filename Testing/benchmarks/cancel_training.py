"""Start and cancel a training a hundred times, at random moments, and print how long each took to be gone.

python Testing/benchmarks/cancel_training.py [--starts 100] [--seed 0] [--longest 12]

Every second start is cancelled, as a window's button does it; the others lose their parent by a kill. Moments lie from
the start, while Python still imports, to `longest` seconds later, when the augmenting workers are at work. Exits with 1
where a process was left after 5 s.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "nnunet"))

from made_balls import write_ball_dataset
from training_processes import processes_marked, start_marked_training

LIMIT_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=12.0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"{'start':>5}  {'way':<10}{'after s':>8}  {'at work on':<13}{'processes':>9}{'gone after s':>14}")
    gone, left_over = [], 0
    with tempfile.TemporaryDirectory() as folder:
        raw = write_ball_dataset(Path(folder))
        for number in range(1, options.starts + 1):
            way = ("cancelled", "killed")[number % 2]
            moment_s = chance.uniform(0, options.longest)
            stage, processes, seconds, left = end_one(raw, Path(folder) / str(number), way, moment_s)
            gone.append(seconds)
            left_over += left > 0
            late = f"  {left} LEFT" if left else ""
            print(
                f"{number:>5}  {way:<10}{moment_s:>8.1f}  {stage:<13}{processes:>9}{seconds:>14.2f}{late}", flush=True
            )
    print(f"{options.starts} starts: gone after {sorted(gone)[len(gone) // 2]:.2f} s in the median, {max(gone):.2f} s at "
          f"most; {left_over} with a process left after {LIMIT_S:g} s")  # fmt: skip
    return 1 if left_over else 0


def end_one(raw: Path, folder: Path, way: str, moment_s: float) -> tuple[str, int, float, int]:
    """Start a training and end it; its last stage, its processes, seconds until all are gone, and how many are not."""
    job, mark = start_marked_training(raw, folder)
    time.sleep(moment_s)
    stages = [event["stage"] for event in job.poll()]
    processes = len(processes_marked(mark))
    began = time.monotonic()
    if way == "cancelled":
        job.cancel()
    else:
        os.kill(job.pid, signal.SIGKILL)
    while processes_marked(mark) and time.monotonic() < began + LIMIT_S:
        time.sleep(0.02)
    seconds = time.monotonic() - began
    left = processes_marked(mark)
    job.cancel()
    for process in left:
        os.kill(process, signal.SIGKILL)
    return (stages or ["start"])[-1], processes, seconds, len(left)


if __name__ == "__main__":
    sys.exit(main())
