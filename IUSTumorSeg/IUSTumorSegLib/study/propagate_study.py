"""The command `study propagate`: the MRI tumour of every registered case, carried over to its ultrasound."""

import json
from pathlib import Path

from ..atomic_files import write_json_atomic
from ..errors import Failed
from ..jobs.progress import Progress, silent
from .case import CASE_FILE, read_case
from .case_state import DISPLACEMENT_FILE, PROPAGATED_FILE, PROVENANCE_FILE, CaseState, read_state
from .cluster import Where, check_where
from .register_study import REGISTRATION_FILE, chosen_cases
from .reviews import registration_sha256
from .run import RunResult, Task, alone, remove_leftovers, run_cases
from .study_folder import case_folder, check_files, check_writable, located, open_study

NOT_REGISTERED, NO_TUMOR = "not registered", "no tumour label on its MRI"
REJECTED_BY_PEOPLE, REJECTED = "rejected by a reviewer", "rejected by the registration's own verdict"
UP_TO_DATE = "propagated already"


def propagate_study(
    *,
    study: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    slurm: Path | None = None,
    only: list[str] | None = None,
    redo: bool = False,
    task: Task | None = None,
    progress: Progress = silent,
) -> RunResult:
    """Propagate the tumour of every registered case that is not rejected and has no label of this registration yet.

    The arguments are those of `register_study`. `left` of the result says of every other case why it was left.
    """
    where = Where(workers, scheduler, slurm)
    check_where(where)
    opened = open_study(study)
    check_writable(opened)
    names = chosen_cases(opened, only)
    with alone(opened):
        remove_leftovers(opened, names)
        reasons = {name: reason_to_leave(read_state(case_folder(opened, name)), redo) for name in names}
        wanted = [name for name, reason in reasons.items() if not reason]
        done, failed = run_cases(opened, wanted, task or propagate_case, "propagate", where, progress)
    return RunResult(done, failed, {name: reason for name, reason in reasons.items() if reason})


def propagate_case(folder: Path) -> None:
    """Propagate the tumour of one case, and note last which registration it was: without the note it does not count."""
    from ..labels.propagate_files import DISPLACEMENT, beside, propagate_files

    case = read_case(folder)
    tumor, registration = case.mri_tumor, registration_sha256(folder)
    assert tumor is not None  # `reason_to_leave` has seen to it
    check_files(folder, case, [tumor, case.us])
    for name in (PROVENANCE_FILE, DISPLACEMENT_FILE):
        (folder / name).unlink(missing_ok=True)
    out = folder / PROPAGATED_FILE
    propagate_files(
        registration=folder / REGISTRATION_FILE, label=located(folder, tumor), us=located(folder, case.us), out=out
    )
    displacement = beside(out, DISPLACEMENT)
    if displacement.exists():
        displacement.replace(folder / DISPLACEMENT_FILE)
    provenance = {"registration_sha256": registration, "label_sha256": tumor.sha256}
    write_json_atomic(folder / PROVENANCE_FILE, provenance)


def propagate_again(folder: Path) -> bool:
    """Propagate the tumour of a case to which a person gave another pose; False where none is drawn on its MRI.

    Raises `Failed` with a sentence that names the case; a label of the earlier pose then counts as out of date.
    """
    folder = Path(folder)
    try:
        if not (folder / CASE_FILE).is_file() or read_case(folder).mri_tumor is None:
            return False
        propagate_case(folder)
    except (OSError, RuntimeError, ValueError) as error:  # our own, and what image libraries say of a full disk
        raise Failed(f"The MRI's tumour label of {folder.name} could not be carried over: {error}") from error
    return True


def reason_to_leave(state: CaseState, redo: bool = False) -> str:
    """Why a case is not propagated, or nothing. A person's acceptance outweighs the registration's own verdict."""
    if not state.registered:
        return state.failed or NOT_REGISTERED
    if state.review == "rejected":
        return REJECTED_BY_PEOPLE
    if state.verdict == "reject" and state.review != "accepted":
        return REJECTED
    tumor = read_case(state.folder).mri_tumor
    if tumor is None:
        return NO_TUMOR
    return UP_TO_DATE if not redo and _is_propagated(state, tumor.sha256) else ""


def _is_propagated(state: CaseState, label_sha256: str) -> bool:
    try:
        content = json.loads((state.folder / PROVENANCE_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    wanted = {"registration_sha256": state.registration_sha256, "label_sha256": label_sha256}
    return content == wanted and (state.folder / PROPAGATED_FILE).is_file()
