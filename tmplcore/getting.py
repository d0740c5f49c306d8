"""`get_variable`: from a name in a scope to the variable, found or created."""

from __future__ import annotations

from functools import partial
from types import MethodType
from typing import Any, Final

from tmplcore.collections import GraphKeys
from tmplcore.creation import checked_modes, create_variable, creator, is_trainable, nothing_created
from tmplcore.dtypes import DType, as_dtype, float32
from tmplcore.errors import (
    CreatorError,
    InitializerError,
    InvalidTypeError,
    VariableExistsError,
    VariableMismatchError,
    VariableNotFoundError,
)
from tmplcore.frame import CURRENT
from tmplcore.initial import initial_call, is_constant, refuse_dtype, refuse_shape
from tmplcore.journal import Journal
from tmplcore.losses import RegularizationLoss
from tmplcore.messages import described, nearest
from tmplcore.modes import VariableAggregation, VariableSynchronization
from tmplcore.naming import ROOT, check_name
from tmplcore.scope import Reuse, called_first
from tmplcore.shapes import as_shape, as_shape_and_dims
from tmplcore.store import VariableStore, current_frame

__all__ = ["get_local_variable", "get_variable"]

_get: Final = CURRENT.get
_set: Final = CURRENT.set
_AUTO: Final = VariableSynchronization.AUTO
_NONE: Final = VariableAggregation.NONE
_KNOWN_DTYPES: Final[dict[Any, DType]] = {float32: float32}


def get_variable(
    name: str | None,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: Any = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = _AUTO,
    aggregation: Any = _NONE,
) -> Any:
    """Find the variable `name` in the current variable scope, or create it.

    Which of the two, the scope's reuse flag says. What is None is taken from the scope.

    Args:
        name: The name below the scope. At the root None is a name, too: of the variable that has none.
        shape: The shape: an int, a list, a tuple. Not to be given with a constant as initializer.
        dtype: The type of an element; float32 unless the scope says otherwise.
        initializer: A function `(shape, dtype) -> array`, a class of such, a function without arguments that
            decides shape and dtype, or a constant. By default glorot uniform for floats, zeros for other types.
        regularizer: A function from the new variable to a loss, or to None.
        trainable: Whether an optimizer is to change it; by default it is.
        collections: Where to list it, in place of the global variables.
        caching_device: Handed to getters and creators.
        partitioner: `(shape, dtype) -> list of counts`, to make it of parts.
        validate_shape: False lets a constant of any shape be assigned later.
        use_resource: Handed to getters and creators.
        custom_getter: Called in the place of the scopes' getters.
        constraint: A function from a new value to an allowed one.
        synchronization: A `VariableSynchronization`; `ON_READ` means not trainable by default.
        aggregation: A `VariableAggregation`.

    Returns:
        A `Variable`, or a `PartitionedVariable`, or whatever a custom getter returns.

    Raises:
        VariableExistsError: It exists, and reuse is off.
        VariableNotFoundError: It does not exist, and reuse is on.
        VariableMismatchError: It exists with another shape or dtype.
        InitializerError: Shape, dtype and initializer do not go together.
        InvalidNameError: The full name has characters that it may not have.

    Example:
        >>> with variable_scope("layer"):
        ...     w = get_variable("w", [2, 3])
        >>> w.name, w.shape.as_list(), w.dtype.name
        ('layer/w:0', [2, 3], 'float32')
    """
    try:
        frame = _get()
    except LookupError:
        frame = current_frame()
    scope = frame.scope
    settings = scope._settings
    # The shortest way to a variable that is there: it does nothing but look, and leaves all doubts to the long way.
    if (
        scope._reuse
        and settings.plain
        and custom_getter is None
        and partitioner is None
        and (initializer is None or callable(initializer))
        and synchronization is _AUTO
        and aggregation is _NONE
    ):
        try:
            variable = frame.store.by_key[scope._prefix + name]  # type: ignore[operator]
            wanted = settings.dtype if dtype is None else dtype
            if (shape is None or tuple(shape) == variable._dims) and (
                wanted is variable.dtype or _KNOWN_DTYPES[wanted] is variable.dtype
            ):
                return variable
        except (LookupError, TypeError, ValueError, AttributeError):
            pass
    full_name: Any
    if isinstance(name, str):
        full_name = scope._prefix + name
    elif name is None and not scope._prefix:
        full_name = None  # at the root there is one variable without a name; TensorFlow calls it `Variable`
    else:
        raise InvalidTypeError(
            f"a variable's name must be a string, not {type(name).__name__}: {name!r}", hint='get_variable("w", [2, 3])'
        )
    if regularizer is None:
        regularizer = settings.regularizer
    if initializer is None:
        initializer = settings.initializer
    elif dtype is not None:
        refuse_dtype(initializer, dtype)
    if caching_device is None:
        caching_device = settings.caching_device
    if partitioner is None:
        partitioner = settings.partitioner
    getter = settings.getter if custom_getter is None else called_first(custom_getter)
    if use_resource is None:
        use_resource = settings.use_resource
    if constraint is None:
        constraint = settings.constraint
    if dtype is None:
        dtype = settings.dtype
    if synchronization is not _AUTO or aggregation is not _NONE:
        synchronization, aggregation = checked_modes(name, synchronization, aggregation)
    if trainable is None:
        trainable = synchronization is _AUTO or is_trainable(None, synchronization)
    # Getters run, and variables are named, outside all name scopes.
    outside = frame
    if frame.ops is not ROOT:
        outside = frame._outside or frame.outside()
        _set(outside)
    try:
        if getter is None:
            return find_or_create(
                frame.store,
                full_name,
                shape,
                dtype,
                initializer,
                regularizer,
                scope._reuse,
                trainable,
                collections,
                caching_device,
                partitioner,
                validate_shape,
                use_resource,
                constraint,
                synchronization,
                aggregation,
            )
        store = frame.store
        if store.last_getter is None:
            store.last_getter = MethodType(find_or_create, store)
        return getter(
            store.last_getter,
            name=full_name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            regularizer=regularizer,
            reuse=scope._reuse,
            trainable=trainable,
            collections=collections,
            caching_device=caching_device,
            partitioner=partitioner,
            validate_shape=validate_shape,
            use_resource=use_resource,
            synchronization=synchronization,
            aggregation=aggregation,
            constraint=constraint,
        )
    finally:
        if outside is not frame:
            now = _get()
            _set(frame if now is outside else now.with_ops(frame.ops))


