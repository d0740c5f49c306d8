"""Making a variable: its op name, its first value, its place in the collections; and who may take a hand in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from types import MappingProxyType
from typing import Any, Final, NoReturn, TypeVar, final

from tmplcore.backend import VariableSpec
from tmplcore.collections import GraphKeys
from tmplcore.dtypes import DType, as_dtype
from tmplcore.errors import (
    InitializerError,
    InvalidArgumentError,
    InvalidNameError,
    InvalidTypeError,
    NestingError,
    NothingCreatedError,
)
from tmplcore.expression import ArrayExpression
from tmplcore.frame import CURRENT, Frame
from tmplcore.initial import Constant, InitialCall, Start, as_constant
from tmplcore.journal import Journal
from tmplcore.modes import VariableAggregation, VariableSynchronization
from tmplcore.naming import BESIDE_CALL, ROOT, check_name, check_op_name
from tmplcore.origin import caller
from tmplcore.shapes import TensorShape, as_shape
from tmplcore.store import VariableStore, current_frame
from tmplcore.variable import Extras, Variable

__all__ = [
    "checked_modes",
    "create_variable",
    "creator",
    "is_trainable",
    "new_variable",
    "nothing_created",
    "variable_creator_scope",
]

_filled: Final = tuple.__new__  # a named tuple's own constructor does the same in a call more
_LISTS: Final = (list, tuple, set)
_AUTO: Final = VariableSynchronization.AUTO
_ON_READ: Final = VariableSynchronization.ON_READ
_NONE: Final = VariableAggregation.NONE
_GLOBAL: Final = (GraphKeys.GLOBAL_VARIABLES,)
_USUAL: Final = Extras()
_GLOBAL_AND_TRAINABLE: Final = (GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES)

# What TensorFlow's creators also get, and nothing here depends on.
_UNUSED: Final = dict.fromkeys(
    ("variable_def", "import_scope", "experimental_enable_variable_lifting", "expected_shape")
)

_Mode = TypeVar("_Mode", VariableSynchronization, VariableAggregation)

# The ops beside a variable without an initializer that TensorFlow makes: see `naming.BESIDE_CALL`.
_UNNAMED: Final = "VariableV2"  # an empty name: TensorFlow names the op after its kind
_BESIDE_TENSOR: Final = MappingProxyType({"assign": 1, "read": 1})
_BESIDE_CONSTANT: Final = MappingProxyType({"initial_value": 1, "assign": 1, "read": 1})


def is_trainable(trainable: Any, synchronization: Any) -> Any:
    """Return what `trainable=None` stands for; anything else as it is."""
    if trainable is None:
        return synchronization is not _ON_READ
    return trainable


def checked_modes(
    name: str | None, synchronization: Any, aggregation: Any
) -> tuple[VariableSynchronization, VariableAggregation]:
    """Return the two as members of their enumerations, from members, their numbers or None.

    Raises:
        InvalidArgumentError: One of them is something else.
    """
    return (
        _member(name, "synchronization", VariableSynchronization, synchronization),
        _member(name, "aggregation", VariableAggregation, aggregation),
    )


def _member(name: str | None, what: str, kind: type[_Mode], value: Any) -> _Mode:
    try:
        return kind(0 if value is None else value)
    except ValueError:
        raise InvalidArgumentError(
            f"Invalid variable {what} mode: {value} for variable: {name}",
            hint=f"use a member of {kind.__name__}",
        ) from None


def creator(creators: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    """Return what makes a variable where some creators are in force, innermost last; it is called with keywords."""
    made: Callable[..., Any] = create_variable
    for wrapped in creators:
        made = partial(wrapped if callable(wrapped) else partial(_uncallable, wrapped), made)
    return partial(made, **_UNUSED)


def _uncallable(wrapped: Any, next_creator: Any, **_arguments: Any) -> NoReturn:
    """Stand in for a creator that is no function: the creators inside it run first, as in TensorFlow."""
    raise InvalidTypeError(
        f"the variable creator {wrapped!r} is not callable",
        hint="variable_creator_scope(creator), where creator(next_creator, **kwargs) returns a variable",
    )


def create_variable(
    initial_value: Any = None,
    trainable: Any = None,
    collections: Any = None,
    validate_shape: Any = True,
    caching_device: Any = None,
    name: str | None = None,
    dtype: Any = None,
    constraint: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = _AUTO,
    aggregation: Any = _NONE,
    shape: Any = None,
    **_kwargs: Any,
) -> Variable:
    """Make a variable in the current store; the creator at the end of the line."""
    if initial_value is None:
        raise InvalidArgumentError("initial_value must be specified.", hint="Variable(0.0, name=...)")
    if not (collections is None or isinstance(collections, _LISTS)):
        raise InvalidArgumentError(
            "collections argument to Variable constructor must be a list, tuple, or set. "
            f"Got {collections} of type {type(collections)}",
            hint=f"collections=[{collections!r}]",
        )
    if not (constraint is None or callable(constraint)):
        raise InvalidArgumentError(
            f"The `constraint` argument must be a callable, not {constraint!r}",
            hint="constraint=lambda value: numpy.clip(value, 0, 1)",
        )
    if validate_shape is not True and validate_shape is not False and validate_shape is not None:
        raise InvalidTypeError(
            f"Expected bool for argument 'validate_shape' not {validate_shape!r}.", hint="validate_shape=False"
        )
    extras = _USUAL
    if not (constraint is None and synchronization is _AUTO and aggregation is _NONE and caching_device is None):
        synchronization, aggregation = checked_modes(name, synchronization, aggregation)
        extras = Extras(constraint, synchronization, aggregation, caching_device)
    if trainable is None:
        trainable = is_trainable(trainable, synchronization)
    frame = CURRENT.get(None) or current_frame()
    store = frame.store
    journal = frame.around.journal
    if store.finalized:
        store.check_not_finalized()
    if name is None:
        name = "Variable"
    elif name == "":  # as the name of a scope it is the root
        name, frame = _UNNAMED, frame.with_prefix("")
    store.lock.acquire()  # in half of the time that `with` takes
    try:
        key = None
        if (
            type(initial_value) is InitialCall
            and initial_value.bundled
            and initial_value.shape is not None
            and initial_value.dtype is dtype
            and isinstance(shape, TensorShape)
        ):
            # Nobody can ask for a name until the variable is there, which then takes its names by being there.
            op_name = name
            if frame.ops is ROOT:
                check_name(name)
            else:
                check_op_name(name, frame.prefix)
                op_name = frame.prefix + name
            key = store.names.vacant(op_name)
        if key is not None:
            fixed, wanted, dims = shape, dtype, initial_value.shape
            start = Start(initial_value, op_name, store.seed, wanted, dims if validate_shape else None)
        else:
            op_name = _claimed(frame, name)
            start, wanted, dims, fixed = _started(op_name, store, initial_value, dtype, shape, validate_shape, journal)
        try:
            backend = store.backend
            spec: VariableSpec = _filled(VariableSpec, (op_name, dims, wanted.dtype, bool(trainable)))
            cell = backend.create(spec, start)
        except BaseException:
            if key is not None:  # as in TensorFlow, the names stay taken
                _claimed(frame, name)
                store.names.place(f"{op_name}/", BESIDE_CALL, journal)
            raise
        variable = Variable.made(
            spec,
            cell,
            backend,
            store,
            wanted,
            fixed,
            trainable,
            extras,
            caller(likely=4),
            start.kept(),
        )
        store.add(key or op_name.lower(), variable, journal)
        keys: Iterable[Any]
        if collections is None:
            keys = _GLOBAL_AND_TRAINABLE if trainable else _GLOBAL
        else:
            keys = dict.fromkeys((*collections, GraphKeys.TRAINABLE_VARIABLES) if trainable else collections)
        store.collections.add_to_each(keys, variable, journal)
        return variable
    finally:
        store.lock.release()


def _started(
    op_name: str,
    store: VariableStore,
    initial_value: Any,
    dtype: Any,
    shape: Any,
    validate: bool | None,
    journal: Journal | None,
) -> tuple[Start, DType, tuple[int, ...] | None, TensorShape]:
    """Find out what a variable starts as, whatever the initial value is, while its name is taken already.

    Returns:
        That, its dtype, its shape (None if it is not known as a whole), and the shape as it is shown.
    """
    wanted: DType | None = None
    if dtype is not None:
        wanted = (dtype if type(dtype) is DType else as_dtype(dtype)).base_dtype
    fixed = None if shape is None else as_shape(shape)
    dims: tuple[int, ...] | None = None
    if isinstance(initial_value, InitialCall) and initial_value.shape is not None:
        dims = initial_value.shape
    elif fixed is not None and fixed.is_fully_defined():
        dims = tuple(size for size in fixed.as_list() if size is not None)
    source: Any
    if callable(initial_value):
        store.names.place(f"{op_name}/", BESIDE_CALL, journal)
        source = _within(op_name, initial_value)
        start = Start(source, op_name, store.seed, wanted, dims if validate else None)
        if wanted is None or dims is None:
            source = start.constant()
    else:
        beside = _BESIDE_TENSOR if isinstance(initial_value, ArrayExpression) else _BESIDE_CONSTANT
        store.names.place(f"{op_name}/", beside, journal)
        source = as_constant(initial_value, wanted)
    if isinstance(source, Constant):
        wanted = source.dtype
        if fixed is not None and dims is None:  # partly known: the variable keeps it so
            _check_fit(op_name, source.shape, fixed, validate)
        elif validate:
            dims = source.shape if dims is None else dims
            _check_fit(op_name, source.shape, TensorShape(dims), validate)
        start = Start(source, op_name, store.seed, wanted, dims)
    assert wanted is not None
    return start, wanted, dims, TensorShape(dims) if fixed is None else fixed


def _check_fit(name: str, shape: tuple[int, ...], wanted: TensorShape, validate: bool | None) -> None:
    """Refuse an initial value whose shape is none of those that a partly known shape allows."""
    if validate and not wanted.is_compatible_with(shape):
        raise InitializerError(
            f"the initial value of variable {name} has shape {shape}, which is not compatible with {wanted}",
            hint="give the shape of the value, or none",
        )


def _claimed(frame: Frame, name: str) -> str:
    """Take the op name of a new variable."""
    store = frame.store
    check_op_name(name, frame.prefix)
    if name[-1] == "/":  # TensorFlow reads it as the absolute name of a scope, and the variable is that scope's op
        op_name = name[:-1]
        if not op_name:
            check_name(name)
        if store.has_named(op_name):
            raise InvalidNameError(f"Duplicate node name in graph: {op_name!r}", hint="leave the slash at the end out")
    else:
        op_name = store.names.claim(name, frame.prefix, frame.around.journal)
        while store.has_named(op_name):  # two threads were given one name scope
            op_name = store.names.claim(name, frame.prefix, frame.around.journal)
    store.names.pin(op_name)
    return op_name


def _within(op_name: str, function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a variable's initializer, to be called in its name scope; one of ours does not look at that."""
    if isinstance(function, InitialCall) and function.bundled:
        return function
    return _Scoped(op_name, function)


