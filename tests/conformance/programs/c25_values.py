"""Shapes, dimensions, dtypes, initializers and collections given in every form."""

import numpy as np

from tests.conformance.program import program

NAMES = [
    "float16",
    "float32",
    "float64",
    "bfloat16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
    "complex64",
    "complex128",
    "qint8",
    "quint8",
    "qint16",
    "quint16",
    "qint32",
    "resource",
    "variant",
]
ATTRIBUTES = [
    "name",
    "size",
    "is_floating",
    "is_integer",
    "is_bool",
    "is_complex",
    "is_quantized",
    "is_unsigned",
    "is_numpy_compatible",
    "as_datatype_enum",
    "base_dtype",
    "real_dtype",
    "min",
    "max",
    "limits",
    "_is_ref_dtype",
]


def tried(t, label, function, *words):
    """Record what a function returns, or how it fails."""
    with t.fails(label, *words):
        value = function()
        t(f"{label} is", value)


@program("6.3", "8")
def shapes_made_of_anything(tf, t):
    makers = {
        "None": lambda: tf.TensorShape(None),
        "a number": lambda: tf.TensorShape(3),
        "a NumPy number": lambda: tf.TensorShape(np.int64(3)),
        "a list": lambda: tf.TensorShape([2, 3]),
        "a tuple": lambda: tf.TensorShape((2, 3)),
        "an array": lambda: tf.TensorShape(np.array([2, 3])),
        "dimensions": lambda: tf.TensorShape([tf.Dimension(2), None, tf.Dimension(None)]),
        "a dimension": lambda: tf.TensorShape(tf.Dimension(3)),
        "a shape": lambda: tf.TensorShape(tf.TensorShape([2])),
        "nested": lambda: tf.TensorShape([[2]]),
        "text": lambda: tf.TensorShape("23"),
        "text in a list": lambda: tf.TensorShape(["2"]),
        "a float": lambda: tf.TensorShape([2.0]),
        "a fraction": lambda: tf.TensorShape([2.5]),
        "negative": lambda: tf.TensorShape([-1]),
        "very negative": lambda: tf.TensorShape([-2]),
        "a generator": lambda: tf.TensorShape(n for n in (2, 3)),
        "a range": lambda: tf.TensorShape(range(2)),
        "a set": lambda: tf.TensorShape({2}),
        "a dict": lambda: tf.TensorShape({2: 3}),
        "None in a list": lambda: tf.TensorShape([None]),
        "nothing": lambda: tf.TensorShape([]),
        "huge": lambda: tf.TensorShape([2**70]),
        "no argument": lambda: tf.TensorShape(),
    }
    for label, make in makers.items():
        tried(t, label, make)


