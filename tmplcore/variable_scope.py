"""Entering variable scopes: by name, by default name, or by a scope object."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NoReturn, final

from tmplcore.errors import InvalidArgumentError, InvalidTypeError, NestingError
from tmplcore.frame import CURRENT, Frame
from tmplcore.modes import ReuseMode
from tmplcore.name_scope import new_prefix, store_of
from tmplcore.numbering import NOTHING, ONCE, Names
from tmplcore.scope import Reuse, VariableScope
from tmplcore.store import current_frame

__all__ = ["get_variable_scope", "variable_op_scope", "variable_scope"]


@final
class variable_scope:  # noqa: N801 - TensorFlow's name
    """Open a variable scope for the length of a `with` block; its target is the `VariableScope`.

    Args:
        name_or_scope: A name to be opened below the current scope; or a scope object, to be entered where it is.
        default_name: A name to be numbered (`dense`, `dense_1`, …), if `name_or_scope` is None.
        values: Variables whose store becomes the default for the block.
        initializer: The default for variables below, as are the following; None means as around it.
        regularizer: See there.
        caching_device: See there.
        partitioner: See there.
        custom_getter: A getter that is put in front of those of the scopes around it.
        reuse: True to find variables, AUTO_REUSE to find or create them; None and False leave it as it is.
        dtype: The default dtype.
        use_resource: Kept, and handed to getters and creators.
        constraint: The default constraint of this scope alone; it is not inherited.
        auxiliary_name_scope: Whether to open a name scope too.

    Raises:
        InvalidTypeError: There is no name, or it is of a wrong type; `values` or `auxiliary_name_scope` are.
        InvalidArgumentError: `reuse` is none of the four, or is given with a default name.
        InvalidNameError: On entering, the name has characters that a name scope may not have.

    Example:
        >>> with variable_scope("model") as scope:
        ...     v = get_variable("w", [])
        >>> with variable_scope(scope, reuse=True):
        ...     get_variable("w", []) is v
        True
    """

    __slots__ = ("_auxiliary", "_cached", "_default_name", "_entered", "_given", "_open", "_reuse", "_target", "_values")

    def __init__(
        self,
        name_or_scope: str | VariableScope | None,
        default_name: str | None = None,
        values: Any = None,
        initializer: Any = None,
        regularizer: Any = None,
        caching_device: Any = None,
        partitioner: Any = None,
        custom_getter: Any = None,
        reuse: Reuse | None = None,
        dtype: Any = None,
        use_resource: bool | None = None,
        constraint: Any = None,
        auxiliary_name_scope: bool = True,
    ) -> None:
        if default_name is None and name_or_scope is None:
            raise InvalidTypeError(
                "If default_name is None then name_or_scope is required", hint='with variable_scope("name"):'
            )
        if not (reuse is None or reuse is True or reuse is False or isinstance(reuse, ReuseMode)):
            raise InvalidArgumentError(
                f"The reuse parameter must be True or False or None or AUTO_REUSE, not {reuse!r}",
                hint="reuse=tmplcore.AUTO_REUSE finds or creates",
            )
        if auxiliary_name_scope is not True and auxiliary_name_scope is not False:
            raise InvalidTypeError(f"The auxiliary_name_scope must be True or False, not {auxiliary_name_scope!r}")
        self._target = name_or_scope
        self._default_name = default_name
        self._values = None
        if values is not None:
            self._values = _listed(values)
            self._entered: dict[VariableScope, Any] = {}
        self._reuse = reuse
        self._auxiliary = auxiliary_name_scope
        self._cached: tuple[str, str] | None = None  # the numbered name, and the name scope, of the first entry
        self._open: tuple[Frame, Any] | None = None
        self._given: dict[str, Any] | None = None
        if not (
            initializer is None
            and regularizer is None
            and caching_device is None
            and partitioner is None
            and custom_getter is None
            and dtype is None
            and use_resource is None
            and constraint is None
        ):
            arguments = {
                "initializer": initializer,
                "regularizer": regularizer,
                "caching_device": caching_device,
                "partitioner": partitioner,
                "custom_getter": custom_getter,
                "dtype": dtype,
                "use_resource": use_resource,
                "constraint": constraint,
            }
            self._given = {name: value for name, value in arguments.items() if value is not None}

    def __enter__(self) -> VariableScope:
        if self._values:
            return self._enter_with_values()
        try:
            frame = CURRENT.get()
        except LookupError:
            frame = current_frame()
        target = self._target
        if type(target) is VariableScope:
            inner = self._jumped(frame, target)
        elif type(target) is str and target and self._cached is None and self._auxiliary:
            # What `_descended` does, for the usual case.
            opened = frame.opened
            around = frame.scope
            settings = around._settings
            if self._given is not None or settings.constraint is not None:
                settings = settings.inherited(self._given)
            prefix = new_prefix(frame, target)
            self._cached = target, prefix
            scope = VariableScope._made(around._prefix + target, self._reuse or around._reuse, settings, prefix)
            if opened.entry(target) is ONCE:
                inner = Frame(frame.store, scope, prefix, NOTHING, frame, frame.around)
            else:
                inner = _opened(frame, target, target, scope, prefix)
        else:
            inner = self._descended(frame, target)
        CURRENT.set(inner)
        self._open = inner, self._open
        return inner.scope

    def _enter_with_values(self) -> VariableScope:
        """Enter in the store that `values` are from."""
        values, self._values = self._values, None
        assert values is not None
        try:
            store = store_of(values)
            if store is None or store is current_frame().store:
                return self.__enter__()
            entered = store.as_default()
            entered.__enter__()
            try:
                scope = self.__enter__()
            except BaseException:
                entered.__exit__(None, None, None)
                raise
            self._entered[scope] = entered
            return scope
        finally:
            self._values = values

    def _descended(self, frame: Frame, name: Any) -> Frame:
        """Return the frame inside a scope that is entered by its name below the current one."""
        around = frame.scope
        wanted = name
        if name is None:
            wanted, name = self._numbered(frame.opened)
        elif not isinstance(name, str):
            raise InvalidTypeError(f"VariableScope: name_or_scope must be a string or VariableScope, not {name!r}")
        prefix = frame.prefix
        original = prefix
        if self._auxiliary:
            original = ""
            if self._cached is not None:
                prefix = original = self._cached[1]
            elif wanted:
                prefix = original = new_prefix(frame, wanted)
        if self._cached is None:
            self._cached = name, original
        settings = around._settings
        if self._given is not None or settings.constraint is not None:
            settings = settings.inherited(self._given)
        scope = VariableScope._made(around._prefix + name, self._reuse or around._reuse, settings, original)
        return _opened(frame, name, wanted, scope, prefix)

    def _numbered(self, opened: Names) -> tuple[str, str]:
        """Return the default name, without and with its number."""
        if self._reuse:
            raise InvalidArgumentError(
                "reuse=True cannot be used without a name_or_scope",
                hint="name the scope, or set reuse on the scope around it",
            )
        wanted = self._default_name
        if not isinstance(wanted, str):
            raise InvalidTypeError(f"VariableScope: default_name must be a string, not {wanted!r}")
        return wanted, opened.numbered(wanted) if self._cached is None else self._cached[0]

    def _jumped(self, frame: Frame, target: VariableScope) -> Frame:
        """Return the frame inside a scope that is entered where it is."""
        name = target._name
        prefix = frame.prefix
        if self._auxiliary and name:
            if self._cached is None:
                last = name[name.rfind("/") + 1 :]
                self._cached = name, new_prefix(frame, last) if last else prefix
            prefix = self._cached[1]
        settings = target._settings
        if self._given is not None or settings.constraint is not None:
            settings = settings.inherited(self._given)
        scope = VariableScope._made(name, self._reuse or target._reuse, settings, target._original_name_scope)
        outer, below = frame.jumped(name)
        return Frame(frame.store, scope, prefix, below, outer, frame.around)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now = CURRENT.get()
        assert self._open is not None, "left without having been entered"
        inner, before = self._open
        scope = inner.scope
        if now is not inner and now.scope is not scope:
            raise NestingError(
                f"Improper nesting of variable_scope: {scope.name!r} is left while {now.scope.name!r} is current",
                hint="leave scopes in the opposite order of entering them; `with` does it",
            )
        self._open = before
        if self._auxiliary:
            now.store.names.leave(inner.prefix)
        outer = now.outer
        assert outer is not None
        if outer.around is not now.around:
            outer = outer.with_around(now.around)
        if not scope._name and type(self._target) is not VariableScope:
            outer = outer.with_opened(now.opened.cleared(""))
        CURRENT.set(outer)
        if self._values and (entered := self._entered.pop(scope, None)) is not None:
            entered.__exit__(kind, error, traceback)

    def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse to be a decorator."""
        raise TypeError(
            "'variable_scope' object is not callable: it is a context manager, not a decorator; "
            "write `with variable_scope(...):` in the function"
        )


