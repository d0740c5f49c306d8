"""Values and ops with names: what TensorFlow's tensors and operations are where every line runs at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.dtypes import DType
from tmplcore.expression import ArrayExpression
from tmplcore.shapes import TensorShape

if TYPE_CHECKING:
    from tmplcore.store import VariableStore

__all__ = ["Operation", "Tensor"]


@final
class Operation:
    """An op, of which the name is left, and what it does when it is called.

    Attributes:
        name: Its name. A variable's op name is the variable's name in a checkpoint.
        graph: The store in which the name is taken.
        type: What kind of op TensorFlow makes of it: `VariableV2`, `Const`, `NoOp` and so on.
    """

    __slots__ = ("_run", "graph", "name", "type")

    def __init__(
        self, name: str, graph: VariableStore, run: Callable[[], object] | None = None, *, kind: str = "NoOp"
    ) -> None:
        self.name = name
        self.graph = graph
        self.type = kind
        self._run = run

    @property
    def device(self) -> str:
        """Always empty: where values are, the backend decides."""
        return ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self.name == other.name and self.graph is other.graph

    def __hash__(self) -> int:
        return hash(self.name)

    def __call__(self) -> None:
        """Do what the op stands for. What TensorFlow does in a session is done by this call."""
        if self._run is not None:
            self._run()

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Do what the op stands for; the arguments are TensorFlow's and have no effect."""
        self()

    def __repr__(self) -> str:
        return f"<Operation {self.name!r}>"


@final
class Tensor(ArrayExpression):
    """A value with an op name. It works in expressions and library calls as the array that it holds.

    Attributes:
        name: The op's name with `:0`.
        dtype: The type of an element.
        shape: The shape.
        graph: The store in which the name is taken.
    """

    __slots__ = ("__weakref__", "_value", "dtype", "graph", "name", "shape")

    def __init__(self, value: Any, dtype: DType, name: str, graph: VariableStore) -> None:
        self._value = value
        self.dtype = dtype
        self.shape = TensorShape(tuple(value.shape))
        self.name = f"{name}:0"
        self.graph = graph

    @property
    def op(self) -> Operation:
        """The op, for its name."""
        return Operation(self.name[:-2], self.graph, kind="Const")

    @property
    def value(self) -> Any:
        """The array."""
        return self._value

    def numpy(self) -> np.ndarray:
        """Return the value as a NumPy array."""
        return to_numpy(self._value)

    def get_shape(self) -> TensorShape:
        """Return `shape`."""
        return self.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape.as_list())

    def __repr__(self) -> str:
        return f"<tf.Tensor {self.name!r} shape={self.shape} dtype={self.dtype.name}>"
