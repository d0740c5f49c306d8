"""Templates: sharing, and that a failed first call leaves no trace."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

import tmplcore as tmpl
from tmplcore import initializers
from tmplcore.errors import MissingExtraError, TrainableCreatedError, VariableExistsError, VariableNotFoundError
from tmplcore.plugins import default_registry


@pytest.fixture(params=["numpy", "torch", "jax", "hdf5"])
def store(request: pytest.FixtureRequest, tmp_path) -> Iterator[tmpl.VariableStore]:
    try:
        factory = default_registry().backend(request.param).load_factory()
    except MissingExtraError as error:
        pytest.skip(str(error))
    backend = factory(tmp_path / "working.h5") if request.param == "hdf5" else factory()
    with tmpl.VariableStore(backend).as_default() as store:
        yield store
    backend.close()


@pytest.fixture
def here() -> Iterator[tmpl.VariableStore]:
    with tmpl.VariableStore().as_default() as store:
        yield store


# -- the founding example ----------------------------------------------------------------------------------------------


def my_op(x, scalar_name):
    var = tmpl.get_variable(scalar_name, shape=[], initializer=initializers.Constant(1.0))
    return x * var


def number(value: object) -> float:
    return float(value.detach() if hasattr(value, "detach") else value)


def names(store: tmpl.VariableStore) -> list[str]:
    return [variable.name for variable in store.variables]


def test_two_calls_share_one_variable(store: tmpl.VariableStore) -> None:
    scale_by_y = tmpl.make_template("scale_by_y", my_op, scalar_name="y")
    assert number(scale_by_y(2.0)) == 2.0
    (y,) = scale_by_y.variables
    y.assign(3.0)
    assert number(scale_by_y(2.0)) == 6.0
    assert names(store) == ["scale_by_y/y:0"]


def test_templates_of_one_name_do_not_share(store: tmpl.VariableStore) -> None:
    first = tmpl.make_template("scale_by_y", my_op, scalar_name="y")
    second = tmpl.make_template("scale_by_y", my_op, scalar_name="y")
    first(1.0), second(1.0), first(1.0)
    assert names(store) == ["scale_by_y/y:0", "scale_by_y_1/y:0"]


def test_scopes_captured_at_once(store: tmpl.VariableStore) -> None:
    first = tmpl.make_template("scale_by_y", my_op, create_scope_now_=True, scalar_name="y")
    second = tmpl.make_template("scale_by_y", my_op, create_scope_now_=True, scalar_name="y")
    second(1.0), first(1.0)
    assert [first.variable_scope_name, second.variable_scope_name] == ["scale_by_y/", "scale_by_y_1/"]
    assert names(store) == ["scale_by_y_1/y:0", "scale_by_y/y:0"]


def test_entering_the_captured_scope_again_shares(store: tmpl.VariableStore) -> None:
    with tmpl.variable_scope("scope") as scope:
        first = tmpl.make_template("scale_by_y", my_op, create_scope_now_=True, scalar_name="y")
        first(1.0)
    with tmpl.variable_scope(scope, reuse=True):
        again = tmpl.make_template("scale_by_y", my_op, create_scope_now_=True, scalar_name="y")
    again(1.0)
    assert again.variables == first.variables
    assert names(store) == ["scope/scale_by_y/y:0"]


def test_another_name_in_a_later_call_is_an_error(store: tmpl.VariableStore) -> None:
    template = tmpl.make_template("scale", my_op)
    template(1.0, "y")
    with pytest.raises(ValueError, match="Variable scale/z does not exist") as caught:
        template(1.0, "z")
    assert any("originally defined at" in note and "test_template.py" in note for note in caught.value.__notes__)
    assert "scale/y" in str(caught.value)


def test_a_trainable_variable_in_a_later_call_is_an_error(store: tmpl.VariableStore) -> None:
    trainable = tmpl.make_template("t", lambda: tmpl.Variable(1.0))
    trainable()
    with pytest.raises(ValueError, match="Trainable variable created when calling a template") as caught:
        trainable()
    assert isinstance(caught.value, TrainableCreatedError)
    frozen = tmpl.make_template("f", lambda: tmpl.Variable(1.0, trainable=False))
    frozen(), frozen()


# -- rollback ----------------------------------------------------------------------------------------------------------


def seen(store: tmpl.VariableStore) -> object:
    """Everything that a failed first call could leave behind."""
    return (
        names(store),
        dict(store.by_key),
        list(store.partitioned),
        {key: store.get_collection(key) for key in store.get_all_collection_keys()},
        {place: dict(taken) for place, taken in store.names._directories.items() if taken},
        tmpl.get_variable_scope(),
        store.get_name_scope(),
    )


def test_a_failed_first_call_leaves_no_trace(store: tmpl.VariableStore) -> None:
    kept = tmpl.get_variable("kept", [], initializer=initializers.Ones())
    inner = tmpl.make_template("inner", lambda: tmpl.get_variable("w", [2]))
    fail = True

    def build() -> list[str]:
        made = [tmpl.get_variable("a", [2], regularizer=lambda v: 1.0), tmpl.Variable(1.0, name="raw"), inner()]
        tmpl.get_variable("parts", [4, 2], partitioner=tmpl.fixed_size_partitioner(2))
        tmpl.get_local_variable("count", [], initializer=initializers.Zeros())
        store.add_to_collection("mine", made[0])
        store.get_collection_ref("variables").append("stray")
        store.clear_collection("other")
        with tmpl.variable_scope(None, "dense") as scope:
            made.append(tmpl.get_variable("k", []))
        if fail:
            raise RuntimeError("midway")
        return [scope.name, *(variable.name for variable in made)]

    template = tmpl.make_template("outer", build)
    store.add_to_collection("other", kept)
    before = seen(store)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="midway"):
            template()
        assert seen(store) == before
        assert template.variable_scope is None
        assert inner.variable_scope is None
    fail = False
    assert template() == ["outer/dense", "outer/a:0", "outer/raw:0", "outer/inner/w:0", "outer/dense/k:0"]
    assert template.variable_scope_name == "outer/"
    assert inner.variable_scope_name == "outer/inner/"


def test_an_inner_failure_that_the_outer_call_survives_is_undone_alone(here: tmpl.VariableStore) -> None:
    failing = [True]

    def inner_body() -> object:
        variable = tmpl.get_variable("w", [])
        if failing.pop():
            raise RuntimeError("once")
        return variable

    inner = tmpl.make_template("inner", inner_body)

    def body() -> None:
        tmpl.get_variable("before", [])
        with pytest.raises(RuntimeError, match="once"):
            inner()
        failing.append(False)
        inner()
        tmpl.get_variable("after", [])

    tmpl.make_template("outer", body)()
    assert names(here) == ["outer/before:0", "outer/inner/w:0", "outer/after:0"]


def test_what_was_there_before_survives_a_rollback(here: tmpl.VariableStore) -> None:
    template = tmpl.make_template("t", lambda: tmpl.get_variable("x", []) and tmpl.get_variable("x", []))
    with tmpl.variable_scope("t"):
        mine = tmpl.get_variable("x", [])
    tmpl.make_template("u", lambda: tmpl.get_variable("y", []), unique_name_="t")()
    clashing = tmpl.make_template("u", lambda: tmpl.get_variable("x", []), unique_name_="t")
    with pytest.raises(VariableExistsError) as caught:
        clashing()
    assert "test_template.py:" in str(caught.value)
    assert here.by_key["t/x"] is mine
    assert names(here) == ["t/x:0", "t/y:0"]
    assert template.variable_scope is None


def test_a_failing_regularizer_leaves_nothing(here: tmpl.VariableStore) -> None:
    def broken(_variable: object) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tmpl.get_variable("w", [2], regularizer=broken)
    assert (here.variables, here.get_collection("variables")) == ([], [])
    assert tmpl.get_variable("w", [2]).name == "w:0"


def test_a_part_that_fails_takes_the_others_with_it(here: tmpl.VariableStore) -> None:
    def second_fails(shape, dtype=None, partition_info=None):
        if partition_info.var_offset[0]:
            raise RuntimeError("no second part")
        return np.zeros(shape, "f4")

    partitioner = tmpl.fixed_size_partitioner(2)
    with pytest.raises(RuntimeError):
        tmpl.get_variable("w", [4], initializer=second_fails, partitioner=partitioner)
    assert here.variables == []
    assert [part.name for part in tmpl.get_variable("w", [4], partitioner=partitioner)] == [
        "w/part_0:0",
        "w/part_1:0",
    ]


def test_a_failed_initializer_outside_a_template_spends_the_op_name(here: tmpl.VariableStore) -> None:
    def broken(shape, dtype=None):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tmpl.get_variable("bad", [2], initializer=broken)
    variable = tmpl.get_variable("bad", [2])
    assert (variable.name, variable.key) == ("bad_1:0", "bad")


def test_the_regularizer_runs_once_and_the_loss_is_that_of_the_moment(here: tmpl.VariableStore) -> None:
    calls = []

    def square(variable: object) -> object:
        calls.append(variable)
        return np.sum(np.square(variable))

    variable = tmpl.get_variable("w", [2], initializer=initializers.Ones(), regularizer=square)
    assert calls == [variable]
    (loss,) = here.get_collection("regularization_losses")
    assert float(loss) == float(loss()) == float(np.asarray(loss)) == 2.0
    variable.assign([3.0, 4.0])
    assert float(sum(here.get_collection("regularization_losses"))) == 25.0
    assert loss.name.startswith("w/Regularizer/")


# -- cost in memory ----------------------------------------------------------------------------------------------------


def growth(calls: int, warm: int) -> int:
    """Return the bytes that template calls with three nested scopes add after the first `warm` ones."""

    def body() -> None:
        with tmpl.variable_scope("a"), tmpl.variable_scope("b"), tmpl.variable_scope("c"):
            tmpl.get_variable("v", [])

    with tmpl.VariableStore().as_default():
        template = tmpl.make_template("t", body)
        tracemalloc.start()
        try:
            for _ in range(warm):
                template()
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(calls):
                template()
            gc.collect()
            return tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()


def test_many_calls_do_not_add_memory() -> None:
    assert growth(40_000, warm=10_000) < 1_000_000


@pytest.mark.soak
def test_a_million_calls_do_not_add_memory() -> None:
    assert growth(1_000_000, warm=10_000) < 1_000_000


# -- other values for the same variables -------------------------------------------------------------------------------


def test_a_store_with_other_cells_leaves_the_first_alone(here: tmpl.VariableStore) -> None:
    template = tmpl.make_template("t", lambda x: x * tmpl.get_variable("w", [], initializer=initializers.Ones()))
    template(1.0)
    (w,) = template.variables

    class Cell:
        value = np.float32(5.0)

    with here.with_cells({w: Cell()}).as_default() as other:
        assert float(template(2.0)) == 10.0
        assert [variable.name for variable in template.variables] == ["t/w:0"]
        assert template.variables[0] is not w
        with pytest.raises(VariableNotFoundError), tmpl.variable_scope("t", reuse=True):
            tmpl.get_variable("missing", [])
        tmpl.get_variable("more", [])
        assert len(other.variables) == 2
    assert float(template(2.0)) == 2.0
    assert names(here) == ["t/w:0"]
