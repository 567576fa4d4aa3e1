"""Undo and redo of poses, as a value: what is done to it makes another one."""

from dataclasses import dataclass

import numpy as np

BY_HAND, BY_LANDMARKS, BY_LC2 = "hand", "landmarks", "lc2"
MOST_STEPS = 200
SAME_MM = 1e-6


@dataclass(frozen=True)
class Step:
    """A pose (4x4 `mri_to_us_ras`, RAS mm), what it came from, and its LC2 where that was computed."""

    mri_to_us_ras: np.ndarray
    how: str
    score: float | None = None


@dataclass(frozen=True)
class PoseHistory:
    """The present step, those before it (oldest first) and those that were undone (the next first)."""

    present: Step
    past: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()

    def then(self, step: Step) -> "PoseHistory":
        """A further step; what had been undone is forgotten. The same pose again is no step."""
        if np.allclose(step.mri_to_us_ras, self.present.mri_to_us_ras, rtol=0, atol=SAME_MM):
            return self
        return PoseHistory(step, (*self.past, self.present)[-MOST_STEPS:])

    @property
    def can_undo(self) -> bool:
        """Whether there is a step before the present one."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return bool(self.undone)

    def undo(self) -> "PoseHistory":
        """One step back; the same where there is none."""
        if not self.past:
            return self
        return PoseHistory(self.past[-1], self.past[:-1], (self.present, *self.undone))

    def redo(self) -> "PoseHistory":
        """Again what was undone last; the same where there is nothing."""
        if not self.undone:
            return self
        return PoseHistory(self.undone[0], (*self.past, self.present), self.undone[1:])
