"""The case of a review that is on the screen: its nodes, its views and controls, and the panels that work on it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import slicer
from slicer.i18n import tr as _

from ..errors import BadInput, Failed
from .heat_map import HeatMap
from .pose_controls import PoseControls
from .review_views import ReviewViews
from .view_controls import ViewControls

if TYPE_CHECKING:
    from ..scene.review_settings import ReviewSettings
    from ..scene.study_cases import ReviewCase
    from ..study.case_images import CaseImages


class CaseOnScreen:
    """One case at a time, from `show_images` to `drop`; `panels` are the panels for adjustment and correction.

    `taking_views()` is called before our layout is shown, `touched()` when the mouse is used in a view, and
    `pose_changed()` when another pose is shown.
    """

    def __init__(
        self,
        ui: Any,
        taking_views: Callable[[], None],
        touched: Callable[[], None],
        pose_changed: Callable[[], None],
    ) -> None:
        self.case: ReviewCase | None = None
        self.panels: Sequence[Any] = ()
        self._taking_views, self._changed = taking_views, pose_changed
        self.views = ReviewViews(self._follow_views, self._turned, touched)
        self.controls = ViewControls(ui, self.change, self.views.set_flicker_hz)
        self.heat_map = HeatMap()
        self.poses = PoseControls(ui, self._pose_changed)

    def show_images(self, images: "CaseImages") -> str:
        """Make a case's nodes and show them; returns the sentence of why that could not be done."""
        from ..scene.study_cases import load_case

        before = _nodes()
        try:
            self.case = load_case(slicer.mrmlScene, images)
            self.show(self.case)
        except (BadInput, Failed, ValueError, RuntimeError) as error:
            self.drop()
            for node in _nodes() - before:
                slicer.mrmlScene.RemoveNode(node)
            return _("{case} cannot be shown: {error}").format(case=images.name, error=error)
        return ""

    def show(self, case: "ReviewCase") -> None:
        """Show a case whose nodes are there."""
        self._taking_views()
        self.views.open(case)
        scene = self.views.scene
        assert scene is not None
        candidates = case.registration.candidates if case.registration is not None else ()
        self.controls.offer(list(case.mris), scene.available_overlays())
        self.poses.offer(scene, [candidate.score for candidate in candidates])
        self.heat_map.show_case(case, scene)
        self._follow_views()
        for panel in self.panels:
            panel.show_case(case, scene)

    def complete(self, images: "CaseImages") -> None:
        """Take the overlays of the case, where they were made after it was shown."""
        from ..scene.study_cases import with_overlays_of

        scene = self.views.scene
        if self.case is None or scene is None or self.case.folder != images.folder:
            return
        self.case = with_overlays_of(self.case, images)
        scene.take_overlays(self.case)
        self.controls.offer(list(self.case.mris), scene.available_overlays())
        self.heat_map.show_case(self.case, scene)
        self.heat_map.follow()
        self._follow_views()
        for panel in self.panels:
            panel.complete_case(self.case)

    def change(self, settings: "ReviewSettings") -> None:
        """Show the case in another way."""
        self.views.show(settings)
        self.heat_map.follow()
        self._follow_views()

    def reset_views(self) -> None:
        """Lay the views through the tumour again."""
        if self.views.scene is not None:
            self.views.scene.reset_views()

    def panels_may_leave(self) -> bool:
        """Whether the panels let the case go: each asks about what is not saved."""
        return all(panel.leave() for panel in self.panels)

    def release_panels(self, ask: bool) -> None:
        """Have the panels let go of the case, with or without a question about what is not saved."""
        for panel in self.panels:
            if ask:
                panel.leave(may_stay=False)
            panel.show_nothing()

    def close_views(self) -> None:
        """Give the user's views back; the case's nodes stay."""
        self._stop_following()
        self.views.close()

    def drop(self) -> None:
        """Take the case off the screen and its nodes out of the scene; our layout stays."""
        from ..scene.study_cases import unload_case

        self.release_panels(ask=False)
        self._stop_following()
        self.views.clear()
        if self.case is not None:
            unload_case(self.case)
            self.case = None

    def _stop_following(self) -> None:
        self.heat_map.stop()
        self.poses.offer(None, [])

    def _turned(self, steps: int) -> None:
        self.controls.step(steps)

    def _pose_changed(self) -> None:
        self.heat_map.follow()
        self._changed()

    def _follow_views(self) -> None:
        legend = self.views.scene.legend() if self.views.scene is not None else []
        self.controls.follow(self.views.settings, legend)


def _nodes() -> set[Any]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(number) for number in range(scene.GetNumberOfNodes())}
