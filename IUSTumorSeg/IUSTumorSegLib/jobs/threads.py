"""How torch's threads behave on a machine that is shared."""

import os


def let_threads_sleep() -> None:
    """Have torch's threads sleep while they wait for one another; call it before torch is imported.

    By default they spin, which on two cores beside other work made a training step of 0.2 s take from 0.8 to 3 s.
    A setting that the user has made stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
