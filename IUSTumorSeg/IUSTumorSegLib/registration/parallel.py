"""Work spread over the processor's cores in whole portions.

PyTorch's own threads meet at a barrier after every operation. With thousands of small operations, and other programs on
the machine, they mostly wait for one another; portions that run alone from end to end do not.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let each thread that calls PyTorch use one core, until the block ends."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def map_on_cores(work: Callable[[Item], Result], items: Iterable[Item], device: str = "cpu") -> Iterator[Result]:
    """Apply `work` to each of `items` and yield the results in order; on a GPU one after the other."""
    cores = core_count()
    if device != "cpu" or cores == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(cores, initializer=_use_one_core) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def core_count() -> int:
    """How many cores this process may use: what it was given, and no more than `OMP_NUM_THREADS` where that is set.

    A worker beside others is told its share by that variable.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(share)) if share.isdigit() and int(share) else cores


def _use_one_core() -> None:
    import torch

    torch.set_num_threads(1)
