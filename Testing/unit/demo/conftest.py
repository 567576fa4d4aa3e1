"""One atlas and one simulated case for all tests of the simulator: they take seconds to make."""

import sys
from pathlib import Path

import pytest

from IUSTumorSegLib.demo.simulated_case import SimulatedCase, simulate_small_case
from IUSTumorSegLib.demo.template import Template, load_template

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def template() -> Template:
    return load_template()


@pytest.fixture(scope="session")
def case(template: Template) -> SimulatedCase:
    return simulate_small_case(8, template=template)
