"""The best pose of a running registration, shown in the views."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_steps import choose, enter_module, job_folders, leave_module

pytestmark = pytest.mark.usefixtures("with_torch")


class Search:
    """A registration of the case that a test leads: its task tells a pose when it is asked to."""

    def __init__(self, widget: Any, case: Any, wait_until: Callable[..., None]) -> None:
        self.widget, self.case, self.wait_until = widget, case, wait_until
        self.folder = Path()

    def start(self) -> "Search":
        before = job_folders()
        self.widget.ui.registerButton.click()
        (self.folder,) = job_folders() - before
        return self

    def tell(self, number: int) -> None:
        """Have the task tell the pose that is `number` mm to the right, and wait until the window has heard it."""
        (self.folder / f"show{number}").touch()
        self.wait_until(lambda: self.widget.jobPanel.ui.jobProgressBar.value >= number)

    def end(self) -> None:
        (self.folder / "end").touch()
        self.wait_until(lambda: not self.widget.jobPanel.busy)

    @property
    def shift_mm(self) -> float:
        """How far the MRI is seen to the right of where its voxels say."""
        from IUSTumorSegLib.scene.nodes import node_to_world

        shifts = [node_to_world(node)[0, 3] for node in (self.case.mri, self.case.tumor)]
        assert shifts[0] == shifts[1]
        return float(shifts[0])


@pytest.fixture
def search(
    open_module: Callable[[str], Any], case: Any, fake_task: Callable[[str], None], wait_until: Callable[..., None]
) -> Iterator[Search]:
    fake_task("search")
    widget = open_module("IUSTumorSeg")
    choose(widget, case)
    yield Search(widget, case, wait_until)
    widget.jobPanel.close()


def preview_count(search: Search) -> int:
    from IUSTumorSegLib.scene.cases import nodes_of_class

    transforms = nodes_of_class(search.case.mri.GetScene(), "vtkMRMLTransformNode")
    return sum(node.GetName().startswith("Best pose so far") for node in transforms)


@pytest.fixture
def mine(scene: Any, case: Any) -> Any:
    """A transform of the user's over MRI and label, 100 mm to the right."""
    from IUSTumorSegLib.scene.nodes import transform_node

    pose = np.eye(4)
    pose[0, 3] = 100.0
    node = transform_node(scene, pose, "Mine")
    for moved in (case.mri, case.tumor):
        moved.SetAndObserveTransformNodeID(node.GetID())
    return node


def test_the_mri_moves_with_the_search_and_ends_at_the_registration(search, mine):
    search.start().tell(1)
    assert search.shift_mm == 101.0
    assert not search.widget.ui.propagateButton.enabled
    assert "A job is running" in search.widget.ui.propagateButton.toolTip
    search.end()
    assert search.shift_mm == 105.0
    assert mine.GetMatrixTransformToParent().GetElement(0, 3) == 100.0 and mine.GetParentTransformNode() is None
    assert preview_count(search) == 0
    assert search.widget.ui.propagateButton.enabled


def test_poses_are_shown_once_a_second_and_the_last_one_is_not_forgotten(search):
    search.start().tell(1)
    began = time.monotonic()
    for number in (2, 3, 4):
        search.tell(number)
    assert time.monotonic() - began > 0.9 or search.shift_mm == 1.0
    search.wait_until(lambda: search.shift_mm == 4.0, 3.0)
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize("way", ["cancel", "fail", "close the scene"])
def test_however_the_search_ends_the_user_s_transform_is_back(search, mine, fake_task, way):
    if way == "fail":
        fake_task("search-fail")
    search.start().tell(1)
    if way == "fail":
        search.end()
        assert "Failed" in search.widget.jobPanel.ui.jobLabel.text
    elif way == "cancel":
        search.widget.jobPanel.ui.jobCancelButton.click()
        search.wait_until(lambda: not search.widget.jobPanel.busy)
        assert "Cancelled" in search.widget.jobPanel.ui.jobLabel.text
    else:
        search.case.mri.GetScene().Clear(0)
        assert search.case.mri.GetParentTransformNode() is None and not search.widget.searchPreview.running
        return
    assert search.case.mri.GetParentTransformNode() is mine is search.case.tumor.GetParentTransformNode()
    assert preview_count(search) == 0 and search.shift_mm == 100.0


def test_the_check_box_takes_the_preview_away_and_brings_it_back(search):
    assert search.widget.ui.showBestPoseCheckBox.checked
    search.start().tell(1)
    search.widget.ui.showBestPoseCheckBox.click()
    assert search.shift_mm == 0.0 == preview_count(search)
    search.tell(2)
    assert search.shift_mm == 0.0
    search.widget.ui.showBestPoseCheckBox.click()
    assert search.shift_mm == 2.0
    search.end()
    assert search.shift_mm == 5.0 and preview_count(search) == 0


def test_another_module_sees_the_mri_where_it_lies(search):
    search.start().tell(1)
    leave_module(search.widget)
    assert search.shift_mm == 0.0
    enter_module(search.widget)
    assert search.shift_mm == 1.0


def test_a_scene_saved_during_the_search_holds_the_user_s_transform_and_no_preview(search, mine, tmp_path):
    search.start().tell(1)
    scene = search.case.mri.GetScene()
    scene.StartState(scene.SaveState)  # as Slicer's dialog for saving does
    scene.Commit(str(tmp_path / "saved.mrml"))
    scene.EndState(scene.SaveState)
    assert search.shift_mm == 101.0
    saved = (tmp_path / "saved.mrml").read_text()
    assert "Best pose" not in saved
    line = next(line for line in saved.splitlines() if 'name="MRI"' in line)
    assert f"transform:{mine.GetID()}" in line
