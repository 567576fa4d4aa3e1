"""One task in a child process: its progress, its log, and a Cancel that ends it with all its descendants."""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import qt
import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from ..jobs.child_process import start_job

if TYPE_CHECKING:
    from ..jobs.child_process import Job
    from ..jobs.detached_job import DetachedJob
    from ..scene.job_files import JobRequest

    AnyJob = Job | DetachedJob

MODULE_FOLDER = Path(__file__).resolve().parents[2]
INTERPRETER = "PythonSlicer"
IMAGE_ENDINGS = (".nrrd", ".nii", ".nii.gz", ".mha")
POLL_MS = 100
GRACE_S = 3.0
GRACE_AT_CLOSE_S = 1.0


def job_command(request: Path) -> list[str]:
    """The command line that runs a request file with Slicer's Python."""
    interpreter = shutil.which(INTERPRETER)
    if interpreter is None:
        raise Failed(f"Slicer's Python interpreter ({INTERPRETER}) is not on the PATH, so no task can be started.")
    return [interpreter, "-m", "IUSTumorSegLib.jobs", str(request)]


def job_environment() -> dict[str, str]:
    """The environment of a task: ours, with the library where the child finds it."""
    paths = [str(MODULE_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class JobWatcher(Protocol):
    """What follows one job: `hear` is told its steps of progress, `end` that it is over, before its result is used."""

    def hear(self, events: list[dict[str, Any]]) -> None:
        """Take the progress since the last time."""

    def end(self) -> None:
        """Let go: the job ended, failed, was cancelled or never started."""


class JobPanel:
    """Runs one request at a time and shows how it goes.

    `changed` is called whenever a job starts or ends, so that the module can enable its buttons; `heard` with the steps of
    progress since the last time, after they are shown.
    """

    def __init__(
        self, changed: Callable[[], None], heard: Callable[[list[dict[str, Any]]], None] | None = None
    ) -> None:
        self.widget = slicer.util.loadUI(str(MODULE_FOLDER / "Resources" / "UI" / "JobPanel.ui"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self._changed = changed
        self._heard = heard
        self._watcher: JobWatcher | None = None
        self._what = self._if_cancelled = ""
        self._take_over: Callable[[Path], str] = str
        self._folder: Path | None = None
        self._result = Path()
        self._job: AnyJob | None = None
        self._preparing = False
        self._cancelling: threading.Thread | None = None
        self._log_size = 0
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._poll)
        self.ui.jobCancelButton.connect("clicked()", self.cancel)
        self._show_idle("")

    @property
    def busy(self) -> bool:
        """Whether a job is running or about to."""
        return self._preparing or self._job is not None

    @property
    def pid(self) -> int | None:
        """The process number of the running job, which is also its group's."""
        return self._job.pid if self._job is not None else None

    def run(
        self,
        what: str,
        prepare: "Callable[[Path], JobRequest]",
        take_over: Callable[[Path], str],
        start: "Callable[[list[str], Path, dict[str, str]], AnyJob]" = start_job,
        if_cancelled: str = "",
        watcher: JobWatcher | None = None,
    ) -> None:
        """Run a task. `what` names it for the user.

        `prepare` writes its files into a new folder and returns the request; `take_over` is called with the result of a
        task that succeeded and returns a closing sentence. A task that cannot be prepared is a sentence in the panel.
        `start` is given the command, a place for the log, and the environment; `if_cancelled` says what is left of a
        task that was cancelled (nothing, if empty); `watcher` follows it.
        """
        if self.busy:
            return
        self._expect(what, take_over, if_cancelled)
        self._watcher = watcher
        self._folder = Path(tempfile.mkdtemp(prefix="IUSTumorSeg-", dir=slicer.app.temporaryPath))
        self._preparing = True
        self._changed()
        try:
            self._start(prepare, start)
        except (BadInput, Failed, OSError) as error:
            self.say(str(error))
        finally:
            self._preparing = False
            if self._job is None:
                self._release_watcher()
                shutil.rmtree(self._folder)
            self._changed()

    def attach(
        self, what: str, job: "AnyJob", result: Path, take_over: Callable[[Path], str], if_cancelled: str = ""
    ) -> None:
        """Show a job that is running already, as if `run` had started it."""
        if self.busy:
            return
        self._expect(what, take_over, if_cancelled)
        self._folder, self._result, self._job = None, result, job
        self._show_started(job.log_path)
        self._timer.start()
        self._changed()

    def release(self) -> None:
        """Let go of the job, which goes on without this window."""
        if self._job is None:
            return
        self._job = None
        self._timer.stop()
        self._release_watcher()
        self._close_job(_("Goes on by itself: {what}").format(what=self._what))

    def cancel(self) -> None:
        """Ask the job to end and kill what is left of it after some seconds, while the window goes on."""
        if self._job is None or self._cancelling is not None:
            return
        self.ui.jobCancelButton.enabled = False
        self.ui.jobLabel.text = _("Cancelling: {what}").format(what=self._what)
        self._cancelling = threading.Thread(target=self._job.cancel, args=(GRACE_S,), daemon=True)
        self._cancelling.start()

    def close(self) -> None:
        """End the job, if there is one, before this returns; nothing of it is taken over."""
        job = self._job
        if job is None:
            return
        self._job = None
        self._timer.stop()
        self._release_watcher()
        job.cancel(GRACE_AT_CLOSE_S)
        self._close_job(_("Ended: {what}").format(what=self._what))

    def say(self, sentence: str) -> None:
        """Show a sentence where a job's state stands."""
        self._show_idle(sentence)

    def _expect(self, what: str, take_over: Callable[[Path], str], if_cancelled: str) -> None:
        self._what, self._take_over = what, take_over
        self._if_cancelled = if_cancelled or _("Nothing was changed.")
        self._cancelling, self._log_size = None, 0

    def _start(self, prepare: "Callable[[Path], JobRequest]", start: "Callable[..., AnyJob]") -> None:
        with slicer.util.WaitCursor():
            request = prepare(self._folder)
        self._result = request.result
        self._job = start(job_command(request.request), self._folder / "log.txt", job_environment())
        self._show_started(self._job.log_path)
        self._timer.start()

    def _poll(self) -> None:
        job = self._job
        if job is None:
            return
        # A descendant may outlive the job itself: the cancelling is over when it has ended that too.
        running = job.running or (self._cancelling is not None and self._cancelling.is_alive())
        events = job.poll()
        for event in events:
            self._show_event(event)
        if events:
            self._tell(events)
        self._show_log(job)
        if not running:
            self._end(job)

    def _tell(self, events: list[dict[str, Any]]) -> None:
        if self._heard is not None:
            self._heard(events)
        if self._watcher is not None:
            self._watcher.hear(events)

    def _release_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.end()

    def _end(self, job: "AnyJob") -> None:
        """Whatever the result's taking over does, the panel is idle afterwards."""
        self._job = None
        self._timer.stop()
        self._release_watcher()
        sentence = _("{what} ended, but its result could not be used.").format(what=self._what)
        try:
            sentence = self._closing_sentence(job)
        except (BadInput, Failed) as error:
            sentence = str(error)
        finally:
            self._close_job(sentence)

    def _closing_sentence(self, job: "AnyJob") -> str:
        if self._cancelling is not None:
            return _("Cancelled: {what}. {left}").format(what=self._what, left=self._if_cancelled)
        if job.exit_code != 0:
            reason = job.last_message or _("The process ended with code {code}.").format(code=job.exit_code)
            return _("Failed: {what}. {reason} Log: {path}").format(what=self._what, reason=reason, path=job.log_path)
        return self._take_over(self._result)

    def _close_job(self, sentence: str) -> None:
        if self._folder is not None:
            _remove_images(self._folder)
        self._show_idle(sentence)
        self._changed()

    def _show_started(self, log_path: Path) -> None:
        self.widget.visible = True
        self.ui.jobLabel.text = self._what
        self.ui.jobProgressBar.visible = True
        self.ui.jobProgressBar.setRange(0, 0)
        self.ui.jobCancelButton.visible = True
        self.ui.jobCancelButton.enabled = True
        self.ui.jobLogGroupBox.visible = True
        self.ui.jobLogText.clear()
        self.ui.jobLogPathLabel.text = str(log_path)

    def _show_idle(self, sentence: str) -> None:
        self.widget.visible = bool(sentence)
        self.ui.jobLabel.text = sentence
        self.ui.jobProgressBar.visible = False
        self.ui.jobCancelButton.visible = False
        self.ui.jobLogGroupBox.visible = bool(self.ui.jobLogPathLabel.text)

    def _show_event(self, event: dict[str, Any]) -> None:
        done, total, message = event.get("done", 0), event.get("total", 0), event.get("message", "")
        self.ui.jobProgressBar.setRange(0, total)
        self.ui.jobProgressBar.setValue(done)
        if self._cancelling is None:
            self.ui.jobLabel.text = f"{self._what}: {message or event['stage']}"
        count = f" {done}/{total}" if total else ""
        self.ui.jobLogText.appendPlainText(f"[{event['stage']}{count}] {message}")

    def _show_log(self, job: "AnyJob") -> None:
        with job.log_path.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._log_size)
            text = log.read()
            self._log_size = log.tell()
        if text:
            self.ui.jobLogText.appendPlainText(text.rstrip())


def _remove_images(folder: Path) -> None:
    """Remove the copies of images made for a task: they are large, and patients' data. Log and results stay."""
    for path in folder.iterdir():
        if path.name.endswith(IMAGE_ENDINGS):
            path.unlink()
