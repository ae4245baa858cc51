"""A package whose reference has seen rows, for devices that draw from it."""

import pytest

from edge_contract.package import Package
from edgefleet.simulation.own_cloud import simulated_package


@pytest.fixture(scope="package")
def package() -> Package:
    return simulated_package("simulated", "1.0.0", features=3, seed=7)
