"""Train a network: choices, what is missing, the curve as it grows, and a training that may outlive Slicer."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ctk
from slicer.i18n import tr as _

from ..errors import BadInput
from ..jobs.detached_job import DetachedJob, find_detached_job, start_detached_job
from .background import Background
from .curve_plot import CurvePlot
from .export_rules import folder_reasons
from .job_panel import JobPanel
from .nnunet_installation import nnunet_is_installed, offer_nnunet_installation
from .tool_tips import enable_or_say_why
from .torch_installation import offer_torch_installation, torch_is_installed

if TYPE_CHECKING:
    from ..nnunet.memory_estimate import Gpu
    from ..nnunet.training_choices import MemoryNeed, TrainingChoices

FOLD_WORDS = {"all": "all, one after the other", "whole": "one network on every slice (no validation)"}


class TrainingPanel:
    """The section "Train" of the module, with a job panel of its own: a training takes hours, other jobs seconds.

    `changed` is called when buttons may have to change, `trained` with a model's folder when there is a new one.
    """

    def __init__(self, ui: Any, changed: Callable[[], None], trained: Callable[[Path], None]) -> None:
        self._ui, self._changed, self._trained = ui, changed, trained
        self._parameters: Any = None
        self._gpus: Sequence[Gpu] | None = None
        self._need: MemoryNeed | None = None
        self._lists: tuple[Any, ...] = ()
        self._folds_of: tuple[Any, list[str]] = (None, [])
        self._job: DetachedJob | None = None
        self._watched: dict[str, Any] = {}
        self._background = Background()
        self.job_panel = JobPanel(self._job_changed, self._heard)
        self.plot = CurvePlot(ui.curvePlotPlace)
        ui.trainingJobPlace.layout().addWidget(self.job_panel.widget)
        ui.rawPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.trainedPathLineEdit.filters = ctk.ctkPathLineEdit.Dirs
        ui.trainingTimeLabel.visible = False
        ui.trainButton.connect("clicked()", self.train)
        ui.useProposalButton.connect("clicked()", self._use_proposal)
        ui.installNnunetButton.connect("clicked()", self._install)
        ui.trainDatasetComboBox.connect("currentIndexChanged(int)", self._dataset_chosen)
        ui.foldsComboBox.connect("currentIndexChanged(int)", self._folds_chosen)

    def show(self, parameters: Any) -> None:
        """Take the module's parameters, or None when it is left; a training that was left running is found again."""
        self._parameters = parameters
        if parameters is None:
            return
        if self._gpus is None:
            from ..nnunet.memory_estimate import gpus

            self._background.ask(gpus, self._gpus_found)
        self._lists, self._folds_of = (), (None, [])

    def update(self) -> None:
        """Fill the lists, look for a training in the output folder, and say what is missing."""
        if self._parameters is None:
            return
        self._fill_lists()
        self._find_running()
        self._show_missing_packages()
        self._show_memory()
        enable_or_say_why(
            self._ui.trainButton,
            _("Trains nnU-Net's 2D network on the data set in a process of its own; what was begun is gone on with."),
            self.reasons(),
        )

    def reasons(self) -> list[str]:
        """Why no training can be started now."""
        if self._parameters is None:
            return []
        if self.job_panel.busy:
            return [_("A training is running: wait for it or cancel it.")]
        if self._job is not None and self._job.elsewhere:
            return [_("A training of this folder runs on {host}.").format(host=self._job.record.host)]
        reasons = [] if self._parameters.trainDataset else [_("Export slices first, or choose a folder of data sets.")]
        reasons += folder_reasons(self._parameters.trainedFolder)
        return reasons + self._missing_packages() + self._memory_reasons()

    def choices(self) -> "TrainingChoices":
        """The training as chosen."""
        from ..nnunet.training_choices import TrainingChoices

        chosen = self._parameters
        patch = (chosen.patchSize, chosen.patchSize) if chosen.patchSize else None
        return TrainingChoices(
            dataset=chosen.trainDataset, raw=chosen.rawFolder, out=chosen.trainedFolder, folds=chosen.folds,
            trainer=chosen.trainer, device=chosen.device, epochs=chosen.epochs or None,
            batch_size=chosen.batchSize or None, patch_size=patch, start_anew=chosen.startAnew,
        )  # fmt: skip

    def train(self) -> None:
        """Start the training in a process that can outlive this window."""
        from ..nnunet.training_choices import fold_names, request_of
        from ..scene.job_files import training_request

        choices, gpus = self.choices(), self._gpus or ()
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

    def close(self) -> None:
        """End the training, or let it go on where the user chose that; leave no node, timer or thread waiting."""
        self._parameters = None
        if self._ui.keepTrainingCheckBox.checked:
            self.job_panel.release()
        else:
            self.job_panel.close()
        self._job = None
        self._background.stop()
        self._watch({})
        self.plot.clear()

    # A training that runs

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

    def _find_running(self) -> None:
        if self.job_panel.busy:
            return
        self._job = find_detached_job(self._parameters.trainedFolder)
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

    # What there is to choose from, and what is missing

    def _fill_lists(self) -> None:
        from ..nnunet.training_choices import dataset_names, fold_texts

        names = dataset_names(self._parameters.rawFolder)
        if names and self._parameters.trainDataset not in names:
            self._parameters.trainDataset = names[-1]
        if not names and self._parameters.trainDataset:
            self._parameters.trainDataset = ""
        key = (self._parameters.rawFolder, self._parameters.trainDataset)
        if key != self._folds_of[0]:
            # Read once: of 100,000 slices the folds are megabytes.
            self._folds_of = key, fold_texts(self.choices()) if names else []
        folds = self._folds_of[1]
        if folds and self._parameters.folds not in folds:
            self._parameters.folds = folds[0]
        now = (names, folds, self._parameters.trainDataset, self._parameters.folds)
        if now == self._lists:
            return
        self._lists = now
        _fill(self._ui.trainDatasetComboBox, names, names, self._parameters.trainDataset)
        words = [FOLD_WORDS.get(fold, _("fold {number}").format(number=fold)) for fold in folds]
        _fill(self._ui.foldsComboBox, words, folds, self._parameters.folds)

    def _dataset_chosen(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.trainDataset = self._lists[0][index]

    def _folds_chosen(self, index: int) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.folds = self._lists[1][index]

    def _missing_packages(self) -> list[str]:
        if not torch_is_installed():
            return [_("Install PyTorch first.")]
        return [] if nnunet_is_installed() else [_("Install nnU-Net first.")]

    def _show_missing_packages(self) -> None:
        missing = self._missing_packages()
        self._ui.nnunetFrame.visible = bool(missing)
        what = _("PyTorch (PyTorch extension)") if not torch_is_installed() else _("nnU-Net")
        self._ui.nnunetLabel.text = _("Training and segmenting need {what}, which is not in Slicer's Python.").format(
            what=what
        )

    def _install(self) -> None:
        """One after the other: nnU-Net without the right PyTorch would bring the wrong one."""
        sentence = "" if torch_is_installed() else offer_torch_installation()
        if not sentence and not nnunet_is_installed():
            sentence = offer_nnunet_installation()
        self.job_panel.say(sentence or _("PyTorch and nnU-Net are installed."))
        self._changed()

    def _gpus_found(self, found: Any, error: Exception | None) -> None:
        self._gpus = found
        self._changed()

    def _show_memory(self) -> None:
        from ..nnunet.training_choices import memory_need, memory_sentence

        self._need = None
        self._ui.memoryLabel.text = ""
        if self._gpus is not None and self._parameters.trainDataset:
            try:
                self._need = memory_need(self.choices(), self._gpus)
                self._ui.memoryLabel.text = memory_sentence(self._need)
            except BadInput as error:
                self._ui.memoryLabel.text = str(error)
        need = self._need
        self._ui.memoryLabel.visible = bool(self._ui.memoryLabel.text)
        self._ui.useProposalButton.visible = (
            need is not None and not need.fits and bool(need.batch_size or need.patch_size)
        )

    def _memory_reasons(self) -> list[str]:
        if self._parameters.device == "cuda" and self._gpus is not None and not self._gpus:
            return [_("No graphics processor was found: choose auto or cpu.")]
        if self._need is None or self._need.fits:
            return []
        return [
            _("The graphics processor's free memory is not enough: take a smaller batch or patch, or the processor.")
        ]

    def _use_proposal(self) -> None:
        need = self._need
        if need is None:
            return
        if need.batch_size:
            self._parameters.batchSize = need.batch_size
        elif need.patch_size:
            self._parameters.patchSize = min(need.patch_size)


def _fill(combo: Any, words: Sequence[str], values: Sequence[str], chosen: str) -> None:
    """Put these words into a combo box and show the chosen value's, without telling anybody."""
    was_blocked = combo.blockSignals(True)
    combo.clear()
    combo.addItems(list(words))
    combo.setCurrentIndex(list(values).index(chosen) if chosen in values else -1)
    combo.blockSignals(was_blocked)


def _as_json(choices: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in choices.items()}
