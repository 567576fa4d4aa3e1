"""The queue of a cluster, with a stand-in for SLURM's two commands that starts a job at once on this machine."""

import os
import sys

import pytest
from kills import leftovers, registered

from IUSTumorSegLib.errors import BadInput
from IUSTumorSegLib.study.job_queue import queue_cluster, read_queue
from IUSTumorSegLib.study.register_study import register_study
from IUSTumorSegLib.study.stand_in import made_study, stand_in_registration

SBATCH = """#!/bin/bash
job="$(dirname "$0")/job.sh"
cp "${@: -1}" "$job"
setsid bash "$job" >"$job.log" 2>&1 &
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/bash
for job in "$@"; do kill -- -"$job"; done
"""
QUEUE = """
cluster: SLURM
jobs: 1
options:
  cores: 3
  memory: 2GB
  interface: lo
  walltime: "00:10:00"
"""


@pytest.fixture
def queue(tmp_path):
    path = tmp_path / "queue.yaml"
    path.write_text(QUEUE)
    return path


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A folder of SLURM's commands, first on the path."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cluster: [", "no YAML"),
        ("cluster: Kubernetes\noptions: {cores: 1, memory: 1GB}", "'Kubernetes'"),
        ("cluster: SLURM\noptions: {cores: 1}", "no memory"),
        ("queue: gpu", "queue in"),
        ("jobs: many\noptions: {cores: 1, memory: 1GB}", "many in"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused_with_a_sentence(text, words, tmp_path):
    (tmp_path / "queue.yaml").write_text(text)
    with pytest.raises(BadInput, match=words):
        read_queue(tmp_path / "queue.yaml")


def test_a_missing_description_is_refused_before_any_work(tmp_path):
    study = made_study(tmp_path / "study", 1)
    with pytest.raises(BadInput, match="describes the queue"):
        register_study(study=study.folder, slurm=tmp_path / "none.yaml")


def test_an_option_that_the_queue_does_not_know_is_refused(queue):
    queue.write_text(QUEUE + "  colour: blue\n")
    with pytest.raises(BadInput, match="colour"), queue_cluster(queue):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-in for SLURM is a script of Linux")
def test_a_study_is_registered_by_jobs_of_the_queue_one_case_at_a_time_on_all_cores_of_the_job(tmp_path, queue, slurm):
    study = made_study(tmp_path / "study", 3)
    result = register_study(study=study.folder, slurm=queue, task=stand_in_registration)
    assert not result.failed
    assert set(registered(study)) == {"case-0000", "case-0001", "case-0002"}
    script = (slurm / "job.sh").read_text()
    assert "export OMP_NUM_THREADS=3" in script
    assert "#SBATCH --cpus-per-task=3" in script or "#SBATCH --cpus-per-task 3" in script
    assert script.rstrip().endswith("--nthreads 1") or "--nthreads 1 " in script.rsplit("--nthreads 3", 1)[-1]
    assert not leftovers(study)
