"""TensorFlow 1 variable sharing for every array library."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tmplcore import errors
from tmplcore.collections import GraphKeys
from tmplcore.creation import new_variable, variable_creator_scope
from tmplcore.getting import get_local_variable, get_variable
from tmplcore.modes import AUTO_REUSE, VariableAggregation, VariableSynchronization, no_regularizer
from tmplcore.name_scope import name_scope
from tmplcore.scope import VariableScope
from tmplcore.store import VariableStore, get_default_store, reset_default_store
from tmplcore.variable import Variable
from tmplcore.variable_scope import get_variable_scope, variable_op_scope, variable_scope

__version__ = "0.1.0"

__all__ = [
    "AUTO_REUSE",
    "GraphKeys",
    "Variable",
    "VariableAggregation",
    "VariableScope",
    "VariableStore",
    "VariableSynchronization",
    "__version__",
    "errors",
    "get_default_store",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "name_scope",
    "new_variable",
    "no_regularizer",
    "reset_default_store",
    "variable_creator_scope",
    "variable_op_scope",
    "variable_scope",
]
