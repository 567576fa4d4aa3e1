"""One atlas and one simulated case for all tests of the simulator: they take seconds to make."""

import pytest
from IUSTumorSegLib.demo.simulated_case import SimulatedCase, simulate_small_case
from IUSTumorSegLib.demo.template import Template, load_template


@pytest.fixture(scope="session")
def template() -> Template:
    return load_template()


@pytest.fixture(scope="session")
def case(template: Template) -> SimulatedCase:
    return simulate_small_case(8, template=template)
