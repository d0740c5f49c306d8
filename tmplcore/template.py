"""Templates: functions whose variables appear on the first call and are shared by all later ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, final

from tmplcore.collections import GraphKeys
from tmplcore.errors import InvalidArgumentError, TrainableCreatedError
from tmplcore.frame import CURRENT
from tmplcore.journal import Journal
from tmplcore.modes import AUTO_REUSE
from tmplcore.origin import caller, describe, located
from tmplcore.scope import VariableScope
from tmplcore.scoping import jumped, leave, variable_scope
from tmplcore.store import current_frame

__all__ = ["Template", "make_template"]

_get: Final = CURRENT.get
_set: Final = CURRENT.set


@final
class Template:
    """A function in a variable scope of its own. Made by `make_template`; see there.

    A first call that fails is undone: the variables, collections, names and numbers are as they were, and the next call
    is a first call again. Concurrent first calls wait for each other.
    """

    def __init__(
        self,
        name: str | None,
        func: Callable[..., Any],
        create_scope_now: bool = False,
        unique_name: str | None = None,
        custom_getter: Any = None,
    ) -> None:
        if name is None:
            raise InvalidArgumentError("name cannot be None.", hint='make_template("layer", layer)')
        self._name = name
        self._func = func
        self._unique_name = unique_name
        self._custom_getter = custom_getter
        self._origin = caller()
        self._called = False
        self._calling: int | None = None
        self._scope: VariableScope | None = None
        self._captured_now = create_scope_now
        if create_scope_now:
            with variable_scope(
                unique_name or None, name, custom_getter=custom_getter, auxiliary_name_scope=False
            ) as scope:
                pass
            # TensorFlow loses the parent's dtype here, and takes the numbered name for the name scope.
            scope.set_dtype(VariableScope(reuse=False).dtype)
            scope._original = scope.name.removeprefix(current_frame().scope._prefix)
            self._scope = scope

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function in the template's scope, and return what it returns.

        Raises:
            TrainableCreatedError: A later call made a trainable variable.
            VariableNotFoundError: A later call asked for a variable that the first did not make.
        """
        try:
            if not self._called:
                with current_frame().store.lock:
                    if not self._called:  # nor was it while this call waited
                        return self._call_early(args, kwargs)
            try:
                frame = _get()
            except LookupError:
                frame = current_frame()
            store = frame.store
            trainables = store.collections.trainables()
            before = trainables.frozen
            scope: Any = self._scope  # there is one, as it was called
            inner = jumped(frame, scope, AUTO_REUSE if store.find_or_create else True, None, auxiliary=True)
            _set(inner)
            try:
                result = self._func(*args, **kwargs)
            finally:
                if _get() is inner and (outer := inner.outer) is not None:  # the usual case
                    _set(outer)
                else:
                    leave(inner, jump=True)
                if inner.ops._key is not None:
                    inner.left()
            if trainables.frozen is not before and not store.find_or_create:
                _refuse_new(trainables.frozen, before)
            return result
        except Exception as error:
            error.add_note(f"originally defined at:\n  {describe(located(self._origin))}, template {self._name!r}")
            raise

    def _call_early(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make the first call, or one that the first call itself makes."""
        if self._calling == threading.get_ident():
            assert self._scope is not None
            with variable_scope(self._scope, reuse=True):
                return self._func(*args, **kwargs)
        return self._call_first(args, kwargs)

    def _call_first(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = current_frame()
        journal = Journal()
        _set(before.with_journal(journal))
        self._calling = threading.get_ident()
        try:
            if self._scope is None:
                with variable_scope(self._unique_name, self._name, custom_getter=self._custom_getter) as scope:
                    self._scope = scope
                    result = self._func(*args, **kwargs)
            else:
                with variable_scope(self._scope):
                    result = self._func(*args, **kwargs)
        except BaseException:
            _set(before)
            journal.append(self._forget)
            journal.rollback()
            raise
        finally:
            self._calling = None
        self._called = True
        _set(current_frame().with_journal(before.around.journal))
        if before.around.journal is not None:
            journal.append(self._forget)
            before.around.journal.extend(journal)
        return result

    def _forget(self) -> None:
        self._called = False
        if not self._captured_now:
            self._scope = None

    @property
    def name(self) -> str:
        """The name as it was passed, not numbered."""
        return self._name

    @property
    def func(self) -> Callable[..., Any]:
        """The function; a `functools.partial` if keywords were bound."""
        return self._func

    @property
    def variable_scope(self) -> VariableScope | None:
        """The scope that the template captured; None before the first call (unless `create_scope_now_`)."""
        return self._scope

    @property
    def var_scope(self) -> VariableScope | None:
        """The same as `variable_scope`."""
        return self._scope

    @property
    def variable_scope_name(self) -> str | None:
        """The captured scope's name with a trailing slash; None before there is one."""
        if self._scope is None:
            return None
        return self._scope.name if self._scope.name.endswith("/") else self._scope._prefix

    @property
    def global_variables(self) -> list[Any]:
        """The global variables of the current store whose names are below the template's scope."""
        return self._below(GraphKeys.GLOBAL_VARIABLES)

    @property
    def local_variables(self) -> list[Any]:
        """The local variables below the template's scope."""
        return self._below(GraphKeys.LOCAL_VARIABLES)

    @property
    def trainable_variables(self) -> list[Any]:
        """The trainable variables below the template's scope."""
        return self._below(GraphKeys.TRAINABLE_VARIABLES)

    @property
    def trainable_weights(self) -> list[Any]:
        """The same as `trainable_variables`."""
        return self.trainable_variables

    @property
    def variables(self) -> list[Any]:
        """The global variables, then the local ones."""
        return self.global_variables + self.local_variables

    @property
    def weights(self) -> list[Any]:
        """The same as `variables`."""
        return self.variables

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The global variables that are not trainable."""
        trainable = set(self.trainable_variables)
        return [variable for variable in self.global_variables if variable not in trainable]

    @property
    def non_trainable_weights(self) -> list[Any]:
        """The same as `non_trainable_variables`."""
        return self.non_trainable_variables

    def _below(self, key: str) -> list[Any]:
        prefix = self.variable_scope_name
        if prefix is None or not self._called:  # TensorFlow's are empty until a first call has returned
            return []
        return current_frame().store.collections.below(key, prefix)

    def __repr__(self) -> str:
        scope = "not called yet" if self._scope is None else f"scope {self._scope.name!r}"
        return f"<Template {self._name!r} {scope}>"


def _refuse_new(trainables: tuple[Any, ...], before: tuple[Any, ...]) -> None:
    """Refuse trainable variables that were not there before.

    Raises:
        TrainableCreatedError: There are some.
    """
    known = set(before)
    if new := [variable for variable in trainables if variable not in known]:
        raise TrainableCreatedError(
            "Trainable variable created when calling a template after the first time, perhaps you used tf.Variable "
            f"when you meant tf.get_variable: {[getattr(variable, 'name', variable) for variable in new]}",
            hint="use get_variable, or make it in the first call",
        )


def make_template(
    name_: str,
    func_: Callable[..., Any],
    create_scope_now_: bool = False,
    unique_name_: str | None = None,
    custom_getter_: Any = None,
    **kwargs: Any,
) -> Template:
    """Make a function's variables its own: created by its first call, shared by all the others.

    Args:
        name_: The scope's name, which is numbered if scopes of that name were opened.
        func_: The function. It gets its variables from `get_variable`.
        create_scope_now_: Capture the scope here; by default the first call does, in the scope that it is in.
        unique_name_: The scope's name without numbering; two templates of one such name share or clash.
        custom_getter_: A getter for the function's variables, before those of the scopes around.
        **kwargs: Bound to the function; the call's keywords win.

    Raises:
        InvalidArgumentError: The name is None.

    Example:
        >>> def my_op(x, scalar_name):
        ...     var = get_variable(scalar_name, shape=[], initializer=initializers.Ones())
        ...     return x * var
        >>> scale_by_y = make_template("scale_by_y", my_op, scalar_name="y")
        >>> float(scale_by_y(2.0)), float(scale_by_y(3.0))
        (2.0, 3.0)
        >>> [variable.name for variable in scale_by_y.variables]
        ['scale_by_y/y:0']
    """
    function = partial(func_, **kwargs) if kwargs else func_
    return Template(name_, function, create_scope_now_, unique_name_, custom_getter_)
