"""Open a hundred cases of RESECT's size in the review and print by how much the memory grows.

python Testing/benchmarks/review_memory.py [--cases 100] [--warm-up 10]
Linux only. The window is the stand-in for Slicer's desktop, the scene and its nodes are the real ones. Goal: less than 5 %
of one case.
"""

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING / "widgets"), str(TESTING.parent / "IUSTumorSeg")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from resect_sized_study import resect_sized_study  # noqa: E402

GOAL_SHARE = 0.05
DIFFERENT_CASES = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--warm-up", type=int, default=10, help="cases before memory counts")
    options = parser.parse_args()
    from IUSTumorSegLib.scene.application import start_application, use_offscreen_window

    use_offscreen_window()
    with tempfile.TemporaryDirectory() as folder, start_application() as application:
        study = resect_sized_study(Path(folder), DIFFERENT_CASES)
        met = _open_and_measure(application, study, options.cases, options.warm_up)
    return 0 if met else 1


def _open_and_measure(application: Any, study: Any, cases: int, warm_up: int) -> bool:
    """Open the cases one after the other and print the memory; whether the goal is met."""
    from module_opening import close_panel, open_panel
    from standin.install import install

    desktop = install(application.logic, application.scene)
    module = open_panel("IUSTumorSeg")
    panel = module.reviewPanel
    panel.study.ui.studyPathLineEdit.currentPath = str(study.folder)
    panel.study.ui.openStudyButton.click()
    _wait(desktop, lambda: panel.session is not None)
    used: list[tuple[float, float]] = []
    for number in range(cases):
        panel.study.ui.studyTable.cellDoubleClicked(number % DIFFERENT_CASES, 0)
        _wait(desktop, lambda: not panel.loader.busy and not panel.loader.completing and panel.loader.is_ahead)
        assert panel.screen.case is not None, panel.ui.reviewMessageLabel.text
        used.append(_memory_mb())
        if number % 10 == 9:
            nodes = application.scene.GetNumberOfNodes()
            print(
                "{:>4} cases  {:8.1f} MB resident  {:8.1f} MB in use".format(number + 1, *used[-1]), f" {nodes} nodes"
            )
    case_mb = _case_mb(panel.screen.case)
    resident, in_use = zip(*used[warm_up:], strict=True)
    _print_growth("resident", resident, case_mb)
    met = _print_growth("in use", in_use, case_mb)
    close_panel(module)
    return met


def _print_growth(what: str, used_mb: Sequence[float], case_mb: float) -> bool:
    """The middle of the first and of the last ten compared, since single readings differ."""
    begin, end = (sorted(part)[len(part) // 2] for part in (used_mb[:10], used_mb[-10:]))
    share = (end - begin) / case_mb
    print(f"{what}: one case {case_mb:.1f} MB; grown by {end - begin:+.1f} MB over {len(used_mb) - 10} cases, "
          f"{100 * share:+.1f} % of one case (goal: less than {100 * GOAL_SHARE:.0f} %); single readings from "
          f"{min(used_mb):.1f} to {max(used_mb):.1f} MB")  # fmt: skip
    return share < GOAL_SHARE


def _case_mb(case: Any) -> float:
    """What the images of a case take in the scene."""
    volumes = [case.nodes.us, *case.mris.values()]
    return sum(volume.GetImageData().GetActualMemorySize() for volume in volumes) / 1024


def _memory_mb() -> tuple[float, float]:
    """What the process has resident, and what of its C library's memory is in use: freed memory is kept for a while."""
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    c_library = ctypes.CDLL(None)
    c_library.mallinfo2.restype = _MallInfo
    found = c_library.mallinfo2()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024, (found.uordblks + found.hblkhd) / 1024**2


class _MallInfo(ctypes.Structure):
    """`struct mallinfo2` of the GNU C library."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def _wait(desktop: Any, condition: Any, seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        desktop.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    sys.exit(main())