@program("6.3", "8")
def operations_of_shapes(tf, t):
    shapes = {
        "unknown": tf.TensorShape(None),
        "scalar": tf.TensorShape([]),
        "[2]": tf.TensorShape([2]),
        "[2,3]": tf.TensorShape([2, 3]),
        "[?,3]": tf.TensorShape([None, 3]),
        "[?,?]": tf.TensorShape([None, None]),
    }
    for a, first in shapes.items():
        t(f"{a} ndims", [first.ndims, first.rank])
        t(f"{a} defined", first.is_fully_defined())
        tried(t, f"{a} dims", lambda first=first: first.dims)
        tried(t, f"{a} as_list", first.as_list)
        tried(t, f"{a} num_elements", first.num_elements)
        tried(t, f"{a} len", lambda first=first: len(first))
        tried(t, f"{a} bool", lambda first=first: bool(first))
        tried(t, f"{a} list", lambda first=first: list(first))
        tried(t, f"{a} [0]", lambda first=first: first[0])
        tried(t, f"{a} [-1]", lambda first=first: first[-1])
        tried(t, f"{a} [5]", lambda first=first: first[5])
        tried(t, f"{a} [1:]", lambda first=first: first[1:])
        tried(t, f"{a} [:1]", lambda first=first: first[:1])
        tried(t, f"{a} [:-1]", lambda first=first: first[:-1])
        tried(t, f"{a} [::-1]", lambda first=first: first[::-1])
        tried(t, f"{a} text", lambda first=first: str(first))
        tried(t, f"{a} hash", lambda first=first: isinstance(hash(first), int))
        tried(t, f"{a} with_rank 2", lambda first=first: first.with_rank(2))
        tried(t, f"{a} with_rank_at_least 1", lambda first=first: first.with_rank_at_least(1))
        tried(t, f"{a} with_rank_at_most 1", lambda first=first: first.with_rank_at_most(1))
        tried(t, f"{a} assert_has_rank 2", lambda first=first: first.assert_has_rank(2))
        tried(t, f"{a} assert_is_fully_defined", first.assert_is_fully_defined)
        for b, second in shapes.items():
            t(f"{a} compatible {b}", first.is_compatible_with(second))
            tried(t, f"{a} merge {b}", lambda first=first, second=second: first.merge_with(second))
            tried(t, f"{a} concatenate {b}", lambda first=first, second=second: first.concatenate(second))
            tried(t, f"{a} == {b}", lambda first=first, second=second: first == second)
            tried(t, f"{a} != {b}", lambda first=first, second=second: first != second)
            tried(t, f"{a} + {b}", lambda first=first, second=second: first + second)
            tried(t, f"{a} same rank {b}", lambda first=first, second=second: first.assert_same_rank(second))
            tried(t, f"{a} assert {b}", lambda first=first, second=second: first.assert_is_compatible_with(second))
            tried(
                t, f"{a} specific {b}", lambda first=first, second=second: first.most_specific_compatible_shape(second)
            )
    known = tf.TensorShape([2, 3])
    for label, other in {"list": [2, 3], "tuple": (2, 3), "None": None, "number": 2, "text": "x", "other": [2]}.items():
        tried(t, f"== {label}", lambda other=other: known == other)
        tried(t, f"!= {label}", lambda other=other: known != other)
        tried(t, f"compatible {label}", lambda other=other: known.is_compatible_with(other))
        tried(t, f"merge {label}", lambda other=other: known.merge_with(other))
        tried(t, f"concatenate {label}", lambda other=other: known.concatenate(other))
        tried(t, f"add {label}", lambda other=other: known + other)


@program("6.3", "8")
def operations_of_dimensions(tf, t):
    import operator

    # Ours are ints: they hash, divide, and a difference may be negative.
    values = {"3": tf.Dimension(3), "?": tf.Dimension(None), "0": tf.Dimension(0), "int": 2}
    operations = ("add", "mul", "floordiv", "mod", "eq", "ne", "lt", "le", "gt", "ge")
    for a, first in values.items():
        for b, second in values.items():
            if a == b == "int":
                continue
            for name in operations:
                tried(
                    t,
                    f"{a} {name} {b}",
                    lambda name=name, first=first, second=second: getattr(operator, name)(first, second),
                )
        if a != "int":
            tried(t, f"{a} int", lambda first=first: int(first))
            tried(t, f"{a} text", lambda first=first: str(first))
            tried(t, f"{a} merge 3", lambda first=first: first.merge_with(3))
            tried(t, f"{a} compatible 3", lambda first=first: first.is_compatible_with(3))
            tried(t, f"{a} assert 4", lambda first=first: first.assert_is_compatible_with(4))
            tried(t, f"{a} value", lambda first=first: first.value)
    for label, junk in {"text": "x", "a float": 2.5, "a whole float": 2.0, "negative": -1, "a list": [1]}.items():
        tried(t, label, lambda junk=junk: tf.Dimension(junk))
        if label in ("text", "a list"):
            tried(t, f"3 + {label}", lambda junk=junk: tf.Dimension(3) + junk)
        tried(t, f"3 == {label}", lambda junk=junk: tf.Dimension(3) == junk)


