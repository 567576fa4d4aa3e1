"""`iustumorseg benchmark` with all its commands: each file imported here adds its own to `app`."""

from . import benchmark_predict, benchmark_repeatability, benchmark_review, benchmark_slices
from .benchmark import app

__all__ = ["app", "benchmark_predict", "benchmark_repeatability", "benchmark_review", "benchmark_slices"]
