"""What becomes of memory that a long computation frees and needs again at once."""

import ctypes
import os
import platform

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_ARRAY_BYTES = 2**30
LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next array instead of handing it back to the system.

    glibc gives every array above 32 MB back when it is freed, and a network's feature maps are that large: the system
    hands the same pages out again, zeroed, some hundred thousand times a slice, for a fifth of the processor's time.
    A setting that the user has made stays; other C libraries are left alone.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, LARGEST_ARRAY_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
