"""Run one task from a request file: `python -m IUSTumorSegLib.jobs REQUEST.json`.

The request is `{"task": NAME, "arguments": {...}}`. Progress goes to standard output as JSON lines, ending in the stage
`done` or `error`; what libraries print goes to standard error. Exit codes: 0 done, 1 failed, 2 bad input, 130 cancelled.
"""

import json
import os
import sys
import traceback
from pathlib import Path
from typing import TextIO

from ..errors import BadInput, Cancelled, Failed
from .interruption import cancel_on_signals
from .progress import JsonProgress
from .tasks import run_task
from .threads import let_threads_sleep


def main(request: Path) -> int:
    """Run the request and return the exit code; the last line of progress says how it ended."""
    progress = JsonProgress(_take_over_stdout())
    cancel_on_signals()
    let_threads_sleep()
    try:
        content = json.loads(request.read_text(encoding="utf-8"))
        run_task(content["task"], content["arguments"], progress)
    except BadInput as error:
        progress("error", message=str(error))
        return 2
    except (Cancelled, KeyboardInterrupt):
        progress("error", message="Cancelled.")
        return 130
    except Failed as error:
        progress("error", message=str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the border of the process: nothing may end it without a sentence
        traceback.print_exc()
        progress(
            "error", message=f"The task failed: {error}" if str(error) else f"The task failed ({type(error).__name__})."
        )
        return 1
    progress("done")
    return 0


def _take_over_stdout() -> TextIO:
    """Keep standard output for progress alone; prints of libraries, native ones too, go to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return stream


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m IUSTumorSegLib.jobs REQUEST.json")
    sys.exit(main(Path(sys.argv[1])))
