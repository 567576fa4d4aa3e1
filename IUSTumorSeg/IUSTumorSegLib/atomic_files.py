"""Results that appear whole or not at all.

Everything is written under a hidden temporary name beside its destination and renamed when complete, so a killed
process leaves no half-written file under a final name.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import BadInput


def _partial_name(final: Path) -> Path:
    # The suffix stays last, because writers choose the format by it.
    return final.with_name(f".partial-{os.getpid()}-{final.name}")


def _sync(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Yield a temporary path with the same suffix; on success it becomes `final`, on any error it is removed."""
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial_name(final)
    try:
        yield partial
        _sync(partial)
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `final` on success, replacing a folder of that name."""
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial_name(final)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        _swap_in(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _swap_in(partial: Path, final: Path) -> None:
    if not final.exists():
        partial.rename(final)
        return
    outgoing = final.with_name(f".outgoing-{os.getpid()}-{final.name}")
    final.rename(outgoing)
    partial.rename(final)
    shutil.rmtree(outgoing)


def write_text_atomic(path: Path, text: str) -> None:
    """Write UTF-8 text whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json_atomic(path: Path, content: Any) -> None:
    """Write indented JSON, ending in a newline, whole or not at all."""
    write_text_atomic(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def check_output_folder(out: Path) -> None:
    """Raise `BadInput` unless files can be written into `out`; creates nothing.

    A folder that does not exist yet is fine where its nearest existing parent can be written.
    """
    out = Path(out)
    nearest = out
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise BadInput("a folder to write into", f"the file {nearest}", "name another --out")
    if not _can_write(nearest):
        raise BadInput(
            "an output folder that can be written",
            f"{nearest}, which is read-only",
            "name another --out or change its permissions",
        )


def _can_write(folder: Path) -> bool:
    # Asked of the file system itself: permission bits say yes to root and on read-only mounts.
    probe = folder / f".partial-{os.getpid()}-probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