@program("6.3")
def shapes_for_get_variable(tf, t):
    shapes = {
        "a dimension": tf.Dimension(2),
        "dimensions": [tf.Dimension(2), 3],
        "an unknown dimension": [tf.Dimension(None), 3],
        "a shape": tf.TensorShape([2, 3]),
        "a part of a shape": tf.TensorShape([1, 2, 3])[1:],
        "NumPy's int": np.int32(2),
        "NumPy's ints": [np.int64(2), np.uint8(3)],
        "an array": np.array([2, 3]),
        "a float array": np.array([2.0, 3.0]),
        "a scalar array": np.array(2),
        "an empty array": np.array([]),
        "a whole float": 2.0,
        "a truth": True,
        "text": "2",
        "nested": [[2, 3]],
        "a negative one": [-1, 2],
        "None": [None],
        "an empty tuple": (),
        "a zero": [0, 3],
        "a set": {2},
        "a range": range(2, 4),
        "a generator": (n for n in (2, 3)),
        "a tensor": tf.constant([2, 3]),
        "an unknown shape": tf.TensorShape(None),
        "another variable's": tf.get_variable("other", [4, 5]).shape,
        "a sum": tf.TensorShape([2]).concatenate([3]),
        "a list of a shape": [*tf.TensorShape([2, 3])],
        "as_list": tf.TensorShape([2, 3]).as_list(),
        "a product": [tf.TensorShape([2, 3])[0] * tf.TensorShape([2, 3])[1]],
        "too large": [2**40],
    }
    for number, (label, shape) in enumerate(shapes.items()):
        if label == "too large":
            continue
        tried(t, label, lambda number=number, shape=shape: tf.get_variable(f"v{number}", shape))
        tried(
            t,
            f"{label}, ones",
            lambda number=number, shape=shape: tf.get_variable(f"w{number}", shape, initializer=tf.ones_initializer()),
        )


@program("6.2", "6.3")
def shapes_on_looking_up(tf, t):
    tf.get_variable("v", [2, 3])
    tf.get_variable("s", [])
    tf.get_variable("n", [4])
    tf.get_variable("u", initializer=tf.constant([1.0, 2.0]), validate_shape=False)
    tf.get_variable_scope().reuse_variables()
    for name in "vsnu":
        for label, shape in {
            "a shape": tf.TensorShape([2, 3]),
            "an unknown one": tf.TensorShape(None),
            "partly known": [None, 3],
            "minus one": [-1, 3],
            "scalar": [],
            "number": 4,
            "array": np.array([2, 3]),
            "dimension": tf.Dimension(4),
            "text": "x",
            "fractions": [2.5, 3],
            "reversed": (3, 2),
            "empty tuple": (),
        }.items():
            tried(t, f"{name} {label}", lambda name=name, shape=shape: tf.get_variable(name, shape))


@program("6.4", "8")
def dtypes_of_anything(tf, t):
    for label, value in {
        "text": "float32",
        "a NumPy name": "float",
        "int": "int",
        "double": "double",
        "half": "half",
        "bool": "bool",
        "string": "string",
        "ref text": "float32_ref",
        "complex": "complex64",
        "upper case": "Float32",
        "a NumPy type": np.float16,
        "NumPy's dtype": np.dtype("int16"),
        "NumPy's text": np.dtype("U5"),
        "NumPy's bytes": np.dtype("S5"),
        "NumPy's object": np.dtype("O"),
        "NumPy's dates": np.dtype("M8[s]"),
        "a code": "f4",
        "another code": "<i8",
        "big endian": ">f4",
        "Python's float": float,
        "Python's int": int,
        "Python's bool": bool,
        "Python's str": str,
        "Python's bytes": bytes,
        "Python's object": object,
        "Python's complex": complex,
        "a number": 1,
        "a ref number": 101,
        "an unknown number": 999,
        "zero": 0,
        "a list": [1],
        "None": None,
        "a ref": tf.get_variable("v", []).dtype.base_dtype,
        "a longdouble": np.longdouble,
        "int8": np.int8,
        "uint64": np.uint64,
        "bfloat16": "bfloat16",
        "qint8": "qint8",
        "resource": "resource",
        "a dtype": tf.float64,
    }.items():
        tried(t, label, lambda value=value: tf.as_dtype(value))


