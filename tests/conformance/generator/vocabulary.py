"""What the words in a random program stand for: initializers, getters, partitioners, and so on, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_MAKING: list[str] = []  # the variables of which a companion is being made
REUSE = {"False": False, "True": True, "AUTO": "AUTO"}


def reuse(tf: Any, word: str) -> Any:
    return tf.AUTO_REUSE if word == "AUTO" else REUSE[word]


def dtype(tf: Any, word: str) -> Any:
    return tf.as_dtype(word)


def shape(tf: Any, value: Any) -> Any:
    made: dict[Any, Callable[[], Any]] = {
        "unknown": lambda: tf.TensorShape(None),
        "known": lambda: tf.TensorShape([2, 3]),
        "dimensions": lambda: [tf.Dimension(2), 3],
        "array": lambda: np.array([2, 3]),
        "NumPy": lambda: np.int64(2),
    }
    return made[value]() if isinstance(value, str) else value


def initial(tf: Any, word: str) -> Any:
    made: dict[str, Callable[[], Any]] = {
        "thunk": lambda: lambda: np.zeros(2, np.int32),
        "tensor": lambda: tf.constant([1.0, 2.0], name="tensor"),
        "list": lambda: [1, 2],
        "None": lambda: None,
        "text": lambda: "text",
    }
    return made[word]()


def initializer(tf: Any, word: str) -> Any:
    def ones_function(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return np.ones(shape, np.dtype(dtype.as_numpy_dtype) if dtype is not None else np.float32)

    def short_function(shape: Any, dtype: Any) -> Any:
        return np.zeros(shape, dtype.as_numpy_dtype)

    def failing(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        raise KeyError("initializer")

    def naming(shape: Any, dtype: Any = None, **kwargs: Any) -> Any:
        return tf.zeros(shape, dtype, name="inside")

    class Filled:
        def __call__(self, shape: Any, dtype: Any = None) -> Any:
            return np.ones(shape, dtype.as_numpy_dtype)

    made: dict[str, Callable[[], Any]] = {
        "zeros": tf.zeros_initializer,
        "ones": tf.ones_initializer,
        "constant": lambda: tf.constant_initializer(3),
        "class": lambda: tf.ones_initializer,
        "normal": tf.random_normal_initializer,
        "int": lambda: 1,
        "float": lambda: 1.5,
        "list": lambda: [1.0, 2.0],
        "array": lambda: np.ones((2, 3), np.float16),
        "thunk": lambda: lambda: np.zeros(2, np.int32),
        "function": lambda: ones_function,
        "short": lambda: short_function,
        "failing": lambda: failing,
        "naming": lambda: naming,
        "object": Filled,
        "own class": lambda: Filled,
        "tensor": lambda: tf.constant([1.0, 2.0], name="tensor"),
    }
    return made[word]()


def regularizer(tf: Any, word: str) -> Any:
    def number(v: Any) -> Any:
        # A loss fails where the key is no valid name, though a scope around the variable makes its own name one.
        return None if "_p" in v.op.name else 0.5

    return {"number": number, "nothing": lambda v: None, "off": tf.no_regularizer}[word]


def partitioner(tf: Any, word: str) -> Any:
    return {
        "two": tf.fixed_size_partitioner(2),
        "three": tf.fixed_size_partitioner(3),
        "second axis": tf.fixed_size_partitioner(2, axis=1),
        "one": lambda shape, dtype: [1] * shape.ndims,
        "short": lambda shape, dtype: [2],
        "both": lambda shape, dtype: [2] * shape.ndims,
        "zero": lambda shape, dtype: [0] * shape.ndims,
        "number": 3,
        "size": tf.variable_axis_size_partitioner(8),
    }[word]


def constraint(tf: Any, word: str) -> Any:
    return {"identity": _identity, "number": 3}[word]


def _identity(value: Any) -> Any:
    return value


def collections(word: str) -> Any:
    return {
        "none": None,
        "empty": [],
        "mine": ["mine"],
        "local": ["local_variables"],
        "both": ["mine", "variables"],
        "trainable": ["mine", "trainable_variables"],
        "tuple": ("mine",),
        "string": "mine",
    }[word]


def getter(tf: Any, word: str, events: list[Any]) -> Any:
    """Return a custom getter; what it sees goes into `events`."""

    def forward(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **kwargs)

    def spy(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        shown = {
            "name": name,
            "positional": len(args),
            "keys": len(kwargs),
            "reuse": str(getattr(kwargs["reuse"], "name", kwargs["reuse"])),
            "trainable": kwargs["trainable"],
            "collections": kwargs["collections"] and list(kwargs["collections"]),
            "dtype": getattr(kwargs["dtype"], "name", str(kwargs["dtype"])),
            "given": [
                key for key in ("initializer", "regularizer", "partitioner", "constraint") if kwargs[key] is not None
            ],
            "scope": tf.get_variable_scope().name,
            "name scope": tf.get_default_graph().get_name_scope(),
        }
        events.append(["getter", shown])
        return getter(name, *args, **kwargs)

    def suffix(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name + "_s", *args, **kwargs)

    def rename(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter("shared/" + name[-1:], *args, **kwargs)

    def twice(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return [getter(f"{name}/{number}", *args, **kwargs) for number in range(2)]

    def product(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        found = getter(name, *args, **kwargs)
        plain = hasattr(found, "trainable") and found.dtype.base_dtype == tf.float32
        return found * 2.0 if plain else found

    def forgetful(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, kwargs["shape"])

    def positional(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(
            name, kwargs["shape"], kwargs["dtype"], kwargs["initializer"], kwargs["regularizer"], kwargs["reuse"]
        )

    def frozen(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **{**kwargs, "trainable": False})

    def auto(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **{**kwargs, "reuse": tf.AUTO_REUSE})

    def half(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **{**kwargs, "dtype": tf.float16})

    def whole(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **{**kwargs, "partitioner": None})

    def nothing(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        return None

    def failing(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        raise KeyError("getter")

    def late(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        getter(name, *args, **kwargs)
        raise KeyError("late getter")

    def within_name_scope(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        with tf.name_scope("zz"):
            return getter(name, *args, **kwargs)

    def within_scope(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        with tf.variable_scope("inside", reuse=True, dtype=tf.float64):
            return getter(name, *args, **kwargs)

    def by_keyword(*, name: str, getter: Any, **kwargs: Any) -> Any:
        return getter(name=name, **kwargs)

    def keywords(**kwargs: Any) -> Any:
        return kwargs.pop("getter")(**kwargs)

    class Forward:
        def __call__(self, getter: Any, *args: Any, **kwargs: Any) -> Any:
            return getter(*args, **kwargs)

        def method(self, getter: Any, name: str, shape: Any = None, **kwargs: Any) -> Any:
            return getter(name, shape, **kwargs)

    def companion(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if not name.endswith("_mean") and not _MAKING:  # getters behind this one may have renamed the companion
            _MAKING.append(name)
            try:
                tf.get_variable("c_mean", [2], trainable=False)
            finally:
                _MAKING.pop()
        return getter(name, *args, **kwargs)

    found = {
        "forward": forward,
        "spy": spy,
        "suffix": suffix,
        "rename": rename,
        "twice": twice,
        "product": product,
        "forgetful": forgetful,
        "positional": positional,
        "frozen": frozen,
        "auto": auto,
        "half": half,
        "whole": whole,
        "nothing": nothing,
        "failing": failing,
        "late": late,
        "name scope": within_name_scope,
        "scope": within_scope,
        "companion": companion,
        "by keyword": by_keyword,
        "keywords": keywords,
        "object": Forward(),
        "method": Forward().method,
        "number": 3,
    }
    return found[word]


def creator(tf: Any, word: str, events: list[Any]) -> Any:
    """Return a variable creator; what it sees goes into `events`."""

    def forward(next_creator: Any, **kwargs: Any) -> Any:
        events.append(["creator", [kwargs["name"], kwargs["trainable"], tf.get_default_graph().get_name_scope()]])
        return next_creator(**kwargs)

    def rename(next_creator: Any, **kwargs: Any) -> Any:
        return next_creator(**{**kwargs, "name": f"{kwargs['name'] or 'raw'}_r"})

    def frozen(next_creator: Any, **kwargs: Any) -> Any:
        return next_creator(**{**kwargs, "trainable": False})

    def within(next_creator: Any, **kwargs: Any) -> Any:
        with tf.name_scope("made"):
            return next_creator(**kwargs)

    def failing(next_creator: Any, **kwargs: Any) -> Any:
        raise KeyError("creator")

    def spy(next_creator: Any, **kwargs: Any) -> Any:
        plain = (bool, str, int, type(None))
        shown = {key: value for key, value in kwargs.items() if type(value) in plain and key != "shape"}
        events.append(["creator", shown])
        return next_creator(**kwargs)

    def second(next_creator: Any, **kwargs: Any) -> Any:
        next_creator(**{**kwargs, "name": f"{kwargs['name'] or 'raw'}_2", "trainable": False})
        return next_creator(**kwargs)

    def scoped(next_creator: Any, **kwargs: Any) -> Any:
        with tf.variable_scope("scoped"):
            return next_creator(**kwargs)

    return {
        "forward": forward,
        "rename": rename,
        "frozen": frozen,
        "name scope": within,
        "failing": failing,
        "spy": spy,
        "second": second,
        "scoped": scoped,
        "number": 3,
    }[word]
