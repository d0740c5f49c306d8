"""Saving a store again and again: whatever happened to its variables in between, the file has what they are now."""

from __future__ import annotations

import gc
import itertools
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import tmplcore as tc
from tmplcore import GraphKeys, checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.store import VariableStore

SHAPES = [(), (0,), (1,), (3,), (16,), (64,), (5, 7), (4, 1, 2), (300, 100)]
DTYPES = ["float32", "float64", "int8", "bool", "bfloat16", "complex64"]


def save_and_load(manager: CheckpointManager, step: int, source: object, background: bool) -> dict[str, np.ndarray]:
    if background:
        manager.async_save(step, source)
        for variable in getattr(source, "variables", []):
            variable.assign(np.zeros_like(variable.numpy()))  # does not get into the file
        manager.wait()
    else:
        manager.save(step, source)
    return checkpoint.load(manager.path(step))


class Saves(RuleBasedStateMachine):
    directory: str

    def __init__(self) -> None:
        super().__init__()
        self.store = VariableStore()
        self.variables: list[tc.Variable] = []
        self.steps = itertools.count(1)
        self.manager = CheckpointManager(self.directory, durable=False, prefix=f"p{next(PREFIXES)}")
        self.rng = np.random.default_rng(0)

    def some(self, number: int) -> tc.Variable:
        return self.variables[number % len(self.variables)]

    def fresh(self, variable: tc.Variable) -> np.ndarray:
        return self.rng.integers(0, 100, variable.spec.shape).astype(variable.spec.dtype)

    @rule(
        shape=st.sampled_from(SHAPES), dtype=st.sampled_from(DTYPES), trainable=st.booleans(), count=st.integers(1, 20)
    )
    def create(self, shape: tuple[int, ...], dtype: str, trainable: bool, count: int) -> None:
        with self.store.as_default():
            for _ in range(count):
                name = f"scope{len(self.variables) % 3}/v{len(self.variables)}"
                made = tc.get_variable(name, shape, dtype, initializer=tc.initializers.Zeros(), trainable=trainable)
                self.variables.append(made)

    @rule()
    def fail_to_create(self) -> None:
        def body() -> None:
            tc.get_variable("lost", [64])
            raise ZeroDivisionError

        with self.store.as_default(), pytest.raises(ZeroDivisionError):
            tc.make_template(f"t{next(self.steps)}", body)()

    @precondition(lambda self: self.variables)
    @rule(number=st.integers(0, 999))
    def assign(self, number: int) -> None:
        variable = self.some(number)
        variable.assign(self.fresh(variable))

    @precondition(lambda self: self.variables)
    @rule(number=st.integers(0, 999))
    def update_in_place(self, number: int) -> None:
        variable = self.some(number)
        variable.value[...] = self.fresh(variable)

    @precondition(lambda self: self.variables)
    @rule(number=st.integers(0, 999))
    def update_a_slice(self, number: int) -> None:
        variable = self.some(number)
        variable.write_slice(..., self.fresh(variable))
        variable.assign_add(np.ones(variable.spec.shape, variable.spec.dtype))

    @rule()
    def fail_and_make_as_many(self) -> None:
        """The store has as many variables as if nothing had failed, but others."""
        names = [f"kept{next(self.steps)}", f"lost{next(self.steps)}"]

        def body() -> None:
            tc.get_variable(names[1], [64])
            checkpoint.save(f"{self.directory}/within{next(PREFIXES)}.h5", self.store, durable=False)
            raise ZeroDivisionError

        with self.store.as_default():
            with pytest.raises(ZeroDivisionError):
                tc.make_template(f"t{next(self.steps)}", body)()
            self.variables.append(tc.get_variable(names[0], [64]))

    @precondition(lambda self: self.variables)
    @rule(number=st.integers(0, 999))
    def make_local(self, number: int) -> None:
        self.store.add_to_collection(GraphKeys.LOCAL_VARIABLES, self.some(number))

    @rule(background=st.booleans(), again=st.integers(1, 2))
    def save(self, background: bool, again: int) -> None:
        for _ in range(again):
            local = {id(variable) for variable in self.store.get_collection(GraphKeys.LOCAL_VARIABLES)}
            kept = [variable for variable in self.variables if id(variable) not in local]
            expected = {variable.spec.name: np.array(variable.numpy()) for variable in kept}
            trainable = {variable.spec.name: bool(variable.trainable) for variable in kept}
            step = next(self.steps)
            found = save_and_load(self.manager, step, self.store, background)
            assert list(found) == list(expected)
            for name, value in expected.items():
                assert found[name].shape == value.shape
                assert found[name].dtype == value.dtype
                assert found[name].tobytes() == value.tobytes(), name
            with checkpoint.open(self.manager.path(step)) as reader:
                assert {name: variable.trainable for name, variable in reader.items()} == trainable
                assert not list(reader.verify())
            self.manager.path(step).unlink()

    @invariant()
    def names_are_those_of_the_store(self) -> None:
        assert [v.spec.name for v in self.store.variables] == [v.spec.name for v in self.variables]