@program("8")
def what_dtypes_say(tf, t):
    for name in NAMES:
        dtype = getattr(tf, name)
        for attribute in ATTRIBUTES:
            if attribute != "limits" or name not in ("resource", "variant"):
                tried(t, f"{name} {attribute}", lambda dtype=dtype, attribute=attribute: getattr(dtype, attribute))
        if not dtype.is_quantized and name not in ("resource", "variant"):
            tried(t, f"{name} numpy", lambda dtype=dtype: dtype.as_numpy_dtype)
        t(f"{name} equals", [dtype == name, dtype == "float32", dtype != name, dtype == None, dtype == 3])  # noqa: E711
        t(f"{name} text", [str(dtype), repr(dtype)])
        t(
            f"{name} compatible",
            [dtype.is_compatible_with(other) for other in (tf.float32, "float32", np.float32, dtype)],
        )
        t(f"{name} hash", hash(dtype) == hash(tf.as_dtype(name)))
    t(
        "with NumPy",
        [tf.float32 == np.float32, np.float32 == tf.float32, tf.float32 == np.dtype("f4"), tf.float32 == np.float64],
    )
    t("in a list", [tf.float32 in [tf.float16, tf.float32], tf.float32 in {tf.float32: 1}])
    tried(t, "compatible with junk", lambda: tf.float32.is_compatible_with("junk"))
    tried(t, "calling", lambda: tf.float32(1))
    tried(t, "making", lambda: tf.DType(1))


@program("6.4")
def dtypes_for_get_variable(tf, t):
    other = tf.get_variable("other", [], tf.float64)
    for number, dtype in enumerate(
        [
            "float64",
            "half",
            np.float16,
            np.dtype("int32"),
            tf.int64,
            other.dtype.base_dtype,
            float,
            int,
            bool,
            str,
            "junk",
            3,
            1,
            [],
            object,
            complex,
            "bfloat16",
            None,
            0,
        ]
    ):
        tried(t, f"{number} {dtype}", lambda number=number, dtype=dtype: tf.get_variable(f"v{number}", [2], dtype))
        tried(
            t,
            f"{number} {dtype} zeros",
            lambda number=number, dtype=dtype: tf.get_variable(f"w{number}", [2], dtype, tf.zeros_initializer()),
        )
        tried(t, f"{number} {dtype} scope", lambda number=number, dtype=dtype: _in_scope(tf, dtype, number))
        tried(
            t,
            f"{number} {dtype} raw",
            lambda number=number, dtype=dtype: tf.Variable(1, dtype=dtype, name=f"r{number}"),
        )


def _in_scope(tf, dtype, number):
    with tf.variable_scope(f"s{number}", dtype=dtype):
        return tf.get_variable("v", [2], initializer=tf.zeros_initializer())


@program("6.2", "6.4")
def dtypes_on_looking_up(tf, t):
    tf.get_variable("f", [])
    tf.get_variable("h", [], tf.float16)
    tf.get_variable("i", initializer=3)
    with tf.variable_scope("", reuse=True):
        for name in "fhi":
            for dtype in (None, tf.float32, "float16", np.int32, np.float32, float, "junk", 3):
                tried(t, f"{name} {dtype}", lambda name=name, dtype=dtype: tf.get_variable(name, dtype=dtype))
    with tf.variable_scope("", reuse=True, dtype=np.float16):
        tried(t, "by the scope", lambda: tf.get_variable("h"))
        tried(t, "not by the scope", lambda: tf.get_variable("f"))
        tried(t, "by a constant", lambda: tf.get_variable("i", initializer=3))
        tried(t, "by an int in a float16 scope", lambda: tf.get_variable("h", initializer=3))


@program("6.5")
def collections_of_every_kind(tf, t):
    kinds = {
        "a set": {"a"},
        "a frozen set": frozenset({"a"}),
        "text": "a",
        "a tuple": ("a", "b"),
        "an empty tuple": (),
        "an empty set": set(),
        "a generator": (key for key in "ab"),
        "a dict": {"a": 1},
        "a number in a list": [3],
        "a tuple in a list": [("x", 1)],
        "None in a list": [None],
        "a list in a list": [["a"]],
        "a function in a list": [len],
        "twice": ["a", "a"],
        "a range": range(1),
        "NumPy": np.array(["a"]),
        "False": False,
        "zero": 0,
        "global twice": ["variables", "variables"],
        "trainable": ["trainable_variables"],
    }
    for number, (label, collections) in enumerate(kinds.items()):
        tried(
            t,
            label,
            lambda number=number, collections=collections: tf.get_variable(f"v{number}", [], collections=collections),
        )
        tried(
            t,
            f"{label}, raw",
            lambda number=number, collections=collections: tf.Variable(1.0, collections=collections, name=f"r{number}"),
        )
        tried(
            t,
            f"{label}, frozen",
            lambda number=number, collections=collections: tf.get_variable(
                f"f{number}", [], collections=collections, trainable=False
            ),
        )
    t("numbers", tf.get_collection(3))
    t("tuples", tf.get_collection(("x", 1)))
    t("None", tf.get_collection(None))


