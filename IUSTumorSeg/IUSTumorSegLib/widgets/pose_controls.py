"""Which pose of the MRI is on the screen: registered, before registration, or one of the search's candidates."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from slicer.i18n import tr as _

from .review_keys import key_tip
from .tool_tips import enable_or_say_why

if TYPE_CHECKING:
    from ..scene.review import ReviewScene

POSES = ("result", "initial")


class PoseControls:
    """The list of poses in `ui`. `changed()` is called when another one is shown."""

    def __init__(self, ui: Any, changed: Callable[[], None]) -> None:
        self.ui = ui
        self._changed = changed
        self._scene: ReviewScene | None = None
        self._updating = False
        ui.poseComboBox.toolTip = f"{key_tip('before')}\n{key_tip('candidate')}"
        ui.poseComboBox.connect("currentIndexChanged(int)", self._chosen)

    @property
    def candidate(self) -> int:
        """The number of the candidate that is on the screen, 0 where none is."""
        name = self._scene.pose_name if self._scene is not None else ""
        return int(name.removeprefix("candidate ")) if name.startswith("candidate ") else 0

    @property
    def is_initial(self) -> bool:
        """Whether the pose before registration is on the screen."""
        return self._scene is not None and self._scene.pose_name == "initial"

    def offer(self, scene: "ReviewScene | None", scores: list[float]) -> None:
        """The poses of the case on the screen; `scores` are the candidates', best first."""
        self._scene = scene
        self._updating = True
        self.ui.poseComboBox.clear()
        if scene is not None:
            candidates = [_("Candidate {n} (score {s:.3f})").format(n=n, s=s) for n, s in enumerate(scores, start=1)]
            self.ui.poseComboBox.addItems([_("Registered"), _("Before registration"), *candidates])
        self._updating = False

    def toggle_before(self) -> None:
        """From any pose to the one before registration, and from there to the registration."""
        self._show(POSES.index("result") if self.is_initial else POSES.index("initial"))

    def next_candidate(self) -> None:
        """The candidate after the one on the screen, the first after the last."""
        if self._scene is not None and self._scene.candidate_count:
            self.show_candidate(self.candidate % self._scene.candidate_count + 1)

    def show_candidate(self, number: int) -> None:
        """Show a candidate; nothing happens where there is none of that number."""
        if self._scene is not None and 1 <= number <= self._scene.candidate_count:
            self._show(len(POSES) + number - 1)

    def show_result(self) -> None:
        """Show the registration."""
        self._show(POSES.index("result"))

    def follow(self, why_not_writable: str) -> None:
        """Say whether the candidate on the screen can be made the registration."""
        reasons = [] if self.candidate else [_("Show one of the candidates first.")]
        if why_not_writable:
            reasons = [why_not_writable]
        enable_or_say_why(
            self.ui.useCandidateButton,
            _("Makes the candidate on the screen the case's registration, recorded as chosen by hand."),
            reasons,
        )

    def _show(self, index: int) -> None:
        if self._scene is not None:
            self._updating = True
            self.ui.poseComboBox.setCurrentIndex(index)
            self._updating = False
            self._apply(index)

    def _chosen(self, index: int) -> None:
        if not self._updating and self._scene is not None and index >= 0:
            self._apply(index)

    def _apply(self, index: int) -> None:
        assert self._scene is not None
        if index < len(POSES):
            self._scene.show_pose(POSES[index])
        else:
            self._scene.show_candidate(index - len(POSES) + 1)
        self._changed()
