"""Contract suites that a plugin author subclasses: `BackendContract` and its kin, one module each.

The asserts in them explain themselves in an outsider's test run too: pytest is told to rewrite these modules
before they are imported.
"""

import pytest

__all__: list[str] = []

pytest.register_assert_rewrite("tmplcore.testing.backend", "tmplcore.testing.format", "tmplcore.testing.getter")
