"""Getters, creators, initializers, regularizers, partitioners and constraints of every signature and kind."""

import functools

import numpy as np

from tests.conformance.program import program


def shown(kwargs):
    """Keywords in order, with the values that a program can compare."""
    return {key: getattr(value, "name", value) for key, value in kwargs.items() if not callable(value)}


@program("9")
def getters_of_odd_signatures(tf, t):
    def by_name(name, getter, **kwargs):
        return getter(name, **kwargs)

    def keywords_only(*, getter, name, **kwargs):
        return getter(name, **kwargs)

    def everything_in_keywords(**kwargs):
        return kwargs.pop("getter")(**kwargs)

    def everything_in_arguments(*args, **kwargs):
        t("positional", [len(args), sorted(kwargs)])
        return args[0](*args[1:], **kwargs)

    def plain(getter, name, *args, **kwargs):
        return getter(name, *args, **kwargs)

    def no_keywords(getter, name):
        return getter(name, [])

    class Callable:
        def __call__(self, getter, *args, **kwargs):
            return getter(*args, **kwargs)

    class Static:
        @staticmethod
        def get(getter, name, shape=None, **kwargs):
            return getter(name, shape=shape, **kwargs)

        @classmethod
        def get_too(cls, getter, name, shape=None, **kwargs):
            return getter(name, shape=shape, **kwargs)

    getters = {
        "by name": by_name,
        "keywords only": keywords_only,
        "everything in keywords": everything_in_keywords,
        "everything in arguments": everything_in_arguments,
        "no keywords": no_keywords,
        "an object": Callable(),
        "static": Static.get,
        "of a class": Static.get_too,
        "a partial": functools.partial(by_name, trainable=False),
        "a class": Callable,
        "a lambda": lambda getter, *args, **kwargs: getter(*args, **kwargs),
    }
    for number, (label, getter) in enumerate(getters.items()):
        with t.fails(label):
            t(f"{label} got", tf.get_variable(f"v{number}", [2], custom_getter=getter))
    for number, (label, getter) in enumerate(getters.items()):
        if label == "everything in arguments":
            continue
        with t.fails(f"{label}, inside"):
            with tf.variable_scope("outer", custom_getter=plain):
                with tf.variable_scope("inner", custom_getter=getter):
                    t(f"{label} got inside", tf.get_variable(f"v{number}", [2]))
        with t.fails(f"{label}, outside"):
            with tf.variable_scope("outside", custom_getter=getter):
                with tf.variable_scope("inner", custom_getter=plain):
                    t(f"{label} got outside", tf.get_variable(f"v{number}", [2]))


@program("9")
def the_order_of_what_a_getter_gets(tf, t):
    def getter(getter, *args, **kwargs):
        t("arguments", [len(args), list(kwargs)])
        return getter(*args, **kwargs)

    tf.get_variable("v", [2], custom_getter=getter)


@program("9", covers="true-getter-order")
def the_true_getter_by_every_argument(tf, t):
    def positional(getter, name, *args, **kwargs):
        order = (
            "shape dtype initializer regularizer reuse trainable collections caching_device partitioner "
            "validate_shape use_resource constraint synchronization aggregation"
        )
        return getter(name, *[kwargs[key] for key in order.split()])

    def too_many(getter, name, *args, **kwargs):
        return getter(name, *kwargs.values(), None, None)

    def unknown(getter, name, *args, **kwargs):
        return getter(name, *args, **kwargs, colour="red")

    def own_getter(getter, name, *args, **kwargs):
        return getter(name, *args, **kwargs, custom_getter=None)

    def nothing(getter, *args, **kwargs):
        return getter()

    def twice(getter, name, *args, **kwargs):
        return getter(name, name=name)

    t("positional", tf.get_variable("a", [2], custom_getter=positional, trainable=False))
    for getter in (too_many, unknown, own_getter, nothing, twice):
        with t.fails(getter.__name__):
            tf.get_variable("b", [2], custom_getter=getter)


