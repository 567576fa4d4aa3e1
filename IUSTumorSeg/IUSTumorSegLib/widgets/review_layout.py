"""The views of a review on the screen, and the user's own layout given back."""

from typing import Any

import slicer

from ..scene.comparison import SlicePane
from ..scene.layout import (
    COMPARISON_LAYOUT_ID,
    MRI_SLICE_VIEW_NAMES,
    SIDE_BY_SIDE_LAYOUT_ID,
    SLICE_VIEW_NAMES,
    THREE_D_VIEW_NAME,
    add_review_layouts,
)

OURS = (COMPARISON_LAYOUT_ID, SIDE_BY_SIDE_LAYOUT_ID)


class ReviewLayout:
    """Our layouts on the screen, from `enter` to `leave`."""

    def __init__(self) -> None:
        self._former: int | None = None

    def enter(self) -> "Any":
        """Show our layout; returns its `ReviewPanes`. Both layouts are shown once, which makes their views."""
        from ..scene.review_settings import ReviewPanes

        manager = slicer.app.layoutManager()
        add_review_layouts(manager.layoutLogic().GetLayoutNode())
        if manager.layout not in OURS:
            self._former = manager.layout
        manager.setLayout(SIDE_BY_SIDE_LAYOUT_ID)
        mri = [pane_of(manager.sliceWidget(name)) for name in MRI_SLICE_VIEW_NAMES]
        manager.setLayout(COMPARISON_LAYOUT_ID)
        us = [pane_of(manager.sliceWidget(name)) for name in SLICE_VIEW_NAMES]
        return ReviewPanes(us, mri, slicer.mrmlScene.GetSingletonNode(THREE_D_VIEW_NAME, "vtkMRMLViewNode"))

    def show(self, mode: str) -> None:
        """The layout of a mode; nothing changes where the user has chosen a layout of their own meanwhile."""
        manager = slicer.app.layoutManager()
        wanted = SIDE_BY_SIDE_LAYOUT_ID if mode == "side by side" else COMPARISON_LAYOUT_ID
        if manager.layout in OURS and manager.layout != wanted:
            manager.setLayout(wanted)

    def leave(self) -> None:
        """Give back the layout that the user had, unless the user has chosen another one since."""
        manager = slicer.app.layoutManager()
        if self._former is not None and manager is not None and manager.layout in OURS:
            manager.setLayout(self._former)
        self._former = None


def pane_of(slice_widget: Any) -> SlicePane:
    """A slice widget as what the scene's drawing needs of it."""
    view = slice_widget.sliceView()
    return SlicePane(
        slice_logic=slice_widget.sliceLogic(),
        renderer=view.renderWindow().GetRenderers().GetFirstRenderer(),
        request_render=view.scheduleRender,
    )
