"""The benchmark of the review times every kind of change, and tells which keep to the goal."""

from io import StringIO

import pytest

pytest.importorskip("slicer", reason="slicer-core is not installed", exc_type=ImportError)

from IUSTumorSegLib.commands.benchmark_review import times_table
from IUSTumorSegLib.scene import review_benchmark
from IUSTumorSegLib.scene.review_benchmark import ChangeTime, benchmark_review, resect_sized_case


@pytest.fixture
def small(monkeypatch, application):
    """Small images, in the application of the tests: there can be only one."""
    from contextlib import nullcontext

    monkeypatch.setattr(review_benchmark, "US_SIZE", (60, 56, 52))
    monkeypatch.setattr(review_benchmark, "US_SPACING_MM", 1.5)
    monkeypatch.setattr(review_benchmark, "MRI_SIZE", (50, 56, 60))
    monkeypatch.setattr(review_benchmark, "MRI_SPACING_MM", 3.0)
    monkeypatch.setattr("IUSTumorSegLib.scene.application.start_application", lambda: nullcontext(application))


@pytest.mark.usefixtures("small", "scene")
def test_every_kind_of_change_is_timed_as_often_as_asked():
    times = benchmark_review(repeats=3, view_px=120)
    assert {"slice, blend", "mode", "flicker", "before or after", "candidate pose"} <= {time.change for time in times}
    assert all(time.count == 3 and 0 < time.median_ms <= time.p95_ms for time in times)


@pytest.mark.usefixtures("small")
def test_the_pair_is_as_large_as_asked_and_has_everything_that_can_be_shown():
    images = resect_sized_case()
    assert images.us.GetSize() == (60, 56, 52) and images.mris[0][1].GetSize() == (50, 56, 60)
    shown = (images.mri_tumor, images.propagated, images.landmarks, images.edges, images.agreement, images.arrows)
    assert None not in shown and len(images.registration.candidates) == 9


def test_the_table_says_which_changes_keep_to_the_goal():
    from rich.console import Console

    console = Console(width=120, record=True, file=StringIO())
    times = [ChangeTime("mode", 10.0, 59.9, 8.0, 30), ChangeTime("slice, blend", 40.0, 60.1, 30.0, 30)]
    console.print(times_table(times, 60.0))
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines() if "│" in line
    ]
    assert rows == [["mode", "10.0", "59.9", "8.0", "60", "yes"], ["slice, blend", "40.0", "60.1", "30.0", "60", "no"]]
