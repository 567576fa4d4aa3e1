"""Draws the README's pictures into Resources/Screenshots: python -m pytest Testing/widgets/screenshots.py

The shipped demo case goes through the modules' own buttons, from "Load the demo case" to the propagated label. The
panels are Qt widgets on the stand-in for Slicer's desktop; the views are Slicer's own slice views, drawn off-screen.
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from IUSTumorSegLib.atomic_files import atomic_path
from IUSTumorSegLib.images.geometry import center_of_mass_ras
from IUSTumorSegLib.scene.cases import CaseNodes, find_us_label
from IUSTumorSegLib.scene.comparison import ComparisonSettings
from IUSTumorSegLib.scene.display import show_as_contour
from IUSTumorSegLib.scene.offscreen import render_planes
from IUSTumorSegLib.scene.segmentations import labelmap_from_segmentation

FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Screenshots"
LONGEST_JOB_S = 280.0
PANEL_PX = 388
VIEW_PX = 394
SHOWN_MM = 70.0
FIELD_MM = 8.75
GAP_PX = 6
COLORS = 128


@pytest.mark.usefixtures("real_task", "with_torch")
def test_the_pictures_of_the_readme_are_drawn(
    application: Any, open_module: Callable[[str], Any], wait_until: Callable[..., None]
) -> None:
    panel = open_module("IUSTumorSeg")
    panel.ui.loadDemoButton.click()
    nodes = panel.chosenNodes()
    centre = center_of_mass_ras(labelmap_from_segmentation(nodes.mri_tumor, nodes.mri))
    del centre
    before = views(application, nodes, CHECKERBOARD)
    steps = [picture_of(panel)]

    panel.ui.registerButton.click()
    wait_until(lambda: panel.jobPanel.ui.jobProgressBar.value > 0, LONGEST_JOB_S)
    steps.append(picture_of(panel))
    wait_until(lambda: not panel.jobPanel.busy, LONGEST_JOB_S)
    panel.ui.compareButton.click()
    panel.ui.checkerboardButton.click()
    panel.ui.propagateButton.click()
    steps.append(picture_of(panel))
