"""One run on a real Dask cluster that has everything go wrong at once; kills from outside are in test_run_kills."""

import json
import os
import threading
from types import SimpleNamespace

import pytest
from distributed import KilledWorker
from kills import leftovers
from made_cases import coarse_demo_study

from IUSTumorSegLib.errors import BadInput, Failed
from IUSTumorSegLib.registration.parallel import core_count
from IUSTumorSegLib.study import run
from IUSTumorSegLib.study.case_state import read_states
from IUSTumorSegLib.study.cluster import Where, thread_environment
from IUSTumorSegLib.study.propagate_study import propagate_study
from IUSTumorSegLib.study.register_study import register_study
from IUSTumorSegLib.study.run import do_case, duration, note_failure, run_cases, sentence_of
from IUSTumorSegLib.study.stand_in import made_study
from IUSTumorSegLib.study.study_folder import case_folder


def silent(*arguments, **more):
    return None


def test_a_failed_case_is_noted_and_one_that_kills_its_workers_is_given_up_while_others_go_on(tmp_path):
    study = made_study(tmp_path / "study", 6)
    note_failure(case_folder(study, "case-0005"), "register", "An old failure.")

    def task(folder):
        import os

        from IUSTumorSegLib.errors import BadInput

        if folder.name == "case-0001":
            os.kill(os.getpid(), 9)
        if folder.name == "case-0002":
            raise BadInput("an image", "a cat", "try again")
        if folder.name == "case-0003":
            raise RuntimeError("ITK ERROR: sampling")
        (folder / "threads").write_text(os.environ["OMP_NUM_THREADS"])

    told = []
    environment = dict(os.environ)
    done, failed = run_cases(
        study, [f"case-000{number}" for number in range(6)], task, "register", Where(workers=1),
        lambda *progress: told.append(progress),
    )  # fmt: skip
    assert sorted(done) == ["case-0000", "case-0004", "case-0005"]
    assert failed["case-0002"] == "Expected an image, but found a cat: try again."
    assert failed["case-0003"] == "It was not possible to register the case: ITK ERROR: sampling"
    assert failed["case-0001"].startswith("The process was killed 3 times")
    states = {state.case: state.failed for state in read_states(study)}
    assert {case: sentence for case, sentence in states.items() if sentence} == failed
    details = json.loads((case_folder(study, "case-0003") / "failure.json").read_text())["details"]
    assert "RuntimeError" in details
    assert (case_folder(study, "case-0000") / "threads").read_text() == str(core_count())
    assert told[-1][:3] == ("register", 6, 6)
    assert dict(os.environ) == environment
    assert not leftovers(study)


def test_a_case_that_only_stood_in_line_is_not_blamed_for_a_killed_worker(tmp_path):
    folder = case_folder(made_study(tmp_path / "study", 1), "case-0000")
    blamed = KilledWorker("register-1", None, 2)
    assert run._was_bystander(blamed, folder)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            do_case(folder, task=lambda case: 1 / 0, step="register", run="abc")
    assert not run._was_bystander(blamed, folder)
    assert not run._was_bystander(ValueError(), folder)


def test_a_run_whose_workers_do_not_come_back_ends_with_a_sentence_instead_of_waiting_for_ever(monkeypatch):
    monkeypatch.setattr(run, "LOOK_FOR_WORKERS_S", 0.0)
    monkeypatch.setattr(run, "COME_BACK_S", 0.2)
    waiting = SimpleNamespace(count=lambda: 1, has_ready=lambda: False, thread_condition=threading.Condition())
    nobody = SimpleNamespace(nthreads=dict)
    with pytest.raises(Failed, match="No worker process is left"):
        next(run._ended(waiting, nobody, here=True))


def test_a_worker_that_is_there_for_a_moment_only_has_come_back():
    seen = iter([{}, {}, {"tcp://worker": 1}, {}])
    assert run._come_back(SimpleNamespace(nthreads=lambda: next(seen)))


def test_a_full_disk_ends_the_run_with_a_sentence_and_what_is_done_stays(tmp_path):
    study = made_study(tmp_path / "study", 40)

    def task(folder):
        if folder.name >= "case-0004":
            raise OSError(28, "No space left on device")
        (folder / "done").touch()

    with pytest.raises(Failed, match=r"full after \d+ of 40 cases: free some space"):
        run_cases(study, [f"case-{number:04d}" for number in range(40)], task, "register", Where(workers=1), silent)
    assert len(list(study.folder.rglob("done"))) == 4
    assert not list(study.folder.rglob("failure.json"))
    assert not leftovers(study)


def test_a_failure_that_cannot_be_noted_because_the_disk_is_full_ends_the_run(tmp_path, monkeypatch):
    study = made_study(tmp_path / "study", 1)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    made = run._Run(study, "register", silent, "x")
    with pytest.raises(Failed, match="is full after 3 of 7 cases"):
        run._noted(BadInput("a", "b", "c"), made, "case-0000", 3, 7)
    assert [path.name for path in case_folder(study, "case-0000").iterdir()] == ["case.json"]


def test_no_scheduler_at_the_address_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("IUSTumorSegLib.study.cluster.CONNECT_S", 0.5)
    study = made_study(tmp_path / "study", 1)
    with pytest.raises(Failed, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        register_study(study=study.folder, scheduler="tcp://127.0.0.1:9")


@pytest.mark.slow
def test_a_real_case_is_registered_and_its_tumour_follows(tmp_path):
    study = coarse_demo_study(tmp_path / "study", tmp_path / "images")
    assert register_study(study=study.folder, workers=1, method="mattes").done == ("demo-1",)
    assert register_study(study=study.folder, workers=1, method="mattes").left == {"demo-1": "registered already"}
    assert propagate_study(study=study.folder, workers=1).done == ("demo-1",)
    (state,) = read_states(study)
    assert state.method == "mattes"
    assert state.final_landmark_mm > 0
    assert state.label == "propagated"
    assert {path.name for path in state.folder.iterdir()} >= {"comparison.png", "thumbnail.png", "mri_to_us.tfm"}
    assert propagate_study(study=study.folder, workers=1).left == {"demo-1": "propagated already"}


def test_workers_share_the_cores_and_none_gets_less_than_one():
    cores = core_count()
    assert thread_environment(1)["OMP_NUM_THREADS"] == str(cores)
    assert thread_environment(10 * cores)["MKL_NUM_THREADS"] == "1"


def test_every_error_becomes_a_sentence():
    assert sentence_of(MemoryError(), "register").startswith("The memory was not enough")
    assert sentence_of(KeyError(), "propagate") == "It was not possible to propagate the case: KeyError"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (100, "2 min"), (3600, "60 min"), (12000, "3 h 20 min")]
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words
