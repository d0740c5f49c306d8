"""A store on each backend that getters work on."""

import pytest

import tmplcore
from tests.plugins.tmpl_getters.models import backends


@pytest.fixture(params=backends())
def store(request):
    store = tmplcore.VariableStore(request.param)
    with store.as_default():
        yield store
