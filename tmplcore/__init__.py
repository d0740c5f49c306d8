"""TensorFlow 1 variable sharing for every array library."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from tmplcore import errors
from tmplcore.collections import GraphKeys
from tmplcore.creation import variable_creator_scope
from tmplcore.getting import get_local_variable, get_variable
from tmplcore.hookspecs import hookimpl
from tmplcore.modes import AUTO_REUSE, VariableAggregation, VariableSynchronization, no_regularizer
from tmplcore.name_scope import name_scope
from tmplcore.partition import (
    fixed_size_partitioner,
    min_max_variable_partitioner,
    variable_axis_size_partitioner,
)
from tmplcore.scope import VariableScope
from tmplcore.store import VariableStore, get_default_store, reset_default_store
from tmplcore.template import Template, make_template
from tmplcore.variable import Variable
from tmplcore.variable_scope import get_variable_scope, variable_op_scope, variable_scope

if TYPE_CHECKING:
    from tmplcore import checkpoint, initializers, regularizers
    from tmplcore.partitioned import PartitionedVariable

__version__ = "0.1.0"

_LAZY: Final = ("checkpoint", "initializers", "regularizers")

__all__ = [
    "AUTO_REUSE",
    "GraphKeys",
    "PartitionedVariable",
    "Template",
    "Variable",
    "VariableAggregation",
    "VariableScope",
    "VariableStore",
    "VariableSynchronization",
    "__version__",
    "checkpoint",
    "errors",
    "fixed_size_partitioner",
    "get_default_store",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "hookimpl",
    "initializers",
    "make_template",
    "min_max_variable_partitioner",
    "name_scope",
    "no_regularizer",
    "regularizers",
    "reset_default_store",
    "variable_axis_size_partitioner",
    "variable_creator_scope",
    "variable_op_scope",
    "variable_scope",
]


def __getattr__(name: str) -> Any:
    """Import on first use what would make `import tmplcore` slow."""
    if name in _LAZY:
        return importlib.import_module(f"tmplcore.{name}")
    if name == "PartitionedVariable":
        return importlib.import_module("tmplcore.partitioned").PartitionedVariable
    raise AttributeError(f"module 'tmplcore' has no attribute {name!r}")
