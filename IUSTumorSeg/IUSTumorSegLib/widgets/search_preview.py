"""The best pose of a registration that is still running, shown in the views as it is told in the task's progress."""

from typing import TYPE_CHECKING, Any

import qt

if TYPE_CHECKING:
    from ..scene.cases import CaseNodes
    from ..scene.pose_preview import PosePreview

UPDATE_MS = 1000
POSE = "mri_to_us_ras"


class SearchPreview:
    """Moves the MRI from `begin` to `end`, once a second at most, while the check box is ticked and `visible`."""

    def __init__(self, check_box: Any) -> None:
        self._check_box = check_box
        self._preview: PosePreview | None = None
        self._pose: Any = None
        self._is_new = False
        self._visible = True
        self._timer = qt.QTimer()
        self._timer.setInterval(UPDATE_MS)
        self._timer.connect("timeout()", self._catch_up)
        check_box.connect("toggled(bool)", self._refresh)

    @property
    def running(self) -> bool:
        """Whether a search may move the MRI."""
        return self._preview is not None

    @property
    def visible(self) -> bool:
        """Whether the views are ours to change: not while another module is open, or the scene is being saved."""
        return self._visible

    @visible.setter
    def visible(self, on: bool) -> None:
        self._visible = on
        self._refresh()

    def begin(self, nodes: "CaseNodes") -> None:
        """A search of this pair starts, from where its nodes lie now."""
        from ..scene.pose_preview import PosePreview

        self.end()
        self._preview = PosePreview(nodes)

    def hear(self, events: list[dict[str, Any]]) -> None:
        """Take the last pose that the progress tells; it is shown now, or when the last one was there for a second."""
        poses = [event[POSE] for event in events if POSE in event]
        if not poses or self._preview is None:
            return
        self._pose, self._is_new = poses[-1], True
        if not self._timer.active:
            self._refresh()
            self._timer.start()

    def end(self) -> None:
        """The search is over, however it ended: all lies where it did before."""
        self._timer.stop()
        if self._preview is not None:
            self._preview.remove()
        self._preview = self._pose = None

    def _catch_up(self) -> None:
        if self._is_new:
            self._refresh()
        else:
            self._timer.stop()

    def _refresh(self, *_: Any) -> None:
        if self._preview is None:
            return
        if not (self._visible and self._check_box.checked):
            self._preview.remove()
        elif self._pose is not None:
            self._is_new = False
            self._preview.show(self._pose)
