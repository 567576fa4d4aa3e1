"""Draws the review's pictures into Resources/Screenshots: python -m pytest Testing/scene/review_screenshots.py

The shipped demo case is registered, propagated and shown in each mode by Slicer's own views, off-screen. Another folder
is named by IUS_SCREENSHOTS; a folder with a registration of the demo case, by IUS_DEMO_REGISTRATION.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from IUSTumorSegLib.atomic_files import atomic_path
from IUSTumorSegLib.images.volumes import read_label, read_volume
from IUSTumorSegLib.labels.propagation import propagate_label
from IUSTumorSegLib.registration.landmarks import read_tag
from IUSTumorSegLib.registration.register_files import register_files
from IUSTumorSegLib.registration.registration_files import read_registration

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("IUS_SCREENSHOTS", PROJECT / "Resources" / "Screenshots"))
DEMO_CASE = PROJECT / "IUSTumorSeg" / "Resources" / "DemoCase"
VIEW_PX, GAP_PX, LINE_PX = 360, 6, 20
TUMOR_REACH_MM = 22.0
NO_OVERLAYS: frozenset[str] = frozenset()
FONT = 15


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from IUSTumorSegLib.study.case_images import CaseImages, with_overlays

    folder = os.environ.get("IUS_DEMO_REGISTRATION")
    made = Path(folder) if folder else tmp_path_factory.mktemp("registration")
    if not folder:
        register_files(mri=[DEMO_CASE / "mri_flair.nii.gz"], us=DEMO_CASE / "us.nii.gz", out=made)
    registration = read_registration(made / "registration.json")
    us, tumor = read_volume(DEMO_CASE / "us.nii.gz"), read_label(DEMO_CASE / "mri_tumor.nii.gz")
    return with_overlays(
        CaseImages(
            name="Demo",
            us=us,
            mris=(("FLAIR", read_volume(DEMO_CASE / "mri_flair.nii.gz")),),
            mri_tumor=tumor,
            propagated=propagate_label(tumor, us, registration.mri_to_us_ras),
            us_label=read_label(DEMO_CASE / "us_tumor_truth.nii.gz"),
            registration=registration,
            landmarks=read_tag(DEMO_CASE / "landmarks.tag"),
        )
    )


class Desk:
    """Three views of the ultrasound, three of the MRI and one in 3D, with a review in them."""

    def __init__(self, application: Any, images: Any, stack: ExitStack) -> None:
        from IUSTumorSegLib.scene.layout import MRI_SLICE_VIEW_NAMES, SLICE_VIEW_NAMES
        from IUSTumorSegLib.scene.offscreen import OffscreenSliceView
        from IUSTumorSegLib.scene.offscreen_3d import OffscreenThreeDView
        from IUSTumorSegLib.scene.review import ReviewScene
        from IUSTumorSegLib.scene.review_settings import ReviewPanes
        from IUSTumorSegLib.scene.study_cases import load_case

        scene = application.scene

        def view(name: str) -> Any:
            return stack.enter_context(OffscreenSliceView(scene, VIEW_PX, application.logic, f"Offscreen{name}"))

        self.us, self.mri = [view(name) for name in SLICE_VIEW_NAMES], [view(name) for name in MRI_SLICE_VIEW_NAMES]
        self.three_d = stack.enter_context(OffscreenThreeDView(scene, VIEW_PX, application.logic))
        panes = ReviewPanes([v.pane for v in self.us], [v.pane for v in self.mri], self.three_d.view_node)
        self.review = ReviewScene(scene, panes)
        stack.callback(self.review.close)
        case = load_case(scene, images)
        self.tumor = case.nodes.us_tumor
        self.review.open(case)
        for every in (*self.us, *self.mri):
            every.annotate()

    def show(self, **changes: Any) -> np.ndarray:
        """The row of the ultrasound's views, and below it the MRI's where they are side by side."""
        settings = replace(self.review.settings, **changes)
        self.review.show(settings)
        rows = [self.us, self.mri] if settings.mode == "side by side" else [self.us]
        return column([row([view.grab() for view in views]) for views in rows])


@pytest.fixture
def desk(application: Any, scene: Any, images: Any) -> Iterator[Desk]:
    with ExitStack() as stack:
        yield Desk(application, images, stack)


def test_the_modes_are_drawn(desk: Desk) -> None:
    write(desk.show(mode="blend", overlays=NO_OVERLAYS), "review-blend.png")
    phases = [desk.show(mode="flicker", phase=phase, overlays=NO_OVERLAYS) for phase in ("us", "mri")]
    write(column(phases), "review-flicker.png")
    write(desk.show(mode="checkerboard", field_mm=8.0), "review-checkerboard.png")
    write(desk.show(mode="curtain", curtain=0.5), "review-curtain.png")
    write(desk.show(mode="side by side", overlays=frozenset({"mri_tumor", "propagated"})), "review-side-by-side.png")


@pytest.mark.parametrize(
    ("name", "overlays"),
    [
        ("contours", ("mri_tumor", "propagated", "us_label")),
        ("edges", ("edges",)),
        ("agreement", ("agreement",)),
        ("displacement", ("propagated", "displacement")),
        ("landmarks", ("landmarks",)),
    ],
)
def test_the_overlays_are_drawn(desk: Desk, name: str, overlays: tuple[str, ...]) -> None:
    picture = desk.show(mode="flicker", phase="us", overlays=frozenset(overlays))
    write(with_legend(picture, desk.review.legend()), f"review-{name}.png")


def test_before_and_after_are_drawn(desk: Desk) -> None:
    overlays = frozenset({"edges", "landmarks"})
    after = desk.show(mode="flicker", phase="us", overlays=overlays)
    desk.review.show_pose("initial")
    write(column([desk.show(), after]), "review-before-after.png")


def test_the_3d_view_is_drawn(desk: Desk) -> None:
    from IUSTumorSegLib.scene.segmentations import middle_ras

    desk.show(mode="blend", overlays=frozenset({"mri_tumor", "displacement", "landmarks"}))
    pictures = [desk.three_d.render(toward, (0, 0, 1)) for toward in ((1, 1, -0.8), (0.3, -1, -0.4))]
    pictures.append(desk.three_d.render((0.3, -1, -0.4), (0, 0, 1), middle_ras(desk.tumor), TUMOR_REACH_MM))
    write(with_legend(row(pictures), desk.review.legend()), "review-3d.png")


def with_legend(picture: np.ndarray, legend: list[tuple[tuple[float, float, float], str]]) -> np.ndarray:
    sheet = Image.new("RGB", (picture.shape[1], picture.shape[0] + LINE_PX * len(legend) + 4), "white")
    sheet.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(sheet)
    for line, (color, words) in enumerate(legend):
        top = picture.shape[0] + 4 + line * LINE_PX
        draw.rectangle([4, top + 2, 18, top + 14], fill=tuple(round(255 * c) for c in color), outline="black")
        draw.text((26, top - 1), words, fill="black", font=ImageFont.load_default(FONT))
    return np.asarray(sheet)


def row(pictures: list[np.ndarray]) -> np.ndarray:
    return joined(pictures, axis=1)


def column(pictures: list[np.ndarray]) -> np.ndarray:
    return joined(pictures, axis=0)


def joined(pictures: list[np.ndarray], axis: int) -> np.ndarray:
    shape = list(pictures[0].shape)
    shape[axis] = GAP_PX
    gap = np.full(shape, 255, dtype=np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], axis=axis)


def write(picture: np.ndarray, name: str) -> None:
    with atomic_path(FOLDER / name) as partial:
        Image.fromarray(picture).save(partial, format="PNG", optimize=True)
