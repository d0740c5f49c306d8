"""Contract suites that a plugin author subclasses, one module each.

The asserts in them explain themselves in an outsider's test run too: pytest is told to rewrite these modules
before they are imported.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tmplcore.testing.backend import BackendContract
    from tmplcore.testing.format import FormatContract
    from tmplcore.testing.getter import GetterContract

__all__ = ["BackendContract", "FormatContract", "GetterContract"]

_MODULES: Final = {
    "BackendContract": "tmplcore.testing.backend",
    "FormatContract": "tmplcore.testing.format",
    "GetterContract": "tmplcore.testing.getter",
}

pytest.register_assert_rewrite(*_MODULES.values())


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
