"""Runs every test of this folder in the real application, and ends it with an exit code that says how it went.

Slicer --testing --no-splash --additional-module-paths IUSTumorSeg IUSTumorSegTraining
       --python-script Testing/slicer/run_all.py
"""

import sys
import unittest
from pathlib import Path

import slicer

FOLDER = Path(__file__).resolve().parent if "__file__" in globals() else Path(sys.argv[0]).resolve().parent


def main() -> int:
    """Run the tests; 0 when all pass."""
    sys.path.insert(0, str(FOLDER))
    suite = unittest.TestLoader().discover(str(FOLDER), pattern="test_*.py")
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    return slicer.util.EXIT_SUCCESS if result.wasSuccessful() else slicer.util.EXIT_FAILURE


if __name__ == "__main__":
    slicer.util.exit(main())
