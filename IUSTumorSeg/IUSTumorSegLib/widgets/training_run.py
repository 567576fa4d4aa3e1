"""A training that runs, begun here or found in its folder: its job, its curve, and the time that it still takes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from ..errors import BadInput
from ..jobs.detached_job import DetachedJob, find_detached_job, start_detached_job
from .curve_plot import CurvePlot
from .job_panel import JobPanel

if TYPE_CHECKING:
    from ..nnunet.memory_estimate import Gpu
    from ..nnunet.training_choices import TrainingChoices


class TrainingRun:
    """One training at a time, in a process that can outlive this window.

    It has a job panel of its own: a training takes hours, other jobs seconds. `changed` is called when buttons may have
    to change, `trained` with a model's folder when there is a new one.
    """

    def __init__(self, ui: Any, changed: Callable[[], None], trained: Callable[[Path], None]) -> None:
        self._ui, self._changed, self._trained = ui, changed, trained
        self._job: DetachedJob | None = None
        self._watched: dict[str, Any] = {}
        self.job_panel = JobPanel(self._job_changed, self._heard)
        self.plot = CurvePlot(ui.curvePlotPlace)
        ui.trainingJobPlace.layout().addWidget(self.job_panel.widget)
        ui.trainingTimeLabel.visible = False

    def reasons_against(self) -> list[str]:
        """Why another one cannot be started now."""
        if self.job_panel.busy:
            return [_("A training is running: wait for it or cancel it.")]
        if self._job is not None and self._job.elsewhere:
            return [_("A training of this folder runs on {host}.").format(host=self._job.record.host)]
        return []

    def start(self, choices: "TrainingChoices", gpus: "Sequence[Gpu]") -> None:
        """Train as chosen; what was begun is gone on with."""
        from ..nnunet.training_choices import fold_names, request_of
        from ..scene.job_files import training_request

        try:
            details = {"model": str(request_of(choices).model_folder), "folds": fold_names(choices)}
        except BadInput as error:
            self.job_panel.say(str(error))
            return
        what = _("Training {trainer} on {dataset}").format(trainer=choices.trainer, dataset=choices.dataset)
        self._watch({**details, "choices": _as_json(asdict(choices))})
        self.job_panel.run(
            what,
            prepare=lambda folder: training_request(choices, gpus, folder),
            take_over=self._take_over,
            start=lambda command, _log, environment: self._start(command, choices.out, what, environment),
            if_cancelled=_("The epochs so far are kept and can be gone on with."),
        )

    def find(self, folder: Path) -> None:
        """Show the training that was left running in a folder, or say how it ended."""
        if self.job_panel.busy:
            return
        self._job = find_detached_job(folder)
        if self._job is None or "model" not in self._job.record.details:
            self._job = None
            return
        self._watch(self._job.record.details)
        if not self._job.running:
            self._say_how_it_ended(self._job)
        elif self._job.elsewhere:
            self._say_where_it_runs(self._job)
        else:
            self._attach(self._job)
        self._show_curves()

    def close(self) -> None:
        """End the training, or let it go on where the user chose that; leave no node and no timer."""
        if self._ui.keepTrainingCheckBox.checked:
            self.job_panel.release()
        else:
            self.job_panel.close()
        self._job = None
        self._watch({})
        self.plot.clear()

    def _start(self, command: list[str], out: Path, what: str, environment: dict[str, str]) -> DetachedJob:
        self._job = start_detached_job(command, out, what, environment, self._watched)
        return self._job

    def _job_changed(self) -> None:
        """A training whose end was seen here needs no record any more; one that was let go of keeps it."""
        if self._job is not None and not self.job_panel.busy and not self._job.running:
            self._job.forget()
            self._job = None
            self._ui.trainingTimeLabel.visible = False
        self._changed()

    def _attach(self, job: DetachedJob) -> None:
        self._ui.keepTrainingCheckBox.checked = True
        self.job_panel.attach(
            job.record.what,
            job,
            Path(job.record.details["model"]),
            self._take_over,
            if_cancelled=_("The epochs so far are kept and can be gone on with."),
        )

    def _say_where_it_runs(self, job: DetachedJob) -> None:
        self.job_panel.say(
            _("Runs on {host} since {started}: {what}. If it is gone, remove {record}.").format(
                host=job.record.host, started=job.record.started, what=job.record.what, record=job.record_path
            )
        )

    def _say_how_it_ended(self, job: DetachedJob) -> None:
        job.poll()
        job.forget()
        self._job = None
        if job.exit_code == 0:
            self.job_panel.say(self._take_over(Path(job.record.details["model"])))
            return
        reason = job.last_message or _("it was ended from outside")
        self.job_panel.say(
            _("Ended without this window: {what}. Its last words: {reason}. Log: {path}").format(
                what=job.record.what, reason=reason.rstrip("."), path=job.log_path
            )
        )

    def _take_over(self, model_folder: Path) -> str:
        self._show_curves()
        self._ui.trainingTimeLabel.visible = False
        self._trained(model_folder)
        return _("Trained. The model is in {folder}").format(folder=model_folder)

    def _watch(self, details: dict[str, Any]) -> None:
        self._watched = details
        self._ui.trainingTimeLabel.visible = False

    def _heard(self, events: list[dict[str, Any]]) -> None:
        steps = [event for event in events if event["stage"] == "train"]
        if steps:
            self._show_curves()
            self._show_time_left(int(steps[-1].get("total", 0)))

    def _show_curves(self) -> None:
        from ..nnunet.training_progress import read_fold_curves

        if self._watched:
            self.plot.show(read_fold_curves(Path(self._watched["model"]), self._watched["folds"]))

    def _show_time_left(self, epochs_planned: int) -> None:
        from ..nnunet.training_progress import duration_text, ended_folds, read_fold_curves, time_left_s

        model, folds = Path(self._watched["model"]), self._watched["folds"]
        left = time_left_s(read_fold_curves(model, folds), folds, ended_folds(model, folds), epochs_planned)
        self._ui.trainingTimeLabel.visible = left is not None
        if left is not None:
            self._ui.trainingTimeLabel.text = _("At most {time} left; early stopping may end it sooner.").format(
                time=duration_text(left)
            )


def _as_json(choices: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in choices.items()}
