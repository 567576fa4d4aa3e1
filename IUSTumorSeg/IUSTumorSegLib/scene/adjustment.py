"""A case's MRI moved over its ultrasound by hand: sliders, Slicer's handle, landmarks and LC2 all lead to one pose."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic_files import write_json_atomic
from ..errors import Failed
from ..registration.adjustment import adjusted, adjustment_between, distance_mm
from ..registration.by_hand import keep_adjusted
from ..registration.following_agreement import FollowingAgreement
from ..registration.local_agreement import AgreementInputs
from ..registration.pose_history import BY_HAND, BY_LANDMARKS, BY_LC2, PoseHistory, Step
from ..registration.registration_files import REGISTRATION_FILE, read_registration
from ..registration.rigid_landmarks import PairErrors, fit_landmark_pairs, pair_errors
from ..registration.transform_files import write_transform
from ..study.first_registration import keep_first
from ..study.propagate_study import propagate_again
from .job_files import JobRequest
from .landmark_pairs import LandmarkPairs
from .nodes import image_from_volume
from .pose_handle import PoseHandle, adjustment_frame
from .registration_nodes import pose_before_registration
from .review import ReviewScene
from .study_cases import ReviewCase

SAME_MM = 1e-4


class Adjustment:
    """The adjustment of one case that is open in a review, from construction to `remove`.

    It starts at the pose that the review shows. `pose` (4x4 `mri_to_us_ras`, RAS mm) moves with every slider and every
    drag; `settle` makes a step to undo of it. `moved` is called when the pose has changed, `pairs_changed` when a
    landmark has. Before, after and candidate poses that the review shows in between are looked at only.
    """

    def __init__(
        self, case: ReviewCase, review: ReviewScene, moved: Callable[[], None], pairs_changed: Callable[[], None]
    ) -> None:
        self.case, self._review, self._moved = case, review, moved
        self.start = self.pose = review.pose
        self.history = PoseHistory(Step(self.pose, review.pose_name))
        self.score: float | None = None
        self.start_score: float | None = None
        self._frame = adjustment_frame(case.nodes.us)
        inputs = case.agreement_inputs
        self._following = FollowingAgreement(inputs) if inputs is not None else None
        self._moving = False
        self._handle = PoseHandle(case.transform, self._frame.center_ras, self._on_transform)
        self.pairs = LandmarkPairs(case.nodes.us.GetScene(), case.transform, pairs_changed)

    def remove(self, back: bool = True) -> None:
        """End it; `back` shows the registration again. Harmless when done twice, and when the scene is gone."""
        self._handle.remove()
        self.pairs.remove()
        if self._following is not None:
            self._following.stop()
        if back and self.case.transform.GetScene() is not None and self._review.pose_name:
            self._review.show_pose("result")

    # The pose

    @property
    def values(self) -> tuple[float, ...]:
        """How far the pose is from the start: right, anterior, superior in mm, and the turns about these in degrees."""
        translation, rotation = adjustment_between(self.start, self.pose, self._frame.axes, self._frame.center_ras)
        return (*map(float, translation), *map(float, rotation))

    def set_values(self, values: tuple[float, ...]) -> None:
        """Move the MRI to where the six numbers of `values` say."""
        translation, rotation = np.array(values[:3]), np.array(values[3:])
        frame = self._frame
        self._show(adjusted(self.start, frame.axes, frame.center_ras, translation, rotation))

    @property
    def is_changed(self) -> bool:
        """Whether the pose is another one than at the start."""
        return not np.allclose(self.pose, self.start, rtol=0, atol=SAME_MM)

    @property
    def moved_mm(self) -> float:
        """The mean distance over the ultrasound's sector from the start, in mm."""
        return distance_mm(self.start, self.pose, self._frame.points_ras)

    def settle(self) -> None:
        """Make a step of the pose that hand or handle arrived at."""
        self.history = self.history.then(Step(self.pose, BY_HAND))

    @property
    def can_undo(self) -> bool:
        """Whether there is a step back, or a move that has not come to rest."""
        return self.history.can_undo or self._is_unsettled()

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return self.history.can_redo and not self._is_unsettled()

    def undo(self) -> None:
        """One step back."""
        self.settle()
        self._go_to(self.history.undo())

    def redo(self) -> None:
        """The step again that was undone; moving by hand since has ended that."""
        self.settle()
        self._go_to(self.history.redo())

    # Landmarks

    def pair_errors(self) -> list[PairErrors]:
        """What is known of each complete pair at the present pose."""
        return pair_errors(self.pairs.landmarks(), self.pose)

    def fit_to_pairs(self) -> None:
        """Go to the pose that fits the landmarks best; `BadInput` where they do not say enough."""
        self._take(Step(fit_landmark_pairs(self.pairs.landmarks()).mri_to_us_ras, BY_LANDMARKS))

    # LC2 from here

    def refinement_request(self, folder: Path) -> JobRequest:
        """Write the case's images into `folder`, with the request to refine the present pose by LC2 from there."""
        self.settle()
        return refinement_request(self.case, self.pose, folder)

    def take_refinement(self, result: Path) -> float:
        """Go to the pose that a refinement wrote; returns how far it lies from the present one, in mm."""
        found = read_registration(result)
        moved = distance_mm(self.pose, found.mri_to_us_ras, self._frame.points_ras)
        self._take(Step(found.mri_to_us_ras, BY_LC2, found.score))
        return moved

    # Agreement

    def take_inputs(self, inputs: AgreementInputs | None) -> None:
        """What the heat map is computed from, where it was made after the adjustment began."""
        if self._following is None and inputs is not None:
            self._following = FollowingAgreement(inputs)

    def ask_agreement(self) -> None:
        """Have the heat map and its score computed at the present pose, in a thread."""
        if self._following is not None:
            self._following.ask(self.pose)

    def fetch_agreement(self) -> bool:
        """Take over what was computed, if it is there; whether there is more to wait for."""
        if self._following is None:
            return False
        result = self._following.fetch()
        if result is not None and self._review.pose_name:
            self._review.set_agreement(result.map, result.mri_to_us_ras)
            self.score = result.score
            if self.start_score is None and np.allclose(result.mri_to_us_ras, self.start):
                self.start_score = result.score
        return self._following.busy

    # Keeping it

    def keep(self, reviewer: str) -> str:
        """Make the pose the registration of the case's folder, and carry the MRI's tumour over anew.

        Returns a sentence on the label, empty where the case has none on the MRI; `Failed` where the registration could
        not be written.
        """
        self.settle()
        step, folder = self.history.present, self.case.folder
        assert folder is not None
        keep = keep_adjusted if (folder / REGISTRATION_FILE).is_file() else keep_first
        try:
            keep(folder, step.mri_to_us_ras, reviewer, step.how == BY_LC2, step.score or 0.0, self.case.landmarks)
        except OSError as error:
            raise Failed(
                f"The registration could not be written to {folder}: {error.strerror or error}. "
                "The pose is still open; bring the drive back or make room, and keep it again."
            ) from error
        return _propagated_again(folder)

    def _is_unsettled(self) -> bool:
        return not np.allclose(self.pose, self.history.present.mri_to_us_ras, rtol=0, atol=SAME_MM)

    def _take(self, step: Step) -> None:
        self.settle()
        self._go_to(self.history.then(step))

    def _go_to(self, history: PoseHistory) -> None:
        self.history = history
        self._show(history.present.mri_to_us_ras)

    def _show(self, pose: np.ndarray) -> None:
        self.pose = pose
        self._moving = True
        self._review.set_pose(pose)
        self._moving = False
        self._moved()

    def _on_transform(self, pose: np.ndarray) -> None:
        """The transform moved: by us, by the review that shows another pose for a moment, or by a hand on the handle."""
        if self._moving or (
            self._review.pose_name != "adjusted" and np.allclose(pose, self._review.pose, atol=SAME_MM)
        ):
            return
        self._show(pose)


