"""Variables made of parts, each a variable of its own that knows its place in the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tmplcore.dtypes import DType
from tmplcore.errors import PartitionError, VariableMismatchError
from tmplcore.expression import ArrayExpression, unwrap
from tmplcore.frame import CURRENT
from tmplcore.initial import as_constant, is_constant
from tmplcore.journal import Journal
from tmplcore.messages import described, nearest
from tmplcore.naming import check_name
from tmplcore.partition import counted, slices
from tmplcore.scope import Reuse
from tmplcore.shapes import TensorShape, as_shape
from tmplcore.store import VariableStore, current_frame
from tmplcore.tensor import Tensor

if TYPE_CHECKING:
    from tmplcore.variable import Variable

__all__ = ["PartitionInfo", "PartitionedVariable", "SaveSliceInfo", "find_or_create_parts", "is_scalar"]


@final
@dataclass(frozen=True, slots=True)
class SaveSliceInfo:
    """Where a part is in the whole variable.

    Attributes:
        full_name: The whole variable's name, which is what a checkpoint lists.
        full_shape: The whole variable's shape.
        var_offset: Where the part begins, along each axis.
        var_shape: The part's shape.
    """

    full_name: str
    full_shape: list[int]
    var_offset: list[int]
    var_shape: list[int]

    @property
    def spec(self) -> str:
        """The place in TensorFlow's notation: the full shape, then `offset,length` for each axis.

        Example:
            >>> SaveSliceInfo("v", [5, 3], [3, 0], [2, 3]).spec
            '5 3 3,2:0,3'
        """
        places = ":".join(f"{offset},{size}" for offset, size in zip(self.var_offset, self.var_shape, strict=True))
        return f"{' '.join(map(str, self.full_shape))} {places}"


@final
@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """What an initializer that takes `partition_info` learns about the part that it is to fill.

    Attributes:
        full_shape: The whole variable's shape.
        var_offset: Where the part begins, along each axis.
    """

    full_shape: list[int]
    var_offset: list[int]

    def single_slice_dim(self, shape: Any) -> int | None:
        """Return the axis along which a part of this shape is cut; None if it is the whole.

        Raises:
            PartitionError: It is cut along several axes, or larger than the whole.
        """
        sizes = [int(size) for size in as_shape(shape).as_list() if size is not None]
        if len(sizes) != len(self.full_shape):
            raise PartitionError(
                f"Expected equal length, but received shape={sizes} of length {len(sizes)} while "
                f"self.full_shape={self.full_shape} is of length {len(self.full_shape)}.",
                hint="ask with the shape of a part",
            )
        cut = [axis for axis, (part, whole) in enumerate(zip(sizes, self.full_shape, strict=True)) if part != whole]
        if len(cut) > 1:
            raise PartitionError(
                f"Cannot use single_slice_dim() with shape={sizes} and full_shape={self.full_shape}: more than one "
                "axis is cut",
                hint="ask with the shape of a part",
            )
        return cut[0] if cut else None

    def single_offset(self, shape: Any) -> int:
        """Return where a part of this shape begins along the axis that is cut; 0 if it is the whole."""
        axis = self.single_slice_dim(shape)
        return 0 if axis is None else self.var_offset[axis]


@final
class PartitionedVariable(ArrayExpression):
    """A variable made of parts. Iterating gives the parts; in expressions it is the whole, joined anew each time.

    Attributes:
        name: The full name, without `:0`: there is no such op.
        shape: The shape of the whole.
        dtype: The type of an element.
    """

    __slots__ = ("_counts", "_parts", "dtype", "name", "shape")

    def __init__(self, name: str, shape: TensorShape, dtype: DType, parts: list[Variable], counts: list[int]) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self._parts = parts
        self._counts = counts

    def __iter__(self) -> Iterator[Variable]:  # type: ignore[override]
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __bool__(self) -> bool:
        """Return True, whatever the value; see `Variable`."""
        return True

    def get_shape(self) -> TensorShape:
        """Return `shape`."""
        return self.shape

    @property
    def axis(self) -> int:
        """The axis along which the whole is cut."""
        return max(range(len(self._counts)), key=self._counts.__getitem__)

    def _get_variable_list(self) -> list[Variable]:
        """Return the parts, as code that was written for TensorFlow asks for them."""
        return self._parts

    def _get_partitions(self) -> list[int]:
        """Return the number of parts along each axis, in the same way."""
        return self._counts

    def _partition_axes(self) -> list[int]:
        """Return the axes that are cut, in the same way; the first if none is."""
        return [axis for axis, count in enumerate(self._counts) if count > 1] or [0]

    def numpy(self) -> np.ndarray:
        """Return the whole as a NumPy array."""
        return np.concatenate([part.numpy() for part in self._parts], axis=self.axis)

    @property
    def value(self) -> Any:
        """The whole as an array of the backend: the only part's own, or a copy."""
        values = [part.value for part in self._parts]
        if len(values) == 1:
            return values[0]
        if isinstance(values[0], np.ndarray):
            return np.concatenate(values, axis=self.axis)
        from array_api_compat import array_namespace

        return array_namespace(*values).concat(values, axis=self.axis)

    def as_tensor(self) -> Tensor:
        """Return the whole under an op name of its own: the variable's, made unique."""
        store = self._parts[0].graph
        name = store.names.claim(self.name, journal=current_frame().around.journal)
        return Tensor(self.value, self.dtype, name, store)

    def assign(self, value: Any) -> PartitionedVariable:
        """Replace the value of the whole.

        Raises:
            VariableMismatchError: The shape is another one.
        """
        array = np.asarray(unwrap(value))
        if array.shape != self.shape:
            raise VariableMismatchError(
                f"cannot assign a value of shape {array.shape} to {self.name} of {self.shape}",
                hint=f"reshape the value to {self.shape}",
            )
        for part in self._parts:
            info = part._save_slice_info
            assert info is not None
            part.assign(
                array[
                    tuple(
                        slice(start, start + size) for start, size in zip(info.var_offset, info.var_shape, strict=True)
                    )
                ]
            )
        return self

    def assign_add(self, delta: Any) -> PartitionedVariable:
        """Add to the value, and return this variable."""
        return self.assign(self.numpy() + np.asarray(unwrap(delta), self.dtype.dtype))

    def assign_sub(self, delta: Any) -> PartitionedVariable:
        """Subtract from the value, and return this variable."""
        return self.assign(self.numpy() - np.asarray(unwrap(delta), self.dtype.dtype))

    def with_parts(self, replaced: Mapping[Variable, Variable]) -> PartitionedVariable:
        """Return this variable with other parts in the places of some."""
        parts = [replaced.get(part, part) for part in self._parts]
        return PartitionedVariable(self.name, self.shape, self.dtype, parts, self._counts)

    def __repr__(self) -> str:
        return f"<PartitionedVariable {self.name!r} shape={self.shape} parts={len(self._parts)}>"


