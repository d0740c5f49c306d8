"""The contract of a custom getter as a test suite.

Subclass it, say how the getter is made, and run pytest:

    from tmplcore.testing.getter import GetterContract

    class TestMyGetter(GetterContract):
        plugin = "mine"

        def make(self):
            return MyGetter()

What a getter does is its own affair; the contract is that it does it under TensorFlow's protocol, wherever a getter
can stand: in scopes and templates, between other getters, for every kind of variable, in several stores.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest

import tmplcore
from tmplcore.errors import VariableExistsError, VariableNotFoundError
from tmplcore.initializers import Ones, Zeros
from tmplcore.plugins import default_registry

__all__ = ["GetterContract"]


def passing(next_getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
    """Do nothing, as a getter."""
    return next_getter(name, **kwargs)


def names(store: tmplcore.VariableStore) -> list[str]:
    """Return the names of a store's variables, sorted."""
    return sorted(variable.op.name for variable in store.variables)


class GetterContract:
    """What every getter must do. See the module for how to use it.

    Attributes:
        backend: The backend to try it on.
        plugin: The name under which a configuration finds it; None if it is not published.
        options: A table of options that the configuration may hold.
        wrong_options: One that it must refuse; None if the getter has no options.
    """

    backend: ClassVar[str] = "numpy"
    plugin: ClassVar[str | None] = None
    options: ClassVar[dict[str, Any]] = {}
    wrong_options: ClassVar[dict[str, Any] | None] = None

    @abstractmethod
    def make(self) -> Callable[..., Any]:
        """Make the getter. Each test makes its own."""

    @pytest.fixture
    def store(self) -> Any:
        """A store that is the default one for the test."""
        store = tmplcore.VariableStore(self.backend)
        with store.as_default():
            yield store

    def test_it_answers_in_a_scope(self, store: tmplcore.VariableStore) -> None:
        with tmplcore.variable_scope("scope", custom_getter=self.make()):
            value = tmplcore.get_variable("w", [2, 3])
        assert tuple(value.shape) == (2, 3)
        assert np.isfinite(np.asarray(value, np.float64)).all()

    def test_it_answers_for_every_kind_of_variable(self, store: tmplcore.VariableStore) -> None:
        with tmplcore.variable_scope("scope", custom_getter=self.make()):
            for dtype in ("float16", "float32", "float64", "int32", "int64", "bool"):
                assert tuple(tmplcore.get_variable(dtype, [4], dtype).shape) == (4,)
            assert tuple(tmplcore.get_variable("scalar", [], initializer=Ones()).shape) == ()
            assert tuple(tmplcore.get_variable("empty", [0, 3]).shape) == (0, 3)
            assert tuple(tmplcore.get_variable("constant", initializer=[1.0, 2.0]).shape) == (2,)
            assert tuple(tmplcore.get_variable("still", [2], trainable=False).shape) == (2,)
            assert tuple(tmplcore.get_local_variable("local", [2]).shape) == (2,)
            halves = tmplcore.fixed_size_partitioner(2)
            assert tuple(tmplcore.get_variable("parted", [4, 2], partitioner=halves).shape) == (4, 2)

    def test_what_does_not_train_can_be_assigned(self, store: tmplcore.VariableStore) -> None:
        # Models write to their statistics, so a getter must hand out the variable itself.
        with tmplcore.variable_scope("scope", custom_getter=self.make()):
            mean = tmplcore.get_variable("mean", [2], trainable=False, initializer=Zeros())
        mean.assign([1.0, 2.0])
        assert np.asarray(mean).tolist() == [1.0, 2.0]

    def test_a_template_makes_its_variables_once(self, store: tmplcore.VariableStore) -> None:
        template = tmplcore.make_template(
            "net", lambda: np.asarray(tmplcore.get_variable("w", [3, 2])).shape, custom_getter_=self.make()
        )
        assert template() == (3, 2)
        made = names(store)
        assert made
        assert template() == (3, 2)
        assert names(store) == made

    def test_reuse_is_passed_on(self, store: tmplcore.VariableStore) -> None:
        getter = self.make()
        with tmplcore.variable_scope("scope", custom_getter=getter):
            tmplcore.get_variable("w", [2, 2])
            with pytest.raises(VariableExistsError):
                tmplcore.get_variable("w", [2, 2])
        with tmplcore.variable_scope("scope", reuse=True, custom_getter=getter), pytest.raises(VariableNotFoundError):
            tmplcore.get_variable("other", [2, 2])

    def test_arguments_that_it_does_not_know_are_passed_on(self) -> None:
        # Programs thread keywords of their own through the getters of nested templates.
        seen: dict[str, Any] = {}
        with tmplcore.VariableStore(self.backend).as_default():

            def last(next_getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
                seen.setdefault("private", kwargs.pop("private", None))
                return next_getter(name, **kwargs)

            def first(next_getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
                return next_getter(name, private="here", **kwargs)

            with (
                tmplcore.variable_scope("a", custom_getter=last),
                tmplcore.variable_scope("b", custom_getter=self.make()),
                tmplcore.variable_scope("c", custom_getter=first),
            ):
                tmplcore.get_variable("w", [2, 2])
        assert seen == {"private": "here"}

    def test_it_stands_between_other_getters(self, store: tmplcore.VariableStore) -> None:
        with tmplcore.variable_scope("a", custom_getter=self.make()):
            tmplcore.get_variable("w", [2, 2])
        alone = names(store)
        other = tmplcore.VariableStore(self.backend)
        with (
            other.as_default(),
            tmplcore.variable_scope("", custom_getter=passing),
            tmplcore.variable_scope(tmplcore.get_variable_scope(), custom_getter=self.make()),
            tmplcore.variable_scope(tmplcore.get_variable_scope(), custom_getter=passing),
        ):
            tmplcore.get_variable("a/w", [2, 2])
        assert [name.removeprefix("/") for name in names(other)] == alone

    def test_the_errors_of_others_pass_through(self, store: tmplcore.VariableStore) -> None:
        def failing(next_getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
            raise ZeroDivisionError(name)

        with (
            tmplcore.variable_scope("a", custom_getter=failing),
            tmplcore.variable_scope("b", custom_getter=self.make()),
            pytest.raises(ZeroDivisionError),
        ):
            tmplcore.get_variable("w", [2, 2])
        assert names(store) == []

    def test_one_getter_serves_several_stores(self) -> None:
        getter = self.make()
        made = []
        for _ in range(2):
            store = tmplcore.VariableStore(self.backend)
            with store.as_default(), tmplcore.variable_scope("a", custom_getter=getter):
                tmplcore.get_variable("w", [2, 2])
            made.append(names(store))
            assert all(variable.graph is store for variable in store.variables)
        assert made[0] == made[1]

    def test_a_configuration_finds_it(self, store: tmplcore.VariableStore) -> None:
        if self.plugin is None:
            pytest.skip("the getter is not published under a name")
        plugin = default_registry().getter(self.plugin)
        model = plugin.load_options()
        made: dict[str, Any] = {}
        if model is not None:
            options = model.model_validate(self.options)
            made = {field: getattr(options, field) for field in model.model_fields}
            if self.wrong_options is not None:
                with pytest.raises(ValueError, match="validation error"):
                    model.model_validate(self.wrong_options)
        with tmplcore.variable_scope("scope", custom_getter=plugin.load_factory()(**made)):
            assert tuple(tmplcore.get_variable("w", [2, 2]).shape) == (2, 2)
