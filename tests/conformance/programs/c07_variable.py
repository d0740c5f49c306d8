"""Sections 7 and 8: `Variable` and what a variable shows."""

import numpy as np

from tests.conformance.program import program


@program("7")
def names_of_raw_variables(tf, t):
    t("defaults", [tf.Variable(1.0).name for _ in range(2)])
    t("named", [tf.Variable(1.0, name="a").name for _ in range(2)])
    for number in range(2):
        with tf.variable_scope("s"):
            t(f"in scope {number}", tf.Variable(1.0, name="b"))
            t(f"default in scope {number}", tf.Variable(1.0))
    with tf.name_scope("n"):
        t("in name scope", tf.Variable(1.0, name="b"))


@program("7")
def raw_variables_ignore_the_scope(tf, t):
    def getter(getter, name, *args, **kwargs):
        raise AssertionError

    with tf.variable_scope(
        "s",
        dtype=tf.float64,
        initializer=tf.zeros_initializer(),
        regularizer=lambda v: 1.0,
        custom_getter=getter,
        reuse=True,
        constraint=lambda v: v,
    ):
        t("v", tf.Variable(1.0, name="v"))
        t("again", tf.Variable(1.0, name="v"))


@program("7")
def collections_of_raw_variables(tf, t):
    t("default", tf.Variable(1.0, name="a"))
    t("mine", tf.Variable(1.0, name="b", collections=["mine"]))
    t("not trainable", tf.Variable(1.0, name="c", trainable=False))
    t("neither", tf.Variable(1.0, name="d", trainable=False, collections=[]))
    t("local", tf.Variable(1.0, name="e", collections=[tf.GraphKeys.LOCAL_VARIABLES]))
    with t.fails("string"):
        tf.Variable(1.0, collections="mine")


@program("7")
def initial_values(tf, t):
    for label, value in (
        ("int", 1),
        ("float", 2.5),
        ("list", [1, 2]),
        ("array", np.ones((2, 2))),
        ("tensor", tf.constant([1.0])),
        ("bool", True),
        ("callable", lambda: [3.0, 4.0]),
        ("zeros", tf.zeros([2])),
    ):
        v = tf.Variable(value, name=label)
        t(label, v)
        t.value(f"{label} value", v)


@program("7")
def no_initial_value(tf, t):
    with t.fails("none"):
        tf.Variable()
    with t.fails("named"):
        tf.Variable(name="v")
    t("variables", tf.global_variables())


@program("7")
def dtype_of_a_raw_variable(tf, t):
    t("float64", tf.Variable(1, dtype=tf.float64, name="a"))
    t("by string", tf.Variable([1, 2], dtype="int64", name="b"))
    t("positional", tf.Variable(1.0, False, name="c"))


@program("7")
def raw_variables_are_not_found(tf, t):
    with tf.variable_scope("s"):
        tf.Variable(1.0, name="v")
    with tf.variable_scope("s", reuse=True):
        with t.fails("get"):
            tf.get_variable("v")


@program("7")
def raw_names_with_slashes(tf, t):
    t("path", tf.Variable(1.0, name="a/b"))
    t("again", tf.Variable(1.0, name="a/b"))
    with tf.name_scope("n"):
        t("inside", tf.Variable(1.0, name="a/b"))


@program("7")
def a_raw_variable_after_a_scope_of_its_name(tf, t):
    with tf.name_scope("v"):
        pass
    t("v", tf.Variable(1.0, name="v"))
    with tf.name_scope("v") as scope:
        t("scope", scope)


@program("7")
def raw_variable_constraint(tf, t):
    def clip(v):
        return v

    t("v", tf.Variable(1.0, constraint=clip, name="v"))
    with t.fails("not callable"):
        tf.Variable(1.0, constraint=3)


@program("7")
def raw_variable_trainable_and_synchronization(tf, t):
    t("on read", tf.Variable(1.0, name="a", synchronization=tf.VariableSynchronization.ON_READ))
    t("validate", tf.Variable([1.0], name="b", validate_shape=False))
    t("aggregation", tf.Variable(1.0, name="c", aggregation=tf.VariableAggregation.SUM).aggregation)


