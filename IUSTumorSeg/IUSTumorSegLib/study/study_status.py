"""The commands `study status` and `study export-table`: how a study stands, also where nothing in it can be written."""

from pathlib import Path

from ..atomic_files import check_output_folder
from ..jobs.progress import Progress, silent
from .case_state import CaseState, read_states
from .disk import told_if_not_written
from .status_page import write_status_page
from .study_folder import open_study
from .tables import write_review_table, write_state_table


def study_status(
    *, study: Path, csv: Path | None = None, html: Path | None = None, progress: Progress = silent
) -> list[CaseState]:
    """The states of all cases; also written as a table to `csv` and as a page with thumbnails to `html` where given."""
    opened = open_study(study)
    for out in filter(None, (csv, html)):
        check_output_folder(Path(out).parent)
    progress("read", 0, 1, "Reading the cases")
    states = read_states(opened)
    if csv:
        with told_if_not_written(csv):
            write_state_table(states, csv)
    if html:
        with told_if_not_written(html):
            write_status_page(opened, states, html, progress)
    return states


def export_review_table(*, study: Path, out: Path, progress: Progress = silent) -> int:
    """Write the verdicts of all cases to `out`, one row for each case and reviewer; returns the number of cases."""
    opened = open_study(study)
    check_output_folder(Path(out).parent)
    progress("read", 0, 1, "Reading the verdicts")
    states = read_states(opened)
    with told_if_not_written(out):
        write_review_table(states, out)
    return len(states)
