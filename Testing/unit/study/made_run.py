"""A run over a made study in a process of its own, to be killed; and a Dask scheduler with two workers, likewise.

python made_run.py register STUDY SECONDS_A_CASE [SCHEDULER]
python made_run.py scheduler ADDRESS_FILE
"""

import functools
import sys
import time
from pathlib import Path

from IUSTumorSegLib.errors import BadInput, Cancelled, Failed
from IUSTumorSegLib.jobs.interruption import cancel_on_signals
from IUSTumorSegLib.study.register_study import register_study
from IUSTumorSegLib.study.stand_in import stand_in_registration


def register(study: str, seconds: str, scheduler: str | None = None) -> int:
    cancel_on_signals()
    task = functools.partial(stand_in_registration, seconds=float(seconds))
    where = {"scheduler": scheduler} if scheduler else {"workers": 2}
    try:
        result = register_study(study=Path(study), task=task, **where)
    except (BadInput, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except Cancelled:
        return 130
    return 3 if result.failed else 0


def scheduler(address_file: str) -> int:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        Path(address_file).write_text(cluster.scheduler_address)
        time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit({"register": register, "scheduler": scheduler}[sys.argv[1]](*sys.argv[2:]))
