"""Ops that give variables their first values, or ask whether they have them. Here each has its own at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tmplcore.compat._helpers import global_variables, local_variables
from tmplcore.compat._tensor import constant, named, operation, take_name
from tmplcore.dtypes import int32, string
from tmplcore.tensor import Operation, Tensor

__all__ = [
    "assert_variables_initialized",
    "global_variables_initializer",
    "is_variable_initialized",
    "local_variables_initializer",
    "report_uninitialized_variables",
    "tables_initializer",
    "variables_initializer",
]


def variables_initializer(var_list: Iterable[Any], name: str = "init") -> Operation:
    """Return an op that does nothing: a variable has its value as soon as it is made."""
    return operation(name)


def global_variables_initializer() -> Operation:
    """Return an op that does nothing: a variable has its value as soon as it is made."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """Return an op that does nothing: a variable has its value as soon as it is made."""
    return variables_initializer(local_variables())


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """Return an op that does nothing: there are no tables."""
    return operation(name)


def is_variable_initialized(variable: Any) -> Tensor:
    """Return True, as a tensor: a variable has its value as soon as it is made."""
    return constant(True, name="IsVariableInitialized")


def report_uninitialized_variables(
    var_list: Iterable[Any] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """Return the names of the variables without a value: an empty tensor."""
    variables = [*global_variables(), *local_variables()] if var_list is None else list(var_list)
    last = "boolean_mask/GatherV2" if variables else "Const"  # the op that TensorFlow's answer comes from
    return named(np.empty(0, object), string, f"{take_name(name)}/{last}")


def assert_variables_initialized(var_list: Iterable[Any] | None = None) -> Tensor | None:
    """Return the ranks of the variables, which all have a value, or None if there are no variables."""
    variables = list(var_list or ()) or [*global_variables(), *local_variables()]
    ranks = [constant(variable.ndim, int32, name="Rank") for variable in variables]
    if len(ranks) < 2:
        return ranks[0] if ranks else None
    return constant([int(rank) for rank in ranks], int32, name="stack")
