import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plain_format`, which descriptors name as any plugin would

from tmplcore.plugins import default_registry


@pytest.fixture(autouse=True, scope="module")
def plain():
    """Make the test format known to this process, as an installed plugin would be, for the tests in this folder."""
    import plain_format

    registry = default_registry()
    before = list(registry._registered)
    registry.register(plain_format.Plugin, "plain")
    yield
    registry._registered[:] = before
    registry._manager = None