PREFIXES = itertools.count()


def test_any_history(tmp_path_factory, monkeypatch):
    monkeypatch.setattr("tmpl_hdf5.native.small._RUN", 128)  # a few variables are as good as thousands
    Saves.directory = str(tmp_path_factory.mktemp("saves"))
    case = Saves.TestCase
    case.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
    case("runTest").runTest()


def test_an_array_that_was_reshaped_in_place_is_saved_whole(tmp_path):
    store = VariableStore()
    with store.as_default():
        made = [tc.get_variable(f"v{n}", [64], initializer=tc.initializers.Ones()) for n in range(100)]
    checkpoint.save(tmp_path / "a.h5", store)
    value = made[50].value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        value.shape = (8, 8)
    value[0, 1] = 5
    checkpoint.save(tmp_path / "b.h5", store)
    assert checkpoint.load(tmp_path / "b.h5")["v50"].reshape(-1).tolist() == [1.0, 5.0, *[1.0] * 62]


def test_a_template_and_its_store_are_saved_in_turn(tmp_path):
    store = VariableStore()
    with store.as_default():
        tc.get_variable("other", [64])
        template = tc.make_template("net", lambda: [tc.get_variable(f"v{n}", [64]) for n in range(10)])
        template()
        for turn in range(3):
            checkpoint.save(tmp_path / f"t{turn}.h5", template)
            checkpoint.save(tmp_path / f"s{turn}.h5", store)
            for variable in store.variables:
                variable.assign_add(1.0)
            assert len(checkpoint.load(tmp_path / f"t{turn}.h5")) == 10
            assert len(checkpoint.load(tmp_path / f"s{turn}.h5")) == 11


def test_neither_the_store_nor_its_values_outlive_their_use(tmp_path):
    store = VariableStore()
    with store.as_default():
        values = [tc.get_variable(f"v{n}", [64]).value for n in range(50)]
    manager = CheckpointManager(tmp_path, durable=False)
    manager.save(1, store)
    manager.async_save(2, store)
    manager.close()
    gone = [weakref.ref(store), weakref.ref(values[0])]
    del store, values
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_other_formats_take_a_store_too(tmp_path):
    store = VariableStore()
    with store.as_default():
        made = tc.get_variable("a/w", [3], initializer=tc.initializers.Constant([1.0, 2.0, 3.0]))
    for ending in (".npz", ".safetensors"):
        checkpoint.save(tmp_path / f"x{ending}", store)
        np.testing.assert_array_equal(checkpoint.load(tmp_path / f"x{ending}")["a/w"], made.value)


def test_what_is_not_finite_is_refused_in_a_store_too(tmp_path):
    store = VariableStore()
    with store.as_default():
        tc.get_variable("w", [3]).assign([1.0, np.nan, 2.0])
    with pytest.raises(tc.errors.TmplError, match="w \\(1\\)"):
        checkpoint.save(tmp_path / "x.h5", store, finite=True)
    with store.as_default():
        tc.get_variable("b", [2])
    checkpoint.save(tmp_path / "x.h5", store, include="b")
    assert list(checkpoint.load(tmp_path / "x.h5")) == ["b"]


def test_what_is_trainable_is_settled(tmp_path):
    store = VariableStore()
    with store.as_default():
        variable = tc.get_variable("w", [3])
    with pytest.raises(AttributeError, match="trainable"):
        variable.trainable = False
    assert variable.trainable is True


def test_threads_may_save_one_store_while_another_makes_variables(tmp_path):
    store = VariableStore()
    with store.as_default():
        for n in range(600):
            tc.get_variable(f"v{n}", [64], initializer=tc.initializers.Ones())
    done = threading.Event()

    def save(number: int) -> int:
        for turn in range(8):
            made = store.variables  # those are in the file at the least
            path = tmp_path / f"{number}_{turn}.h5"
            checkpoint.save(path, store, durable=False)
            assert {variable.spec.name for variable in made} <= checkpoint.load(path).keys()  # every hash holds
        return number

    def make() -> None:
        with store.as_default():
            for n in range(5000):  # not without end: on a busy machine each save takes the longer for what was made
                if done.is_set():
                    break
                tc.get_variable(f"more{n}", [64])

    with ThreadPoolExecutor(4) as pool:
        making = pool.submit(make)
        try:
            assert list(pool.map(save, range(3))) == [0, 1, 2]
        finally:
            done.set()
        making.result()
    checkpoint.save(tmp_path / "last.h5", store)
    assert list(checkpoint.load(tmp_path / "last.h5")) == [variable.spec.name for variable in store.variables]