@final
class _Scoped:
    """A variable's initializer that is called in the name scope of that variable."""

    __slots__ = ("_function", "_op_name")

    def __init__(self, op_name: str, function: Callable[[], Any]) -> None:
        self._op_name = op_name
        self._function = function

    def __call__(self) -> Any:
        before = current_frame()
        inside = before.with_prefix(f"{self._op_name}/Initializer/")
        CURRENT.set(inside)
        try:
            return self._function()
        finally:  # default names that it took below the current scope stay taken
            now = CURRENT.get()
            CURRENT.set(before if now is inside else now.with_prefix(before.prefix))


def new_variable(
    initial_value: Any = None,
    trainable: Any = None,
    collections: Any = None,
    validate_shape: bool = True,
    caching_device: Any = None,
    name: str | None = None,
    variable_def: Any = None,
    dtype: Any = None,
    expected_shape: Any = None,
    import_scope: Any = None,
    constraint: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = _AUTO,
    aggregation: Any = _NONE,
    shape: Any = None,
) -> Any:
    """Make a variable that is not shared; TensorFlow's `Variable(...)`.

    Its name is taken below the current *name scope* and made unique. Reuse, getters and the defaults of the variable
    scope do not touch it, and `get_variable` does not find it.

    Args:
        initial_value: A number, list, array, tensor, variable, or a function without arguments.
        trainable: Whether an optimizer is to change it; by default it is.
        collections: Where to list it, in place of the global variables.
        validate_shape: False leaves the shape unknown.
        caching_device: Handed to creators.
        name: The name; by default `Variable`.
        variable_def: Not supported; must be None.
        dtype: What Python numbers and NumPy arrays become; by default they keep TensorFlow's reading of their type.
        expected_shape: Ignored, as in TensorFlow.
        import_scope: Ignored.
        constraint: A function from a new value to an allowed one.
        use_resource: Handed to creators.
        synchronization: A `VariableSynchronization`.
        aggregation: A `VariableAggregation`.
        shape: The shape; by default that of the initial value.

    Raises:
        InvalidArgumentError: There is no initial value, or an argument is wrong.
        InvalidTypeError: The initial value is not an array.
    """
    if variable_def is not None:
        raise InvalidArgumentError(
            "a variable cannot be made from a protocol buffer here (variable_def)",
            hint="Variable(initial_value, name=...)",
        )
    frame = current_frame()
    create = creator(frame.around.creators) if frame.around.creators else create_variable
    variable = create(
        initial_value=initial_value,
        trainable=trainable,
        collections=collections,
        validate_shape=validate_shape,
        caching_device=caching_device,
        name=name,
        dtype=dtype,
        constraint=constraint,
        use_resource=use_resource,
        synchronization=synchronization,
        aggregation=aggregation,
        shape=shape,
    )
    if variable is None:
        raise nothing_created(name)
    frame.store.announce(variable)
    return variable


