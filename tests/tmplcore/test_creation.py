"""What a new variable keeps of its making: how it started, where, and no more objects than it needs."""

import gc
import re
from pathlib import Path

import numpy as np
import pytest

import tmplcore as tmpl
from tmplcore import (
    Variable,
    VariableStore,
    fixed_size_partitioner,
    get_local_variable,
    get_variable,
    initializers,
    reset_default_store,
    variable_creator_scope,
    variable_scope,
)
from tmplcore.errors import BackendError


@pytest.fixture(autouse=True)
def fresh_store():
    reset_default_store()
    yield
    reset_default_store()


def ramp(shape, dtype=None, partition_info=None):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


STARTS = {
    "zeros": {"shape": [2, 3], "initializer": initializers.Zeros()},
    "random": {"shape": [2, 3], "initializer": initializers.RandomNormal()},
    "default": {"shape": [2, 3]},
    "class": {"shape": [2, 3], "initializer": initializers.GlorotNormal},
    "function": {"shape": [2, 3], "initializer": ramp},
    "without a shape": {"initializer": lambda: np.ones((4,), np.int32)},
    "number": {"initializer": 3.0},
    "array": {"initializer": np.arange(6.0)},
    "unchecked": {"shape": [2, 3], "initializer": initializers.RandomUniform(), "validate_shape": False},
    "half": {"shape": [2, 3], "initializer": initializers.RandomNormal(), "dtype": "float16"},
}


@pytest.mark.parametrize("kind", STARTS)
def test_a_variable_can_say_what_it_started_as(kind):
    variable = get_variable("v", **STARTS[kind])
    started = variable.numpy().copy()
    variable.assign(np.zeros_like(started) + 5)
    again = variable.initial_value
    assert again.dtype == started.dtype
    np.testing.assert_array_equal(again, started)


def test_parts_start_as_their_place_in_the_whole_says():
    identity = initializers.Identity()
    whole = get_variable("v", [4, 4], initializer=identity, partitioner=fixed_size_partitioner(2))
    np.testing.assert_array_equal(np.concatenate([part.initial_value for part in whole]), np.eye(4))


def test_the_start_is_that_of_the_seed_which_held_when_it_was_made():
    store = VariableStore(seed=1)
    with store.as_default():
        variable = get_variable("v", [8], initializer=initializers.RandomNormal())
        store.seed = 2
        np.testing.assert_array_equal(variable.initial_value, variable.numpy())


def test_a_creator_that_changes_the_dtype_changes_the_result_of_the_same_call():
    def halved(next_creator, **kwargs):
        return next_creator(**kwargs | {"dtype": "float16"})

    with variable_creator_scope(halved):
        variable = get_variable("v", [8], initializer=initializers.RandomNormal(), dtype="float64")
    assert variable.dtype == "float16"
    np.testing.assert_array_equal(variable.initial_value, variable.numpy())


def test_a_large_constant_is_not_kept_beside_the_value():
    variable = Variable(np.zeros(100_000))
    with pytest.raises(BackendError, match="not kept"):
        _ = variable.initial_value


@pytest.mark.parametrize(
    ("initializer", "objects"),
    [(initializers.Zeros(), 3), (initializers.RandomNormal(), 3), (None, 3), (ramp, 5)],
    ids=["zeros", "random", "default", "function"],
)
def test_a_variable_is_few_objects_for_the_garbage_collector(initializer, objects):
    # Each of its passes goes over all of them: of 100,000 variables that is half the time of their making.
    count = 500
    get_variable("first", [3], initializer=initializer)
    gc.collect()
    before = len(gc.get_objects())
    for number in range(count):
        get_variable(f"v{number}", [3], initializer=initializer)
    gc.collect()
    assert (len(gc.get_objects()) - before) / count < objects + 0.2


def test_options_that_few_variables_have_are_there():
    def clip(value):
        return value

    plain, special = get_variable("a", []), get_variable("b", [], constraint=clip, caching_device="/cpu:0")
    assert (plain.constraint, plain.caching_device) == (None, None)
    assert (special.constraint, special.caching_device) == (clip, "/cpu:0")
    assert (special.synchronization, special.aggregation) == (plain.synchronization, plain.aggregation)


def test_the_origin_is_the_innermost_line_outside_the_package():
    def passing(next_creator, **kwargs):
        return next_creator(**kwargs)  # the creator's line

    def got(getter, name, **kwargs):
        return getter(name, **kwargs)  # the getter's line

    with variable_creator_scope(passing):
        through = get_variable("through", [])
    with variable_scope("s", custom_getter=got):
        held = get_variable("held", [])
    direct = get_variable("direct", [])
    local = get_local_variable("local", [])
    alone = Variable(1.0)
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    places = {
        through: "the creator's line",
        held: "the getter's line",
        direct: 'get_variable("direct"',
        local: 'get_local_variable("local"',
        alone: "Variable(1.0)",
    }
    for variable, text in places.items():
        file, line, function = variable.origin
        assert file == __file__
        assert text in lines[line - 1]
        assert re.match("passing|got|test_", function)


def test_a_creator_that_returns_nothing_is_told_to_return_the_variable() -> None:
    def forgetful(next_creator, **kwargs):
        next_creator(**kwargs)

    with tmpl.VariableStore().as_default(), tmpl.variable_creator_scope(forgetful):
        for make in (lambda: tmpl.get_variable("v", []), lambda: tmpl.Variable(1.0)):
            with pytest.raises(tmpl.errors.NothingCreatedError) as caught:
                make()
            assert "return next_creator" in caught.value.hint


def test_a_creator_that_returns_no_variable_leaves_no_name_behind() -> None:
    store = tmpl.VariableStore()
    with store.as_default():
        with (
            tmpl.variable_creator_scope(lambda next_creator, **kwargs: "text"),
            pytest.raises(tmpl.errors.CreatorError),
        ):
            tmpl.get_variable("v", [])
        assert tmpl.get_variable("v", []).name == "v:0"
