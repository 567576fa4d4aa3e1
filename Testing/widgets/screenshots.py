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
from IUSTumorSegLib.images.geometry import transform_points

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("IUS_SCREENSHOTS", PROJECT / "Resources" / "Screenshots"))
DEMO_CASE = PROJECT / "IUSTumorSeg" / "Resources" / "DemoCase"
DEMO_OUTPUT = Path(os.environ.get("IUS_DEMO_OUTPUT", PROJECT / "demo-output"))
LONGEST_JOB_S = 280.0
PANEL_PX, TRAINING_PANEL_PX, REVIEW_PANEL_PX, BOX_PX = (401, 860), (401, 860), (460, 1080), 444
PAIRS, EDITOR_PX = 4, 120
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
    write_picture(training_panel(open_module("IUSTumorSegTraining")), "training-panel.png")

    rows = drawn_rows(panel, application)
    write_picture(column([rows["start"], rows["registered"]]), "checkerboard.png")
    write_picture(rows["curtain"], "curtain.png")
    write_picture(rows["label"], "propagated-label.png")
    write_picture(overview(rows), "comparison.png")


def training_panel(panel: Any) -> list[np.ndarray]:
    """The training module's panel: the first two sections open, then the last two, in pictures of one height."""
    sections = [getattr(panel.ui, f"{name}CollapsibleButton") for name in ("cases", "export", "train", "segment")]
    pictures = []
    for opened in (sections[:2], sections[2:]):
        for section in sections:
            section.collapsed = section not in opened
        pictures.append(without_empty_end(picture_of(panel, TRAINING_PANEL_PX)))
    height = max(len(picture) for picture in pictures)
    return [np.pad(p, ((0, height - len(p)), (0, 0), (0, 0)), mode="edge") for p in pictures]


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


@pytest.mark.usefixtures("with_torch")
def test_the_pictures_of_adjustment_and_correction_are_drawn(
    open_module: Callable[[str], Any],
    wait_until: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(PROJECT / "Testing" / "slicer"))
    from review_steps import Review
    from study_steps import demo_study

    from IUSTumorSegLib.study.propagate_study import propagate_case
    from IUSTumorSegLib.study.study_folder import case_folder

    panel = open_module("IUSTumorSeg")
    study = demo_study(tmp_path, DEMO_CASE, cases=1)
    propagate_case(case_folder(study, "demo-1"))
    review = Review(panel, study, wait_until).open_study()
    review.press("N")
    wait_until(lambda: not review.panel.loader.completing, LONGEST_JOB_S)
    write_picture(adjusting(review, wait_until), "adjustment-panel.png")
    write_picture(correcting(review), "correction-panel.png")


def adjusting(review: Any, wait_until: Callable[..., None]) -> np.ndarray:
    """The panel for adjustment with the demo case's landmarks as pairs, the MRI 2 mm off along one axis."""
    adjustment, _ = review.panel.screen.panels
    adjustment.ui.adjustButton.click()
    wait_until(lambda: "explains" in adjustment.ui.adjustmentLabel.text)
    given = review.panel.screen.case.landmarks
    mri_now = transform_points(adjustment._adjustment.pose, given.mri_ras)
    for us, mri in zip(given.us_ras[:PAIRS], mri_now[:PAIRS], strict=True):
        adjustment._adjustment.pairs.add("us", us)
        adjustment._adjustment.pairs.add("mri", mri)
    adjustment.ui.superiorSlider.value = 2.0
    wait_until(lambda: "at the start" in adjustment.ui.adjustmentLabel.text)
    picture = picture_of_box(review.ui.adjustmentGroupBox)
    adjustment.discard()
    return picture


def correcting(review: Any) -> np.ndarray:
    """The panel for correction with the label that was carried over, drawn on."""
    _, correction = review.panel.screen.panels
    correction.ui.correctButton.click()
    correction._on_drawn()
    correction.ui.segmentEditorPlace.layout().addWidget(stand_in_for_the_editor())
    picture = picture_of_box(review.ui.correctionGroupBox)
    correction.discard()
    return picture


def stand_in_for_the_editor() -> Any:
    """What marks the place of Slicer's Segment Editor, which is drawn by Slicer alone."""
    from PySide6 import QtCore, QtWidgets

    frame = QtWidgets.QLabel("Slicer's Segment Editor with all its effects stands here")
    frame.setAlignment(QtCore.Qt.AlignCenter)
    frame.setFrameShape(QtWidgets.QFrame.Panel)
    frame.setMinimumHeight(EDITOR_PX)
    return frame


def picture_of_box(box: Any) -> np.ndarray:
    """One group box, unfolded, in the width of a panel, (h, w, 3) uint8."""
    from PySide6 import QtCore, QtWidgets

    box.collapsed = False
    widget = box.wrapped
    widget.setParent(None)
    widget.show()
    QtWidgets.QApplication.processEvents()
    widget.resize(BOX_PX, widget.heightForWidth(BOX_PX) if widget.hasHeightForWidth() else widget.sizeHint().height())
    QtWidgets.QApplication.processEvents()
    buffer = QtCore.QBuffer()
    widget.grab().save(buffer, "PNG")
    return np.asarray(Image.open(BytesIO(buffer.data().data())).convert("RGB"))


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
