"""The mouse in a review's slice views: it drags the curtain, and with Shift its wheel is the mode's slider."""

from collections.abc import Callable
from typing import Any

GRAB_PX = 8
# Before Slicer's own interactions, which a press on the curtain or a turn of the wheel with Shift must not reach.
PRIORITY = 10.0


class ViewMouse:
    """Listens to the views' interactors from construction to `close`.

    `curtain` gives the curtain's place as a fraction of the width, None while there is none; `drag(pane, x_px)`,
    `wheel(steps)` and `moved()` are called.
    """

    def __init__(
        self,
        panes: list[Any],
        curtain: Callable[[], float | None],
        drag: Callable[[int, float], None],
        wheel: Callable[[int], None],
        moved: Callable[[], None],
    ) -> None:
        self._panes, self._curtain, self._drag, self._wheel, self._moved = panes, curtain, drag, wheel, moved
        self._dragged: int | None = None
        self._tags: list[tuple[Any, int]] = []
        for number, pane in enumerate(panes):
            self._listen(number, pane.renderer.GetRenderWindow().GetInteractor())

    def close(self) -> None:
        """Listen no more."""
        for interactor, tag in self._tags:
            interactor.RemoveObserver(tag)
        self._tags = []

    def _listen(self, number: int, interactor: Any) -> None:
        for event, react in (
            ("LeftButtonPressEvent", self._pressed),
            ("MouseMoveEvent", self._mouse_moved),
            ("LeftButtonReleaseEvent", self._released),
            ("MouseWheelForwardEvent", lambda n, i: self._turned(i, 1)),
            ("MouseWheelBackwardEvent", lambda n, i: self._turned(i, -1)),
        ):
            self._observe(number, interactor, event, react)

    def _observe(self, number: int, interactor: Any, event: str, react: Callable[[int, Any], bool]) -> None:
        tags: list[int] = []

        def observed(caller: Any, name: str) -> None:
            self._moved()
            if react(number, interactor):
                interactor.GetCommand(tags[0]).AbortFlagOn()

        tags.append(interactor.AddObserver(event, observed, PRIORITY))
        self._tags.append((interactor, tags[0]))

    def _pressed(self, number: int, interactor: Any) -> bool:
        curtain = self._curtain()
        width_px = self._panes[number].slice_logic.GetSliceNode().GetDimensions()[0]
        if curtain is None or abs(interactor.GetEventPosition()[0] - curtain * width_px) > GRAB_PX:
            return False
        self._dragged = number
        return True

    def _mouse_moved(self, number: int, interactor: Any) -> bool:
        if self._dragged != number:
            return False
        self._drag(number, interactor.GetEventPosition()[0])
        return True

    def _released(self, number: int, interactor: Any) -> bool:
        was_dragged, self._dragged = self._dragged == number, None
        return was_dragged

    def _turned(self, interactor: Any, steps: int) -> bool:
        if not interactor.GetShiftKey():
            return False
        self._wheel(steps)
        return True