@program("8")
def what_a_variable_shows(tf, t):
    with tf.variable_scope("s"):
        v = tf.get_variable("v", [2, 3], trainable=False)
    t("name", v.name)
    t("op name", v.op.name)
    t("shape", v.shape)
    t("get_shape", v.get_shape())
    t("as_list", v.get_shape().as_list())
    t("shape as_list", v.shape.as_list())
    t("ndims", v.shape.ndims)
    t("elements", v.shape.num_elements())
    t("dtype", v.dtype.base_dtype.name)
    t("numpy dtype", v.dtype.as_numpy_dtype.__name__)
    t("trainable", v.trainable)
    t("constraint", v.constraint)
    t("synchronization", v.synchronization)
    t("aggregation", v.aggregation)
    t("graph", v.graph is tf.get_default_graph())
    t("device", v.device)
    t("is a Variable", isinstance(v, tf.Variable))


@program("8")
def identity_and_hashing(tf, t):
    v = tf.get_variable("v", [])
    w = tf.get_variable("w", [])
    t("equal to itself", v == v)
    t("not equal", v == w)
    t("unequal", v != w)
    t("in a set", len({v, w, v}))
    t("as a key", {v: 1}[v])
    t("in a list", [v in [w, w], w in [v, w]])
    with t.fails("len"):
        len(v)
    with t.fails("iter"):
        iter(v)


@program("8")
def dtypes(tf, t):
    t("float32", tf.float32)
    t("name", tf.float32.name)
    t("equal to numpy", tf.float32 == np.float32)
    t("equal to a word", tf.float32 == "float32")
    t("unequal", tf.float32 == tf.float64)
    t("base", tf.float32.base_dtype == tf.float32)
    t("as_dtype", [tf.as_dtype(x).name for x in ("float32", np.int64, np.dtype("bool"), tf.int8, "bfloat16", float)])
    for label, value in (("junk", "nonsense"), ("int", int), ("none", None), ("list", [])):
        with t.fails(label):
            tf.as_dtype(value)
    t("numpy", tf.int32.as_numpy_dtype is np.int32)
    t(
        "kinds",
        [tf.float16.is_floating, tf.int32.is_integer, tf.bool.is_bool, tf.complex64.is_complex, tf.uint8.is_unsigned],
    )
    t("sizes", [tf.float32.size, tf.float64.size, tf.int8.size, tf.bool.size])
    t("limits", [tf.int8.min, tf.int8.max, tf.uint8.max])
    t("compatible", [tf.float32.is_compatible_with(tf.float32), tf.float32.is_compatible_with(tf.float64)])
    t("half", [tf.half.name, tf.double.name])
    t("repr", repr(tf.float32))
    t("str", str(tf.float32))
    t("hash", len({tf.float32, tf.as_dtype("float32")}))


@program("8")
def dtype_of_a_variable(tf, t):
    v = tf.get_variable("v", [], dtype=tf.float64)
    t("base", v.dtype.base_dtype)
    t("equal base", v.dtype.base_dtype == tf.float64)
    t("numpy", v.dtype.as_numpy_dtype == np.float64)


@program("8")
def shapes_as_objects(tf, t):
    s = tf.TensorShape([2, None, 4])
    t("s", s)
    t("list", s.as_list())
    t("ndims", s.ndims)
    t("rank", s.rank)
    t("len", len(s))
    t("item", s[0])
    t("item value", s[0].value)
    t("open item", s[1].value)
    t("slice", s[1:])
    t("dims", s.dims)
    t("defined", s.is_fully_defined())
    t("elements", s.num_elements())
    t("compatible", s.is_compatible_with([2, 3, 4]))
    t("not compatible", s.is_compatible_with([2, 3]))
    t("merge", s.merge_with([None, 3, 4]))
    with t.fails("merge clash"):
        s.merge_with([3, 3, 4])
    t("concatenate", s.concatenate([5]))
    t("str", str(s))
    t("bool", [bool(s), bool(tf.TensorShape(None)), bool(tf.TensorShape([]))])
    with t.fails("assert"):
        s.assert_is_compatible_with([1, 1, 1])
    with t.fails("defined assert"):
        s.assert_is_fully_defined()
    t("with_rank", s.with_rank(3))
    with t.fails("with_rank clash"):
        s.with_rank(2)
    t("equal", tf.TensorShape([2, 3]) == tf.TensorShape([2, 3]))
    t("equal list", tf.TensorShape([2, 3]) == [2, 3])
    t("unequal", tf.TensorShape([2, 3]) != tf.TensorShape([2, 4]))


