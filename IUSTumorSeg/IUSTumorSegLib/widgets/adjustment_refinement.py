"""LC2 from an adjusted pose on, in a child process."""

from pathlib import Path
from typing import TYPE_CHECKING

from slicer.i18n import tr as _

from .review_host import ReviewHost
from .torch_installation import torch_is_installed

if TYPE_CHECKING:
    from ..scene.adjustment import Adjustment


class AdjustmentRefinement:
    """Refines the pose of the adjustment that it was given; what comes too late is not taken."""

    def __init__(self, host: ReviewHost) -> None:
        self._host = host
        self._adjustment: Adjustment | None = None
        self._has_torch = False
        self._pid: int | None = None

    def begin(self, adjustment: "Adjustment") -> None:
        """Refine this adjustment's pose from now on."""
        self._adjustment = adjustment
        self._has_torch = torch_is_installed()

    def end(self) -> None:
        """End the refinement that runs, if one does."""
        self._adjustment = None
        if self._pid is not None and self._host.job_panel.pid == self._pid:
            self._host.job_panel.cancel()

    def reasons_against(self) -> list[str]:
        """Why none can be started now."""
        if self._host.job_panel.busy:
            return [_("A job is running: wait for it or cancel it.")]
        return [] if self._has_torch else [_("Install PyTorch first.")]

    def start(self) -> None:
        """Have LC2 refine the present pose."""
        adjustment, job_panel = self._adjustment, self._host.job_panel
        if adjustment is None or job_panel.busy:
            return
        job_panel.run(
            _("Refining {case} from here").format(case=adjustment.case.name),
            prepare=adjustment.refinement_request,
            take_over=lambda result: self._refined(adjustment, result),
        )
        self._pid = job_panel.pid

    def _refined(self, adjustment: "Adjustment", result: Path) -> str:
        self._pid = None
        if adjustment is not self._adjustment:
            return _("Refined, but the adjustment has ended since. Nothing was changed.")
        moved_mm = adjustment.take_refinement(result)
        return _("LC2 moved the pose by {mm:.1f} mm. Look at it, then keep it or undo.").format(mm=moved_mm)
