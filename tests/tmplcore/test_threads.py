"""Scope state is per thread and per task; variables are made once, however many ask at once."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import tmplcore as tmpl
from tmplcore import initializers

THREADS = 32


def together(function, count: int = THREADS) -> list[object]:
    """Run `function(index)` in threads that start at one moment."""
    barrier = threading.Barrier(count)

    def run(index: int) -> object:
        barrier.wait()
        return function(index)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_one_template_called_first_by_32_threads_at_once() -> None:
    store = tmpl.VariableStore()
    calls = []

    def body() -> tuple[object, ...]:
        calls.append(1)
        with tmpl.variable_scope("inner"):
            return tuple(tmpl.get_variable(f"v{i}", [2]) for i in range(5))

    template = tmpl.make_template("shared", body)

    def call(_index: int) -> object:
        with store.as_default():
            return template()

    for _ in range(3):
        found = together(call)
        assert len(set(found)) == 1
    assert len(store.variables) == 5
    assert len(store.get_collection("variables")) == len(store.get_collection("trainable_variables")) == 5
    assert [variable.name for variable in store.variables] == [f"shared/inner/v{i}:0" for i in range(5)]
    assert len(calls) == 3 * THREADS


def test_templates_that_call_each_other_do_not_deadlock() -> None:
    store = tmpl.VariableStore()
    left = tmpl.make_template("left", lambda: tmpl.get_variable("x", []))
    right = tmpl.make_template("right", lambda: tmpl.get_variable("y", []))
    one = tmpl.make_template("one", lambda: (left(), right()), create_scope_now_=False)
    two = tmpl.make_template("two", lambda: (right(), left()), create_scope_now_=False)

    def call(index: int) -> object:
        with store.as_default(), tmpl.variable_scope("", reuse=tmpl.AUTO_REUSE):
            return sorted(variable.name for variable in (one if index % 2 else two)())

    assert len({tuple(names) for names in together(call)}) == 1
    assert len(store.variables) == 2


def test_find_or_create_by_32_threads_makes_one_variable() -> None:
    store = tmpl.VariableStore()

    def get(_index: int) -> object:
        with store.as_default(), tmpl.variable_scope("s", reuse=tmpl.AUTO_REUSE):
            return tmpl.get_variable("v", [3])

    assert len(set(together(get))) == 1
    assert len(store.variables) == 1


def test_variables_that_are_not_shared_all_get_names_of_their_own() -> None:
    store = tmpl.VariableStore()

    def make(_index: int) -> list[str]:
        with store.as_default():
            return [tmpl.Variable(0.0, name="v").name for _ in range(20)]

    names = [name for made in together(make) for name in made]
    assert len(set(names)) == len(names) == 20 * THREADS


def test_a_failed_first_call_in_one_thread_leaves_the_others_to_make_it() -> None:
    store = tmpl.VariableStore()
    failed = []

    def body() -> object:
        variable = tmpl.get_variable("v", [])
        if not failed:
            failed.append(1)
            raise RuntimeError("the first of all fails")
        return variable

    template = tmpl.make_template("t", body)

    def call(_index: int) -> object:
        with store.as_default():
            try:
                return template()
            except RuntimeError:
                return None

    found = together(call)
    assert found.count(None) == 1
    assert len(set(found) - {None}) == 1
    assert [variable.name for variable in store.variables] == ["t/v:0"]


def test_a_thread_starts_at_the_root() -> None:
    seen = []
    with tmpl.VariableStore().as_default() as store, tmpl.variable_scope("outer", reuse=True) as outer:

        def look() -> None:
            with store.as_default():
                seen.append((tmpl.get_variable_scope().name, tmpl.get_variable_scope().reuse))
                with tmpl.variable_scope(outer) as handed_over:
                    seen.append((handed_over.name, handed_over.reuse))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [("", False), ("outer", True)]


def test_tasks_do_not_see_each_others_scopes_and_count_on_their_own() -> None:
    async def layer(name: str, gate: asyncio.Event) -> list[str]:
        names = []
        with tmpl.variable_scope(name):
            for _ in range(3):
                with tmpl.variable_scope(None, "dense") as scope:
                    names.append(scope.name)
                    await asyncio.sleep(0)
                    assert tmpl.get_variable_scope() is scope
            await gate.wait()
            names.append(tmpl.get_variable_scope().name)
        with tmpl.variable_scope(None, "own") as scope:
            names.append(scope.name)
        return names

    async def main() -> list[list[str]]:
        gate = asyncio.Event()
        with tmpl.variable_scope("model"):
            with tmpl.variable_scope(None, "own"):
                pass
            tasks = [asyncio.create_task(layer(f"l{i}", gate)) for i in range(4)]
            await asyncio.sleep(0.01)
            with tmpl.variable_scope(None, "own") as mine:
                assert mine.name == "model/own_1"  # what the tasks opened, they opened for themselves
            gate.set()
            return await asyncio.gather(*tasks)

    with tmpl.VariableStore().as_default():
        found = asyncio.run(main())
    assert found == [
        [f"model/l{i}/dense", f"model/l{i}/dense_1", f"model/l{i}/dense_2", f"model/l{i}", "model/own_1"]
        for i in range(4)
    ]


def test_a_copied_context_goes_its_own_way() -> None:
    with tmpl.VariableStore().as_default(), tmpl.variable_scope("s"):

        def opened() -> str:
            with tmpl.variable_scope(None, "d") as scope:
                return scope.name

        copy = contextvars.copy_context()
        assert [opened(), opened()] == ["s/d", "s/d_1"]
        assert [copy.run(opened), copy.run(opened)] == ["s/d", "s/d_1"]
        assert opened() == "s/d_2"


def test_leaving_out_of_order_is_refused_and_can_be_mended() -> None:
    with tmpl.VariableStore().as_default():
        outer, inner = tmpl.variable_scope("a"), tmpl.variable_scope("b")
        outer.__enter__()
        scope = inner.__enter__()
        with pytest.raises(tmpl.errors.NestingError, match="Improper nesting"):
            outer.__exit__(None, None, None)
        assert tmpl.get_variable_scope() is scope
        inner.__exit__(None, None, None)
        outer.__exit__(None, None, None)
        assert tmpl.get_variable_scope().name == ""


def test_stores_and_default_store_between_threads() -> None:
    tmpl.reset_default_store()
    try:
        made = tmpl.get_variable("v", [], initializer=initializers.Ones())
        found = together(lambda _index: tmpl.get_default_store(), 4)
        assert set(found) == {made.graph}
    finally:
        tmpl.reset_default_store()