@program("6.8", covers="local-extends-the-list")
def local_collections_of_every_kind(tf, t):
    for number, (label, collections) in enumerate(
        {
            "a list": ["a"],
            "an empty list": [],
            "a dict": {"a": 1},
            "text": "a",
            "a number": 3,
            "local": ["local_variables"],
        }.items()
    ):
        tried(
            t,
            label,
            lambda number=number, collections=collections: tf.get_local_variable(
                f"v{number}", [], collections=collections
            ),
        )
        tried(
            t,
            f"{label}, global",
            lambda number=number, collections=collections: tf.get_local_variable(
                f"g{number}",
                [],
                collections=[*collections, "variables"] if isinstance(collections, list) else collections,
            ),
        )


@program("12")
def mutating_collections(tf, t):
    graph = tf.get_default_graph()
    live = tf.get_collection_ref("mine")
    t("made", graph.get_all_collection_keys())
    live.append("x")
    live.extend(["y", 3])
    t("copy", tf.get_collection("mine"))
    copy = tf.get_collection("mine")
    copy.append("z")
    t("unchanged", tf.get_collection("mine"))
    live[:] = [item for item in live if item != "y"]
    t("filtered", tf.get_collection("mine"))
    t("same", tf.get_collection_ref("mine") is live)
    graph.clear_collection("mine")
    t("cleared", tf.get_collection("mine"))
    live.append("after")
    t("a cleared one is another", tf.get_collection("mine"))
    tf.add_to_collections(["a", "b", "a"], 1)
    tf.add_to_collections("text", 2)
    tf.add_to_collections(("c", "d"), None)
    tf.add_to_collections({"e"}, [1])
    tf.add_to_collections([], 1)
    for key in ("a", "b", "text", "t", "c", "d", "e"):
        t(f"collection {key}", tf.get_collection(key))
    variable = tf.get_variable("v", [])
    tf.get_collection_ref("trainable_variables").remove(variable)
    t("no longer trained", tf.trainable_variables())
    t("still says so", variable.trainable)
    del tf.get_collection_ref("variables")[:]
    tf.get_variable("w", [])
    t("after emptying", tf.global_variables())
    graph.clear_collection("trainable_variables")
    tf.get_variable("x", [])
    t("after clearing", tf.trainable_variables())
    tried(t, "a list as key", lambda: tf.add_to_collection(["k"], 1))
    tried(t, "getting a list", lambda: tf.get_collection(["k"]))
    tried(t, "referring to a list", lambda: tf.get_collection_ref(["k"]))
    tried(t, "lists as keys", lambda: tf.add_to_collections([["k"]], 1))
    tried(t, "a number of keys", lambda: tf.add_to_collections(3, 1))
    tried(t, "clearing what is not there", lambda: graph.clear_collection("never"))
    t("keys", sorted(graph.get_all_collection_keys()))
    t("and others", [graph.get_collection(3), graph.get_collection(None)])


