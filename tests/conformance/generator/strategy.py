"""Draws random programs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Values that come first are what a failing program is shrunk to.
VARIABLE_NAMES = ["a", "b", "A", "a_1", "b/c", "w", "_p", "Assign", "two words"]
SCOPE_NAMES = ["a", "b", "A", "a_1", "b/c", "d", "d_1", "", "t/", "_p", "/s", "two words"]
DEFAULT_NAMES = ["d", "a", "D", "d_1", "b/c"]
SHAPES: list[Any] = [[], [2], [2, 3], [1, 3], 2, [None, 3], "unknown", "known", "dimensions", "array", "NumPy"]
DTYPES = ["float32", "float16", "int32", "float64", "bool"]
REUSE = ["False", "True", "AUTO"]
INITIALIZERS = [
    *("zeros", "ones", "constant", "class", "int", "float", "list", "array"),
    *("thunk", "function", "short", "failing", "normal", "tensor", "naming", "object", "own class"),
]
GETTERS = [
    *("forward", "spy", "suffix", "rename", "twice", "product", "forgetful", "positional", "frozen", "auto", "half"),
    *("whole", "nothing", "failing", "late", "name scope", "scope", "companion", "number"),
    *("by keyword", "keywords", "object", "method"),
]
CREATORS = ["forward", "rename", "frozen", "name scope", "failing", "spy", "second", "scoped", "number"]
PARTITIONERS = ["two", "three", "second axis", "one", "short", "both", "zero", "number", "size"]

words = st.sampled_from


def choices(fewest: int = 0, **options: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Up to two of these options, each with one of its values."""
    pairs = st.one_of([st.tuples(st.just(key), words(values)) for key, values in options.items()])
    return st.lists(pairs, min_size=fewest, max_size=2).map(dict)


SCOPE_OPTIONS = choices(
    reuse=REUSE,
    dtype=DTYPES,
    initializer=INITIALIZERS,
    regularizer=["number", "nothing", "off"],
    getter=GETTERS,
    partitioner=PARTITIONERS,
    constraint=["identity"],
    auxiliary_name_scope=[False],
    use_resource=[False],
    caching_device=["/cpu:0"],
)
GET_OPTIONS = choices(
    dtype=DTYPES,
    initializer=INITIALIZERS,
    regularizer=["number", "nothing", "off"],
    trainable=[True, False],
    collections=["mine", "empty", "local", "both", "trainable", "tuple", "none", "string"],
    partitioner=PARTITIONERS,
    getter=GETTERS,
    constraint=["identity", "number"],
    validate_shape=[False],
    synchronization=["ON_READ", "ON_WRITE"],
)
LOCAL_OPTIONS = choices(
    dtype=DTYPES,
    trainable=[True, False],
    collections=["mine", "empty", "both", "none", "string"],
    getter=GETTERS,
    partitioner=PARTITIONERS,
)


def statement(do: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    made = {"do": st.just(do)}
    made |= {key: value if isinstance(value, st.SearchStrategy) else st.just(value) for key, value in fields.items()}
    return st.fixed_dictionaries({**made, "try": words([False, True, True])})


GET = statement("get", name=words(VARIABLE_NAMES), shape=words([*SHAPES, None]), options=GET_OPTIONS)
PLAIN_GET = statement("get", name=words(VARIABLE_NAMES[:4]), shape=words([[2], []]), options=st.just({}))
LEAVES = st.one_of(
    GET,
    GET,
    PLAIN_GET,
    PLAIN_GET,
    statement("get", name=words(VARIABLE_NAMES[:5]), shape=words(SHAPES[:3]), options=LOCAL_OPTIONS, local=True),
    statement(
        "variable",
        name=words([None, *VARIABLE_NAMES]),
        options=choices(
            trainable=[False],
            collections=["mine", "empty", "local", "tuple", "string"],
            initial=["thunk", "tensor", "list", "None", "text"],
            dtype=DTYPES,
            constraint=["identity", "number"],
        ),
    ),
    statement("find", name=words(["a", "a/b", "a_1", "inner", "t/a"])),
    statement("op", name=words(VARIABLE_NAMES[:6])),
    statement("unique", name=words(VARIABLE_NAMES[:5]), mark=words([True, False])),
    statement("call", template=st.integers(0, 3)),
    statement("call", template=st.integers(0, 3)),
    statement("raise", error=words(["own", "key", "value"])),
    statement("set", what=st.none()),
    statement(
        "set",
        what=words(["set", "unset"]),
        options=choices(
            1, dtype=DTYPES, initializer=INITIALIZERS, regularizer=["number"], partitioner=PARTITIONERS[:4]
        ),
    ),
    statement("set", what=words(["set", "unset"]), options=st.fixed_dictionaries({"getter": words(GETTERS)})),
    statement("collect", name=words(["x", "y"])),
    statement("list"),
    statement("step"),
    statement(
        "hand", name=words(["a", "h", "b/c", ""]), options=choices(reuse=REUSE, dtype=DTYPES, initializer=INITIALIZERS)
    ),
)


def blocks(depth: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Blocks of statements that nest up to `depth` times."""
    if depth == 0:
        return st.lists(LEAVES, min_size=1, max_size=4)
    inner = blocks(depth - 1)
    named = statement(
        "scope", name=words(SCOPE_NAMES), options=SCOPE_OPTIONS, body=inner, twice=words([False] * 9 + [True])
    )
    default = statement("scope", name=st.none(), default=words(DEFAULT_NAMES), options=SCOPE_OPTIONS, body=inner)
    jump = statement("scope", name="a", jump=st.integers(0, 5), options=SCOPE_OPTIONS, body=inner)
    template = statement(
        "template",
        name=words(["t", "a", "d", "b/c"]),
        now=words([False, True]),
        unique=words([None, None, None, "u", "a"]),
        getter=words([None, None, None, None, *GETTERS]),
        calls=st.integers(0, 2),
        body=inner,
    )
    compound = st.one_of(
        named,
        named,
        default,
        jump,
        template,
        template,
        statement("name_scope", name=words(["a", "n", "a/", "", None]), default=words([None, "d"]), body=inner),
        statement("creator", kind=words(CREATORS), body=inner),
        statement("attempt", body=inner),
        statement("graph", body=inner),
        statement("thread", body=inner),
        statement("elsewhere", name=words([None, "a", "s"]), default=st.just("d"), body=inner),
    )
    return st.lists(st.one_of(LEAVES, compound), min_size=1, max_size=5)


_BLOCKS = st.lists(blocks(3), min_size=1, max_size=3).map(
    lambda parts: [statement for part in parts for statement in part]
)


@st.composite
def programs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Whole programs."""
    return draw(_BLOCKS)
