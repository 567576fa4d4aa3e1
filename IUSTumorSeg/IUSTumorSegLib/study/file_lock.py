"""Locks on files, so that two programs take turns; they end with the process, also with one that is killed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a file system answers that knows no locks; there the single appending write is what protects.
NO_LOCKS_HERE = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
FAR_BEHIND_THE_END = 1 << 40  # Windows locks bytes for readers too: one that no file has


class Busy(Exception):
    """Another process holds the lock."""


@contextmanager
def locked_file(path: Path, wait: bool = True) -> Iterator[int]:
    """Hold an exclusive lock on the file `path`, which is made where it is missing; yields its descriptor.

    Raises `Busy` where another process holds it and `wait` is False. On a file system without locks nothing is locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        lock(descriptor, wait)
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int, wait: bool = True) -> None:
    """Lock an open file until it is closed; `Busy` where another holds it and `wait` is False."""
    try:
        _lock_windows(descriptor, wait) if os.name == "nt" else _lock_posix(descriptor, wait)
    except OSError as error:
        if not wait and error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise Busy from error
        if error.errno not in NO_LOCKS_HERE:
            raise


def _lock_posix(descriptor: int, wait: bool) -> None:
    import fcntl

    # Linux passes flock on to an NFS server; unlike lockf, it also keeps two threads of one process apart.
    fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_windows(descriptor: int, wait: bool) -> None:
    import msvcrt

    os.lseek(descriptor, FAR_BEHIND_THE_END, os.SEEK_SET)
    mode = "LK_LOCK" if wait else "LK_NBLCK"
    getattr(msvcrt, "locking")(descriptor, getattr(msvcrt, mode), 1)  # noqa: B009 - these names exist on Windows only