@program("9.1")
def what_creators_get(tf, t):
    def creator(next_creator, **kwargs):
        t(f"{kwargs['name']} keywords", sorted(kwargs))
        values = {k: v for k, v in kwargs.items() if k not in ("initial_value", "shape", "dtype")}
        t(f"{kwargs['name']} values", values)
        t(f"{kwargs['name']} dtype", kwargs["dtype"])
        t(f"{kwargs['name']} shape", None if kwargs["shape"] is None else tuple(kwargs["shape"]))
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        tf.get_variable("got", [2])
        tf.get_variable("a_constant", initializer=1)
        tf.get_variable("a_thunk", initializer=lambda: 1.0)
        tf.get_local_variable("local", [2])
        tf.get_variable("cut", [4], partitioner=tf.fixed_size_partitioner(2))
        tf.Variable(1.0, name="raw")
        tf.Variable(1.0, name="raw_shape", shape=[], dtype=tf.float32, trainable=False, collections=["c"])
        with tf.variable_scope("s", use_resource=False, caching_device="/cpu:0"):
            tf.get_variable("in_a_scope", [2])
            tf.Variable(1.0, name="raw_in_a_scope")
        tf.get_variable(
            "with_all",
            [2],
            tf.float64,
            tf.zeros_initializer(),
            None,
            False,
            ["c"],
            None,
            None,
            True,
            False,
            None,
            None,
            tf.VariableSynchronization.ON_WRITE,
            tf.VariableAggregation.SUM,
        )


@program("9.1")
def creators_of_odd_signatures(tf, t):
    def named(next_creator, name, **kwargs):
        return next_creator(name=f"{name}_n", **kwargs)

    def positional(*args, **kwargs):
        t(f"positional, {kwargs['name']}", len(args))
        return args[0](**kwargs)

    def too_few(next_creator):
        return next_creator()

    def drops(next_creator, initial_value, name, **kwargs):
        return next_creator(initial_value=initial_value, name=name)

    def adds(next_creator, **kwargs):
        return next_creator(colour="red", **kwargs)

    for number, creator in enumerate((named, positional, too_few, drops, adds, 3, None)):
        label = getattr(creator, "__name__", str(creator))
        with t.fails(label):
            with tf.variable_creator_scope(creator):
                t(f"{label} got", tf.get_variable(f"v{number}", [2], trainable=False))
        with t.fails(f"{label}, raw"):
            with tf.variable_creator_scope(creator):
                t(f"{label} got, raw", tf.Variable(1.0, name=f"raw{number}", trainable=False))


@program("9.1")
def a_creator_inside_one_that_is_none(tf, t):
    def creator(next_creator, **kwargs):
        t(f"{kwargs['name']} runs", True)
        return next_creator(**kwargs)

    with tf.variable_creator_scope(3), tf.variable_creator_scope(creator):
        with t.fails("shared"):
            tf.get_variable("v", [])
        with t.fails("raw"):
            tf.Variable(1.0, name="r")


@program("9.1")
def creators_changing_initial_values(tf, t):
    def doubled(next_creator, initial_value=None, **kwargs):
        return next_creator(initial_value=lambda: initial_value() * 2.0, **kwargs)

    def constant(next_creator, **kwargs):
        kwargs["initial_value"] = np.full([2], 7.0, np.float32)
        return next_creator(**kwargs)

    def other_dtype(next_creator, **kwargs):
        kwargs.update(dtype=tf.float64, initial_value=np.full([2], 7.0))
        return next_creator(**kwargs)

    def other_shape(next_creator, **kwargs):
        kwargs.update(shape=[3], initial_value=np.zeros(3, np.float32))
        return next_creator(**kwargs)

    def nothing(next_creator, **kwargs):
        kwargs.pop("initial_value")
        return next_creator(**kwargs)

    for creator in (doubled, constant, other_dtype, other_shape, nothing):
        with tf.variable_creator_scope(creator):
            with t.fails(creator.__name__):
                v = tf.get_variable(creator.__name__, [2], initializer=tf.ones_initializer())
                t(f"{creator.__name__} got", v)
                t.value(f"{creator.__name__} value", v)


@program("9.1")
def creators_and_scopes(tf, t):
    def scoping(next_creator, **kwargs):
        t(f"{kwargs['name']} scope", tf.get_variable_scope().name)
        with tf.variable_scope("in_creator"):
            return next_creator(**kwargs)

    with tf.variable_scope("a"), tf.variable_creator_scope(scoping):
        t("got", tf.get_variable("v", [2]))
        t("raw", tf.Variable(1.0, name="r"))
        with tf.variable_scope("b"):
            t("deeper", tf.get_variable("v", [2]))
    with tf.variable_scope("a", reuse=True):
        t("found", tf.get_variable("v", [2]))


@program("9.1", "9")
def getters_inside_creators_inside_getters(tf, t):
    order = []

    def getter(label):
        def get(getter, name, *args, **kwargs):
            order.append(f"{label} {name}")
            return getter(name, *args, **kwargs)

        return get

    def creator(label):
        def make(next_creator, **kwargs):
            order.append(f"{label} {kwargs['name']}")
            if kwargs["name"].endswith("v"):
                tf.get_variable("beside", [], trainable=False)
            return next_creator(**kwargs)

        return make

    with tf.variable_creator_scope(creator("outer creator")):
        with tf.variable_scope("s", custom_getter=getter("outer getter")):
            with tf.variable_creator_scope(creator("inner creator")):
                with tf.variable_scope("t", custom_getter=getter("inner getter"), reuse=tf.AUTO_REUSE):
                    t("got", tf.get_variable("v", [2]))
                    t("found", tf.get_variable("v", [2]))
    t("order", order)


