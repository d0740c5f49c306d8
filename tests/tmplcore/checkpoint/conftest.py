import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `plain_format`, which descriptors name as any plugin would

from tmplcore.errors import PluginConflictError
from tmplcore.plugins import default_registry


@pytest.fixture(autouse=True, scope="session")
def plain() -> None:
    """Make the test format known to this process, as an installed plugin would be."""
    import plain_format

    try:
        default_registry().register(plain_format.Plugin, "plain")
    except PluginConflictError:
        pass
