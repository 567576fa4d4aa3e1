"""The MRI shown where a search believes it to lie, for as long as the search goes on."""

from typing import Any

import numpy as np

from .cases import CaseNodes
from .nodes import set_matrix, transform_node
from .registration_nodes import pose_before_registration

NAME = "Best pose so far"


class PosePreview:
    """Shows an MRI and its label at one pose after another, from the first `show` to `remove`.

    For that time each lies under a transform of ours; the transforms that they lay under before, the user's and a former
    registration, are neither changed nor moved. What is put under another transform meanwhile stays there.
    """

    def __init__(self, nodes: CaseNodes) -> None:
        moved = [node for node in (nodes.mri, nodes.mri_tumor) if node is not None]
        self._previewed = [_Previewed(node, pose_before_registration(node, nodes.mri)) for node in moved]

    def show(self, mri_to_us_ras: np.ndarray) -> None:
        """Show the MRI at a 4x4 (world to world, RAS mm), as `apply_registration` would move it."""
        for previewed in self._previewed:
            previewed.show(mri_to_us_ras)

    def remove(self) -> None:
        """Put all back under what it lay under before. Harmless when done twice, and when the scene is gone."""
        for previewed in self._previewed:
            previewed.remove()


class _Previewed:
    """One node under a preview transform of its own, which is there from `show` to `remove`."""

    def __init__(self, node: Any, pose_before: np.ndarray) -> None:
        self._node, self._pose_before = node, pose_before
        self._preview: Any = None
        self._former: Any = None

    def show(self, mri_to_us_ras: np.ndarray) -> None:
        if self._node.GetScene() is None:
            return
        matrix = mri_to_us_ras @ self._pose_before
        if self._preview is None:
            self._former = self._node.GetParentTransformNode()
            self._preview = _hidden_transform(self._node.GetScene(), matrix)
            self._node.SetAndObserveTransformNodeID(self._preview.GetID())
        elif self._is_previewed():
            set_matrix(self._preview, matrix)

    def remove(self) -> None:
        preview, self._preview = self._preview, None
        if preview is None or preview.GetScene() is None:
            return
        if self._node.GetParentTransformNode() is preview:
            is_there = self._former is not None and self._former.GetScene() is not None
            self._node.SetAndObserveTransformNodeID(self._former.GetID() if is_there else None)
        preview.GetScene().RemoveNode(preview)

    def _is_previewed(self) -> bool:
        return self._preview.GetScene() is not None and self._node.GetParentTransformNode() is self._preview


def _hidden_transform(scene: Any, matrix: np.ndarray) -> Any:
    transform = transform_node(scene, matrix, NAME)
    transform.SetHideFromEditors(True)
    transform.SetSaveWithScene(False)
    return transform
