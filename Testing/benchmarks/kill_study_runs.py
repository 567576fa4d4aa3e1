"""Kill thirty runs of a study at random moments (a worker, the command, the scheduler) and print what each cost.

python Testing/benchmarks/kill_study_runs.py [--kills 30] [--seed 0]
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "study"))

from kills import COMMAND, ENDS_WITHIN_S, SCHEDULER, WORKER, survive

CASES = 12


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    print(f"{'kill':>4}  {'what':<10} {'done before':>11} {'done again':>10} {'all gone after s':>16}")
    broken = 0
    for number in range(1, options.kills + 1):
        kind = (WORKER, COMMAND, SCHEDULER)[number % 3]
        with tempfile.TemporaryDirectory() as folder:
            moment = chance.randrange(CASES - 1), chance.uniform(0, 0.5)
            try:
                cost = survive(kind, Path(folder), *moment, cases=CASES)
            except AssertionError as error:
                broken += 1
                print(f"{number:>4}  {kind:<10} BROKEN: {error}", flush=True)
                continue
        late = cost.outlived_s > ENDS_WITHIN_S
        broken += late
        print(f"{number:>4}  {kind:<10} {cost.done_before:>11} {cost.done_again:>10} {cost.outlived_s:>16.2f}"
              f"{'  TOO LATE' if late else ''}", flush=True)  # fmt: skip
    print(
        f"{options.kills} kills, {broken} with a loss beyond the cases in flight, a broken file or a process left over"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
