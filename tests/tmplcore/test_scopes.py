"""Whatever fails, and wherever: the scope stack is afterwards as it was."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tmplcore as tmpl
from tmplcore import initializers
from tmplcore.errors import GraphMismatchError, InvalidArgumentError, InvalidNameError, InvalidTypeError


class Boom(BaseException):
    """An exception that nothing in the library could mistake for its own."""


def boom(*_args: object, **_kwargs: object) -> None:
    raise Boom


def passing(getter, *args: object, **kwargs: object) -> object:
    return getter(*args, **kwargs)


def failing_getter(getter, *args: object, **kwargs: object) -> object:
    with tmpl.name_scope("inside"), tmpl.variable_scope("elsewhere"):
        getter(*args, **kwargs)
        raise Boom


LEAVES = st.sampled_from(
    [
        lambda: boom(),
        lambda: tmpl.get_variable("x", [2]),
        lambda: tmpl.get_variable("missing", [2], initializer=boom),
        lambda: tmpl.get_variable("r", [2], regularizer=boom),
        lambda: tmpl.get_variable("g", [2], custom_getter=failing_getter),
        lambda: tmpl.get_variable("c", [2], custom_getter=3),
        lambda: tmpl.get_variable("p", [4, 2], partitioner=boom),
        lambda: tmpl.get_variable("p", [4, 2], partitioner=lambda **_: [2, 2]),
        lambda: tmpl.get_variable("two words", [2]),
        lambda: tmpl.get_variable(None, [2]),
        lambda: tmpl.Variable(None),
        lambda: tmpl.Variable(boom),
        lambda: tmpl.Variable(1.0),
        lambda: tmpl.make_template("t", boom)(),
        lambda: tmpl.make_template("t", boom, create_scope_now_=True)(),
        lambda: tmpl.make_template("t", lambda: tmpl.get_variable("w", []))(),
        lambda: tmpl.variable_scope("two words").__enter__(),
        lambda: tmpl.variable_scope(None, "d", reuse=True).__enter__(),
        lambda: tmpl.variable_scope(3).__enter__(),
        lambda: tmpl.name_scope("two words").__enter__(),
        lambda: tmpl.name_scope(3).__enter__(),
    ]
)
MANAGERS = st.sampled_from(
    [
        lambda: tmpl.variable_scope("a"),
        lambda: tmpl.variable_scope("a", reuse=tmpl.AUTO_REUSE),
        lambda: tmpl.variable_scope("a/b", reuse=True),
        lambda: tmpl.variable_scope(""),
        lambda: tmpl.variable_scope(None, "d"),
        lambda: tmpl.variable_scope(tmpl.VariableScope(reuse=False, name="far/away")),
        lambda: tmpl.variable_scope("g", custom_getter=passing),
        lambda: tmpl.variable_scope("q", auxiliary_name_scope=False),
        lambda: tmpl.name_scope("n"),
        lambda: tmpl.name_scope(None),
        lambda: tmpl.variable_creator_scope(lambda next_creator, **kwargs: next_creator(**kwargs)),
        lambda: tmpl.VariableStore().as_default(),
    ]
)
BLOCKS = st.recursive(
    LEAVES, lambda inner: st.tuples(MANAGERS, st.booleans(), st.lists(inner, max_size=3)), max_leaves=12
)


def where() -> tuple[object, ...]:
    store = tmpl.get_default_store()
    return store, tmpl.get_variable_scope(), store.get_name_scope(), _frame()


def _frame() -> tuple[object, ...]:
    from tmplcore.store import current_frame

    frame = current_frame()
    return frame.around.creators, frame.around.journal, frame.around.base


def run(block: object) -> None:
    before = where()
    try:
        if not isinstance(block, tuple):
            block()
            return
        manager, template, inner = block

        def body() -> None:
            with manager():
                for part in inner:
                    run(part)

        (tmpl.make_template("u", body) if template else body)()
    finally:
        assert where() == before


@given(st.lists(BLOCKS, max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_stack_is_as_it_was_whatever_fails(blocks: list[object]) -> None:
    with tmpl.VariableStore().as_default():
        for block in blocks:
            with contextlib.suppress(Exception, Boom):
                run(block)


def test_what_is_refused_on_construction_and_what_on_entering() -> None:
    with tmpl.VariableStore().as_default():
        for error, arguments in [
            (InvalidTypeError, {"name_or_scope": None}),
            (InvalidArgumentError, {"name_or_scope": "a", "reuse": 1}),
            (InvalidTypeError, {"name_or_scope": "a", "auxiliary_name_scope": 1}),
            (InvalidTypeError, {"name_or_scope": "a", "values": 3}),
        ]:
            with pytest.raises(error):
                tmpl.variable_scope(**arguments)
        with pytest.raises(InvalidNameError), tmpl.variable_scope("two words"):
            pass
        with pytest.raises(InvalidTypeError), tmpl.variable_scope(7):
            pass
        with pytest.raises(TypeError, match="not callable"):
            tmpl.variable_scope("a")(lambda: None)


def test_values_switch_the_store() -> None:
    first, second = tmpl.VariableStore(), tmpl.VariableStore()
    with first.as_default():
        a = tmpl.Variable(1.0)
    with second.as_default():
        b = tmpl.Variable(1.0)
        with tmpl.variable_scope("s", values=[a]):
            assert tmpl.get_default_store() is first
            tmpl.get_variable("w", [])
        assert tmpl.get_default_store() is second
        with (
            pytest.raises(GraphMismatchError, match="must be from the same graph"),
            tmpl.variable_scope("s", values=[a, b]),
        ):
            pass
        assert tmpl.get_default_store() is second
    assert "s/w" in first.by_key


def test_the_caller_s_list_is_not_extended() -> None:
    with tmpl.VariableStore().as_default() as store:
        mine = ["y"]
        local = tmpl.get_local_variable("l", [], initializer=initializers.Zeros(), collections=mine)
        assert mine == ["y"]
        assert store.get_collection("y") == store.get_collection("local_variables") == [local]


def test_scope_listings_take_the_name_literally() -> None:
    with tmpl.VariableStore().as_default():
        with tmpl.variable_scope("a.b") as scope:
            wanted = tmpl.get_variable("v", [])
        with tmpl.variable_scope("aXb"):
            tmpl.get_variable("v", [])
        assert scope.global_variables() == scope.trainable_variables() == [wanted]


@pytest.mark.parametrize("make", [lambda: tmpl.variable_scope("a"), lambda: tmpl.name_scope("a")])
def test_a_scope_that_was_never_entered_is_not_left(make) -> None:
    with tmpl.VariableStore().as_default():
        before = tmpl.get_variable_scope()
        with pytest.raises(tmpl.errors.NotEnteredError, match="never entered") as caught:
            make().__exit__(None, None, None)
        assert "with" in caught.value.hint
        assert tmpl.get_variable_scope() is before


def test_a_variable_without_a_name_is_the_roots() -> None:
    with tmpl.VariableStore().as_default():
        variable = tmpl.get_variable(None, [2])
        assert variable.name == "Variable:0"
        with tmpl.variable_scope("", reuse=True):
            assert tmpl.get_variable(None, [2]) is variable
            with pytest.raises(tmpl.errors.VariableNotFoundError):
                tmpl.get_variable("None", [2])
        with tmpl.variable_scope("s"), pytest.raises(tmpl.errors.InvalidTypeError, match="must be a string"):
            tmpl.get_variable(None, [2])