def _propagated_again(folder: Path) -> str:
    try:
        carried = propagate_again(folder)
    except Failed as error:
        return str(error)
    return "The MRI's tumour label was carried over anew." if carried else ""


def refinement_request(case: ReviewCase, mri_to_us_ras: np.ndarray, folder: Path) -> JobRequest:
    """Write the case's images into `folder`, with the request to refine the pose (4x4, RAS mm) by LC2 from there."""
    folder = Path(folder)
    _write(case.nodes.us, folder / "us.nrrd")
    paths = []
    for number, mri in enumerate(case.mris.values(), start=1):
        paths.append(str(folder / f"mri{number}.nrrd"))
        _write(mri, Path(paths[-1]), pose_before_registration(mri, mri))
    write_transform(mri_to_us_ras, folder / "initial.tfm")
    arguments = {
        "mri": paths,
        "us": str(folder / "us.nrrd"),
        "initial": str(folder / "initial.tfm"),
        "out": str(folder / "registration"),
        "local": True,
    }
    write_json_atomic(folder / "request.json", {"task": "register", "arguments": arguments})
    return JobRequest(folder / "request.json", folder / "registration" / "registration.json")


def _write(volume: Any, path: Path, to_world: np.ndarray | None = None) -> None:
    """Uncompressed, because a child process reads it in a moment and it is thrown away."""
    import SimpleITK as sitk

    sitk.WriteImage(image_from_volume(volume, to_world), str(path), useCompression=False)
