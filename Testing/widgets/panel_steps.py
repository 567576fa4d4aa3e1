"""What several tests of the panels do."""

import os
from pathlib import Path
from typing import Any


def choose(widget: Any, case: Any, tumor: bool = True) -> None:
    """Choose the case's nodes in the panel's selectors."""
    widget.ui.mriSelector.setCurrentNode(case.mri)
    widget.ui.usSelector.setCurrentNode(case.us)
    widget.ui.mriTumorSelector.setCurrentNode(case.tumor if tumor else None)


def enter_module(widget: Any) -> None:
    """What Slicer does when the user opens the module."""
    widget.parent.isEntered = True
    widget.enter()


def leave_module(widget: Any) -> None:
    """What Slicer does when the user opens another module."""
    widget.parent.isEntered = False
    widget.exit()


def job_folders() -> set[Path]:
    """The folders of the jobs so far."""
    import slicer

    return set(Path(slicer.app.temporaryPath).glob("IUSTumorSeg-*"))


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    stat = Path(f"/proc/{process}/stat")
    if stat.exists():
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
