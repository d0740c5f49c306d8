"""The variable scope object: a name prefix, a reuse flag, and defaults for `get_variable`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import CO_VARKEYWORDS
from types import FunctionType
from typing import Any, Final, NoReturn, final

from tmplcore.dtypes import float32
from tmplcore.errors import InvalidArgumentError
from tmplcore.modes import ReuseMode
from tmplcore.naming import OpPrefix

__all__ = ["Reuse", "Settings", "VariableScope", "called_first", "chained"]

Reuse = bool | ReuseMode


def chained(outer: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return the getter that calls `inner`, which gets `outer` as the next in line."""
    if outer is None:
        return inner

    def chain(getter: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return inner(partial(outer, getter), *args, **kwargs)

    return chain


def called_first(custom_getter: Any) -> Any:
    """Return a getter as it is called if it is the first of a chain: with the next in line as its first argument.

    TensorFlow hands that over by the keyword `getter`. So do we to a getter that wants it thus; to all others it is the
    first argument, whatever they call it. What is no function is refused when a variable is asked for, as there.
    """
    if not callable(custom_getter):
        return partial(_refused, custom_getter)
    if not _wants_keyword(custom_getter):
        return custom_getter

    def by_keyword(getter: Callable[..., Any], **kwargs: Any) -> Any:
        return custom_getter(getter=getter, **kwargs)

    return by_keyword


def _refused(custom_getter: Any, *_args: Any, **_kwargs: Any) -> NoReturn:
    raise InvalidArgumentError(
        f"Passed a custom_getter which is not callable: {custom_getter}",
        hint="a getter is a function: def getter(next_getter, name, **kwargs): return next_getter(name, **kwargs)",
    )


def _wants_keyword(function: Any) -> bool:
    """Tell whether a getter must have it by keyword: a parameter called `getter`, or nothing but keywords."""
    wrapped = getattr(function, "__wrapped__", None)
    if wrapped is not None:
        function = wrapped
    code = getattr(function, "__code__", None)
    own = 0 if type(function) is FunctionType else 1  # a method's `self`
    if code is None:
        code = getattr(type(function).__call__, "__code__", None)
        if code is None:
            return isinstance(function, partial) and not function.args and _wants_keyword(function.func)
    positional: int = code.co_argcount
    names = code.co_varnames[code.co_posonlyargcount : positional + code.co_kwonlyargcount]
    if wrapped is None and names[own : own + 1] == ("getter",) and positional > own:
        return False  # it cannot tell
    return "getter" in names or (positional <= own and code.co_flags & CO_VARKEYWORDS != 0)


@final
class Settings:
    """The defaults that a scope gives to `get_variable`; never changed, only replaced.

    Attributes:
        getter: The custom getter as it is called.
        plain: Whether nothing in them can make finding a variable more than a look-up: no getter, no partitioner,
            no constant as initializer.
    """

    __slots__ = (
        "caching_device",
        "constraint",
        "custom_getter",
        "dtype",
        "getter",
        "initializer",
        "partitioner",
        "plain",
        "regularizer",
        "use_resource",
    )

    def __init__(
        self,
        *,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        dtype: Any = float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self.initializer = initializer
        self.regularizer = regularizer
        self.caching_device = caching_device
        self.partitioner = partitioner
        self.custom_getter = custom_getter
        self.dtype = dtype
        self.use_resource = use_resource
        self.constraint = constraint
        self.getter = None if custom_getter is None else called_first(custom_getter)
        self.plain = custom_getter is None and partitioner is None and (initializer is None or callable(initializer))

    def replaced(self, **changes: Any) -> Settings:
        """Return settings that differ in what is given."""
        values = {name: getattr(self, name) for name in _NAMES}
        return Settings(**(values | changes))

    def inherited(self, given: dict[str, Any] | None) -> Settings:
        """Return what a scope opened below starts with.

        Args:
            given: The arguments that are not None, if there are any. A getter is put in front of this scope's; a
                constraint is the only thing that is not passed on.
        """
        if given is None and self.constraint is None:
            return self
        changes = {"constraint": None} | (given or {})
        if "custom_getter" in changes:
            changes["custom_getter"] = chained(self.custom_getter, changes["custom_getter"])
        return self.replaced(**changes)


_NAMES: Final = tuple(name for name in Settings.__slots__ if name not in {"getter", "plain"})
_DEFAULT: Final = Settings()


@final
class VariableScope:
    """Where variables are created, and how: the target of `with variable_scope(…) as scope`.

    It can be kept, and entered again later from anywhere: `with variable_scope(scope):`. Made by hand it stands for a
    scope that may never have been open.

    Args:
        reuse: False to create variables, True to find them, AUTO_REUSE for either.
        name: The full name, without a trailing slash; empty for the root.
        initializer: Initial values for variables that name none.
        regularizer: For variables that name none.
        caching_device: Kept, and handed to getters and creators.
        partitioner: For variables that name none.
        custom_getter: Called in the place of finding or creating.
        name_scope: The original name scope, with its trailing slash.
        dtype: For variables that name none.
        use_resource: Kept, and handed to getters and creators.
        constraint: For variables that name none.

    Example:
        >>> scope = VariableScope(reuse=False, name="model/encoder")
        >>> scope.name, scope.reuse
        ('model/encoder', False)
    """

    __slots__ = ("_original", "_prefix", "_reuse", "_settings")

    def __init__(
        self,
        reuse: Reuse,
        name: str = "",
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        name_scope: str = "",
        dtype: Any = float32,
        use_resource: bool | None = None,
        constraint: Any = None,
    ) -> None:
        self._prefix = f"{name}/" if name else ""
        self._reuse = reuse
        self._original: OpPrefix | str = name_scope
        self._settings = Settings(
            initializer=initializer,
            regularizer=regularizer,
            caching_device=caching_device,
            partitioner=partitioner,
            custom_getter=custom_getter,
            dtype=dtype,
            use_resource=use_resource,
            constraint=constraint,
        )

    @property
    def name(self) -> str:
        """The full name, without a trailing slash."""
        return self._prefix[:-1]

    @property
    def original_name_scope(self) -> str:
        """The name scope that was opened together with it, with its trailing slash."""
        original = self._original
        return original.text if type(original) is OpPrefix else original

    @property
    def reuse(self) -> Reuse:
        """False (create), True (find) or AUTO_REUSE (either)."""
        return self._reuse

    @property
    def initializer(self) -> Any:
        """The initializer for variables that name none."""
        return self._settings.initializer

    @property
    def regularizer(self) -> Any:
        """The regularizer for variables that name none."""
        return self._settings.regularizer

    @property
    def caching_device(self) -> Any:
        """Handed to getters and creators; nothing here depends on it."""
        return self._settings.caching_device

    @property
    def partitioner(self) -> Any:
        """The partitioner for variables that name none."""
        return self._settings.partitioner

    @property
    def custom_getter(self) -> Any:
        """The getter, with those of the scopes around it behind it."""
        return self._settings.custom_getter

    @property
    def dtype(self) -> Any:
        """The dtype for variables that name none, as it was given."""
        return self._settings.dtype

    @property
    def use_resource(self) -> bool | None:
        """Handed to getters and creators."""
        return self._settings.use_resource

    @property
    def constraint(self) -> Any:
        """The constraint for variables that name none. Scopes opened below do not inherit it."""
        return self._settings.constraint

    def reuse_variables(self) -> None:
        """Find variables from now on. There is no way back."""
        self._reuse = True

    def set_initializer(self, initializer: Any) -> None:
        """Set the initializer for variables that name none."""
        self._set(initializer=initializer)

    def set_regularizer(self, regularizer: Any) -> None:
        """Set the regularizer for variables that name none."""
        self._set(regularizer=regularizer)

    def set_caching_device(self, caching_device: Any) -> None:
        """Set what getters and creators get as `caching_device`."""
        self._set(caching_device=caching_device)

    def set_partitioner(self, partitioner: Any) -> None:
        """Set the partitioner for variables that name none."""
        self._set(partitioner=partitioner)

    def set_custom_getter(self, custom_getter: Any) -> None:
        """Replace the whole chain of getters; None removes it."""
        self._set(custom_getter=custom_getter)

    def set_dtype(self, dtype: Any) -> None:
        """Set the dtype for variables that name none."""
        self._set(dtype=dtype)

    def set_use_resource(self, use_resource: bool | None) -> None:
        """Set what getters and creators get as `use_resource`."""
        self._set(use_resource=use_resource)

    def _set(self, **changes: Any) -> None:
        self._settings = self._settings.replaced(**changes)

    def get_collection(self, name: Any) -> list[Any]:
        """Return the items of a collection of the current store whose names are below this scope."""
        from tmplcore.store import get_default_store

        return get_default_store().collections.below(name, self._prefix)

    def global_variables(self) -> list[Any]:
        """Return the global variables below this scope."""
        return self.get_collection("variables")

    def trainable_variables(self) -> list[Any]:
        """Return the trainable variables below this scope."""
        return self.get_collection("trainable_variables")

    def local_variables(self) -> list[Any]:
        """Return the local variables below this scope."""
        return self.get_collection("local_variables")

    def __repr__(self) -> str:
        return f"<VariableScope {self.name!r} reuse={self._reuse}>"
