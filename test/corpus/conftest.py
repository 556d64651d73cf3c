# SPDX-License-Identifier: Apache-2.0
import pytest

from eschernet_ros.corpus.renderer import ViewRenderer
from eschernet_ros.optional import MissingDependencyError
from eschernet_ros.simulation.graphics import GraphicsError


@pytest.fixture(scope="session")
def renderer():
    try:
        drawn_by = ViewRenderer(96, 6)
    except (GraphicsError, MissingDependencyError) as error:
        pytest.skip(f"the corpus cannot be drawn here: {error}")
    yield drawn_by
    drawn_by.close()
