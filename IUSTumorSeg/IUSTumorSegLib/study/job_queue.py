"""A cluster's queue (SLURM, PBS, LSF ...) as the place to work, described by a YAML file.

cluster: SLURM            # or PBS, LSF, SGE, OAR, HTCondor, Moab
jobs: 20                  # jobs in the queue at once, each a worker with one case at a time
options:                  # of dask_jobqueue's class
  queue: gpu
  cores: 4
  memory: 16GB
  walltime: "24:00:00"
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import BadInput, Failed

KINDS = ("SLURM", "PBS", "LSF", "SGE", "OAR", "HTCondor", "Moab")


def read_queue(path: Path) -> dict[str, Any]:
    """The YAML file's `cluster`, `jobs` and `options`; `BadInput` where something is missing or wrong."""
    import yaml

    path = Path(path)
    if not path.is_file():
        raise BadInput("a YAML file that describes the queue", f"nothing at {path}", "check --slurm")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput("a YAML file that describes the queue", f"{path}, which is no YAML", "correct it") from error
    found: dict[str, Any] = {"cluster": "SLURM", "jobs": 1, "options": {}} | (
        content if isinstance(content, dict) else {}
    )
    kind = str(found["cluster"]).removesuffix("Cluster")
    if unknown := set(found) - {"cluster", "jobs", "options"}:
        raise BadInput("cluster, jobs and options", f"{', '.join(sorted(unknown))} in {path}", "put it into options")
    if kind not in KINDS:
        raise BadInput(f"a cluster among {', '.join(KINDS)}", f"'{kind}' in {path}", "correct it")
    if missing := {"cores", "memory"} - set(found["options"] or {}):
        raise BadInput("cores and memory in options", f"no {' and '.join(sorted(missing))} in {path}", "add it")
    if not isinstance(found["jobs"], int) or found["jobs"] < 1:
        raise BadInput("a number of jobs from 1", f"{found['jobs']} in {path}", "correct it")
    return found | {"cluster": kind}


@contextmanager
def queue_cluster(path: Path) -> Iterator[Any]:
    """A cluster of workers that the queue starts; its jobs are taken back when the block ends."""
    found = read_queue(path)
    cluster_class = getattr(_jobqueue(), f"{found['cluster']}Cluster")
    try:
        cluster = cluster_class(**worker_options(found["options"]))
        cluster.adapt(minimum_jobs=found["jobs"], maximum_jobs=found["jobs"])  # a job whose time is up is replaced
    except (TypeError, ValueError) as error:
        raise BadInput(f"options of {cluster_class.__name__}", f"{error} ({path})", "correct the options") from error
    except (OSError, RuntimeError) as error:
        raise Failed(f"The queue takes no jobs: {error}.") from error
    try:
        yield cluster
    finally:
        cluster.close(timeout=4)


def worker_options(options: dict[str, Any]) -> dict[str, Any]:
    """The class's options with one process a job that takes one case at a time, on all of the job's cores."""
    threads = [f"export {name}={options['cores']}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")]
    return options | {
        "processes": 1,
        # The last --nthreads counts: the job keeps its cores, and Dask gives it one case at a time.
        "worker_extra_args": [*options.get("worker_extra_args", []), "--nthreads", "1"],
        "job_script_prologue": [*threads, *options.get("job_script_prologue", [])],
    }


def _jobqueue() -> Any:
    try:
        import dask_jobqueue
    except ImportError as error:
        raise BadInput(
            "the package dask-jobqueue for --slurm", "none", "install it: pip install 'iustumorseg[cluster]'"
        ) from error
    return dask_jobqueue
