"""The ops of a graph by name and in order, as far as there are any: TensorFlow's `Graph.get_operations` and its kind.

A variable stands for the ops that TensorFlow makes with it, those of its initializer included. Beside variables, only
what takes an op name is known: `constant`, `no_op` and the like.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from tmplcore.errors import InvalidArgumentError, InvalidTypeError, OperationNotFoundError
from tmplcore.initial import InitialCall
from tmplcore.messages import nearest
from tmplcore.tensor import Operation, Tensor
from tmplcore.variable import Variable

if TYPE_CHECKING:
    from tmplcore.journal import Journal
    from tmplcore.store import VariableStore

__all__ = ["NotedOps", "find_element", "find_operation", "find_tensor", "list_operations"]

KEPT: Final = 10_000
"""How many ops beside variables are kept by name; those of before are forgotten, oldest first."""

_FORM: Final = 'Tensor names must be of the form "<op_name>:<output_index>".'
_LARGE: Final = 1000  # from so many elements on, TensorFlow fills at run time what would be a constant

_DRAWN: Final = {
    "random_uniform": ("shape Const", "min Const", "max Const", "RandomUniform", "sub Sub", "mul Mul"),
    "random_normal": ("shape Const", "mean Const", "stddev Const", "RandomStandardNormal", "mul Mul"),
    "truncated_normal": ("shape Const", "mean Const", "stddev Const", "TruncatedNormal", "mul Mul"),
}
_DRAWS: Final = {
    "RandomUniform": "random_uniform",
    "RandomNormal": "random_normal",
    "TruncatedNormal": "truncated_normal",
    "GlorotUniform": "random_uniform",
    "GlorotNormal": "truncated_normal",
    "UniformUnitScaling": "random_uniform",
    "Orthogonal": "random_normal",
}
_AFTER_DRAWING: Final = {
    "Orthogonal": ("Qr", "DiagPart", "Sign", "mul Mul", "Reshape/shape Const", "Reshape", "mul_1/x Const", "mul_1 Mul")
}
_IDENTITY: Final = (
    *(f"eye/{each} Const" for each in ("ones", "diag/k", "diag/num_rows", "diag/num_cols", "diag/padding_value")),
    "eye/diag MatrixDiagV3",
    "mul/x Const",
    "mul Mul",
)

_Noted = tuple[int, str, str, "ref[Tensor] | None"]


@final
class NotedOps:
    """Ops beside variables: after how many variables they were made, their names and kinds, and their tensors."""

    __slots__ = ("_noted",)

    def __init__(self) -> None:
        self._noted: deque[_Noted] = deque(maxlen=KEPT)

    def note(self, after: int, name: str, kind: str, tensor: Tensor | None, journal: Journal | None) -> None:
        """Keep an op by its name.

        Args:
            after: How many variables were made before it.
            name: Its name.
            kind: Its type, in TensorFlow's word.
            tensor: Its value, if it has one; it is not kept alive.
            journal: Learns how to forget the op.
        """
        entry = (after, name, kind, None if tensor is None else ref(tensor))
        self._noted.append(entry)
        if journal is not None:
            journal.append(lambda: self._forget(entry))

    def _forget(self, entry: _Noted) -> None:
        if entry in self._noted:
            self._noted.remove(entry)

    def entries(self) -> list[_Noted]:
        """Return them in the order of their making."""
        return list(self._noted)


def list_operations(store: VariableStore) -> list[Operation]:
    """Return the ops of a store in the order of their making."""
    return [Operation(name, store, kind=kind) for name, kind, _ in _listed(store)]


def find_operation(store: VariableStore, name: Any) -> Operation:
    """Return the op of a name.

    Raises:
        InvalidTypeError: The name is no string.
        InvalidArgumentError: It is a tensor's.
        OperationNotFoundError: There is none of that name.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(
            f"Operation names are strings (or similar), not {type(name).__name__}.",
            hint="get_operation_by_name(variable.op.name)",
        )
    if ":" in name:
        raise InvalidArgumentError(
            f"Name {name!r} appears to refer to a Tensor, not a Operation.",
            hint=f"get_operation_by_name({name.partition(':')[0]!r})",
        )
    for found, kind, _ in _listed(store):
        if found == name:
            return Operation(name, store, kind=kind)
    raise OperationNotFoundError(
        f"The name {name!r} refers to an Operation not in the graph.{nearest(name, _names(store))}",
        hint="get_operations() lists the ops; arithmetic makes none here",
    )


