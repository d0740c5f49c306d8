"""TensorFlow 1 variable sharing for every array library.

What is public is imported when it is first used: plugins and `tmplctl --help` need little of it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tmplcore import checkpoint, errors, initializers, regularizers
    from tmplcore.collections import GraphKeys
    from tmplcore.creation import variable_creator_scope
    from tmplcore.getting import get_local_variable, get_variable
    from tmplcore.hookspecs import hookimpl
    from tmplcore.modes import AUTO_REUSE, VariableAggregation, VariableSynchronization, no_regularizer
    from tmplcore.name_scoping import name_scope
    from tmplcore.partition import (
        fixed_size_partitioner,
        min_max_variable_partitioner,
        variable_axis_size_partitioner,
    )
    from tmplcore.partitioned import PartitionedVariable
    from tmplcore.scope import VariableScope
    from tmplcore.scoping import get_variable_scope, variable_op_scope, variable_scope
    from tmplcore.store import VariableStore, get_default_store, reset_default_store
    from tmplcore.template import Template, make_template
    from tmplcore.variable import Variable

__version__ = "0.1.0"

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

_MODULES: Final = ("checkpoint", "errors", "initializers", "regularizers")
_HOMES: Final = {
    "AUTO_REUSE": "modes",
    "GraphKeys": "collections",
    "PartitionedVariable": "partitioned",
    "Template": "template",
    "Variable": "variable",
    "VariableAggregation": "modes",
    "VariableScope": "scope",
    "VariableStore": "store",
    "VariableSynchronization": "modes",
    "fixed_size_partitioner": "partition",
    "get_default_store": "store",
    "get_local_variable": "getting",
    "get_variable": "getting",
    "get_variable_scope": "scoping",
    "hookimpl": "hookspecs",
    "make_template": "template",
    "min_max_variable_partitioner": "partition",
    "name_scope": "name_scoping",
    "no_regularizer": "modes",
    "reset_default_store": "store",
    "variable_axis_size_partitioner": "partition",
    "variable_creator_scope": "creation",
    "variable_op_scope": "scoping",
    "variable_scope": "scoping",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for; the next time it is simply there."""
    if name in _MODULES:
        return importlib.import_module(f"tmplcore.{name}")
    if name in _HOMES:
        value = globals()[name] = getattr(importlib.import_module(f"tmplcore.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module 'tmplcore' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