@program("8")
def unknown_shapes(tf, t):
    s = tf.TensorShape(None)
    t("s", s)
    t("ndims", s.ndims)
    t("dims", s.dims)
    t("elements", s.num_elements())
    t("defined", s.is_fully_defined())
    t("compatible", s.is_compatible_with([1, 2]))
    with t.fails("list"):
        s.as_list()
    with t.fails("len"):
        len(s)
    t("scalar", tf.TensorShape([]).as_list())
    t("number", tf.TensorShape(3))
    t("merge", s.merge_with([1, 2]))
    t("str", str(s))


@program("8")
def dimensions(tf, t):
    d = tf.Dimension(3)
    t("d", d)
    t("value", d.value)
    t("int", int(d))
    t("equal", d == 3)
    t("unknown", tf.Dimension(None).value)
    t("product", (d * 2).value)
    t("sum", (d + 1).value)
    t("compatible", [d.is_compatible_with(3), d.is_compatible_with(4), tf.Dimension(None).is_compatible_with(4)])
    t("range", list(range(d)))
    with t.fails("negative"):
        tf.Dimension(-1)
    t("quotient", (tf.Dimension(7) // 2).value)


@program("8")
def constants_take_names(tf, t):
    t("defaults", [tf.constant(1.0).name for _ in range(3)])
    c = tf.constant([1, 2], name="c")
    t("c", c.name)
    t("op name", c.op.name)
    t("dtype", c.dtype)
    t("shape", c.shape)
    t.value("value", c)
    t("typed", tf.constant(1, tf.float32, name="d").dtype)
    filled = tf.constant(2.0, shape=[2, 2], name="e")
    t("filled", filled.shape)
    t.value("filled value", filled)
    with tf.name_scope("n"):
        t("in scope", tf.constant(1.0, name="c").name)
        t("default in scope", tf.constant(1.0).name)
    t("graph", c.graph is tf.get_default_graph())
    t("is a tensor", isinstance(c, tf.Tensor))


@program("8")
def fillers_take_names(tf, t):
    t("zeros", [tf.zeros([2]).name for _ in range(2)])
    t("ones", [tf.ones([2], tf.int32).name for _ in range(2)])
    t("fill", [tf.fill([2], 1.5).name for _ in range(2)])
    t("named", tf.zeros([2], name="z").name)
    t.value("values", tf.fill([2], 3))
    t.value("ones values", tf.ones([2, 2], tf.int64))
    t("dtypes", [tf.zeros([1]).dtype, tf.ones([1], tf.int32).dtype, tf.fill([1], 2).dtype])


@program("8")
def random_initial_values(tf, t):
    t("uniform", tf.Variable(tf.random_uniform([2, 3]), name="a"))
    t("normal", tf.Variable(tf.random_normal([2], stddev=0.1), name="b"))
    t("truncated", tf.Variable(tf.truncated_normal([2], stddev=0.1), name="c"))
    t("ints", tf.Variable(tf.random_uniform([2], 0, 10, tf.int32), name="d"))


@program("8")
def names_of_random_numbers(tf, t):
    t("unit", [tf.random_uniform([2]).name for _ in range(2)])
    t("to two", tf.random_uniform([2], 0, 2.0).name)
    t("floats", tf.random_uniform([2], 0.0, 1.0).name)
    t("around zero", tf.random_uniform([2], -1, 1).name)
    t("integers", tf.random_uniform([2], 0, 10, tf.int32).name)
    t("named", tf.random_uniform([2], name="n").name)
    t("normal", [tf.random_normal([2]).name for _ in range(2)])
    t("truncated", tf.truncated_normal([2], stddev=0.1).name)
    t("like", [tf.zeros_like(tf.constant(1.0)).name, tf.ones_like(tf.constant(1.0)).name])
    with t.fails("integers without a limit"):
        tf.random_uniform([2], dtype=tf.int32)


@program("8", "7")
def loading_by_initialized_value(tf, t):
    v = tf.get_variable("v", initializer=3.0)
    w = tf.Variable(v.initialized_value(), name="w")
    t("w", w)
    t.value("value", w)
    tf.get_default_graph().clear_collection("cond_context")


@program("8")
def is_variable_shapes_through_helpers(tf, t):
    v = tf.get_variable("v", [2, 3])
    t("total", int(np.prod(v.get_shape().as_list())))
    t("dims", [d.value for d in v.get_shape()])
    t("dims of shape", [int(d) for d in v.shape])
    t("first", int(v.shape[0]))
    t("last", int(v.get_shape()[-1]))
    t("from tuple", tuple(v.shape.as_list()))