def nothing_created(name: str | None) -> NothingCreatedError:
    """Return the error for a creator that forgot to return what it made."""
    return NothingCreatedError(
        f"a variable creator returned None in the place of the variable {name}",
        hint="end the creator in `return next_creator(**kwargs)`",
    )


@final
class variable_creator_scope:  # noqa: N801 - TensorFlow's name
    """Wrap the construction of every variable, for the length of a `with` block.

    Args:
        variable_creator: `creator(next_creator, **kwargs)`; it is called with all that a variable is made of, may
            change it, and returns a variable, usually `next_creator(**kwargs)`.

    Example:
        >>> def frozen(next_creator, **kwargs):
        ...     return next_creator(**kwargs | {"trainable": False})
        >>> with variable_creator_scope(frozen):
        ...     get_variable("table", [3]).trainable
        False
    """

    # No generator: one that is dropped halfway would leave the scope whenever, and wherever, it is collected.
    __slots__ = ("_before", "_creator", "_creators")

    def __init__(self, variable_creator: Callable[..., Any]) -> None:
        self._creator = variable_creator
        self._before: Frame
        self._creators: tuple[Callable[..., Any], ...]

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that runs in this scope: `@variable_creator_scope(creator)`."""

        @wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with variable_creator_scope(self._creator):
                return function(*args, **kwargs)

        return within

    def __enter__(self) -> None:
        self._before = before = current_frame()
        self._creators = (*before.around.creators, self._creator)
        CURRENT.set(before.with_creators(self._creators))

    def __exit__(self, *_: object) -> None:
        try:
            now, before = current_frame(), self._before
        except AttributeError:
            raise NestingError(
                "a variable_creator_scope is left that was never entered", hint="with variable_creator_scope(...):"
            ) from None
        if now.around.creators is not self._creators or now.store is not before.store:
            raise NestingError(
                "Exiting variable_creator_scope without proper nesting.",
                hint="leave scopes in the opposite order of entering them; `with` does it",
            )
        CURRENT.set(now.with_creators(before.around.creators))
