"""A review's views: one case after another, its images compared, and the poses to choose from."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .review_settings import LEGEND, OVERLAYS, ReviewPanes, ReviewSettings
from .shown_case import ShownCase
from .study_cases import ReviewCase

if TYPE_CHECKING:
    import SimpleITK as sitk


class ReviewScene:
    """Shows one case after another in the views of `panes`: `open`, then `show` and the poses, until `close`.

    `close` leaves the case's nodes, which are the caller's, at the pose that it was opened with; all else is as before
    `open`.
    """

    def __init__(self, scene: Any, panes: ReviewPanes) -> None:
        self.settings = ReviewSettings()
        self._scene = scene
        self._panes = panes
        self._shown: ShownCase | None = None

    def open(self, case: ReviewCase, settings: ReviewSettings | None = None) -> None:
        """Show a case; the one that was shown is closed. The views are fitted to it."""
        self.close()
        self.settings = settings or self.settings
        self._shown = ShownCase(self._scene, self._panes, case)
        self.reset_views()
        self._shown.show(self.settings)

    def show(self, settings: ReviewSettings) -> None:
        """Change how the case is shown."""
        axes_change = settings.axes != self.settings.axes
        self.settings = settings
        if self._shown is not None:
            if axes_change:
                self.reset_views(self._shown.middle_of_views())
            self._shown.show(settings)

    def close(self) -> None:
        """Show nothing; harmless where nothing is shown, and after the scene was closed."""
        if self._shown is not None:
            self._shown.remove()
            self._shown = None

    def show_phase(self, phase: str) -> None:
        """While flickering: show the ultrasound ("us") or the MRI ("mri"). Cheap: only an opacity changes."""
        self.settings = replace(self.settings, phase=phase)
        if self._shown is not None and self.settings.mode == "flicker":
            self._shown.comparison.show(self.settings.comparison())

    def available_overlays(self) -> tuple[str, ...]:
        """Those that the case has something for."""
        return self._shown.available() if self._shown is not None else ()

    def reset_views(self, center_ras: np.ndarray | None = None) -> None:
        """Lay the slices along the axes of the settings, through a point (default: the tumour, or the sector's middle)."""
        if self._shown is not None:
            self._shown.lay_out(self.settings.axes, center_ras)

    def go_to(self, ras: np.ndarray) -> None:
        """Move all slices, without turning or zooming them, and the crosshair to a point (RAS mm)."""
        if self._shown is not None:
            self._shown.go_to(np.asarray(ras, dtype=float))

    def curtain_at(self, pane: int, x_px: float) -> float:
        """The setting `curtain` that hangs it at a pixel column of one of the panes."""
        width_px = self._panes.us[pane].slice_logic.GetSliceNode().GetDimensions()[0]
        return min(1.0, max(0.0, x_px / max(width_px, 1)))

    @property
    def pose(self) -> np.ndarray:
        """4x4 `mri_to_us_ras` (RAS mm) that is shown now."""
        return self._open_case().pose

    @property
    def pose_name(self) -> str:
        """The name of what is shown: "result", "initial", "candidate 3", "adjusted", or "" where nothing is."""
        return self._shown.pose_name if self._shown is not None else ""

    @property
    def candidate_count(self) -> int:
        """How many candidate poses the registration has."""
        registration = self._shown.case.registration if self._shown is not None else None
        return 0 if registration is None else len(registration.candidates)

    def show_pose(self, name: str) -> None:
        """Show the MRI at the pose "result" or "initial"."""
        if name not in ("result", "initial"):
            raise ValueError(f"unknown pose '{name}'; known: result, initial")
        case = self._open_case()
        case.move(case.result if name == "result" else case.case.initial_mri_to_us_ras, name)

    def toggle_before(self) -> str:
        """From any pose to the initial one, and from there to the result; returns the name of what is shown."""
        self.show_pose("result" if self.pose_name == "initial" else "initial")
        return self.pose_name

    def show_candidate(self, number: int) -> None:
        """Show the MRI at candidate `number` of the registration, from 1; `ValueError` where there is none."""
        if not 1 <= number <= self.candidate_count:
            raise ValueError(f"no candidate {number}; there are {self.candidate_count}")
        case = self._open_case()
        assert case.case.registration is not None
        case.move(case.case.registration.candidates[number - 1].mri_to_us_ras, f"candidate {number}")

    def set_pose(self, mri_to_us_ras: np.ndarray) -> None:
        """Show the MRI at a 4x4 of the user's (RAS mm)."""
        self._open_case().move(np.asarray(mri_to_us_ras, dtype=float), "adjusted")

    @property
    def agreement_is_current(self) -> bool:
        """Whether the heat map belongs to the pose that is shown; it is hidden where it does not."""
        return self._shown is not None and self._shown.agreement_is_current()

    def set_agreement(self, agreement: "sitk.Image", mri_to_us_ras: np.ndarray) -> None:
        """Take a heat map that was computed for a pose."""
        case = self._open_case()
        case.set_agreement(agreement, np.asarray(mri_to_us_ras, dtype=float))
        case.show(self.settings)

    def take_overlays(self, case: ReviewCase) -> None:
        """Show the edges, agreement and arrows of the case that is open, made since it was opened; all else stays."""
        shown = self._open_case()
        shown.take_overlays(case)
        shown.show(self.settings)

    def legend(self) -> list[tuple[tuple[float, float, float], str]]:
        """Colour (0 to 1) and meaning of what is laid over the images now."""
        shown = self.settings.overlays & set(self.available_overlays())
        return [entry for overlay in OVERLAYS if overlay in shown for entry in LEGEND[overlay]]

    def _open_case(self) -> "ShownCase":
        if self._shown is None:
            raise ValueError("no case is open")
        return self._shown
