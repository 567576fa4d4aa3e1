"""The heat map of agreement at the pose that is on the screen, computed behind the window."""

from typing import TYPE_CHECKING

import qt

if TYPE_CHECKING:
    from ..registration.following_agreement import FollowingAgreement
    from ..scene.review import ReviewScene
    from ..scene.study_cases import ReviewCase

POLL_MS = 20


class HeatMap:
    """Follows the poses of one case after another, from `show_case` to `stop`."""

    def __init__(self) -> None:
        self._scene: ReviewScene | None = None
        self._following: FollowingAgreement | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_MS)
        self._timer.connect("timeout()", self._fetch)

    def show_case(self, case: "ReviewCase", scene: "ReviewScene") -> None:
        """Another case is on the screen."""
        from ..registration.following_agreement import FollowingAgreement

        self.stop()
        self._scene = scene
        self._following = None if case.agreement_inputs is None else FollowingAgreement(case.agreement_inputs)

    def follow(self) -> None:
        """The pose or the overlays have changed: compute the map where it is wanted and belongs to another pose."""
        scene, following = self._scene, self._following
        if scene is None or following is None:
            return
        if "agreement" in scene.settings.overlays and not scene.agreement_is_current:
            following.ask(scene.pose)
            self._timer.start()

    def stop(self) -> None:
        """No case is on the screen."""
        self._timer.stop()
        if self._following is not None:
            self._following.stop()
        self._scene = self._following = None

    def _fetch(self) -> None:
        scene, following = self._scene, self._following
        if scene is None or following is None:
            self._timer.stop()
            return
        found = following.fetch()
        if found is not None:
            scene.set_agreement(found.map, found.mri_to_us_ras)
        if not following.busy:
            self._timer.stop()