@program("9.1")
def a_creator_that_makes_two(tf, t):
    def two(next_creator, **kwargs):
        other = next_creator(**{**kwargs, "name": f"{kwargs['name']}_copy", "trainable": False})
        t(f"{kwargs['name']} other", other)
        return next_creator(**kwargs)

    with tf.variable_creator_scope(two), tf.variable_scope("s"):
        t("got", tf.get_variable("v", [2]))
        t("raw", tf.Variable(1.0, name="r"))


@program("6.4")
def initializers_of_odd_signatures(tf, t):
    def shape_only(shape):
        return np.zeros(shape, np.float32)

    def shape_and_rest(shape, **kwargs):
        t("rest", sorted(kwargs))
        return np.zeros(shape, np.float32)

    seen = []

    def anything(*args, **kwargs):
        seen.append([len(args), sorted(kwargs)])
        return np.zeros(args[0] if args else [2], np.float32)

    def other_names(size, kind):
        return np.zeros(size, np.float32)

    def dtype_first(dtype, shape):
        return np.zeros(shape, dtype.as_numpy_dtype)

    def with_partition_info(shape, dtype=None, partition_info="unset"):
        t("partition_info", partition_info)
        return np.zeros(shape, np.float32)

    def keywords_only(*, shape, dtype):
        return np.zeros(shape, np.float32)

    def defaults(shape=(3,), dtype=None):
        return np.zeros(shape, np.float32)

    def third(shape, dtype, needed):
        return np.zeros(shape, np.float32)

    class Callable:
        def __call__(self, shape, dtype=None, partition_info=None):
            return np.ones(shape, dtype.as_numpy_dtype)

    class NeedsArguments:
        def __init__(self, value):
            self.value = value

        def __call__(self, shape, dtype=None):
            return np.full(shape, self.value, dtype.as_numpy_dtype)

    made = {
        "shape only": shape_only,
        "shape and rest": shape_and_rest,
        "anything": anything,
        "other names": other_names,
        "dtype first": dtype_first,
        "partition info": with_partition_info,
        "keywords only": keywords_only,
        "defaults": defaults,
        "a third": third,
        "an object": Callable(),
        "its class": Callable,
        "a class with arguments": NeedsArguments,
        "its object": NeedsArguments(3),
        "a partial with dtype": functools.partial(
            lambda shape, dtype, value: np.full(shape, value, np.float32), value=2
        ),
        "a method": Callable().__call__,
        "a template": tf.make_template("t", lambda shape, dtype=None: np.zeros(shape, np.float32)),
    }
    for number, (label, initializer) in enumerate(made.items()):
        if label == "anything":
            continue
        with t.fails(label):
            t(f"{label} got", tf.get_variable(f"v{number}", [2], initializer=initializer))
    for number, (label, initializer) in enumerate(made.items()):
        if label in ("shape and rest", "partition info"):
            continue
        with t.fails(f"{label}, no shape"):
            t(f"{label} got, no shape", tf.get_variable(f"w{number}", initializer=initializer))
    with t.fails("anything"):
        t("anything got", tf.get_variable("any", [2], initializer=anything))
    t("seen", seen)


@program("6.4")
def what_initializers_may_return(tf, t):
    returned = {
        "a list": [1.0, 2.0],
        "ints for floats": [1, 2],
        "another dtype": np.zeros(2, np.float64),
        "a tensor": lambda: tf.zeros([2]),
        "a tensor of another dtype": lambda: tf.zeros([2], tf.float64),
        "a number": 1.0,
        "another shape": np.zeros(3, np.float32),
        "another rank": np.zeros((2, 1), np.float32),
        "text": "text",
        "None": None,
        "a function": lambda: lambda: 1.0,
        "truths": [True, False],
        "nothing": [],
    }
    for number, (label, value) in enumerate(returned.items()):

        def initializer(shape, dtype=None, value=value):
            return value() if callable(value) else value

        with t.fails(label):
            t(f"{label} got", tf.get_variable(f"v{number}", [2], initializer=initializer))
        with t.fails(f"{label}, no shape"):
            t(
                f"{label} got, no shape",
                tf.get_variable(f"w{number}", initializer=value if callable(value) else (lambda value=value: value)),
            )


