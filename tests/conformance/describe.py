"""Says what a value is, in the same words for TensorFlow's objects and for ours."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]

# What people search for, and what the specification calls the gist of an error. A trace notes which of them it has.
PHRASES = (
    "already exists, disallowed",
    "already exists",
    "reuse=True",
    "AUTO_REUSE",
    "does not exist",
    "was not created with tf.get_variable()",
    "Trying to share variable",
    "specified shape",
    "found shape",
    "specified dtype",
    "found dtype",
    "`shape` argument must be specified",
    "fully defined",
    "initializer passed is not valid",
    "do not specify shape",
    "explicit dtype",
    "don't match",
    "An initializer for variable",
    "is required",
    "must be a list, tuple, or set",
    "constraint",
    "custom_getter",
    "callable",
    "not callable",
    "cannot be used without a name_or_scope",
    "reuse parameter must be True or False or None",
    "default_name",
    "name_or_scope",
    "must be a string or VariableScope",
    "auxiliary_name_scope",
    "is not a valid root scope name",
    "is not a valid scope name",
    "mproper nesting",
    "without proper nesting",
    "name cannot be None",
    "Trainable variable created",
    "perhaps you used tf.Variable when you meant tf.get_variable",
    "originally defined at",
    "must be from the same graph",
    "No partitioner was provided",
    "partitioned version",
    "unpartitioned version",
    "Trying to reuse partitioned variable",
    "specified partitions",
    "found partitions",
    "Partitioned variable with name",
    "Invalid variable synchronization mode",
    "Invalid variable aggregation mode",
    "initial_value must be specified",
    "multiple values",
)


def describe(tf: Any, value: Any) -> Any:
    """Return JSON that says all that a trace compares about `value`."""
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, enum.Enum | tf.Dimension)):
        return value
    if isinstance(value, float | np.floating):
        return round(float(value), 6)
    if hasattr(value, "trainable") and hasattr(value, "op"):
        return variable(value)
    if type(value).__name__ == "PartitionedVariable":
        shards = ", ".join(variable(shard) for shard in value)
        return f"<partitioned {value.name} {value.dtype.base_dtype.name} {shape(value.get_shape())}: {shards}>"
    if isinstance(value, tf.VariableScope):
        return scope(value)
    if isinstance(value, tf.DType):
        return f"<dtype {value.name}>"
    if isinstance(value, tf.TensorShape):
        return f"<shape {shape(value)}>"
    if isinstance(value, tf.Dimension):
        return f"<dimension {value.value}>"
    if isinstance(value, enum.Enum):
        return f"<{value.name}>"
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return describe(tf, value.tolist())
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {str(key): describe(tf, item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((describe(tf, item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [describe(tf, item) for item in value]
    if isinstance(value, type):
        return f"<class {value.__name__}>"
    if hasattr(value, "op") and hasattr(value, "name"):
        return f"<tensor {value.name}>"
    if callable(value):
        return "<callable>"
    return f"<{type(value).__name__}>"


def shape(value: Any) -> str:
    """Write a shape, the unknown one included."""
    if value.ndims is None:
        return "unknown"
    return "[" + ", ".join("?" if size is None else str(size) for size in value.as_list()) + "]"


def variable(value: Any) -> str:
    """Write a variable as `<variable name:0 dtype shape>` with its trainability where that is not plain True."""
    operation = value.op.name
    other = "" if value.name == operation + ":0" else f" op={operation}"
    trainable = "" if value.trainable is True else f" trainable={value.trainable!r}"
    constraint = "" if value.constraint is None else " constraint"
    size = shape(value.get_shape())
    return f"<variable {value.name} {value.dtype.base_dtype.name} {size}{trainable}{constraint}{other}>"


def scope(value: Any) -> str:
    """Write a variable scope with those of its settings that are not the root's."""
    dtype = value.dtype
    dtype = getattr(dtype, "name", None) or getattr(dtype, "__name__", None) or str(dtype)
    settings = [
        key
        for key in ("initializer", "regularizer", "partitioner", "custom_getter", "constraint")
        if getattr(value, key) is not None
    ]
    settings += [
        f"{key}={getattr(value, key)!r}"
        for key in ("use_resource", "caching_device")
        if getattr(value, key) not in (None, False) and not callable(getattr(value, key))
    ]
    rest = "".join(f" {setting}" for setting in settings)
    reuse = "AUTO" if isinstance(value.reuse, enum.Enum) else value.reuse
    return f"<scope {value.name!r} ops={value.original_name_scope!r} reuse={reuse} {dtype}{rest}>"


def failure(error: BaseException, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Describe an exception: the builtin it is, the key words it has, and its first line for a reader."""
    builtin = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
    message = "\n".join([str(error), *getattr(error, "__notes__", ())])
    flat = " ".join(message.split())
    first = message.replace("\\n", "\n").strip().split("\n")[0]
    return {
        "raises": builtin.__name__,
        "words": [phrase for phrase in (*PHRASES, *words) if phrase in message or phrase in flat],
        "reads": re.sub(r" at 0x[0-9a-f]+", "", first).replace(f"{ROOT}/", "")[:160],
    }


def agrees(expected: Any, actual: Any) -> bool:
    """Tell whether a description of ours is TensorFlow's. An error may say more than TensorFlow's does."""
    if isinstance(expected, dict) and expected.get("raises") is not None:
        # TensorFlow's own classes are Exceptions and nothing more specific: there ours may be.
        return (
            isinstance(actual, dict)
            and actual.get("raises") is not None
            and expected["raises"] in (actual["raises"], "Exception")
            and set(expected.get("words", ())) <= set(actual.get("words", ()))
        )
    return bool(expected == actual)