def variable_op_scope(
    values: Any,
    name_or_scope: str | VariableScope | None,
    default_name: str | None = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Reuse | None = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
) -> variable_scope:
    """Open a variable scope: TensorFlow's old spelling of `variable_scope`, with `values` in front."""
    return variable_scope(
        name_or_scope,
        default_name=default_name,
        values=values,
        initializer=initializer,
        regularizer=regularizer,
        caching_device=caching_device,
        partitioner=partitioner,
        custom_getter=custom_getter,
        reuse=reuse,
        dtype=dtype,
        use_resource=use_resource,
        constraint=constraint,
    )


def get_variable_scope() -> VariableScope:
    """Return the current variable scope; the same object on each call within one block."""
    return current_frame().scope


def _opened(frame: Frame, name: str, wanted: str, scope: VariableScope, prefix: str) -> Frame:
    """Return the frame inside a scope whose name is opened below the current one."""
    if frame.opened.entry(name) is ONCE:
        return Frame(frame.store, scope, prefix, NOTHING, frame, frame.around)
    opened = frame.opened.marked(name, wanted=wanted)
    if not scope._name:  # the scope with the empty name shares the root's names
        return Frame(frame.store, scope, prefix, opened, frame, frame.around)
    outer = frame.with_opened(opened.cleared(name))
    return Frame(frame.store, scope, prefix, frame.opened.below(name), outer, frame.around)


def _listed(values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise InvalidTypeError(f"values must be iterable, not {type(values).__name__}", hint="values=[x]") from None
