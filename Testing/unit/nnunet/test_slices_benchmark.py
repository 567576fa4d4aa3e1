"""The benchmark of slices, at a size that says nothing of speed."""

from IUSTumorSegLib.commands.benchmark_slices import measures_table
from IUSTumorSegLib.nnunet import slices_benchmark
from IUSTumorSegLib.nnunet.slices_benchmark import Measure, benchmark_slices


def test_writing_preprocessing_and_loading_are_measured_beside_the_plain_way(monkeypatch):
    monkeypatch.setattr(slices_benchmark, "SIDE", 48)
    monkeypatch.setattr(slices_benchmark, "TUMOR_VOXELS", 9)
    monkeypatch.setattr(slices_benchmark, "LOADS", 8)
    measures, equal = benchmark_slices(slices_per_case=6)
    assert equal
    found = {measure.what: measure for measure in measures}
    assert {"raw pairs, .nii.gz", "raw pairs, .nii", "preprocessing", "loading a slice"} <= set(found)
    assert all(measure.ours > 0 and measure.plain and measure.ratio for measure in measures)
    files = found["files of 105000 slices"]
    assert files.ours < 5000 < files.plain == 315_000


def test_a_ratio_says_how_many_times_as_fast_or_as_few():
    assert Measure("writing", "pairs/s", 300.0, 100.0).ratio == 3
    assert Measure("preprocessing", "ms", 5.0, 50.0).ratio == 10
    table = measures_table([Measure("writing", "pairs/s", 300.0, 100.0, "300 or more"), Measure("x", "ms", 5.0, None)])
    assert [list(column.cells) for column in table.columns][2:4] == [["100", "-"], ["3.0 x", "-"]]
