"""What a disk does when it is full or cannot be written, said in a sentence."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import BadInput, Failed

FULL_BELOW_BYTES = 8 << 20  # less than any result takes: image libraries do not say why they could not write
DISK_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def told_if_not_written(path: Path) -> Iterator[None]:
    """Turn an error of the file system, while `path` is written, into `Failed` with a sentence."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error, Path(path).parent):
            raise Failed(f"The disk that holds {path} is full: free some space and try again.") from error
        raise Failed(f"{path} could not be written: {error.strerror or error}.") from error


def is_disk_full(error: BaseException, folder: Path) -> bool:
    """Whether an error means that the disk of `folder` is full."""
    if isinstance(error, (BadInput, Failed)):
        return False
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return True
    with suppress(OSError):
        return shutil.disk_usage(folder).free < FULL_BELOW_BYTES
    return False
