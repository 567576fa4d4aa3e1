"""Where the real images are, for tests that need them."""

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("IUS_TEST_DATA", Path(__file__).parents[2] / ".." / "shared" / "data")).resolve()


def real_file(*parts: str) -> Path:
    """The path of a real image or folder; skips the test, with the reason, where it is absent."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the real data {'/'.join(parts)} (set IUS_TEST_DATA)")
    return path
