"""The old way to make a variable of parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tmplcore.compat._tensor import constant
from tmplcore.dtypes import float32
from tmplcore.errors import InvalidArgumentError, InvalidTypeError, PartitionError
from tmplcore.getting import find_or_create
from tmplcore.scope import Reuse
from tmplcore.scoping import variable_scope
from tmplcore.store import get_default_store
from tmplcore.variable import Variable

__all__ = ["create_partitioned_variables"]


def create_partitioned_variables(
    shape: Sequence[int],
    slicing: Sequence[int],
    initializer: Any,
    dtype: Any = float32,
    trainable: Any = True,
    collections: Any = None,
    name: str | None = None,
    reuse: Reuse | None = None,
) -> list[Variable]:
    """Find or create the parts of a variable; `get_variable(partitioner=)` is the newer spelling.

    Args:
        shape: The shape of the whole.
        slicing: How many parts along each axis; one axis at most has more than one.
        initializer: As for `get_variable`; a constant is cut.
        dtype: The type of an element.
        trainable: Whether an optimizer is to change the parts.
        collections: Where to list the parts, in place of the global variables.
        name: The name of the whole; by default `PartitionedVariable`, numbered.
        reuse: True to find it, AUTO_REUSE for either.

    Raises:
        PartitionError: `slicing` does not fit the shape.
        InvalidArgumentError: The scope has a custom getter.

    Example:
        >>> import tmplcore.compat.v1 as tf
        >>> with tf.Graph().as_default():
        ...     parts = tf.create_partitioned_variables([4, 2], [2, 1], tf.zeros_initializer(), name="table")
        >>> [part.name for part in parts]
        ['table/part_0:0', 'table/part_1:0']
    """
    try:
        counts, axes = list(slicing), len(shape)
    except TypeError:
        raise InvalidTypeError(
            f"shape and slicing must be lists, not {shape!r} and {slicing!r}", hint="a number for each axis"
        ) from None
    if axes != len(counts):
        raise PartitionError(
            "The 'shape' and 'slicing' of a partitioned Variable must have the length: "
            f"shape: {shape}, slicing: {slicing}",
            hint="give a number of parts for each axis",
        )
    if axes < 1:
        raise PartitionError(
            f"A partitioned Variable must have rank at least 1: shape: {shape}", hint="a scalar has no parts"
        )
    if not callable(initializer):
        initializer = constant(initializer, dtype)
    with variable_scope(name, "PartitionedVariable", reuse=reuse) as scope:
        if scope.custom_getter is not None:
            raise InvalidArgumentError(
                f"create_partitioned_variables is not allowed when a custom getter is set: {scope.custom_getter}",
                hint="use get_variable(partitioner=), which goes through getters",
            )
        whole = find_or_create(
            get_default_store(),
            scope.name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            regularizer=scope.regularizer,
            reuse=scope.reuse,
            trainable=trainable,
            collections=collections,
            partitioner=lambda shape, dtype: counts,
        )
    return list(whole)
