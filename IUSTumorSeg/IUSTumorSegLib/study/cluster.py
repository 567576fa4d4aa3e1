"""Where a study's cases are worked on: processes of this machine, a Dask scheduler elsewhere, or a cluster's queue.

Each worker takes one case at a time. On this machine the cores and the memory are shared out among the workers; one that
needs more than its share is ended and started anew, and its case tried again.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import BadInput, Failed

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CORES_PER_WORKER = 2  # below this a registration waits more for its cores than it gains from running beside others
MEMORY_PER_WORKER = 4 << 30  # a registration of RESECT's largest volumes, with room
MEMORY_FOR_WORKERS = 0.9  # of the machine's; the rest is the system's and the command's own
CONNECT_S = 20
START_TRIES = 3
CLOSE_S = 2
KILLS_ALLOWED = 3  # workers that one case may cost
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)
# A long native call may keep a worker from answering for minutes: it is at work all the same. A paused worker would never
# wake up, since what fills its memory is the case itself.
SETTINGS = {
    "distributed.scheduler.worker-ttl": "12 hours",
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": KILLS_ALLOWED - 1,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
}


@dataclass(frozen=True)
class Where:
    """Where to work: `workers` processes here (None: as many as fit), or a `scheduler`'s address, or a `slurm` YAML file."""

    workers: int | None = None
    scheduler: str | None = None
    slurm: Path | None = None

    @property
    def on_this_machine(self) -> bool:
        """Whether the workers are processes that the command itself starts."""
        return not (self.scheduler or self.slurm)


def check_where(where: Where) -> None:
    """Raise `BadInput` for a place that contradicts itself or cannot be used."""
    named = [name for name, value in vars(where).items() if value is not None]
    if len(named) > 1:
        raise BadInput("one of --workers, --scheduler and --slurm", " and ".join(f"--{n}" for n in named), "keep one")
    if where.workers is not None and where.workers < 1:
        raise BadInput("at least one worker", f"{where.workers}", "give --workers a number from 1")
    if where.slurm is not None:
        from .job_queue import read_queue

        read_queue(where.slurm)


@contextmanager
def open_client(where: Where) -> Iterator["Client"]:
    """A Dask client of the place; when the block ends, by an error too, none of this machine's workers is left."""
    import dask
    from distributed.utils import silence_logging_cmgr  # with Dask's defaults, over which the settings are laid

    # Dask logs a lost scheduler as tracebacks; the command says it in a sentence.
    with dask.config.set(SETTINGS), silence_logging_cmgr(logging.CRITICAL):
        if where.scheduler:
            with _connected(where.scheduler) as client:
                yield client
        elif where.slurm:
            from .job_queue import queue_cluster

            with queue_cluster(where.slurm) as cluster, _connected(cluster) as client:
                yield client
        else:
            with _local_cluster(where.workers or default_workers()) as cluster, _connected(cluster) as client:
                yield client


def default_workers() -> int:
    """As many workers as this machine's cores and memory allow."""
    from distributed.system import MEMORY_LIMIT

    from ..registration.parallel import core_count

    return max(1, min(core_count() // CORES_PER_WORKER, int(MEMORY_LIMIT // MEMORY_PER_WORKER)))


def thread_environment(workers: int) -> dict[str, str]:
    """The environment that gives each of `workers` its share of this machine's cores."""
    from ..registration.parallel import core_count

    share = str(max(1, core_count() // workers))
    return dict.fromkeys(THREAD_VARIABLES, share) | {"OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def _local_cluster(workers: int) -> Iterator["LocalCluster"]:
    with _environment_kept():
        cluster = _started(workers)
        try:
            yield cluster
        except BaseException:
            _kill_workers(cluster)
            raise
        finally:
            _close(cluster)


def _started(workers: int) -> "LocalCluster":
    """A cluster of this machine; begun anew where a worker is killed before it is up, which Dask takes as the end."""
    from distributed import LocalCluster
    from distributed.system import MEMORY_LIMIT

    for _ in range(START_TRIES):
        try:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=int(MEMORY_LIMIT * MEMORY_FOR_WORKERS / workers),
                dashboard_address=":0",
                env=thread_environment(workers),
                silence_logs=logging.CRITICAL,
            )
        except RuntimeError as error:
            cause = error
    raise Failed(
        f"The {workers} worker processes did not start in {START_TRIES} tries: try fewer with --workers."
    ) from cause


@contextmanager
def _environment_kept() -> Iterator[None]:
    # Dask sets variables for its workers in this process too, where they would outlast the run.
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _connected(place: Any) -> Iterator["Client"]:
    from distributed import Client

    try:
        client = Client(place, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise Failed(f"No Dask scheduler answers at {place} within {CONNECT_S} s: check its address.") from error
    try:
        yield client
    finally:
        with suppress(TimeoutError, OSError):  # of a scheduler that is gone
            client.close(timeout=CLOSE_S)


def _close(cluster: "LocalCluster") -> None:
    try:
        cluster.close(timeout=CLOSE_S)
    except (TimeoutError, OSError):  # a busy machine, or a worker that was killed just now
        _kill_workers(cluster)


def _kill_workers(cluster: "LocalCluster") -> None:
    """End the worker processes at once: they are in the middle of cases that nobody waits for any more."""
    for nanny in cluster.workers.values():
        nanny.auto_restart = False
        process = nanny.process.process if nanny.process else None
        if process is not None and process.pid:
            _kill(process.pid)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except OSError:
        return
