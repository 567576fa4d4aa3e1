"""The heat map and its score at the pose a person has arrived at, computed in a thread: always the newest pose only.

No MRML and no Qt is touched here. The window asks when a pose has come to rest, and fetches the result from a timer.
"""

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .local_agreement import AgreementInputs, local_agreement

if TYPE_CHECKING:
    import SimpleITK as sitk


@dataclass(frozen=True)
class AgreementAt:
    """The map, and its mean `score`, at the 4x4 `mri_to_us_ras` (RAS mm)."""

    mri_to_us_ras: np.ndarray
    map: "sitk.Image"
    score: float


class FollowingAgreement:
    """From `ask` to `fetch`, for one case; `stop` forgets what is being computed.

    There is a thread only while something is computed; a newer pose waits for it and takes the place of one that waits.
    """

    def __init__(self, inputs: AgreementInputs) -> None:
        self._inputs = inputs
        self._computing: _Computing | None = None
        self._waiting: np.ndarray | None = None

    @property
    def busy(self) -> bool:
        """Whether there is something to fetch later."""
        return self._computing is not None

    def ask(self, mri_to_us_ras: np.ndarray) -> None:
        """Compute the map at this pose as soon as possible, instead of at any asked for before."""
        self._waiting = np.array(mri_to_us_ras, dtype=float)
        if self._computing is None:
            self._start()

    def fetch(self, wait_s: float = 0.01) -> AgreementAt | None:
        """The map at the newest pose, once, when it is there.

        Call it now and then while `busy`: the short wait gives the thread Python's lock, which Slicer's event loop holds.
        """
        if self._computing is None or not self._computing.finished(wait_s):
            return None
        result, self._computing = self._computing.result, None
        if self._waiting is None:
            return result
        self._start()
        return None

    def stop(self) -> None:
        """Forget what was asked for; a thread at work ends by itself within a second."""
        self._computing = self._waiting = None

    def _start(self) -> None:
        assert self._waiting is not None
        self._computing = _Computing(self._inputs, self._waiting)
        self._waiting = None


class _Computing:
    """One map being computed."""

    def __init__(self, inputs: AgreementInputs, mri_to_us_ras: np.ndarray) -> None:
        self.result: AgreementAt | None = None
        self._thread = threading.Thread(target=self._compute, args=(inputs, mri_to_us_ras), daemon=True)
        self._thread.start()

    def finished(self, wait_s: float) -> bool:
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def _compute(self, inputs: AgreementInputs, mri_to_us_ras: np.ndarray) -> None:
        self.result = AgreementAt(mri_to_us_ras, *local_agreement(inputs, mri_to_us_ras))
