"""The global step: one integer variable that counts training steps."""

from __future__ import annotations

from typing import Any

from tmplcore.collections import GraphKeys
from tmplcore.dtypes import as_dtype, int64
from tmplcore.errors import InvalidArgumentError, InvalidTypeError, OperationNotFoundError
from tmplcore.getting import get_variable
from tmplcore.store import VariableStore, current_frame

__all__ = ["create_global_step", "get_global_step", "get_or_create_global_step"]


def get_global_step(graph: VariableStore | None = None) -> Any:
    """Return the global step, or None if there is none, or more than one.

    Args:
        graph: The store to look in; by default the current one.

    Raises:
        InvalidTypeError: What is in the collection is no integer scalar.
    """
    store = current_frame().store if graph is None else graph
    found = store.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:  # a getter may have made several; TensorFlow then knows of none
        return None
    step = found[0] if found else _by_name(store)
    if step is not None:
        if not hasattr(step, "dtype"):
            raise InvalidTypeError(
                f'Existing "global_step" must be a Variable or Tensor: {step!r}.',
                hint="clear_collection(GraphKeys.GLOBAL_STEP), and create_global_step()",
            )
        if not as_dtype(step.dtype).base_dtype.is_integer:
            raise InvalidTypeError(
                f'Existing "global_step" does not have integer type: {step.dtype}',
                hint="create_global_step() makes an int64 scalar",
            )
        if step.shape.rank not in {None, 0}:
            raise InvalidTypeError(
                f'Existing "global_step" is not scalar: {step.shape}', hint="create_global_step() makes an int64 scalar"
            )
    return step


def create_global_step(graph: VariableStore | None = None) -> Any:
    """Create the global step: an int64 scalar, not trainable, in the current variable scope.

    Raises:
        InvalidArgumentError: There is one already.
    """
    store = current_frame().store if graph is None else graph
    if get_global_step(store) is not None:
        raise InvalidArgumentError('"global_step" already exists.', hint="use get_or_create_global_step()")
    with store.as_default():
        return get_variable(
            GraphKeys.GLOBAL_STEP,
            shape=[],
            dtype=int64,
            initializer=_zeros(),
            trainable=False,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: VariableStore | None = None) -> Any:
    """Return the global step, which is created in the current variable scope if there is none."""
    step = get_global_step(graph)
    return create_global_step(graph) if step is None else step


def _by_name(store: VariableStore) -> Any:
    """Return what is called `global_step` at the root, a variable or another tensor, or None."""
    for variable in store.variables:
        if variable.name == "global_step:0":
            return variable
    try:
        return store.get_tensor_by_name("global_step:0") if store.names.has("global_step") else None
    except OperationNotFoundError:
        return None


def _zeros() -> Any:
    from tmplcore.initializers import Zeros

    return Zeros()
