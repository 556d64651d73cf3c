# SPDX-License-Identifier: Apache-2.0
import pytest

from eschernet_ros.simulation import SimulatedBench


@pytest.fixture(scope="session")
def mug_bench():
    with SimulatedBench("mug") as bench:
        yield bench


@pytest.fixture(scope="session")
def mug_views(mug_bench):
    return mug_bench.viewpoints()


@pytest.fixture(scope="session")
def house_bench():
    with SimulatedBench("toy_house") as bench:
        yield bench


@pytest.fixture(scope="session")
def house_views(house_bench):
    return house_bench.viewpoints(elevations_deg=(20.0, 50.0), azimuth_step_deg=30)