@program("6.4", "13")
def initializers_by_objects_of_the_library(tf, t):
    source = tf.Variable([1.0, 2.0], name="source")
    t("a variable", tf.get_variable("a", initializer=source))
    with t.fails("a variable and a shape"):
        tf.get_variable("b", [2], initializer=source)
    t("initial_value", tf.get_variable("d", initializer=source.initial_value))
    with t.fails("a dtype"):
        tf.get_variable("f", dtype=tf.float64, initializer=source)
    with tf.variable_scope("s", initializer=source):
        t("from the scope", tf.get_variable("g"))
    t("raw", tf.Variable(source, name="h"))


@program("6.6")
def regularizers_of_all_kinds(tf, t):
    def raising(v):
        raise ZeroDivisionError("regularizer")

    class Object:
        def __call__(self, v):
            return tf.constant(2.0, name="penalty")

    regularizers = {
        "None": lambda v: None,
        "zero": lambda v: 0,
        "False": lambda v: False,
        "a tensor": lambda v: tf.constant(1.0, name="loss"),
        "the variable": lambda v: v,
        "a list": lambda v: [1.0],
        "text": lambda v: "text",
        "an array": lambda v: np.float32(1),
        "an object": Object(),
        "a partial": functools.partial(lambda scale, v: None, 0.1),
        "l2 of nothing": tf.no_regularizer,
    }
    for number, (label, regularizer) in enumerate(regularizers.items()):
        with t.fails(label):
            t(f"{label} got", tf.get_variable(f"v{number}", [2], regularizer=regularizer))
        t(f"{label}, losses", len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)))
        tf.get_default_graph().clear_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    for label, regularizer in {
        "two arguments": lambda v, w: None,
        "none": lambda: None,
        "number": 3,
        "junk": "l2",
    }.items():
        # TensorFlow keeps the variable; that is a program of its own.
        with t.fails(label), tf.Graph().as_default():
            tf.get_variable("v", [2], regularizer=regularizer)


@program("6.7")
def constraints_of_all_kinds(tf, t):
    class Object:
        def __call__(self, x):
            return x

    for number, constraint in enumerate((abs, Object(), Object, lambda x: x, lambda: 1, functools.partial(max, 0.0))):
        v = tf.get_variable(f"v{number}", [2], constraint=constraint)
        t(f"constraint {number}", v)
        t(f"constraint {number} kept", v.constraint is constraint)
    for bad in (0, False, "x", [abs], np.zeros(2)):
        with t.fails(repr(bad)):
            tf.get_variable("w", [2], constraint=bad)
        with t.fails(f"{bad!r}, raw"):
            tf.Variable(1.0, constraint=bad, name="raw")
    with t.fails("of a scope"):
        with tf.variable_scope("s", constraint=0):
            t("got with 0", tf.get_variable("w", [2]))
    t("not spent", tf.get_variable("w", [2]))


@program("10")
def partitioners_of_odd_signatures(tf, t):
    def positional(shape, dtype):
        return [2]

    def anything(*args, **kwargs):
        t("anything gets", [len(args), sorted(kwargs)])
        return [2]

    class Object:
        def __call__(self, shape, dtype):
            t("object", [shape, dtype])
            return [2]

    partitioners = {
        "positional": positional,
        "anything": anything,
        "an object": Object(),
        "a partial": functools.partial(lambda n, shape, dtype: [n], 2),
        "a lambda": lambda shape, dtype: [2],
        "other names": lambda s, d: [2],
        "shape only": lambda shape: [2],
        "NumPy": lambda shape, dtype: np.array([2]),
        "NumPy's ints": lambda shape, dtype: [np.int64(2)],
        "floats": lambda shape, dtype: [2.0],
        "fractions": lambda shape, dtype: [2.5],
        "text": lambda shape, dtype: ["2"],
        "truths": lambda shape, dtype: [True],
        "a shape": lambda shape, dtype: tf.TensorShape([2]),
        "a generator": lambda shape, dtype: (n for n in [2]),
        "dimensions": lambda shape, dtype: [tf.Dimension(2)],
        "None": lambda shape, dtype: None,
        "a number": lambda shape, dtype: 2,
        "negative": lambda shape, dtype: [-2],
        "nothing": lambda shape, dtype: [],
        "a set": lambda shape, dtype: {2},
        "a class": Object,
    }
    for number, (label, partitioner) in enumerate(partitioners.items()):
        with t.fails(label):
            t(f"{label} got", tf.get_variable(f"v{number}", [4], partitioner=partitioner))
