"""What holds for all tests: those in tests/, and the examples in the docstrings of every package."""

import importlib.util
import os
import signal
import sysconfig
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import tmplcore
from tmplcore.frame import CURRENT
from tmplcore.store import current_frame

# A test on a loaded machine is slow now and then; how fast things are is for benchmarks/ to say.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# A developer's own configuration must not change what a test sees.
for _name in [name for name in os.environ if name.startswith("TMPL")]:
    del os.environ[_name]


# What a shell starts in the background ignores Ctrl-C, and so does all that it starts: here that is tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# A module whose framework is not installed cannot be imported, and has no examples to run then.
collect_ignore_glob = [
    f"plugins/tmpl_{framework}/*" for framework in ("torch", "jax") if importlib.util.find_spec(framework) is None
]


# What a shell in a test calls `tmplctl` is the one that is tested, whether its environment was activated or not.
os.environ["PATH"] = sysconfig.get_path("scripts") + os.pathsep + os.environ.get("PATH", "")


@pytest.fixture(autouse=True)
def _a_store_of_its_own(request: pytest.FixtureRequest, doctest_namespace: dict[str, Any]) -> Iterator[None]:
    """Give a docstring the public names and a new store; let no test leave a store entered, which others would see."""
    before = current_frame()
    if isinstance(request.node, pytest.DoctestItem):
        doctest_namespace.update({name: getattr(tmplcore, name) for name in tmplcore.__all__}, np=np)
        with tmplcore.VariableStore().as_default():
            yield
    else:
        yield
    left = not current_frame().around.base
    CURRENT.set(before)
    assert not left, "this test left a store entered (store.as_default())"