def find_tensor(store: VariableStore, name: Any) -> Any:
    """Return the tensor or the variable of a name.

    Raises:
        InvalidTypeError: The name is no string.
        InvalidArgumentError: It is an op's, or has another form.
        OperationNotFoundError: There is none of that name, or its value was dropped.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(
            f"Tensor names are strings (or similar), not {type(name).__name__}.",
            hint="get_tensor_by_name(variable.name)",
        )
    op_name, colon, number = name.rpartition(":")
    if not colon:
        if name in _names(store):
            raise InvalidArgumentError(
                f"The name {name!r} refers to an Operation, not a Tensor. {_FORM}",
                hint=f"get_tensor_by_name({name + ':0'!r})",
            )
        raise InvalidArgumentError(
            f"The name {name!r} looks like an (invalid) Operation name, not a Tensor. {_FORM}",
            hint=f"get_tensor_by_name({name + ':0'!r})",
        )
    if not op_name or not number.isdecimal():
        raise InvalidArgumentError(
            f"The name {name!r} looks a like a Tensor name, but is not a valid one. {_FORM}",
            hint="a variable's name ends in ':0'",
        )
    missing = f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r}, "
    for found, kind, value in _listed(store):
        if found != op_name:
            continue
        if kind == "NoOp" or number != "0":
            raise OperationNotFoundError(
                f"{missing}exists but only has {0 if kind == 'NoOp' else 1} outputs.",
                hint="the only output is number 0",
            )
        if value is None:
            raise OperationNotFoundError(
                f"The name {name!r} refers to a Tensor whose value is not kept.",
                hint="keep the tensor itself; the graph knows its name alone",
            )
        return value
    raise OperationNotFoundError(
        f"{missing}does not exist in the graph.{nearest(op_name, _names(store))}",
        hint="get_operations() lists the ops; arithmetic makes none here",
    )


def find_element(store: VariableStore, value: Any, allow_tensor: bool, allow_operation: bool) -> Any:
    """Return the tensor, variable or op that `value` is, or is the name of.

    Raises:
        InvalidTypeError: It is neither.
        InvalidArgumentError: It is of another graph, or of the form that is not allowed.
        OperationNotFoundError: There is none of that name.
    """
    kinds = " or ".join(kind for kind, allow in (("Tensor", allow_tensor), ("Operation", allow_operation)) if allow)
    if isinstance(value, str):
        if allow_tensor and (":" in value or not allow_operation):
            return find_tensor(store, value)
        return find_operation(store, value)
    if (isinstance(value, Tensor | Variable) and allow_tensor) or (isinstance(value, Operation) and allow_operation):
        if value.graph is not store:
            raise InvalidArgumentError(
                f"{kinds} {value!r} is not an element of this graph.", hint="ask the graph in which it was made"
            )
        return value
    raise InvalidTypeError(
        f"Can not convert a {type(value).__name__} into a {kinds}.", hint="give the name of one, or the object itself"
    )


def _names(store: VariableStore) -> dict[str, None]:
    return dict.fromkeys(name for name, _, _ in _listed(store))


def _listed(store: VariableStore) -> Iterator[tuple[str, str, Any]]:
    """Yield name, kind and value of each op."""
    noted = deque(store.noted_ops.entries())
    inside = {name for _, name, _, _ in noted}
    for number, variable in enumerate(store.variables):
        while noted and noted[0][0] <= number:
            yield _as_noted(noted.popleft())
        yield from _of_variable(store, variable, inside)
    yield from map(_as_noted, noted)


def _as_noted(entry: _Noted) -> tuple[str, str, Any]:
    _, name, kind, tensor = entry
    return name, kind, None if tensor is None else tensor()


def _of_variable(store: VariableStore, variable: Variable, noted: set[str]) -> Iterator[tuple[str, str, Any]]:
    name = variable.spec.name
    if store.names.has(f"{name}/initial_value"):
        yield f"{name}/initial_value", "Const", None
    elif not any(other.startswith(f"{name}/Initializer/") for other in noted):
        for last, kind in _initializer_ops(variable):
            yield f"{name}/Initializer/{last}", kind, None
    yield name, "VariableV2", variable
    yield f"{name}/Assign", "Assign", variable
    yield f"{name}/read", "Identity", variable


def _initializer_ops(variable: Variable) -> Iterator[tuple[str, str]]:
    """Yield the ops that TensorFlow makes for an initial value that is computed: last parts of names, and kinds."""
    source = variable._start.source
    initializer = source.initializer if isinstance(source, InitialCall) else None
    kind = type(initializer).__name__
    if not type(initializer).__module__.startswith("tmplcore.initializers"):
        yield "initial_value", "Const"
    elif kind in {"Zeros", "Ones"}:
        yield from _filled(kind.lower(), math.prod(variable._dims or ()))
    elif kind == "Identity":
        yield from map(_name_and_kind, _IDENTITY)
    elif kind == "Constant":
        yield "Const", "Const"
    else:
        drawn = _DRAWS.get(kind) or _DRAWS_BY_DISTRIBUTION[getattr(initializer, "distribution", "normal")]
        for part in _DRAWN[drawn]:
            last, of = _name_and_kind(part)
            yield f"{drawn}/{last}", of
        yield drawn, "AddV2"
        yield from map(_name_and_kind, _AFTER_DRAWING.get(kind, ()))


_DRAWS_BY_DISTRIBUTION: Final = {
    "normal": "truncated_normal",
    "truncated_normal": "truncated_normal",
    "untruncated_normal": "random_normal",
    "uniform": "random_uniform",
}


def _filled(name: str, size: int) -> Iterator[tuple[str, str]]:
    if size < _LARGE:
        yield name, "Const"
    else:
        yield f"{name}/shape_as_tensor", "Const"
        yield f"{name}/Const", "Const"
        yield name, "Fill"


def _name_and_kind(text: str) -> tuple[str, str]:
    last, _, kind = text.partition(" ")
    return last, kind or last
