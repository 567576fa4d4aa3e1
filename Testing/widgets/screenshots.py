"""Draws the README's pictures into Resources/Screenshots: python -m pytest Testing/widgets/screenshots.py

The shipped demo case goes through the modules' own buttons, from "Load the demo case" to the propagated label. The
panels are Qt widgets on the stand-in for Slicer's desktop; the views are Slicer's own slice views, drawn off-screen.
The prediction comes from what `make demo` left in demo-output (or in the folder IUS_DEMO_OUTPUT).
"""

import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from IUSTumorSegLib.atomic_files import atomic_path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "Resources" / "Screenshots"
DEMO_CASE = PROJECT / "IUSTumorSeg" / "Resources" / "DemoCase"
DEMO_OUTPUT = Path(os.environ.get("IUS_DEMO_OUTPUT", PROJECT / "demo-output"))
LONGEST_JOB_S = 280.0
PANEL_PX, TRAINING_PANEL_PX, REVIEW_PANEL_PX = (401, 780), (401, 450), (460, 1080)
PANEL_MARGIN_PX = 8
VIEW_PX = 394
SHOWN_MM = 70.0
FIELD_MM = 8.75
GAP_PX = 8
CAPTION_PX = 30
GREYS = 64


@pytest.mark.usefixtures("real_task", "with_torch")
def test_the_pictures_of_the_readme_are_drawn(
    application: Any,
    open_module: Callable[[str], Any],
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = open_module("IUSTumorSeg")
    panel.ui.loadDemoButton.click()
    steps = [picture_of(panel, PANEL_PX)]
    panel.ui.registerButton.click()
    wait_until(lambda: panel.jobPanel.ui.jobProgressBar.value > 8, LONGEST_JOB_S)
    steps.append(picture_of(panel, PANEL_PX))
    wait_until(lambda: not panel.jobPanel.busy, LONGEST_JOB_S)
    panel.ui.compareButton.click()
    panel.ui.checkerboardButton.click()
    panel.ui.propagateButton.click()
    steps.append(picture_of(panel, PANEL_PX))
    panel.ui.compareButton.click()
    write_picture(row(steps), "panel.png")
    monkeypatch.setenv("HOME", "/home/user")
    write_picture(picture_of(open_module("IUSTumorSegTraining"), TRAINING_PANEL_PX), "training-panel.png")

    rows = drawn_rows(panel, application)
    write_picture(column([rows["start"], rows["registered"]]), "checkerboard.png")
    write_picture(rows["curtain"], "curtain.png")
    write_picture(rows["label"], "propagated-label.png")
    write_picture(overview(rows), "comparison.png")


@pytest.mark.usefixtures("with_torch")
def test_the_picture_of_the_review_panel_is_drawn(
    open_module: Callable[[str], Any],
    wait_until: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "Testing" / "slicer"))
    from review_steps import Review
    from study_steps import demo_study

    panel = open_module("IUSTumorSeg")
    review = Review(panel, demo_study(tmp_path, DEMO_CASE, cases=4), wait_until).open_study()
    review.panel.study.ui.reviewStateComboBox.setCurrentIndex(4)
    review.press("N", "A")
    wait_until(lambda: not review.panel.loader.completing)
    review.press("E", "R")
    review.panel.study.ui.studyPathLineEdit.currentPath = "/data/glioma-study"
    panel.ui.imagesCollapsibleButton.wrapped.hide()
    for step in ("register", "compare", "propagate"):
        getattr(panel.ui, f"{step}CollapsibleButton").wrapped.hide()
    write_picture(without_empty_end(picture_of(panel, REVIEW_PANEL_PX)), "review-panel.png")


def picture_of(panel: Any, size_px: tuple[int, int]) -> np.ndarray:
    """A module's panel as it stands, (h, w, 3) uint8, with what folds folded, as a user finds it."""
    from PySide6 import QtCore, QtWidgets

    fold(panel.jobPanel.ui.jobLogGroupBox)
    if hasattr(panel, "reviewPanel"):
        ui = panel.reviewPanel.ui
        for box in (ui.adjustmentGroupBox, ui.correctionGroupBox, ui.keysGroupBox):
            fold(box)
    QtWidgets.QApplication.processEvents()
    window = panel.parent.widget.wrapped
    window.resize(*size_px)
    QtWidgets.QApplication.processEvents()
    buffer = QtCore.QBuffer()
    window.grab().save(buffer, "PNG")
    return np.asarray(Image.open(BytesIO(buffer.data().data())).convert("RGB"))[:, PANEL_MARGIN_PX:-PANEL_MARGIN_PX]


def without_empty_end(picture: np.ndarray) -> np.ndarray:
    """A picture without the rows of one colour at its lower end."""
    filled = np.flatnonzero(np.ptp(picture.astype(int), axis=1).any(axis=1))
    return picture[: filled[-1] + 1 + GAP_PX]


def fold(box: Any) -> None:
    """Fold a group box that the .ui file folds, which Qt alone does not heed."""
    box.collapsed = False
    box.collapsed = True