def get_local_variable(
    name: str | None,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: Any = False,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = _AUTO,
    aggregation: Any = _NONE,
) -> Any:
    """Find or create a variable as `get_variable` does; a new one is local and never trainable.

    It is listed in `local_variables` besides the collections that are given. `trainable` is there for TensorFlow's
    signature and has no effect. All else is as for `get_variable`.

    Example:
        >>> get_local_variable("count", [], initializer=initializers.Zeros()).trainable
        False
    """
    if not (collections is None or isinstance(collections, list | tuple | set)):
        raise InvalidTypeError(
            f"collections must be a list, tuple, or set, not {type(collections).__name__}: {collections!r}",
            hint=f"collections=[{collections!r}]",
        )
    # TensorFlow extends the caller's own list here.
    collections = [*(collections or ()), GraphKeys.LOCAL_VARIABLES]
    return get_variable(
        name,
        shape,
        dtype,
        initializer,
        regularizer,
        False,
        collections,
        caching_device,
        partitioner,
        validate_shape,
        use_resource,
        custom_getter,
        constraint,
        synchronization,
        aggregation,
    )


def find_or_create(
    store: VariableStore,
    name: str,
    shape: Any = None,
    dtype: Any = float32,
    initializer: Any = None,
    regularizer: Any = None,
    reuse: Reuse | None = None,
    trainable: Any = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Any = None,
    synchronization: Any = _AUTO,
    aggregation: Any = _NONE,
) -> Any:
    """Find or create the variable with the full name `name`; the getter at the end of the line.

    Custom getters get it with the store bound, so its parameters from `name` on are TensorFlow's.
    """
    found: Any = store.by_key.get(name)
    reused = found is not None and partitioner is None and reuse is not False
    if reused and initializer is None:  # as in `get_variable`: nothing but a look
        try:
            if dtype is found.dtype and (shape is None or tuple(shape) == found._dims):
                return found
        except (TypeError, ValueError, AttributeError):
            pass
    wanted: DType = dtype
    if type(dtype) is not DType or dtype.base_dtype is not dtype:
        wanted = as_dtype(dtype).base_dtype
        if isinstance(dtype, str | type):
            _KNOWN_DTYPES[dtype] = wanted
    if reused:
        refuse_shape(initializer, shape)
        return _checked(found, name, shape, wanted)
    store.lock.acquire()  # in half of the time that `with` takes
    try:
        if partitioner is not None or name in store.partitioned or f"{name}/part_0" in store.by_key:
            from tmplcore.partitioned import find_or_create_parts, is_scalar

            scalar = partitioner is not None and is_scalar(shape)
            if scalar and f"{name}/part_0" in store.by_key:
                partitioner, reuse = None, False  # no scalar is found among the partitioned ones
            if not scalar or partitioner is None:
                create_part = partial(
                    create_shared,
                    store,
                    dtype=wanted,
                    regularizer=regularizer,
                    trainable=trainable,
                    collections=collections,
                    caching_device=caching_device,
                    validate_shape=validate_shape,
                    use_resource=use_resource,
                    constraint=constraint,
                    synchronization=synchronization,
                    aggregation=aggregation,
                )
                return find_or_create_parts(store, name, shape, wanted, initializer, reuse, partitioner, create_part)
        if shape is not None:
            refuse_shape(initializer, shape)
        found = store.by_key.get(name)
        if found is not None:
            if reuse is False:
                raise _exists(store, name, found)
            return _checked(found, name, shape, wanted)
        if reuse is True:
            raise _not_found(store, name)
        return create_shared(
            store,
            name,
            shape,
            wanted,
            initializer,
            regularizer,
            trainable,
            collections,
            caching_device,
            validate_shape,
            use_resource,
            constraint,
            synchronization,
            aggregation,
        )
    finally:
        store.lock.release()