def is_scalar(shape: Any) -> bool:
    """Tell whether a shape argument is that of a scalar, to which no partitioner applies."""
    return isinstance(shape, list | tuple) and not isinstance(shape, TensorShape) and len(shape) == 0


def find_or_create_parts(
    store: VariableStore,
    name: str,
    shape: Any,
    dtype: DType,
    initializer: Any,
    reuse: Reuse | None,
    partitioner: Any,
    create_part: Callable[..., Any],
) -> PartitionedVariable:
    """Find or create a variable of parts, as the reuse flag says.

    A part is created by `create_part(name=…, shape=…, initializer=…, partition_info=…)`.

    Raises:
        PartitionError: The request and what there is do not go together, or the partitioner's answer is unusable.
    """
    found = store.partitioned.get(name)
    if partitioner is None:
        if found is None or reuse is not True:
            raise PartitionError(
                "No partitioner was provided, but a partitioned version of the variable was found: "
                f"{name}/part_0. Perhaps a variable of the same name was already created with partitioning? "
                f"It was created at {_origin(store, name)}",
                hint="pass the partitioner it was created with, or find it with reuse=True",
            )
        if shape is not None and not as_shape(shape).is_compatible_with(found.shape):
            raise _mismatch(store, name, "shape", as_shape(shape), found.shape)
        if dtype is not found.dtype:
            raise _mismatch(store, name, "dtype", dtype.name, found.dtype.name)
        return found
    if not callable(partitioner):
        counted(partitioner, as_shape(shape), dtype)
    if name in store.by_key:
        raise PartitionError(
            f"A partitioner was provided, but an unpartitioned version of the variable was found: {name}. "
            "Perhaps a variable of the same name was already created without partitioning? It was created at "
            f"{described(store.by_key[name])}",
            hint="leave the partitioner out",
        )
    whole = as_shape(shape)
    is_tensor = is_constant(initializer) and not isinstance(initializer, np.ndarray) and hasattr(initializer, "shape")
    if is_tensor:
        whole = whole.merge_with(tuple(initializer.shape))
    if not whole.is_fully_defined():
        raise PartitionError(
            f"Shape of a new partitioned variable must be fully defined, but instead was {whole}. (variable {name})",
            hint="give the whole shape; with a constant initializer, switch the partitioner off",
        )
    if whole.rank == 0:
        raise PartitionError(
            f"A partitioned Variable must have rank at least 1, shape: {whole} (variable {name})",
            hint="leave the partitioner out: a scalar has no parts",
        )
    counts = counted(partitioner, whole, dtype)
    if found is not None:
        if reuse is False:
            raise PartitionError(
                f"Partitioned variable with name {name} already exists. Did you mean to set reuse=True or "
                f"reuse=tf.AUTO_REUSE in VarScope? It was created at {_origin(store, name)}",
                hint="share it with reuse=True",
            )
        if not whole.is_compatible_with(found.shape):
            raise _mismatch(store, name, "shape", whole, found.shape)
        if dtype is not found.dtype:
            raise _mismatch(store, name, "dtype", dtype.name, found.dtype.name)
        if counts != found._counts:
            raise _mismatch(store, name, "partitions", counts, found._counts)
        return found
    if f"{name}/part_0" in store.by_key:  # made by that name, as a variable of its own
        last = f"{name}/part_{max(counts) - 1}"
        raise PartitionError(
            "Partitioner returned a different partitioning than what was already found. "
            f"Partitioner returned {max(counts)} shards, and shard {name}/part_0 was found"
            f"{'' if last in store.by_key else f', but {last} was not'}. It was created at {_origin(store, name)}",
            hint=f"choose another name than {name!r}: its parts are there as variables of their own",
        )
    if reuse is True:
        raise PartitionError(
            f"PartitionedVariable {name} does not exist, or was not created with tf.get_variable(). Did you mean to "
            f"set reuse=False or reuse=tf.AUTO_REUSE in VarScope?{nearest(name, store.partitioned)}",
            hint="create it first without reuse, or find or create it with reuse=AUTO_REUSE",
        )
    sizes = [int(size) for size in whole.as_list() if size is not None]
    check_name(f"{name}/part_0/PartitionedInitializer")
    constant = as_constant(initializer, None if is_tensor else dtype) if is_constant(initializer) else None
    if constant is not None and not _covers(constant.shape, sizes):
        raise PartitionError(
            f"the initial value of {name} has shape {constant.shape}, of which no part is {tuple(sizes)}",
            hint="give a value of the whole shape",
        )
    frame = current_frame()
    attempt = Journal()
    CURRENT.set(frame.with_prefix("").with_journal(attempt))  # parts are named outside all name scopes
    parts: list[Any] = []
    try:
        for index, (offset, part_sizes) in enumerate(slices(sizes, counts)):
            if 0 in part_sizes and 0 not in sizes:  # TensorFlow notices when it comes to that part
                raise PartitionError(
                    f"Expected 0 <= offset < shape but found offset = {offset}, shape = {sizes}: the partitioner asks "
                    f"for {counts} parts",
                    hint="fixed_size_partitioner makes no more parts than there are rows",
                )
            part_initializer = initializer
            if constant is not None:
                place = tuple(slice(start, start + size) for start, size in zip(offset, part_sizes, strict=True))
                part_initializer = constant.value[place]
            part = create_part(
                name=f"{name}/part_{index}",
                shape=part_sizes,
                initializer=part_initializer,
                partition_info=PartitionInfo(sizes, offset),
            )
            part._save_slice_info = SaveSliceInfo(name, sizes, offset, part_sizes)
            parts.append(part)
        result = PartitionedVariable(name, whole, parts[0].dtype, parts, counts)
        store.partitioned[name] = result
        attempt.append(lambda: store.partitioned.pop(name, None))
    except BaseException:
        attempt.rollback()
        raise
    finally:
        CURRENT.set(current_frame().with_prefix(frame.prefix).with_journal(frame.around.journal))
        if frame.around.journal is not None:
            frame.around.journal.extend(attempt)
    return result


def _covers(shape: tuple[int, ...], sizes: list[int]) -> bool:
    return len(shape) == len(sizes) and all(there >= size for there, size in zip(shape, sizes, strict=True))


def _origin(store: VariableStore, name: str) -> str:
    """Say where a partitioned variable was made: where its first part was."""
    return described(store.by_key.get(f"{name}/part_0"))


def _mismatch(store: VariableStore, name: str, what: str, wanted: Any, there: Any) -> PartitionError:
    return PartitionError(
        f"Trying to reuse partitioned variable {name}, but specified {what} {wanted} and found {what} {there}. "
        f"It was created at {_origin(store, name)}",
        hint=f"ask for it with {what}={there}",
    )
