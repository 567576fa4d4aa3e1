"""What all commands share: progress on the terminal or as JSON lines, and exit codes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer

from ..errors import BadInput, Cancelled, Failed
from ..jobs.interruption import cancel_on_signals
from ..jobs.progress import JsonProgress, Progress
from ..jobs.threads import let_threads_sleep

Result = TypeVar("Result")

EXIT_FAILED, EXIT_BAD_INPUT, EXIT_CANCELLED = 1, 2, 130


def run(work: Callable[[Progress], Result], json_progress: bool) -> Result:
    """Run `work` with progress; errors become one sentence on standard error and an exit code."""
    cancel_on_signals()
    let_threads_sleep()
    try:
        with _progress(json_progress) as progress:
            return work(progress)
    except BadInput as error:
        raise _ending(str(error), EXIT_BAD_INPUT) from error
    except Failed as error:
        raise _ending(str(error), EXIT_FAILED) from error
    except OSError as error:  # a full disk, a share that went away: the system's own words say which file
        raise _ending(f"The system refused: {error}.", EXIT_FAILED) from error
    except (Cancelled, KeyboardInterrupt) as error:
        raise _ending("Cancelled.", EXIT_CANCELLED) from error


def numbers(text: str, what: str) -> list[float]:
    """Numbers from a text such as "5,35"; exits with 2 and a sentence for anything else."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        found = BadInput(f"{what} as numbers with commas between them", f"'{text}'", "write, for example, 5,35")
        raise _ending(str(found), EXIT_BAD_INPUT) from error


def names(text: str) -> tuple[str, ...]:
    """Names from a text such as "us,corrected"; none from an empty one."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _ending(sentence: str, code: int) -> typer.Exit:
    print(sentence, file=sys.stderr)
    return typer.Exit(code)


@contextmanager
def _progress(as_json: bool) -> Iterator[Progress]:
    if as_json:
        yield JsonProgress(sys.stdout)
    else:
        with _TerminalProgress() as progress:
            yield progress


class _TerminalProgress:
    """A bar that lives as long as the work; plain lines where standard error is no terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task = self._bar.add_task("Starting", total=None)
        self._last = ""

    def __enter__(self) -> "_TerminalProgress":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.stop()

    def __call__(self, stage: str, done: int = 0, total: int = 0, message: str = "", **more: Any) -> None:
        text = message or stage
        self._bar.update(self._task, description=text, completed=done, total=total or None)
        if not self._console.is_terminal and text != self._last:
            self._console.print(f"[{stage}] {text}", markup=False, highlight=False)
        self._last = text