def create_shared(
    store: VariableStore,
    name: str,
    shape: Any,
    dtype: DType,
    initializer: Any,
    regularizer: Any,
    trainable: Any,
    collections: Any,
    caching_device: Any,
    validate_shape: bool,
    use_resource: bool | None,
    constraint: Any,
    synchronization: Any,
    aggregation: Any,
    partition_info: Any = None,
) -> Any:
    """Create a variable that `get_variable` finds again."""
    if is_constant(initializer):
        known = shape is not None and validate_shape
        initial_value, given_dtype, given_shape = initializer, None, as_shape(shape) if known else None
    else:
        if initializer is None and shape is None:
            raise InitializerError(
                f"Variable {name} did not get an initializer, so its `shape` argument must be specified.",
                hint=f"get_variable({str(name).rpartition('/')[2]!r}, shape=[...])",
            )
        whole, dims = as_shape_and_dims(shape)
        initial_value = initial_call(name, initializer, whole, dims, dtype, partition_info)
        given_dtype = initial_value.dtype
        given_shape = None if shape is None else whole
    frame = _get(None) or current_frame()
    journal = around = frame.around.journal
    if regularizer is not None:
        journal = Journal()
        CURRENT.set(frame.with_journal(journal))
    try:
        create = creator(frame.around.creators) if frame.around.creators else create_variable
        variable = create(
            initial_value=initial_value,
            trainable=trainable,
            collections=collections,
            validate_shape=validate_shape,
            caching_device=caching_device,
            name=name,
            dtype=given_dtype,
            constraint=constraint,
            use_resource=False if use_resource is None else use_resource,
            synchronization=synchronization,
            aggregation=aggregation,
            shape=given_shape,
        )
        if create is not create_variable:
            _check_created(variable, name)
        if getattr(variable, "key", "") is None:
            variable.key = name
        store.share(name, variable, journal)
        store.announce(variable)
        if regularizer is not None:
            try:
                _regularized(store, name, variable, regularizer)
            except BaseException:
                assert journal is not None
                journal.rollback()
                raise
    finally:
        if journal is not None and journal is not around:
            CURRENT.set(current_frame().with_journal(around))
            if around is not None:
                around.extend(journal)
    return variable


def _check_created(variable: Any, name: str) -> None:
    """Refuse what a creator returned, if it is no variable."""
    if variable is None:
        raise nothing_created(name)
    if not hasattr(variable, "name"):
        raise CreatorError(
            f"a variable creator returned {variable!r} for {name}, which is no variable",
            hint="end the creator in `return next_creator(**kwargs)`",
        )


def _regularized(store: VariableStore, full_name: str, variable: Any, regularizer: Any) -> None:
    """Record what the regularizer says about a new variable, unless that is nothing.

    It runs in a name scope called after what `get_variable` was asked for, whatever the variable came to be called.
    """
    frame = current_frame()
    inside = frame.with_prefix(f"{full_name}/Regularizer/")
    CURRENT.set(inside)
    try:
        loss = regularizer(variable)
    finally:
        now = CURRENT.get()
        CURRENT.set(frame if now is inside else now.with_prefix(frame.prefix))
    if loss is not None:
        check_name(f"{full_name}/Regularizer/")
        name = getattr(loss, "name", None)  # that of the op that made it, where it has one
        if not isinstance(name, str):
            inner = getattr(regularizer, "__name__", type(regularizer).__name__).strip("<>")
            name = f"{full_name}/Regularizer/{inner}:0"
        store.collections.add(GraphKeys.REGULARIZATION_LOSSES, RegularizationLoss(regularizer, variable, name))


def _checked(found: Any, name: str, shape: Any, dtype: DType) -> Any:
    """Return a variable that was found, if it is what was asked for.

    Raises:
        VariableMismatchError: Its shape or dtype is another one.
    """
    if shape is not None and not as_shape(shape).is_compatible_with(found.shape):
        raise VariableMismatchError(
            f"Trying to share variable {name}, but specified shape {as_shape(shape)} and found shape {found.shape}. "
            f"It was created at {described(found)}",
            hint="ask for it with its own shape, or leave the shape out",
        )
    if as_dtype(found.dtype).base_dtype is not dtype:
        raise VariableMismatchError(
            f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype "
            f"{as_dtype(found.dtype).base_dtype.name}. It was created at {described(found)}",
            hint=f"pass dtype={as_dtype(found.dtype).base_dtype.name!r}, or set it on the scope",
        )
    return found


def _exists(store: VariableStore, name: str, found: Any) -> VariableExistsError:
    return VariableExistsError(
        f"Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in "
        f"VarScope? Originally defined at: {described(found)}",
        hint="share it with variable_scope(..., reuse=True), find or create it with reuse=AUTO_REUSE, "
        "or choose another name",
    )


def _not_found(store: VariableStore, name: str) -> VariableNotFoundError:
    return VariableNotFoundError(
        f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to set "
        f"reuse=tf.AUTO_REUSE in VarScope?{nearest(name, store.by_key)}",
        hint="create it first without reuse, or find or create it with reuse=AUTO_REUSE",
    )
