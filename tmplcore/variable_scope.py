"""Entering variable scopes: by name, by default name, or by a scope object."""

from __future__ import annotations

from types import TracebackType
from typing import Any, NoReturn, final

from tmplcore.errors import InvalidArgumentError, InvalidTypeError, NestingError
from tmplcore.frame import CURRENT, Frame
from tmplcore.modes import ReuseMode
from tmplcore.name_scope import new_prefix, store_of
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

    __slots__ = (
        "_auxiliary",
        "_default_name",
        "_given",
        "_name_or_scope",
        "_numbered",
        "_open",
        "_own_prefix",
        "_reuse",
        "_values",
    )

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
        self._name_or_scope = name_or_scope
        self._default_name = default_name
        self._values = None if values is None else _listed(values)
        self._reuse = reuse
        self._auxiliary = auxiliary_name_scope
        self._numbered: str | None = None
        self._own_prefix: str | None = None
        self._open: tuple[Any, ...] | None = None
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
        if not self._values:
            return self._enter(None)
        store = store_of(self._values)
        if store is None or store is current_frame().store:
            return self._enter(None)
        entered = store.as_default()
        entered.__enter__()
        try:
            return self._enter(entered)
        except BaseException:
            entered.__exit__(None, None, None)
            raise

    def _enter(self, entered: Any) -> VariableScope:
        try:
            frame = CURRENT.get()
        except LookupError:
            frame = current_frame()
        target = self._name_or_scope
        if type(target) is VariableScope:
            outer, inner = self._jump(frame, target)
        else:
            outer, inner = self._descend(frame, target)
        CURRENT.set(inner)
        scope = inner.scope
        self._open = (outer, inner, scope, entered, self._open)
        return scope

    def _descend(self, frame: Frame, target: Any) -> tuple[Frame, Frame]:
        around = frame.scope
        reuse = self._reuse
        opened = frame.opened
        if target is None:
            if reuse:
                raise InvalidArgumentError(
                    "reuse=True cannot be used without a name_or_scope",
                    hint="name the scope, or set reuse on the scope around it",
                )
            wanted = self._default_name
            if not isinstance(wanted, str):
                raise InvalidTypeError(f"VariableScope: default_name must be a string, not {wanted!r}")
            target = self._numbered
            if target is None:
                target, opened = opened.number(wanted)
        elif isinstance(target, str):
            wanted = target
        else:
            raise InvalidTypeError(f"VariableScope: name_or_scope must be a string or VariableScope, not {target!r}")
        prefix = self._opened_prefix(frame, wanted)
        if self._auxiliary and not wanted and self._name_or_scope is None:
            prefix = ""  # an empty default name opens the empty name scope, which is the root
        if self._default_name is not None and self._name_or_scope is None:
            self._numbered = target
        name = around._prefix + target
        scope = VariableScope._made(
            name,
            reuse or around._reuse,
            around._settings.inherited(self._given),
            (self._own_prefix or "") if self._auxiliary else prefix,
        )
        if name:
            outside, inside = opened.open(target)
        else:
            outside = inside = opened.open("")[0]
        outer = frame if outside is frame.opened else frame.at(around, frame.prefix, outside)
        return outer, frame.at(scope, prefix, inside)

    def _jump(self, frame: Frame, target: VariableScope) -> tuple[Frame, Frame]:
        name = target._name
        prefix = self._opened_prefix(frame, name.rpartition("/")[2])
        scope = VariableScope._made(
            name,
            self._reuse or target._reuse,
            target._settings.inherited(self._given),
            target._original_name_scope,
        )
        outside, inside = frame.opened.jump(name)
        outer = frame if outside is frame.opened else frame.at(frame.scope, frame.prefix, outside)
        return outer, frame.at(scope, prefix, inside)

    def _opened_prefix(self, frame: Frame, name: str) -> str:
        if not self._auxiliary or not name:
            return frame.prefix
        prefix = new_prefix(frame, name)
        if self._own_prefix is None:
            self._own_prefix = prefix
        return prefix

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        now = CURRENT.get()
        assert self._open is not None, "left without having been entered"
        outer, inner, scope, entered, before = self._open
        if now.scope is not scope:
            raise NestingError(
                f"Improper nesting of variable_scope: {scope.name!r} is left while {now.scope.name!r} is current",
                hint="leave scopes in the opposite order of entering them; `with` does it",
            )
        self._open = before
        if self._auxiliary and inner.prefix:
            now.store.names.leave(inner.prefix)
        if now is inner:
            CURRENT.set(outer)
        else:
            CURRENT.set(self._left(now, outer))
        if entered is not None:
            entered.__exit__(kind, error, traceback)

    def _left(self, now: Frame, outer: Frame) -> Frame:
        """Return the frame after this scope, of which things inside have changed more than this scope's own part."""
        opened = outer.opened
        if type(self._name_or_scope) is not VariableScope:
            if now.scope._name:
                assert now.opened.outer is not None
                opened = now.opened.outer
            else:
                opened = now.opened.clear_nameless()
        return Frame(outer.store, outer.scope, outer.prefix, opened, now.creators, now.journal, now.parked, outer.base)

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


def _listed(values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise InvalidTypeError(f"values must be iterable, not {type(values).__name__}", hint="values=[x]") from None
