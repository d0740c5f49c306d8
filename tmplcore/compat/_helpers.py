"""What TF1 programs call around their builder code and that means little, or nothing, where every line runs at once."""

from __future__ import annotations

import logging as _logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final

from tmplcore.collections import GraphKeys
from tmplcore.compat._tensor import operation
from tmplcore.errors import InvalidArgumentError
from tmplcore.expression import ArrayExpression
from tmplcore.name_scoping import name_scope
from tmplcore.shapes import Dimension
from tmplcore.store import get_default_store
from tmplcore.tensor import Operation
from tmplcore.variable import Variable

__all__ = [
    "add_to_collection",
    "add_to_collections",
    "all_variables",
    "assign",
    "assign_add",
    "assign_sub",
    "dimension_value",
    "disable_control_flow_v2",
    "disable_eager_execution",
    "disable_resource_variables",
    "disable_tensor_equality",
    "disable_v2_behavior",
    "disable_v2_tensorshape",
    "enable_resource_variables",
    "executing_eagerly",
    "get_collection",
    "get_collection_ref",
    "global_variables",
    "group",
    "is_tensor",
    "local_variables",
    "logging",
    "model_variables",
    "moving_average_variables",
    "no_op",
    "op_scope",
    "set_random_seed",
    "trainable_variables",
]


def add_to_collection(name: Any, value: Any) -> None:
    """Append `value` to the collection `name` of the default graph."""
    get_default_store().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append `value` to several collections of the default graph; a string is one name."""
    get_default_store().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """Return a copy of a collection of the default graph; `scope` is a regular expression for the names' beginnings."""
    return get_default_store().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """Return a collection of the default graph itself: editing the list edits the collection."""
    return get_default_store().get_collection_ref(key)


def global_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that are saved: all but the local ones."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Any]:
    """Return the local variables, which are not saved."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """Return the variables in the collection MODEL_VARIABLES."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """Return the variables of which moving averages are kept."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """Return the variables that an optimizer changes."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def all_variables() -> list[Any]:
    """Return `global_variables()`; the old spelling."""
    return global_variables()


def no_op(name: str | None = None) -> Operation:
    """Return an op that does nothing."""
    return operation(name or "NoOp")


def group(*inputs: Any, name: str | None = None) -> Operation:
    """Return an op that does what all of `inputs` do."""
    ops = list(_flat(inputs))

    def run() -> None:
        for op in ops:
            if isinstance(op, Operation):
                op()

    return operation(name or "group_deps", run)


def _flat(items: Any) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list | tuple):
            yield from _flat(item)
        else:
            yield item


def assign(
    ref: Variable,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Replace a variable's value, at once."""
    return ref.assign(value)


def assign_add(ref: Variable, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Add to a variable's value, at once."""
    return ref.assign_add(value)


def assign_sub(ref: Variable, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Subtract from a variable's value, at once."""
    return ref.assign_sub(value)


def disable_v2_behavior() -> None:
    """Do nothing: this is version 1's behaviour."""


def disable_eager_execution() -> None:
    """Do nothing: names follow graph mode, values are there at once."""


def disable_resource_variables() -> None:
    """Do nothing: there is one kind of variable."""


def enable_resource_variables() -> None:
    """Do nothing: there is one kind of variable."""


def disable_control_flow_v2() -> None:
    """Do nothing: control flow is Python's."""


def disable_tensor_equality() -> None:
    """Do nothing: `==` on a variable is identity, as in version 1."""


def disable_v2_tensorshape() -> None:
    """Do nothing: shapes are version 1's, made of `Dimension`s that are ints too."""


def dimension_value(dimension: Any) -> int | None:
    """Return the length of an axis as a plain int; None where it is not known."""
    return dimension.value if isinstance(dimension, Dimension) else dimension


def is_tensor(x: Any) -> bool:
    """Tell whether something is a tensor of this module or a variable."""
    return isinstance(x, ArrayExpression)


def op_scope(values: Any, name: str | None, default_name: str | None = None) -> name_scope:
    """Open a name scope; the old spelling of `name_scope`, with `values` in front."""
    return name_scope(name, default_name, values)


def executing_eagerly() -> bool:
    """Return False: reuse, names and collections follow graph mode."""
    return False


def set_random_seed(seed: int | None) -> None:
    """Set the seed of the default graph, on which later initial values depend; None is the seed it began with."""
    if not (seed is None or isinstance(seed, int)):
        raise InvalidArgumentError(f"a seed must be an integer, not {seed!r}", hint="set_random_seed(42)")
    get_default_store().seed = seed or 0


_LOG: Final = _logging.getLogger("tmplcore.compat")

logging: Final = SimpleNamespace(
    DEBUG=_logging.DEBUG,
    INFO=_logging.INFO,
    WARN=_logging.WARNING,
    ERROR=_logging.ERROR,
    FATAL=_logging.CRITICAL,
    debug=_LOG.debug,
    info=_LOG.info,
    warn=_LOG.warning,
    warning=_LOG.warning,
    error=_LOG.error,
    fatal=_LOG.critical,
    log=_LOG.log,
    set_verbosity=_LOG.setLevel,
    get_verbosity=_LOG.getEffectiveLevel,
)
"""TensorFlow's logging functions, on the standard library's logger `tmplcore.compat`."""
