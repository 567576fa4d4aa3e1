"""One MRML application for the whole test process: slicer-core takes no second one."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def application() -> Iterator[Any]:
    """The application logic and scene of slicer-core, started on first use."""
    from IUSTumorSegLib.scene.application import start_application, use_offscreen_window

    use_offscreen_window()
    with start_application() as started:
        yield started


@pytest.fixture
def scene(application: Any) -> Iterator[Any]:
    """The application's scene, empty."""
    application.scene.Clear(0)
    yield application.scene
    application.scene.Clear(0)
