"""Entering variable scopes: by name, by default name, or by a scope object."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, NoReturn, final

from tmplcore.errors import InvalidArgumentError, InvalidTypeError, NestingError, NotEnteredError
from tmplcore.frame import CURRENT, Frame
from tmplcore.modes import ReuseMode
from tmplcore.name_scoping import store_of
from tmplcore.naming import ROOT, OpPrefix
from tmplcore.numbering import NOTHING, ONCE, Names
from tmplcore.scope import Reuse, VariableScope
from tmplcore.store import current_frame

__all__ = ["get_variable_scope", "variable_op_scope", "variable_scope"]

_new: Final = object.__new__
_get: Final = CURRENT.get
_set: Final = CURRENT.set


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
        "_entered",
        "_given",
        "_inner",
        "_number",
        "_original",
        "_reuse",
        "_target",
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
        if name_or_scope is None:
            if default_name is None:
                raise InvalidTypeError(
                    "If default_name is None then name_or_scope is required", hint='with variable_scope("name"):'
                )
            self._default_name = default_name
            self._number: str | None = None  # the numbered name of the first entry, which later ones keep
        if reuse is not None and reuse is not True and reuse is not False and not isinstance(reuse, ReuseMode):
            raise InvalidArgumentError(
                f"The reuse parameter must be True or False or None or AUTO_REUSE, not {reuse!r}",
                hint="reuse=tmplcore.AUTO_REUSE finds or creates",
            )
        if auxiliary_name_scope is not True and auxiliary_name_scope is not False:
            raise InvalidTypeError(
                f"The auxiliary_name_scope must be True or False, not {auxiliary_name_scope!r}",
                hint="auxiliary_name_scope=False opens no name scope",
            )
        self._target = name_or_scope
        self._values = None if values is None else _listed(values)
        self._reuse = reuse
        self._auxiliary = auxiliary_name_scope
        self._original: OpPrefix | None = None  # the name scope of the first entry, which later ones pass on
        self._inner: Frame
        self._entered: Any
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
        try:
            frame = _get()
        except LookupError:
            frame = current_frame()
        if self._values:
            return self._enter_with_values(self._values)
        target: Any = self._target
        kind = type(target)
        if kind is VariableScope:
            inner = jumped(frame, target, self._reuse or target._reuse, self._given, self._auxiliary)
        else:
            around = frame.scope
            wanted = name = target
            if kind is not str:
                wanted, name = self._named(frame.opened)
            ops = frame.ops
            original: Any = ops
            if self._auxiliary:
                if wanted:
                    ops = frame.store.names.open(wanted, ops, frame.around.journal)
                    original = self._original
                    if original is None:
                        original = self._original = ops
                else:
                    original = ROOT
                    if target is None:  # an empty default name opens the empty name scope, which is the root
                        ops = ROOT
            settings = around._settings
            if self._given is not None or settings.constraint is not None:
                settings = settings.inherited(self._given)
            prefix = f"{around._prefix}{name}/"
            outer, below = frame, NOTHING
            if not name or frame.opened.found.get(name) is not ONCE:
                outer, below = _marked(frame, name, wanted)
                if prefix == "/":
                    prefix = ""
            # Both are filled in by hand, here and in `jumped`: calling a class with arguments takes twice as long, and
            # one function that does it for both a thirtieth of the time of a scope.
            scope: VariableScope = _new(VariableScope)
            scope._prefix = prefix
            scope._reuse = self._reuse or around._reuse
            scope._settings = settings
            scope._original = original
            inner = Frame()
            inner.store = outer.store
            inner.scope = scope
            inner.ops = ops
            inner.opened = below
            inner.outer = outer
            inner.around = outer.around
            inner._outside = None
        _set(inner)
        self._inner = inner
        return inner.scope

    def _enter_with_values(self, values: list[Any]) -> VariableScope:
        """Enter in the store that `values` are from."""
        store = store_of(values)
        self._values = self._entered = None
        try:
            if store is None or store is current_frame().store:
                return self.__enter__()
            self._entered = store.as_default()
            self._entered.__enter__()
            try:
                return self.__enter__()
            except BaseException:
                self._entered.__exit__(None, None, None)
                raise
        finally:
            self._values = values

    def _named(self, opened: Names) -> tuple[str, str]:
        """Return the name, or the default name without and with its number."""
        name = self._target
        if name is not None:
            if not isinstance(name, str):
                raise InvalidTypeError(
                    f"VariableScope: name_or_scope must be a string or VariableScope, not {name!r}",
                    hint='variable_scope("model")',
                )
            return name, name
        if self._reuse:
            raise InvalidArgumentError(
                "reuse=True cannot be used without a name_or_scope",
                hint="name the scope, or set reuse on the scope around it",
            )
        wanted = self._default_name
        if not isinstance(wanted, str):
            raise InvalidTypeError(
                f"VariableScope: default_name must be a string, not {wanted!r}",
                hint='variable_scope(None, default_name="dense")',
            )
        if self._number is None:
            self._number = opened.numbered(wanted)
        return wanted, self._number

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            inner = self._inner
        except AttributeError:
            raise NotEnteredError(
                f"variable_scope {self._target!r} is left, but it was never entered",
                hint="with variable_scope(...): enters and leaves it",
            ) from None
        if _get() is inner and (outer := inner.outer) is not None:  # the usual case
            _set(outer)
        else:
            leave(inner, type(self._target) is VariableScope)
        if inner.ops._key is not None:
            inner.left()
        if self._values and self._entered is not None:
            self._entered.__exit__(kind, error, traceback)

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


def _marked(frame: Frame, name: str, wanted: str) -> tuple[Frame, Names]:
    """Note that a scope is opened by its name below the current one.

    Returns:
        The frame after that, and what was opened below the scope so far.
    """
    entry = None if frame.opened is NOTHING else frame.opened.find(name)
    shares = not name and not frame.scope._prefix  # the scope with the empty name has the root's names
    if entry is ONCE and not shares:
        return frame, NOTHING
    opened = frame.opened.marked(name, wanted=wanted)
    if entry is None or entry.below is NOTHING:
        return frame.with_opened(opened), opened if shares else NOTHING
    return frame.with_opened(opened.cleared(name)), opened if shares else entry.below


def jumped(frame: Frame, target: VariableScope, reuse: Reuse, given: dict[str, Any] | None, auxiliary: bool) -> Frame:
    """Return the frame inside a copy of the scope `target`, which is entered where it is.

    Args:
        frame: The frame outside.
        target: The scope.
        reuse: The copy's reuse flag.
        given: The copy's settings, where they differ.
        auxiliary: Whether to open a name scope too.
    """
    prefix = target._prefix
    outer, landing = frame, frame.opened.landings.get(prefix)
    if landing is None:  # else it is below this one, and was open before, as usual
        outer, landing = frame.jumped(prefix)
    below, last = landing
    ops = frame.ops
    if auxiliary and last:
        ops = frame.store.names.open(last, ops, frame.around.journal)
    settings = target._settings
    if given is not None or settings.constraint is not None:
        settings = settings.inherited(given)
    # The same as in `variable_scope.__enter__`.
    scope: VariableScope = _new(VariableScope)
    scope._prefix = prefix
    scope._reuse = reuse
    scope._settings = settings
    scope._original = target._original
    inner = Frame()
    inner.store = outer.store
    inner.scope = scope
    inner.ops = ops
    inner.opened = below
    inner.outer = outer
    inner.around = outer.around
    inner._outside = None
    return inner


def leave(inner: Frame, jump: bool) -> None:
    """Go back to what was before the frame `inner`.

    Args:
        inner: The frame as it was on entering.
        jump: Whether the scope was entered where it is.

    Raises:
        NestingError: Another scope is the current one.
    """
    now = _get()
    outer = now.outer
    if now.scope is not inner.scope:
        raise NestingError(
            f"Improper nesting of variable_scope: {inner.scope.name!r} is left while {now.scope.name!r} is current",
            hint="leave scopes in the opposite order of entering them; `with` does it",
        )
    if jump:  # what was opened inside is forgotten, wherever it was
        outer = inner.outer
    assert outer is not None
    if outer.around is not now.around:
        outer = outer.with_around(now.around)
    if not now.scope._prefix and not jump:
        outer = outer.with_opened(now.opened.cleared(""))
    _set(outer)


def _listed(values: Any) -> list[Any]:
    try:
        return list(values)
    except TypeError:
        raise InvalidTypeError(f"values must be iterable, not {type(values).__name__}", hint="values=[x]") from None