def drawn_rows(panel: Any, application: Any) -> dict[str, list[np.ndarray]]:
    """Axial, sagittal and coronal views through the middle of the propagated tumour, before and after registering."""
    from IUSTumorSegLib.scene.cases import find_registration, find_us_label
    from IUSTumorSegLib.scene.comparison import ComparisonSettings
    from IUSTumorSegLib.scene.nodes import matrix_of, set_matrix
    from IUSTumorSegLib.scene.segmentations import middle_ras

    nodes = panel.chosenNodes()
    made = find_us_label(nodes.us, "us_tumor_from_mri")
    truth = label_node(application.scene, nodes.us, DEMO_CASE / "us_tumor_truth.nii.gz", "truth")
    show_whole_tumor(nodes.mri)
    pose = find_registration(nodes.us, nodes.mri)
    registered, centre = matrix_of(pose), middle_ras(made)

    def compared(mode: str) -> list[np.ndarray]:
        settings = ComparisonSettings(mode, field_mm=FIELD_MM)
        return planes(application, nodes.us, centre, nodes.mri_tumor, mri=nodes.mri, comparison=settings)

    set_matrix(pose, np.eye(4))
    start = compared("checkerboard")
    set_matrix(pose, registered)
    return {
        "start": start,
        "registered": compared("checkerboard"),
        "curtain": compared("curtain"),
        "label": planes(application, nodes.us, centre, made, truth),
    }


@pytest.mark.skipif(not DEMO_OUTPUT.is_dir(), reason="needs what make demo leaves in demo-output")
def test_the_prediction_of_the_demo_is_drawn(application: Any, scene: Any) -> None:
    from IUSTumorSegLib.scene.display import show_as_ultrasound
    from IUSTumorSegLib.scene.nodes import load_volume
    from IUSTumorSegLib.scene.segmentations import middle_ras

    held_out = max(DEMO_OUTPUT.glob("simulated-*"))
    us = load_volume(scene, held_out / "us.nii.gz", "Ultrasound")
    show_as_ultrasound(us)
    predicted = label_node(scene, us, held_out / "us_tumor_predicted.nii.gz", "prediction")
    truth = label_node(scene, us, held_out / "us_tumor_truth.nii.gz", "truth")
    write_picture(planes(application, us, middle_ras(truth), predicted, truth), "prediction.png")


def planes(
    application: Any, us: Any, centre: np.ndarray, *outlines: Any, mri: Any = None, comparison: Any = None
) -> list[np.ndarray]:
    """The axial, sagittal and coronal view along the ultrasound's own axes."""
    from IUSTumorSegLib.scene.offscreen import render_planes

    pictures = render_planes(
        application.scene, us, mri, center_ras=centre, fov_mm=SHOWN_MM, size_px=VIEW_PX, comparison=comparison,
        segmentations=outlines, application_logic=application.logic,
    )  # fmt: skip
    return list(pictures.values())


def label_node(scene: Any, us: Any, path: Path, role: str) -> Any:
    """A label file as a segmentation node of that role."""
    from IUSTumorSegLib.images.volumes import read_label
    from IUSTumorSegLib.scene.segmentations import segmentation_from_labelmap

    return segmentation_from_labelmap(scene, read_label(path, "tumour label"), us, role, role)


def show_whole_tumor(mri: Any) -> None:
    """A wider window than the module's: the brightest tissue of a FLAIR is the tumour, and it is small."""
    display = mri.GetDisplayNode()
    display.SetWindowLevelMinMax(display.GetWindowLevelMin(), mri.GetImageData().GetScalarRange()[1])


def overview(rows: dict[str, list[np.ndarray]]) -> np.ndarray:
    """The three steps in the coronal plane, each with its caption."""
    captions = {
        "start": "Simulated ultrasound and MRI, before registration",
        "registered": "The same, registered; MRI label outlined in blue",
        "label": "Tumour carried over (orange), simulated truth (green)",
    }
    return row([captioned(rows[name][2], words) for name, words in captions.items()])


def captioned(picture: np.ndarray, words: str) -> np.ndarray:
    sheet = Image.new("RGB", (picture.shape[1], picture.shape[0] + CAPTION_PX), "white")
    sheet.paste(Image.fromarray(picture), (0, CAPTION_PX))
    ImageDraw.Draw(sheet).text((2, 5), words, fill="black", font=ImageFont.load_default(15))
    return np.asarray(sheet)


def row(pictures: list[np.ndarray]) -> np.ndarray:
    return joined(pictures, axis=1)


def column(rows: list[list[np.ndarray]]) -> np.ndarray:
    return joined([row(pictures) for pictures in rows], axis=0)


def joined(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    """Pictures of one height (or width) with white gaps between them."""
    shape = list(pictures[0].shape)
    shape[axis] = GAP_PX
    gap = np.full(shape, 255, dtype=np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis=axis)


def write_picture(picture: np.ndarray | list[np.ndarray], name: str) -> None:
    """Write a picture, or a row of them, as a PNG; greys come in few steps, which keeps speckle small."""
    pixels = row(picture) if isinstance(picture, list) else picture
    steps = np.round(pixels / 255 * GREYS).astype(int) * 255 // GREYS
    is_grey = np.ptp(pixels.astype(int), axis=2, keepdims=True) == 0
    FOLDER.mkdir(exist_ok=True)
    with atomic_path(FOLDER / name) as partial:
        Image.fromarray(np.where(is_grey, steps, pixels).astype(np.uint8)).save(partial, format="PNG", optimize=True)
