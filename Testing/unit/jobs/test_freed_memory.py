"""Memory that is freed and needed again."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[3] / "IUSTumorSeg"
PAGES_OF_64_MB = 2**26 // 4096
COUNT_FAULTS = """
size = 2**26
import resource
from IUSTumorSegLib.jobs.freed_memory import keep_freed_memory
keep_freed_memory()
b"x" * size
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    b"x" * size
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_asked_for(**more: str) -> int:
    """How many pages a process asks the system for while it makes and frees 64 MB three times more."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    ended = subprocess.run([sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True,
                           env=plain | {"PYTHONPATH": str(LIBRARY)} | more)  # fmt: skip
    return int(ended.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_freed_memory_is_used_again_without_asking_the_system():
    assert pages_asked_for() < PAGES_OF_64_MB / 100


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_a_setting_of_the_user_stays():
    assert pages_asked_for(MALLOC_MMAP_THRESHOLD_="1048576") > PAGES_OF_64_MB
