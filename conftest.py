"""What holds for all tests: those in tests/, and the examples in the docstrings of every package."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import tmplcore

# A test on a loaded machine is slow now and then; how fast things are is for benchmarks/ to say.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# A developer's own configuration must not change what a test sees.
for _name in [name for name in os.environ if name.startswith("TMPL")]:
    del os.environ[_name]


@pytest.fixture(autouse=True)
def _examples(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> Iterator[None]:
    """Give each docstring the public names, and a default store in which nothing has been made yet."""
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace.update({name: getattr(tmplcore, name) for name in tmplcore.__all__}, np=np)
        tmplcore.reset_default_store()
        yield
        tmplcore.reset_default_store()
    else:
        yield
