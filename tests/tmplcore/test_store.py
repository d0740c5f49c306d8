"""Stores: entered, left, forgotten; and what importing the library costs."""

from __future__ import annotations

import contextvars
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import tmplcore as tmpl
from tmplcore.errors import InvalidTypeError, StoreNestingError


def test_a_store_is_found_as_it_was_left() -> None:
    first, second = tmpl.VariableStore(), tmpl.VariableStore()
    with first.as_default(), tmpl.variable_scope("a"):
        with tmpl.variable_scope(None, "d"):
            pass
        with second.as_default():
            assert tmpl.get_variable_scope().name == ""
            tmpl.get_variable_scope().reuse_variables()
            with first.as_default(), tmpl.variable_scope(None, "d") as scope:
                assert scope.name == "a/d_1"
        assert tmpl.get_variable_scope().name == "a"
    with second.as_default():
        assert tmpl.get_variable_scope().reuse is True


def test_a_store_that_nobody_has_is_forgotten() -> None:
    store = tmpl.VariableStore()
    with store.as_default(), tmpl.variable_scope("s"):
        tmpl.get_variable("v", [2])
    reference = weakref.ref(store)
    del store
    gc.collect()
    assert reference() is None


def test_leaving_stores_out_of_order() -> None:
    def cross() -> None:
        first, second = tmpl.VariableStore().as_default(), tmpl.VariableStore().as_default()
        first.__enter__()
        second.__enter__()
        with pytest.raises(StoreNestingError):
            first.__exit__(None, None, None)
        second.__exit__(None, None, None)

    contextvars.copy_context().run(cross)  # what it leaves entered is left in there


def test_the_default_store_is_not_reset_from_within_another() -> None:
    with tmpl.VariableStore().as_default(), pytest.raises(StoreNestingError, match="nested graphs"):
        tmpl.reset_default_store()


def test_the_backend_is_a_backend_or_the_name_of_one() -> None:
    with pytest.raises(InvalidTypeError):
        tmpl.VariableStore(np)
    assert tmpl.VariableStore("shapes").backend.allocates is False


def test_values_depend_on_seed_and_name_alone() -> None:
    def made(names: list[str], seed: int) -> dict[str, bytes]:
        with tmpl.VariableStore(seed=seed).as_default() as store:
            for name in names:
                tmpl.get_variable(name, [3])
        return {variable.name: variable.numpy().tobytes() for variable in store.variables}

    assert made(["a", "b"], 1) == made(["b", "a"], 1)
    assert made(["a"], 1) != made(["a"], 2)
    code = (
        "import tmplcore as t\n"
        "with t.VariableStore(seed=1).as_default(): print(t.get_variable('a', [3]).numpy().tobytes().hex())"
    )
    other = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert other.stdout.strip() == made(["a"], 1)["a:0"].hex()


def test_what_is_costly_to_import_is_imported_when_it_is_needed() -> None:
    code = (
        "import sys, tmplcore as t; t.get_variable, t.make_template, t.VariableStore, t.variable_scope\n"
        "print([m for m in ('rapidfuzz', 'pydantic', 'h5py', 'torch', 'jax', 'typer', 'rich', 'asyncio') "
        "if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