@program("6.4")
def initializers_and_their_settings(tf, t):
    initializers = {
        "zeros": tf.zeros_initializer(),
        "zeros of a dtype": tf.zeros_initializer(dtype=tf.int32),
        "ones": tf.ones_initializer(tf.float64),
        "constant": tf.constant_initializer(2.0),
        "a constant list": tf.constant_initializer([1, 2, 3, 4], dtype=tf.int32),
        "uniform": tf.random_uniform_initializer(-1, 1, seed=3),
        "normal": tf.random_normal_initializer(0.0, 2.0, seed=3, dtype=tf.float16),
        "truncated": tf.truncated_normal_initializer(stddev=0.1),
        "scaling": tf.variance_scaling_initializer(2.0, "fan_out", "uniform", 1),
        "glorot uniform": tf.glorot_uniform_initializer(),
        "glorot normal": tf.glorot_normal_initializer(seed=1),
        "orthogonal": tf.orthogonal_initializer(gain=2.0),
        "identity": tf.initializers.identity(gain=3.0),
        "unit": tf.uniform_unit_scaling_initializer(1.5),
        "lecun normal": tf.initializers.lecun_normal(),
        "lecun uniform": tf.initializers.lecun_uniform(seed=2),
        "he normal": tf.initializers.he_normal(),
        "he uniform": tf.initializers.he_uniform(),
    }
    for label, initializer in initializers.items():
        tried(t, label, initializer.get_config)
        tried(
            t,
            f"{label}, from it",
            lambda initializer=initializer: type(initializer).from_config(initializer.get_config()).get_config(),
        )
        with tf.variable_scope(label.replace(" ", "_")):
            tried(
                t,
                f"{label}, a matrix",
                lambda initializer=initializer: tf.get_variable("m", [2, 2], initializer=initializer),
            )
            tried(
                t,
                f"{label}, a vector",
                lambda initializer=initializer: tf.get_variable("v", [4], initializer=initializer),
            )
            tried(
                t,
                f"{label}, a scalar",
                lambda initializer=initializer: tf.get_variable("s", [], initializer=initializer),
            )
            tried(
                t,
                f"{label}, 4d",
                lambda initializer=initializer: tf.get_variable("k", [1, 1, 2, 2], initializer=initializer),
            )
            for dtype in (tf.int32, tf.float64, tf.bool, tf.string, tf.complex64, tf.bfloat16):
                if label == "orthogonal" and dtype == tf.bfloat16:  # TensorFlow has no such QR
                    continue
                tried(
                    t,
                    f"{label}, {dtype.name}",
                    lambda initializer=initializer, dtype=dtype: tf.get_variable(
                        dtype.name, [2, 2], dtype, initializer
                    ),
                )


@program("6.4")
def initializers_with_wrong_settings(tf, t):
    cases = {
        "scale 0": lambda: tf.variance_scaling_initializer(0.0),
        "scale negative": lambda: tf.variance_scaling_initializer(-1.0),
        "mode": lambda: tf.variance_scaling_initializer(mode="fan"),
        "mode upper": lambda: tf.variance_scaling_initializer(mode="FAN_IN"),
        "distribution": lambda: tf.variance_scaling_initializer(distribution="x"),
        "normal": lambda: tf.variance_scaling_initializer(distribution="normal").get_config(),
        "truncated": lambda: tf.variance_scaling_initializer(distribution="truncated_normal").get_config(),
        "untruncated": lambda: tf.variance_scaling_initializer(distribution="untruncated_normal").get_config(),
        "uniform upper": lambda: tf.variance_scaling_initializer(distribution="Uniform").get_config(),
        "dtype int": lambda: tf.variance_scaling_initializer(dtype=tf.int32),
        "normal int": lambda: tf.random_normal_initializer(dtype=tf.int32),
        "uniform int": lambda: tf.random_uniform_initializer(0, 5, dtype=tf.int32).get_config(),
        "orthogonal int": lambda: tf.orthogonal_initializer(dtype=tf.int32),
        "identity int": lambda: tf.initializers.identity(dtype=tf.int32),
        "constant None": lambda: tf.constant_initializer(None),
        "constant text": lambda: tf.constant_initializer("x"),
        "constant dict": lambda: tf.constant_initializer({}),
        "constant set": lambda: tf.constant_initializer({1}),
        "constant tuple": lambda: tf.constant_initializer((1, 2)).get_config(),
        "constant array": lambda: tf.constant_initializer(np.ones(2)),
        "constant verify": lambda: tf.constant_initializer(1, verify_shape=True),
        "zeros junk": lambda: tf.zeros_initializer(dtype="junk"),
        "ones positional": lambda: tf.ones_initializer(tf.int32).get_config(),
        "he partial": lambda: tf.initializers.he_normal(seed=3).get_config(),
        "unknown keyword": lambda: tf.zeros_initializer(colour="red"),
    }
    for label, case in cases.items():
        with t.fails(label):
            value = case()
            t(f"{label} is", value if isinstance(value, dict) else "made")
