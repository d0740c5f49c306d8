"""Partitioners: functions from a variable's shape and dtype to the number of parts along each axis."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from tmplcore.dtypes import DType, as_dtype, string
from tmplcore.errors import InvalidTypeError, PartitionError
from tmplcore.shapes import TensorShape, as_shape

__all__ = [
    "Partitioner",
    "counted",
    "fixed_size_partitioner",
    "min_max_variable_partitioner",
    "slices",
    "variable_axis_size_partitioner",
]

Partitioner = Callable[..., list[int]]


def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Partitioner:
    """Cut into a number of parts, or as many as the axis is long.

    Example:
        >>> fixed_size_partitioner(3)(shape=[7, 2], dtype="float32")
        [3, 1]
    """

    def partitioner(shape: Any, dtype: Any = None) -> list[int]:
        sizes = as_shape(shape).as_list()
        counts = [1] * len(sizes)
        counts[axis] = min(num_shards, sizes[axis] or 0)
        return counts

    return partitioner


def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16, max_shards: int | None = None
) -> Partitioner:
    """Cut so that no part is larger than a number of bytes, as far as cutting along one axis can do it.

    Args:
        max_shard_bytes: The size that is not to be exceeded.
        axis: The axis that is cut.
        bytes_per_string_element: What a string is taken to need.
        max_shards: How many parts there may be at most; None and 0 set no limit.

    Raises:
        PartitionError: A number of bytes is not positive; later, the shape is not fully defined.
        IndexError: Later, the shape has no such axis.

    Example:
        >>> variable_axis_size_partitioner(100)(shape=[7, 10], dtype="float32")
        [4, 1]
    """
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise PartitionError(
            "Both max_shard_bytes and bytes_per_string_element must be positive. "
            f"Currently, max_shard_bytes is {max_shard_bytes} and "
            f"bytes_per_string_element is {bytes_per_string_element}",
            hint="variable_axis_size_partitioner(64 << 20)",
        )
    if max_shards is not None and max_shards < 0:
        raise PartitionError("max_shards must be positive.", hint="None sets no limit")

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        sizes = _known(shape)
        axis_size = sizes[axis]
        slice_bytes = _bytes_of(dtype, bytes_per_string_element) * math.prod(sizes) // max(axis_size, 1)
        per_shard = max(1, max_shard_bytes // max(slice_bytes, 1))
        shards = max(1, math.ceil(axis_size / per_shard))
        counts = [1] * len(sizes)
        counts[axis] = min(max_shards, shards) if max_shards else shards
        return counts

    return partitioner


def min_max_variable_partitioner(
    max_partitions: int = 1, axis: int = 0, min_slice_size: int = 256 << 10, bytes_per_string_element: int = 16
) -> Partitioner:
    """Cut into as many parts as possible, none smaller than a number of bytes.

    Args:
        max_partitions: How many parts there may be at most.
        axis: The axis that is cut.
        min_slice_size: The size in bytes that no part is to fall below.
        bytes_per_string_element: What a string is taken to need.

    Example:
        >>> min_max_variable_partitioner(max_partitions=4, min_slice_size=64)(shape=[100, 10], dtype="float32")
        [4, 1]
    """

    def partitioner(shape: Any, dtype: Any) -> list[int]:
        sizes = _known(shape)
        if not -len(sizes) <= axis < len(sizes):
            raise PartitionError(
                f"Cannot partition variable along axis {axis} when shape is only {as_shape(shape)}",
                hint=f"the axes are 0 to {len(sizes) - 1}",
            )
        wanted = max(1, math.ceil(math.prod(sizes) * _bytes_of(dtype, bytes_per_string_element) / min_slice_size))
        counts = [1] * len(sizes)
        counts[axis] = max(1, min(max_partitions, sizes[axis], wanted))
        return counts

    return partitioner


def _known(shape: Any) -> list[int]:
    """Return a shape that must be fully defined as plain ints."""
    known = as_shape(shape)
    if not known.is_fully_defined():
        raise PartitionError(f"shape is not fully defined: {known}", hint="only a known shape can be cut")
    return [int(size) for size in known.as_list() if size is not None]


def _bytes_of(dtype: Any, bytes_per_string: int) -> int:
    kind = as_dtype(dtype).base_dtype
    return bytes_per_string if kind is string else kind.size


def counted(partitioner: Any, shape: TensorShape, dtype: DType) -> list[int]:
    """Ask a partitioner, and check its answer.

    Raises:
        PartitionError: It cannot be called, or its answer does not fit the shape.
        InvalidTypeError: It answers with something other than a list of integers.
    """
    if not callable(partitioner):
        raise PartitionError(
            f"Partitioner must be callable, but received: {partitioner}", hint="fixed_size_partitioner(2) makes one"
        )
    answer = partitioner(shape=shape, dtype=dtype)
    if not isinstance(answer, Sequence) or isinstance(answer, TensorShape):
        raise PartitionError(
            f"Partitioner must return a sequence, but saw: {answer}", hint="return a list with a count for each axis"
        )
    counts = list(answer)
    if len(counts) != shape.rank:
        raise PartitionError(
            f"Partitioner returned a partition list that does not match the Variable's rank: {counts} vs. {shape}",
            hint=f"return a count for each of the {shape.rank} axes",
        )
    if any(count < 1 for count in counts):
        raise PartitionError(
            f"Partitioner returned zero partitions for some axes: {counts}", hint="1 leaves an axis whole"
        )
    if sum(count > 1 for count in counts) > 1:
        raise PartitionError(
            f"Can only slice a variable along one dimension: shape: {shape}, partitioning: {counts}",
            hint="cut one axis; the counts of all others are 1",
        )
    if not isinstance(answer, list | tuple):
        raise InvalidTypeError(f"partitions is not a list or tuple: {answer!r}", hint=f"return {counts}")
    try:
        return [operator.index(count) for count in counts]
    except TypeError:
        raise InvalidTypeError(f"a number of partitions must be an integer: {counts}", hint="count with //") from None


def slices(shape: list[int], counts: list[int]) -> list[tuple[list[int], list[int]]]:
    """Return offset and shape of each part; the first parts are the longer ones.

    Example:
        >>> slices([7, 3], [3, 1])
        [([0, 0], [3, 3]), ([3, 0], [2, 3]), ([5, 0], [2, 3])]
    """
    axis = max(range(len(counts)), key=counts.__getitem__)
    count = counts[axis]
    size, longer = divmod(shape[axis], count)
    parts = []
    offset = 0
    for index in range(count):
        length = size + (index < longer)
        parts.append(
            (
                [offset if dim == axis else 0 for dim in range(len(shape))],
                [length if dim == axis else whole for dim, whole in enumerate(shape)],
            )
        )
        offset += length
    return parts
